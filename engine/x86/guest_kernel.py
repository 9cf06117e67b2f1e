"""The guest kernel of mode user64: its tables in memory, and a program in ring 3 as Linux starts one.

GDT, TSS, IDT, the 256 stubs and the page tables lie in the first 272 KiB of memory (core/core.h, GUEST_x), which only
ring 0 can reach. Selectors are those of Linux. What a stub or a system call does is the host's work: core/user.c,
core/kvm_user.c and syscalls.py.
"""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

from engine.errors import Diagnostic, SourceError
from engine.x86.address_space import (
    ACCESSED,
    DIRTY,
    EXECUTE,
    NO_EXECUTE,
    PAGE,
    PRESENT,
    READ,
    USER_END,
    WRITABLE,
    WRITE,
    AddressSpace,
    Frames,
    OutOfMemory,
    protection_bits,
)
from engine.x86.core.vcpu import lib
from engine.x86.executable import EXECUTE as SEGMENT_EXECUTE
from engine.x86.executable import READ as SEGMENT_READ
from engine.x86.executable import WRITE as SEGMENT_WRITE
from engine.x86.executable import Executable
from engine.x86.syscalls import Area, ProcessState

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

#: Memory of a user64 machine.
USER_RAM_BYTES = 8 << 20
KERNEL_CS, KERNEL_SS, USER_SS, USER_CS, TSS_SELECTOR = 0x10, 0x18, 0x2B, 0x33, 0x40
STACK_TOP = USER_END
#: 256 KiB; the page below it is never mapped.
STACK_PAGES = 64
STACK_BOTTOM = STACK_TOP - STACK_PAGES * PAGE
ENVIRONMENT = ("PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/", "TERM=xterm")
MAX_ARGUMENT_BYTES = 16 << 10
#: What AT_RANDOM points at. Not random: a run must be the same every time.
RANDOM_BYTES = b"Glassbox's dice!"
_CODE_KERNEL, _DATA_KERNEL = 0x00AF9B000000FFFF, 0x00CF93000000FFFF
_CODE_USER32, _DATA_USER, _CODE_USER = 0x00CFFB000000FFFF, 0x00CFF3000000FFFF, 0x00AFFB000000FFFF
_USER_CS_ATTRIBUTES, _USER_SS_ATTRIBUTES = 0xA0FB, 0xC0F3
_BUSY_TSS, _TSS_BYTES, _IO_MAP_AT = 0x8B, 0x68, 102
_GATE, _GATE_FOR_ALL = 0x8E, 0xEE
#: Gates that ring 3 may use itself: int3, into, int 0x80.
_OPEN_VECTORS = (3, 4, 0x80)
_WITH_ERROR_CODE = (8, 10, 11, 12, 13, 14, 17, 21, 29, 30)
_VECTORS, _STUB_BYTES = 256, 16
#: CR0: PE MP ET NE WP PG; CR4: PAE OSFXSR OSXMMEXCPT; EFER: SCE LME LMA NXE.
_CR0, _CR4, _EFER = 0x8001_0033, 0x620, 0xD01
_FLAGS = 0x202
_RSP = 4


def _linear(physical: int) -> int:
    return int(lib.GUEST_KERNEL) + physical


def gdt() -> bytes:
    """Null, unused, kernel code and data, 32-bit code, data and 64-bit code for ring 3, and the TSS (16 bytes)."""
    base, limit = _linear(lib.GUEST_TSS), _TSS_BYTES - 1
    low = limit | (base & 0xFFFFFF) << 16 | _BUSY_TSS << 40 | (base >> 24 & 0xFF) << 56
    entries = (0, 0, _CODE_KERNEL, _DATA_KERNEL, _CODE_USER32, _DATA_USER, _CODE_USER, 0, low, base >> 32)
    return struct.pack("<10Q", *entries)


def tss() -> bytes:
    """RSP0 is the top of the kernel's stack; no other stack, no I/O permission map (SDM vol. 3, 8.7)."""
    data = bytearray(_TSS_BYTES)
    struct.pack_into("<Q", data, 4, _linear(lib.GUEST_STACK) + PAGE)
    struct.pack_into("<H", data, _IO_MAP_AT, _TSS_BYTES)
    return bytes(data)


