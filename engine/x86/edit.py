"""Changing the past: another value for a register or for bytes of memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import CommandError
from engine.machine import Plain
from engine.x86 import registers

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

#: Registers by number, as in traces: 16 general ones, the instruction pointer, the flags.
NUMBER_IP, NUMBER_FLAGS = 16, 17
#: Flags that a program can change as well: CF PF AF ZF SF DF OF. Bit 1 is always set.
EDITABLE_FLAGS = 0xCD5
MAX_BYTES = 8


def edit(machine: X86Machine, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
    """`{kind: register, register}` or `{kind: memory, address, length}`; see engine.machine.Machine.edit."""
    if type(value) is not int or value < 0:
        raise CommandError("a register or memory takes a whole number, 0 or more")
    if target.get("kind") == "register":
        return _edit_register(machine, target.get("register"), value)
    if target.get("kind") == "memory":
        return _edit_memory(machine, target.get("address"), target.get("length", 1), value)
    raise CommandError("only registers and memory can be changed")


def _edit_register(machine: X86Machine, register: object, value: int) -> dict[str, Any]:
    names = registers.register_names(machine)
    number = names.index(register.lower()) if isinstance(register, str) and register.lower() in names else register
    count = 16 if machine.rows.is_long else 8
    if type(number) is not int or not (0 <= number < count or number in (NUMBER_IP, NUMBER_FLAGS)):
        raise CommandError(f"register {str(register)[:20]!r} cannot be changed")
    bits = 64 if machine.rows.is_long else 32 if machine.rows.is_wide else 16
    if value >> bits:
        raise CommandError(f"{value:#x} does not fit into {bits} bits")
    machine.vcpu.pull()
    state = machine.vcpu.state
    if number == NUMBER_FLAGS:
        old = int(state.rflags)
        state.rflags = (old & ~EDITABLE_FLAGS) | (value & EDITABLE_FLAGS)
        value = int(state.rflags)
    elif number == NUMBER_IP:
        old, state.rip = int(state.rip), value
    else:
        old, state.gpr[number] = int(state.gpr[number]), value
    machine.vcpu.touched()
    return {"old": _bits(old, bits), "new": _bits(value, bits)}


def _edit_memory(machine: X86Machine, address: object, length: object, value: int) -> dict[str, Any]:
    if type(address) is not int or type(length) is not int or length not in (1, 2, 4, 8):
        raise CommandError("memory is changed at an `address`, with a `length` of 1, 2, 4 or 8 bytes")
    if value >> 8 * length:
        raise CommandError(f"{value:#x} does not fit into {8 * length} bits")
    vcpu, data = machine.vcpu, value.to_bytes(length, "little")
    before = (vcpu.read_linear if machine.is_user else vcpu.read_memory)(address, length) if address >= 0 else b""
    if len(before) < length:
        raise CommandError(f"there is no memory at {address:#x}")
    for i in range(length if machine.is_user else 1):  # the program's addresses: bytes may lie in two pages
        at = vcpu.translate(address + i)[0] if machine.is_user else address
        assert at is not None  # noqa: S101 - it was read from there
        vcpu.write_memory(at, data[i : i + 1] if machine.is_user else data)
    return {"old": _bits(int.from_bytes(before, "little"), 8 * length), "new": _bits(value, 8 * length)}


def _bits(value: int, bits: int) -> dict[str, Any]:
    return {"t": "bits", "s": f"{value:0{bits // 4}x}"}
