"""System calls of mode user64: what the guest kernel answers, computed by the host before the step that asks.

Numbers and results are those of Linux on x86-64 for `syscall`, and of 32-bit Linux for `int 0x80`, as 64-bit programs
on Linux get them. What is not here answers -ENOSYS. Time and chance there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from engine.machine import Stop, StopReason
from engine.x86.address_space import PAGE, USER_END, AddressSpace, Frames, OutOfMemory
from engine.x86.core.vcpu import lib
from engine.x86.devices import NeedInput
from engine.x86.syscall_names import NAMES_32, NAMES_64

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

EPERM, EBADF, ENOMEM, EFAULT, EEXIST, EINVAL, ENOSYS = 1, 9, 12, 14, 17, 22, 38
ERRORS = {1: "EPERM", 9: "EBADF", 12: "ENOMEM", 14: "EFAULT", 17: "EEXIST", 22: "EINVAL", 38: "ENOSYS"}
#: The most that one read or write moves; a program that wants more asks again.
MAX_TRANSFER = 64 << 10
#: Lowest address that mmap gives or takes, and where it begins to look.
LOWEST, MMAP_TOP = 0x10000, 0x7FFF_F7FF_F000
_MAP_SHARED, _MAP_PRIVATE, _MAP_FIXED, _MAP_ANONYMOUS, _MAP_NO_REPLACE = 1, 2, 0x10, 0x20, 0x100000
_SET_FS, _GET_FS = 0x1002, 0x1003
_RAX, _RCX, _RDX, _RBX, _RSI, _RDI, _RBP = 0, 1, 2, 3, 6, 7, 5
#: Registers of the arguments, after SDM numbering: `syscall`, then `int 0x80`.
_ARGUMENTS_64, _ARGUMENTS_32 = (_RDI, _RSI, _RDX, 10, 8, 9), (_RBX, _RCX, _RDX, _RSI, _RDI, _RBP)
_VIA_INTERRUPT = 0x80
_STREAMS = ("stdout", "stdout", "stderr")
#: Writes and fills of one step that the core takes (core.h, MAX_SERVICE_WRITES), and some to spare.
_MAX_PIECES = 250


@dataclass(frozen=True, order=True)
class Area:
    """Mapped pages from `start` up to `end`: a line of /proc/self/maps. `protection` of PROT_x."""

    start: int
    end: int
    protection: int
    name: str


@dataclass(frozen=True)
class ProcessState:
    """What the kernel knows of its one process."""

    frames: Frames
    brk_start: int
    brk: int
    areas: tuple[Area, ...]
    exit_status: int | None = None


@dataclass
class Call:
    """One system call in progress."""

    machine: X86Machine
    name: str
    arguments: tuple[int, ...]
    space: AddressSpace
    process: ProcessState
    output: bytes = b""
    stream: str = "stdout"
    data: tuple[tuple[int, bytes], ...] = ()
    fs_base: int | None = None


class Failed(Exception):
    """The call answers -errno."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _read(call: Call) -> int:
    descriptor, address, count = call.arguments[:3]
    if descriptor != 0:
        raise Failed(EBADF)
    source = call.machine.board.input
    if not count or not source.is_ready():
        return 0
    # a terminal hands out a line at a time
    line = source.state.pending.split(b"\n", 1)
    found = (line[0] + b"\n" if len(line) > 1 else line[0])[: min(count, MAX_TRANSFER)]
    pieces = call.space.reach(address, len(found), writes=True)
    if pieces is None:
        raise Failed(EFAULT)
    source.state = replace(source.state, pending=source.state.pending[len(found) :])
    at, data = 0, []
    for physical, length in pieces:
        data.append((physical, found[at : at + length]))
        at += length
    call.data = tuple(data)
    return len(found)


def _write(call: Call) -> int:
    descriptor, address, count = call.arguments[:3]
    if descriptor >= len(_STREAMS):
        raise Failed(EBADF)
    count = min(count, MAX_TRANSFER)
    pieces = call.space.reach(address, count, writes=False)
    if pieces is None:
        raise Failed(EFAULT)
    call.output = b"".join(call.machine.vcpu.read_memory(at, length) for at, length in pieces)
    call.stream = _STREAMS[descriptor]
    return count


def _exit(call: Call) -> int:
    call.process = replace(call.process, exit_status=call.arguments[0] & 0xFF)
    return 0


def _pages(start: int, end: int) -> int:
    return (end - start) // PAGE