def idt() -> bytes:
    """256 interrupt gates, one to each stub."""
    table = bytearray()
    for vector in range(_VECTORS):
        to = _linear(lib.GUEST_STUBS) + _STUB_BYTES * vector
        kind = _GATE_FOR_ALL if vector in _OPEN_VECTORS else _GATE
        table += struct.pack("<HHBBHII", to & 0xFFFF, KERNEL_CS, 0, kind, to >> 16 & 0xFFFF, to >> 32, 0)
    return bytes(table)


def stubs() -> bytes:
    """For each vector: `out GUEST_PORT, al`, `add rsp, 8` where the CPU pushes an error code, `iretq`."""
    code = bytearray()
    for vector in range(_VECTORS):
        drop = b"\x48\x83\xc4\x08" if vector in _WITH_ERROR_CODE else b""
        code += (bytes((0xE6, lib.GUEST_PORT)) + drop + b"\x48\xcf").ljust(_STUB_BYTES, b"\xcc")
    return bytes(code)


def _map_kernel(space: AddressSpace) -> None:
    """The tables at GUEST_KERNEL, for ring 0 only, and the page that is the kernel's stack."""
    bits = PRESENT | WRITABLE | ACCESSED | DIRTY | NO_EXECUTE
    for frame in range(0, lib.GUEST_FRAMES, PAGE):
        is_code = frame == lib.GUEST_STUBS
        space.put(_linear(frame), frame, PRESENT | ACCESSED | DIRTY if is_code else bits)
    space.put(_linear(lib.GUEST_STACK), lib.GUEST_STACK_PAGE, bits)


def _protection(flags: int) -> int:
    wanted = ((SEGMENT_READ, 1), (SEGMENT_WRITE, 2), (SEGMENT_EXECUTE, 4))
    return sum(bit for flag, bit in wanted if flags & flag)


@cache
def _common(stack_protection: int) -> tuple[Frames, tuple[tuple[int, bytes], ...]]:
    """What every program's memory begins with, the kernel's tables and the stack mapped: (frames left, contents)."""
    space = AddressSpace(lambda _at, length: bytes(length), Frames.all(USER_RAM_BYTES))
    _map_kernel(space)
    space.map(STACK_BOTTOM, STACK_PAGES, stack_protection)
    tables = ((lib.GUEST_GDT, gdt()), (lib.GUEST_TSS, tss()), (lib.GUEST_IDT, idt()), (lib.GUEST_STUBS, stubs()))
    return space.frames, (*tables, *space.writes())


