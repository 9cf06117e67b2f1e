"""Decoding of what is about the CPU's mode: control and table registers, segments and far transfers (core/system.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import iced_x86 as iced

from engine.x86.decoder_kinds import Kind, Privilege

_SEGMENTS = {"es": 0, "cs": 1, "ss": 2, "ds": 3, "fs": 4, "gs": 5}
_TABLES = {"lgdt": Kind.LGDT, "lidt": Kind.LIDT, "sgdt": Kind.SGDT, "sidt": Kind.SIDT}
_POINTERS = {"les": 0, "lss": 2, "lds": 3, "lfs": 4, "lgs": 5}
_LOOKS = {"lar": 0, "lsl": 1, "verr": 2, "verw": 3}
_TASKS = {"ltr": Kind.LTR, "lldt": Kind.LLDT, "str": Kind.STR, "sldt": Kind.SLDT}
_RING_0 = frozenset(
    (
        *("hlt", "lgdt", "lidt", "lmsw", "clts", "invlpg", "invd", "wbinvd", "rdmsr", "wrmsr", "ltr", "lldt"),
        *("swapgs", "sysret", "sysretq"),
    )
)
_IOPL = frozenset(("cli", "sti"))
#: Their stack accesses are system.c's own; of these, some keep another memory operand.
WITHOUT_STACK = frozenset(
    (
        Kind.POP_SEG,
        Kind.PUSH_SEG,
        Kind.FAR_JUMP,
        Kind.FAR_CALL,
        Kind.FAR_RETURN,
        Kind.PROTECTED_IRET,
        Kind.MISSING,
        Kind.INT,
        Kind.INTO,
        Kind.TO_CR,
        Kind.FROM_CR,
        Kind.SYSCALL,
        Kind.FAST_CALL,
        Kind.FAST_RETURN,
        Kind.NO_PAGE,
    )
)  # fmt: skip
WITH_MEMORY = frozenset((Kind.FAR_JUMP, Kind.FAR_CALL))
_HIGH_BYTES = {"ah": 0x80, "ch": 0x81, "dh": 0x82, "bh": 0x83}
_ORDER = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))


def _number(register: Any, names: Mapping[int, str]) -> int:  # noqa: ANN401 - iced types its enums as modules
    """A general register's number in encoding order, whatever its width; 0xFF for none."""
    name = names[iced.RegisterExt.full_register(register)]
    return _ORDER.index(name) if name in _ORDER else 0xFF


def register_number(register: Any, names: Mapping[int, str]) -> int:  # noqa: ANN401 - iced types its enums as modules
    """A general register's number, with 0x80 added for ah, ch, dh and bh."""
    return _HIGH_BYTES.get(names[register], _number(register, names))


def far_target(found: iced.Instruction) -> int:
    """selector << 32 | offset of a direct far jump or call; 0 of another one."""
    if found.op_count and found.op0_kind == iced.OpKind.FAR_BRANCH32:
        return int(found.far_branch_selector) << 32 | int(found.far_branch32)
    if found.op_count and found.op0_kind == iced.OpKind.FAR_BRANCH16:
        return int(found.far_branch_selector) << 32 | int(found.far_branch16)
    return 0


def divide(found: iced.Instruction, names: Mapping[int, str]) -> int:
    """`divide` of core.h's Row: size | signed << 8 | register << 16."""
    if found.mnemonic not in (iced.Mnemonic.DIV, iced.Mnemonic.IDIV):
        return 0
    signed = 0x100 if found.mnemonic == iced.Mnemonic.IDIV else 0
    if found.op0_kind == iced.OpKind.MEMORY:
        return iced.MemorySizeExt.size(found.memory_size) | signed | 0xFF << 16
    number = register_number(found.op0_register, names)
    return iced.RegisterExt.size(found.op0_register) | signed | number << 16


def system_kind(
    found: iced.Instruction, mnemonic: str, names: Mapping[int, str], bits: int, *, is_protected: bool
) -> tuple[Kind, int] | None:
    """(kind, its `data` in core.h); None for an instruction that is not about the mode."""
    if mnemonic in _TABLES:
        is_short = found.code in (iced.Code.LGDT_M1632_16, iced.Code.LIDT_M1632_16)
        return _TABLES[mnemonic], 8 if bits == 64 else 3 if is_short else 4
    if mnemonic == "clts":
        return Kind.CLTS, 0
    if mnemonic in ("smsw", "lmsw"):
        which = Kind.SMSW if mnemonic == "smsw" else Kind.LMSW
        if found.op0_kind == iced.OpKind.MEMORY:
            return which, 0
        return which, _number(found.op0_register, names) | iced.RegisterExt.size(found.op0_register) << 8
    if mnemonic == "mov" and names[found.op0_register].startswith("cr"):
        return Kind.TO_CR, _number(found.op1_register, names) | int(names[found.op0_register][2:]) << 8
    if mnemonic == "mov" and names[found.op1_register].startswith("cr"):
        return Kind.FROM_CR, _number(found.op0_register, names) | int(names[found.op1_register][2:]) << 8
    return _protected(found, mnemonic, names, bits) if is_protected else None