def _up(address: int) -> int:
    return -(-address // PAGE) * PAGE


def _without(areas: tuple[Area, ...], start: int, end: int) -> list[Area]:
    """The areas with a range cut out of them."""
    left = []
    for area in areas:
        if area.start < start and area.end > area.start:
            left.append(replace(area, end=min(area.end, start)))
        if area.end > end:
            left.append(replace(area, start=max(area.start, end)))
    return left


def _is_free(areas: tuple[Area, ...], start: int, end: int) -> bool:
    return all(area.end <= start or area.start >= end for area in areas)


def _brk(call: Call) -> int:
    process, wanted = call.process, call.arguments[0]
    old, new = _up(process.brk), _up(wanted)
    if wanted < process.brk_start or new > USER_END:
        return process.brk
    areas = process.areas
    try:
        if new > old:
            if not _is_free(areas, old, new) or _pages(old, new) > process.frames.count_left:
                return process.brk
            call.space.map(old, _pages(old, new), 3)
        elif new < old:
            call.space.unmap(new, _pages(new, old))
    except OutOfMemory:
        call.space = AddressSpace(call.space.read, process.frames)
        return process.brk
    kept = _without(areas, process.brk_start, max(old, new)) if old > process.brk_start else list(areas)
    heap = [Area(process.brk_start, new, 3, "[heap]")] if new > process.brk_start else []
    call.process = replace(process, brk=wanted, areas=tuple(sorted([*kept, *heap])))
    return wanted


def _place(areas: tuple[Area, ...], length: int) -> int:
    """The highest free range below MMAP_TOP."""
    end = MMAP_TOP
    for area in sorted(areas, reverse=True):
        if area.start >= end:
            continue
        if area.end <= end - length:
            break
        end = area.start
    if end - length < LOWEST:
        raise Failed(ENOMEM)
    return end - length


def _mmap(call: Call) -> int:
    hint, length, protection, flags = call.arguments[:4]
    if not length or not flags & (_MAP_SHARED | _MAP_PRIVATE):
        raise Failed(EINVAL)
    if not flags & _MAP_ANONYMOUS:
        raise Failed(EBADF)  # there are no files
    length, areas = _up(length), call.process.areas
    if length > USER_END or _pages(0, length) > call.process.frames.count_left:
        raise Failed(ENOMEM)
    if flags & (_MAP_FIXED | _MAP_NO_REPLACE):
        start = hint
        if hint % PAGE:
            raise Failed(EINVAL)
        if hint < LOWEST or hint > USER_END - length:
            raise Failed(ENOMEM)
        if not _is_free(areas, hint, hint + length):
            if flags & _MAP_NO_REPLACE:
                raise Failed(EEXIST)
            call.space.unmap(hint, _pages(0, length))
            areas = tuple(_without(areas, hint, hint + length))
    else:
        start = hint & ~(PAGE - 1)
        if not LOWEST <= start <= MMAP_TOP - length or not _is_free(areas, start, start + length):
            start = _place(areas, length)
    call.space.map(start, _pages(0, length), protection & 7)
    call.process = replace(call.process, areas=tuple(sorted([*areas, Area(start, start + length, protection & 7, "")])))
    return start


def _range(call: Call) -> tuple[int, int]:
    """(start, end) of munmap and mprotect."""
    start, length = call.arguments[:2]
    if start % PAGE or start > USER_END or length > USER_END - start:
        raise Failed(EINVAL)
    return start, start + _up(length)


def _munmap(call: Call) -> int:
    start, end = _range(call)
    if start == end:
        raise Failed(EINVAL)
    for area in call.process.areas:
        low, high = max(start, area.start), min(end, area.end)
        if low < high:
            call.space.unmap(low, _pages(low, high))
    call.process = replace(call.process, areas=tuple(sorted(_without(call.process.areas, start, end))))
    return 0


def _mprotect(call: Call) -> int:
    start, end = _range(call)
    protection, at = call.arguments[2] & 7, start
    changed = []
    for area in call.process.areas:
        low, high = max(start, area.start), min(end, area.end)
        if low < high:
            if low != at:
                raise Failed(ENOMEM)  # a hole
            call.space.protect(low, _pages(low, high), protection)
            changed.append(Area(low, high, protection, area.name))
            at = high
    if at != end:
        raise Failed(ENOMEM)
    call.process = replace(call.process, areas=tuple(sorted([*_without(call.process.areas, start, end), *changed])))
    return 0


def _arch_prctl(call: Call) -> int:
    what, address = call.arguments[:2]
    if what == _SET_FS:
        if address >= USER_END + PAGE:
            raise Failed(EPERM)
        call.fs_base = address
        return 0
    if what == _GET_FS:
        pieces = call.space.reach(address, 8, writes=True)
        if pieces is None:
            raise Failed(EFAULT)
        value, at, data = int(call.machine.vcpu.state.seg[lib.FS].base).to_bytes(8, "little"), 0, []
        for physical, length in pieces:
            data.append((physical, value[at : at + length]))
            at += length
        call.data = tuple(data)
        return 0
    raise Failed(EINVAL)


#: name -> (what it does, how many arguments it has).
_CALLS: dict[str, tuple[Callable[[Call], int], int]] = {
    "read": (_read, 3),
    "write": (_write, 3),
    "mmap": (_mmap, 6),
    "mmap2": (_mmap, 6),
    "mprotect": (_mprotect, 3),
    "munmap": (_munmap, 2),
    "brk": (_brk, 1),
    "exit": (_exit, 1),
    "exit_group": (_exit, 1),
    "arch_prctl": (_arch_prctl, 2),
}


#: Arguments that the exit of a call shows which is not answered: how many it has is not known here.
_SHOWN_OF_OTHERS = 3


class GuestKernel:
    """The host's side of a system call: computed before the step, told after it. `state` is saved with the machine."""

    def __init__(self, process: ProcessState) -> None:
        self.state = process
        self.stream = "stdout"
        self.done: tuple[Call, dict[str, Any]] | None = None

    def prepare(self, machine: X86Machine) -> Stop | None:
        """Compute what the system call that comes next does. INPUT when it waits for what somebody types."""
        call, number, through = self._call(machine)
        does, count = _CALLS.get(call.name, (None, _SHOWN_OF_OTHERS))
        before = machine.board.save()
        try:
            result = self._result(call, does)
        except NeedInput as needed:
            machine.board.restore(before)
            return Stop(StopReason.INPUT, machine.tick, {"channel": needed.channel})
        call.process = replace(call.process, frames=call.space.frames)
        registers = [int(machine.vcpu.state.gpr[i]) for i in range(8)]
        if call.process.exit_status is None:  # a call that does not come back has no result
            registers[_RAX] = result & (1 << 64) - 1
        self._serve(machine, call, registers)
        self.done = (
            call,
            {
                "reason": "syscall",
                "name": call.name,
                "number": number,
                "through": through,
                "arguments": [f"{value:x}" for value in call.arguments[:count]],
                "result": None if call.process.exit_status is not None else result,
                **({"error": ERRORS[-result]} if result < 0 else {}),
            },
        )
        return None

    def _call(self, machine: X86Machine) -> tuple[Call, int, str]:
        state = machine.vcpu.state
        number = int(state.gpr[_RAX])
        is_interrupt = machine.vcpu.read_linear(machine.fetch_address, 1) == b"\xcd"
        if is_interrupt:
            number &= 0xFFFFFFFF
            arguments = tuple(int(state.gpr[i]) & 0xFFFFFFFF for i in _ARGUMENTS_32)
        else:
            arguments = tuple(int(state.gpr[i]) for i in _ARGUMENTS_64)
        name = (NAMES_32 if is_interrupt else NAMES_64).get(number, "?")
        space = AddressSpace(machine.vcpu.read_memory, self.state.frames)
        return Call(machine, name, arguments, space, self.state), number, "int 0x80" if is_interrupt else "syscall"

    def _result(self, call: Call, does: Callable[[Call], int] | None) -> int:
        fresh = call.space
        try:
            if does is None:
                raise Failed(ENOSYS)
            result = does(call)
            if len(_runs(call.space.zeros)) + len(call.space.writes()) + len(call.data) > _MAX_PIECES:
                raise OutOfMemory
        except Failed as failed:
            result = -failed.number
        except OutOfMemory:
            result = -ENOMEM
        else:
            return result
        call.space, call.process, call.data, call.fs_base = (
            AddressSpace(fresh.read, self.state.frames),
            self.state,
            (),
            None,
        )
        return result

    def _serve(self, machine: X86Machine, call: Call, registers: list[int]) -> None:
        tables = call.space.writes()
        machine.vcpu.serve(registers, [*tables, *call.data], 0, zeros=_runs(call.space.zeros))
        service = machine.vcpu.raw.service
        service.maps = bool(tables)
        service.sets_fs, service.fs_base = call.fs_base is not None, call.fs_base or 0

    def finish(self, machine: X86Machine) -> bytes:
        """The call's step is over: its exit; answers what it printed."""
        machine.vcpu.raw.service.ready = 0
        if self.done is None:
            return b""
        (call, data), self.done = self.done, None
        self.state, self.stream = call.process, call.stream
        machine.note_exit(data)
        return call.output

    @property
    def has_ended(self) -> bool:
        """The program has called exit."""
        return self.state.exit_status is not None


def _runs(frames: list[int]) -> list[tuple[int, int]]:
    """Frames as (physical address, bytes), neighbours in one piece."""
    runs: list[tuple[int, int]] = []
    for frame in sorted(frames):
        if runs and runs[-1][0] + runs[-1][1] == frame:
            runs[-1] = (runs[-1][0], runs[-1][1] + PAGE)
        else:
            runs.append((frame, PAGE))
    return runs