class _Loader:
    """Puts an executable, its stack and the kernel into a machine's memory."""

    def __init__(self, machine: X86Machine, executable: Executable) -> None:
        self.vcpu, self.executable = machine.vcpu, executable
        protection = READ | WRITE | (EXECUTE if executable.executable_stack else 0)
        frames, contents = _common(protection)
        for at, data in contents:
            self.vcpu.write_memory(at, data)
        self.space = AddressSpace(machine.vcpu.read_memory, frames)
        self.areas = [Area(STACK_BOTTOM, STACK_TOP, protection, "[stack]")]

    def load(self, arguments: tuple[str, ...]) -> tuple[ProcessState, int]:
        """(the process, its stack pointer)."""
        self._segments()
        stack_pointer, content = initial_stack(self.executable, arguments)
        self._write(stack_pointer, content)
        for at, data in self.space.writes():
            self.vcpu.write_memory(at, data)
        brk = -(-self.executable.end // PAGE) * PAGE
        return ProcessState(self.space.frames, brk, brk, tuple(sorted(self.areas))), stack_pointer

    def _segments(self) -> None:
        pages: dict[int, int] = {}
        for segment in self.executable.segments:
            first, last = segment.address // PAGE, (segment.address + segment.size - 1) // PAGE
            for page in range(first, last + 1):
                pages[page * PAGE] = pages.get(page * PAGE, 0) | _protection(segment.flags)
        for page, protection in sorted(pages.items()):
            self.space.put(page, self.space.new_frame(), protection_bits(protection))
            before = self.areas[-1] if self.areas else None
            if before and before.end == page and before.protection == protection:
                self.areas[-1] = Area(before.start, page + PAGE, protection, before.name)
            else:
                self.areas.append(Area(page, page + PAGE, protection, self.executable.name))
        for segment in self.executable.segments:
            self._write(segment.address, segment.data)

    def _write(self, address: int, data: bytes) -> None:
        """Put bytes into mapped pages, whatever the program may do with them."""
        done = 0
        while done < len(data):
            at = address + done
            here = min(len(data) - done, PAGE - at % PAGE)
            frame = self.space.entry(at) & ~NO_EXECUTE & ~(PAGE - 1)
            self.vcpu.write_memory(frame + at % PAGE, data[done : done + here])
            done += here


def initial_stack(executable: Executable, arguments: tuple[str, ...]) -> tuple[int, bytes]:
    """(stack pointer, bytes from there to the top): argc, argv, envp and the auxiliary vector (AMD64 ABI, 3.4.1).

    SourceError when the arguments are too long.
    """
    strings = bytearray()

    def put(text: bytes) -> int:
        """Offset from the end of what is put, which grows downwards."""
        strings[:0] = text
        return len(strings)

    put(bytes(8))
    path = put(executable.name.encode("utf-8", "replace") + b"\0")
    environment = [put(text.encode() + b"\0") for text in ENVIRONMENT]
    vector = [put(text.encode("utf-8", "surrogateescape") + b"\0") for text in (executable.name, *arguments)]
    platform, dice = put(b"x86_64\0"), put(RANDOM_BYTES)
    if len(strings) > MAX_ARGUMENT_BYTES:
        raise SourceError(
            [Diagnostic(f"the arguments are longer than {MAX_ARGUMENT_BYTES >> 10} KiB", executable.name)]
        )
    headers = executable.headers
    auxiliary = (
        *((16, 0x078BFBFF), (6, PAGE), (17, 100), (3, headers.address), (4, headers.size), (5, headers.count)),
        *((7, 0), (8, 0), (9, executable.entry), (11, 1000), (12, 1000), (13, 1000), (14, 1000), (23, 0)),
        *((25, STACK_TOP - dice), (31, STACK_TOP - path), (15, STACK_TOP - platform), (0, 0)),
    )
    words = [len(vector), *(STACK_TOP - at for at in vector), 0, *(STACK_TOP - at for at in environment), 0]
    words += [word for pair in auxiliary for word in pair]
    top = (STACK_TOP - len(strings)) & ~15
    pointer = (top - 8 * len(words)) & ~15
    content = struct.pack(f"<{len(words)}Q", *words)
    return pointer, content.ljust(STACK_TOP - len(strings) - pointer, b"\0") + bytes(strings)


def boot(machine: X86Machine) -> ProcessState:
    """Fill memory and the CPU's state. SourceError when the program does not fit."""
    executable = machine.program.executable
    assert executable is not None  # noqa: S101 - room.build makes one for this mode
    state = machine.vcpu.state
    try:
        process, state.gpr[_RSP] = _Loader(machine, executable).load(machine.program.arguments)
    except OutOfMemory:
        message = f"the program does not fit into {USER_RAM_BYTES >> 20} MiB of memory"
        raise SourceError([Diagnostic(message, executable.name)]) from None
    machine.vcpu.raw.user64 = 1
    state.rip, state.rflags = executable.entry, _FLAGS
    state.cr0, state.cr3, state.cr4, state.efer = _CR0, lib.GUEST_TABLES, _CR4, _EFER
    state.gdt_base, state.gdt_limit = _linear(lib.GUEST_GDT), len(gdt()) - 1
    state.idt_base, state.idt_limit = _linear(lib.GUEST_IDT), 16 * _VECTORS - 1
    for i in range(6):
        segment = state.seg[i]
        segment.selector = segment.attributes = segment.limit = 0
    for number, selector, attributes in (
        (lib.CS, USER_CS, _USER_CS_ATTRIBUTES),
        (lib.SS, USER_SS, _USER_SS_ATTRIBUTES),
    ):
        segment = state.seg[number]
        segment.selector, segment.attributes, segment.limit = selector, attributes, 0xFFFFFFFF
    return process
