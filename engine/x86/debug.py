"""The x86 machine as debuggers see it: one vCPU, its registers, flags, segments and labels, for gdb an i386 or amd64.

The target description follows gdb's manual, "Standard Target Features: i386 Features"; gdb wants all of the core's
registers, the FPU's included, and takes `i8086` for their 16-bit meaning. FXSAVE's layout: SDM vol. 1, table 10-2.
"""

from __future__ import annotations

import bisect
import struct
from collections.abc import Sequence
from typing import Any

from engine.debugview import DebugView, Frame, Inside, Scope, Thread, Variable
from engine.errors import CommandError
from engine.x86 import picture
from engine.x86.machine import X86Machine

_GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")  # in encoding order, as gdb has them
#: The amd64's general registers in gdb's order, with their numbers in instructions.
_WIDE = {"rax": 0, "rbx": 3, "rcx": 1, "rdx": 2, "rsi": 6, "rdi": 7, "rbp": 5, "rsp": 4} | {
    f"r{number}": number for number in range(8, 16)
}
_SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
_SEGMENT_NUMBERS = (1, 2, 3, 0, 4, 5)
_CONTROL = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")
#: gdb knows no segment bases: these show what `eip` and `esp`, which are linear here, were made from.
_OWN = (("ip", 16), ("sp16", 16), ("cs_base", 32), ("ss_base", 32), ("ds_base", 32), ("es_base", 32), ("tick", 64))
#: Of an amd64 only these two are not 0; the instructions executed so far are ours.
_WIDE_OWN = (("fs_base", 64), ("gs_base", 64), ("tick", 64))
_AMD64 = "i386:x86-64"
_FXSAVE_REGISTERS, _FXSAVE_STRIDE = 32, 16


#: What gdb calls the CPU in each mode that it can be told about with the registers below.
_ARCHITECTURES = {
    "real16": "i8086",
    "boot16": "i8086",
    "protected32": "i386",
    "long64": _AMD64,
    "user64": _AMD64,
}


def _description(architecture: str) -> str:
    is_wide = architecture == _AMD64
    general, bits = ((*_WIDE, "rip"), 64) if is_wide else ((*_GENERAL, "eip"), 32)
    rows = [f'<reg name="{name}" bitsize="{bits}" type="{_pointer(name, bits)}"/>' for name in general]
    rows.append('<reg name="eflags" bitsize="32" type="i386_eflags"/>')
    rows += [f'<reg name="{name}" bitsize="32" type="int32"/>' for name in _SEGMENTS]
    rows += [f'<reg name="st{i}" bitsize="80" type="i387_ext"/>' for i in range(8)]
    rows += [f'<reg name="{name}" bitsize="32" type="int" group="float"/>' for name in _CONTROL]
    names = _WIDE_OWN if is_wide else _OWN
    own = [f'<reg name="{name}" bitsize="{bits}" type="uint{bits}"/>' for name, bits in names]
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
        f"<architecture>{architecture}</architecture><osabi>none</osabi>"
        f'<feature name="org.gnu.gdb.i386.core">{_flags_type()}{"".join(rows)}</feature>'
        f'<feature name="org.glassbox.segments">{"".join(own)}</feature></target>'
    )


def _pointer(name: str, bits: int) -> str:
    return {"ip": "code_ptr", "sp": "data_ptr", "bp": "data_ptr"}.get(name[1:], f"int{bits}")