def privilege(mnemonic: str, kind: Kind) -> Privilege:
    """Who may execute it in protected mode (SDM vol. 3, 5.9)."""
    if mnemonic in _RING_0 or kind in (Kind.TO_CR, Kind.FROM_CR, Kind.READ_DR, Kind.WRITE_DR):
        return Privilege.BY_RING_0
    return Privilege.BY_IOPL if mnemonic in _IOPL else Privilege.FREE


def _of_rings(found: iced.Instruction, mnemonic: str, names: Mapping[int, str], bits: int) -> tuple[Kind, int] | None:
    """Task register, LDT, far pointers, looks at selectors, fast calls."""
    size = iced.RegisterExt.size
    if mnemonic in _POINTERS:
        register, width = _number(found.op0_register, names), size(found.op0_register)
        return Kind.LOAD_POINTER, _POINTERS[mnemonic] | register << 8 | width << 16
    if mnemonic in _TASKS:
        return _TASKS[mnemonic], (_number(found.op0_register, names) & 15) | size(found.op0_register) << 8
    if mnemonic in ("verr", "verw"):
        return Kind.LOOK, (_number(found.op0_register, names) & 15) | _LOOKS[mnemonic] << 24
    if mnemonic in ("lar", "lsl"):
        source, target = _number(found.op1_register, names) & 15, _number(found.op0_register, names)
        return Kind.LOOK, source | target << 8 | size(found.op0_register) << 16 | _LOOKS[mnemonic] << 24
    if bits != 64:
        return None
    fast = {"syscall": (Kind.FAST_CALL, 8), "sysret": (Kind.FAST_RETURN, 4), "sysretq": (Kind.FAST_RETURN, 8)}
    return (Kind.SWAPGS, 0) if mnemonic == "swapgs" else fast.get(mnemonic)


def _protected(found: iced.Instruction, mnemonic: str, names: Mapping[int, str], bits: int) -> tuple[Kind, int] | None:
    if mnemonic in ("ud0", "ud1", "ud2"):
        return Kind.RAISE, 6
    if mnemonic == "arpl":
        return Kind.MISSING, 0
    if mnemonic in ("iret", "iretd", "iretq"):
        return Kind.PROTECTED_IRET, {"iret": 2, "iretd": 4, "iretq": 8}[mnemonic]
    if (privileged := _of_rings(found, mnemonic, names, bits)) is not None:
        return privileged
    if mnemonic == "retf":
        dropped = int(found.immediate16) if found.op_count else 0
        return Kind.FAR_RETURN, (found.stack_pointer_increment - dropped) // 2 | dropped << 8
    if found.is_jmp_far or found.is_call_far:
        size = 4 if found.op0_kind == iced.OpKind.FAR_BRANCH32 else 2
        return (Kind.FAR_JUMP if found.is_jmp_far else Kind.FAR_CALL), size
    if found.is_jmp_far_indirect or found.is_call_far_indirect:
        size = iced.MemorySizeExt.size(found.memory_size) - 2
        return (Kind.FAR_JUMP if found.is_jmp_far_indirect else Kind.FAR_CALL), size
    return _segment_move(found, mnemonic, names)


def _segment_move(found: iced.Instruction, mnemonic: str, names: Mapping[int, str]) -> tuple[Kind, int] | None:
    if mnemonic not in ("mov", "push", "pop") or not found.op_count:
        return None
    first, second = names[found.op0_register], names[found.op1_register] if found.op_count > 1 else ""
    size = iced.RegisterExt.size
    if mnemonic != "mov":
        if first not in _SEGMENTS:
            return None
        return (Kind.PUSH_SEG if mnemonic == "push" else Kind.POP_SEG), (
            _SEGMENTS[first] | abs(found.stack_pointer_increment) << 16
        )
    if first in _SEGMENTS:
        return Kind.LOAD_SEG, _SEGMENTS[first] | _number(found.op1_register, names) << 8 | 2 << 16
    if second in _SEGMENTS:
        return Kind.READ_SEG, (
            _SEGMENTS[second] | _number(found.op0_register, names) << 8 | (size(found.op0_register) or 2) << 16
        )
    return None