def _flags_type() -> str:
    bits = ((0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"), (10, "DF"), (11, "OF"))
    fields = "".join(f'<field name="{name}" start="{bit}" end="{bit}"/>' for bit, name in bits)
    return f'<flags id="i386_eflags" size="4">{fields}</flags>'


class X86DebugView(DebugView):
    """Addresses are linear ones (segment base + offset), in every direction."""

    machine: X86Machine

    def __init__(self, machine: X86Machine) -> None:
        super().__init__(machine)
        heads = [(address, name) for name, address in machine.program.assembly.labels if "." not in name]
        self._heads = sorted(heads)

    def threads(self) -> list[Thread]:
        """The one vCPU."""
        return [Thread(0, f"vCPU ({self.machine.cpu})")]

    def frames(self, thread: int, start: int, count: int) -> list[Frame]:
        """Where the vCPU is. Who called cannot be known for sure: a return address is a word like others."""
        at = bisect.bisect_right(self._heads, (self.machine.fetch_address, chr(0x10FFFF))) - 1
        name = self._heads[at][1] if at >= 0 else f"{self.machine.fetch_address:#07x}"
        return [Frame(name, self.machine.where)][start : start + count]

    def scopes(self, thread: int, level: int) -> list[Scope]:
        """Registers, flags, segments, control registers, and the labels that stand before data."""
        view = picture.view(self.machine)
        found = [
            Scope("Registers", ("registers",), "registers", len(view["registers"])),
            Scope("Flags", ("flags",), "registers", len(view["flags"]["bits"])),
            Scope("Segments", ("segments",), "registers", len(view["segments"])),
            Scope("Control", ("control",), "registers", len(view["control"])),
        ]
        data = picture.data_labels(self.machine)
        return [*found, Scope("Data", ("data",), "", len(data))] if data else found

    def variables(self, inside: Inside, start: int = 0, count: int | None = None) -> list[Variable]:
        """The registers of a scope as hexadecimal numbers; a segment's parts; a label's first bytes."""
        found = self._inside(inside)
        return found[start:] if count is None else found[start : start + count]

    def _inside(self, inside: Inside) -> list[Variable]:
        view = picture.view(self.machine)
        match inside:
            case ("registers",):
                return [
                    Variable(r["name"], f"0x{r['value']}", f"{r['bits']} bits", target=_register(r["name"]))
                    for r in view["registers"]
                ]
            case ("flags",):
                bits = [
                    Variable(b["name"], str(int(b["set"])), b["word"], target=_register("flags", 1 << b["bit"]))
                    for b in view["flags"]["bits"]
                ]
                return [*bits, Variable("flags", f"0x{view['flags']['value']}", "16 bits", target=_register("flags"))]
            case ("segments",):
                return [
                    Variable(s["name"].lower(), f"0x{s['selector']}", "selector", ("segment", s["name"]), 3)
                    for s in view["segments"]
                ]
            case ("segment", name):
                segment = next(s for s in view["segments"] if s["name"] == name)
                return [Variable(part, f"0x{segment[part]}") for part in ("base", "limit", "attributes")]
            case ("control",):
                shown = (Variable(c["name"].lower(), f"0x{c['value']}", " ".join(c["bits"])) for c in view["control"])
                return list(shown)
            case ("data",):
                return [self._label(name, address) for name, address in picture.data_labels(self.machine)]
        raise CommandError(f"there is nothing inside {inside[0]}")

    def _label(self, name: str, address: int) -> Variable:
        data = self.machine.vcpu.read_linear(address, 16)
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
        value = f"{address:#07x}: {data.hex(' ')}  {text}"
        target = {"kind": "memory", "address": address, "length": 1}
        return Variable(name, value, "label", address=address, target=target)

    def decode(self, address: int, count: int) -> list[dict[str, Any]]:
        """What memory holds now, decoded from `address` on; it ends where nothing can be decoded."""
        rows: list[dict[str, Any]] = []
        while len(rows) < count and 0 <= address < self.machine.vcpu.ram_bytes:
            most = min(count - len(rows), picture.MAX_DISASSEMBLY)
            query = {"kind": "disassembly", "address": address, "count": most}
            some = self.machine.inspect(query)["rows"]
            rows += some
            if len(some) < most:
                break
            address = some[-1]["address"] + len(some[-1]["bytes"]) // 2
        return rows

    def read_memory(self, address: int, length: int) -> bytes:
        """RAM by linear address."""
        return self.machine.vcpu.read_linear(address, length)

    def target_description(self) -> str | None:
        """All registers of gdb's i386 or amd64 core, and bases, ip, sp and the tick besides; None for other modes."""
        architecture = _ARCHITECTURES.get(self.machine.mode)
        return None if architecture is None else _description(architecture)

    def target_registers(self) -> Sequence[bytes]:
        """In the description's order. `eip` and `esp` are linear addresses, as gdb takes them for."""
        self.machine.vcpu.pull()
        if _ARCHITECTURES.get(self.machine.mode) == _AMD64:
            return self._wide_registers()
        state = self.machine.vcpu.state
        general = [int(state.gpr[i]) & 0xFFFFFFFF for i in range(8)]
        stack = int(state.seg[2].base)
        sp16 = general[4] & 0xFFFF
        if stack:
            is_wide = _ARCHITECTURES.get(self.machine.mode) == "i386"
            for number in (4, 5):  # esp and ebp
                offset = general[number] if is_wide else general[number] & 0xFFFF
                general[number] = (stack + offset) & 0xFFFFFFFF
        words = [*general, self.machine.fetch_address & 0xFFFFFFFF, int(state.rflags) & 0xFFFFFFFF]
        words += [int(state.seg[i].selector) for i in _SEGMENT_NUMBERS]
        bases = [int(state.seg[i].base) & 0xFFFFFFFF for i in (1, 2, 3, 0)]
        own = [struct.pack("<H", int(state.rip) & 0xFFFF), struct.pack("<H", sp16)]
        own += [struct.pack("<I", base) for base in bases]
        own.append(struct.pack("<Q", self.machine.tick))
        return [*(struct.pack("<I", word) for word in words), *self._floats(), *own]

    def _wide_registers(self) -> Sequence[bytes]:
        state = self.machine.vcpu.state
        general = [*(int(state.gpr[number]) for number in _WIDE.values()), int(state.rip)]
        words = [int(state.rflags) & 0xFFFFFFFF, *(int(state.seg[i].selector) for i in _SEGMENT_NUMBERS)]
        own = [int(state.seg[4].base), int(state.seg[5].base), self.machine.tick]
        return [
            *(struct.pack("<Q", value) for value in general),
            *(struct.pack("<I", word) for word in words),
            *self._floats(),
            *(struct.pack("<Q", value) for value in own),
        ]

    def _floats(self) -> list[bytes]:
        """st0 … st7, fctrl … fop."""
        fpu, at = bytes(self._fpu()), _FXSAVE_REGISTERS
        stack = [fpu[at + i * _FXSAVE_STRIDE : at + i * _FXSAVE_STRIDE + 10] for i in range(8)]
        return [*stack, *_control_words(fpu)]

    def _fpu(self) -> list[int]:
        fpu = self.machine.vcpu.state.fpu
        return [int(fpu[i]) for i in range(_FXSAVE_REGISTERS + 8 * _FXSAVE_STRIDE)]


def _register(name: str, mask: int = 0) -> dict[str, Any]:
    target = {"kind": "register", "register": name}
    return {**target, "mask": mask} if mask else target


def _control_words(fpu: bytes) -> list[bytes]:
    """fctrl … fop out of an FXSAVE image; its tag byte says only which registers are in use."""
    control, status, used = struct.unpack_from("<HHB", fpu, 0)
    top = status >> 11 & 7
    tag = sum((0 if used >> i & 1 else 3) << 2 * i for i in range(8))
    tag = sum((tag >> 2 * i & 3 or _tag_of(fpu, (i - top) % 8)) << 2 * i for i in range(8))
    return [struct.pack("<I", value) for value in (control, status, tag, 0, 0, 0, 0, 0)]


def _tag_of(fpu: bytes, number: int) -> int:
    """The full tag of st(number), which is in use: 0 a number, 1 zero, 2 special (SDM vol. 1, 8.1.7)."""
    at = _FXSAVE_REGISTERS + number * _FXSAVE_STRIDE
    significand, exponent = struct.unpack_from("<QH", fpu, at)
    exponent &= 0x7FFF
    if exponent == 0 and significand == 0:
        return 1
    return 2 if exponent in (0, 0x7FFF) or not significand >> 63 else 0
