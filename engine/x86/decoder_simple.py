"""Plain instructions that some CPU gets wrong: executed by us (core/simple.c), or put right afterwards (core/uc.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import iced_x86 as iced

from engine.x86.decoder_kinds import Kind
from engine.x86.decoder_system import register_number

_SKIPPED = frozenset(("reservednop", "mfence", "lfence", "sfence"))
_OPERAND_SIZE, _WIDE = 0x66, 0x48


@cache
def _second_tests() -> frozenset[int]:
    """Opcode group 3, register field 1: `test` once more (SDM vol. 2, table A-6)."""
    return frozenset(
        int(code) for name, code in vars(iced.Code).items() if name.startswith("TEST_") and name.endswith("R1")
    )


def simple_kind(
    found: iced.Instruction, mnemonic: str, names: Mapping[int, str], data: bytes, bits: int
) -> tuple[Kind, int, int] | None:
    """(kind, its `data`, its `target`) in core.h; None for an instruction that is left to the CPU."""
    if mnemonic in _SKIPPED:
        return Kind.SKIP, 0, 0
    if mnemonic == "neg" and found.has_lock_prefix:
        return Kind.NEGATE, iced.MemorySizeExt.size(found.memory_size), 0
    if found.code in _second_tests():
        if found.op0_kind == iced.OpKind.MEMORY:
            return Kind.TEST, iced.MemorySizeExt.size(found.memory_size) | 0xFF << 8, found.immediate(1)
        size, number = iced.RegisterExt.size(found.op0_register), register_number(found.op0_register, names)
        return Kind.TEST, size | number << 8, found.immediate(1)
    if bits == 64 and _is_short_branch(found, data):
        return Kind.MISSING, 0, 0  # AMD's processors cut the target to 16 bits, Intel's do not
    return None


def mending(
    found: iced.Instruction, mnemonic: str, names: Mapping[int, str], written: Sequence[str]
) -> tuple[int, int]:
    """(`mend` of core.h's Row, its `data`: a register's number): what Unicorn leaves otherwise than processors do."""
    mend = sum(1 << int(name[2:]) for name in dict.fromkeys(written) if name.startswith("mm"))
    if mnemonic in _CONTROL_LOADS:
        mend |= _MEND_CONTROL
    if mnemonic == "emms":
        mend |= _MEND_TOP
    if mnemonic in _COMPARES:
        mend |= _MEND_COMPARE
    if found.code == iced.Code.CMPXCHG_RM32_R32:
        is_memory = found.op0_kind == iced.OpKind.MEMORY
        number = 0xFF if is_memory else register_number(found.op0_register, names)
        return (mend | _MEND_EXCHANGE, number) if number else (mend, 0)
    return mend, 0


_MEND_CONTROL, _MEND_COMPARE, _MEND_EXCHANGE, _MEND_TOP = 0x100, 0x200, 0x400, 0x800
_CONTROL_LOADS = frozenset(("fldcw", "fldenv", "frstor", "fxrstor", "fxrstor64"))
_COMPARES = frozenset(("fcomi", "fcomip", "fucomi", "fucomip"))


def _is_short_branch(found: iced.Instruction, data: bytes) -> bool:
    """A near branch to an immediate target with an operand-size prefix that no REX.W overrides."""
    is_near = found.is_jcc_short_or_near or found.is_jmp_short_or_near or found.is_call_near or found.is_loop
    if not (is_near or found.is_loopcc or found.is_jcx_short):
        return False
    prefixes = data[: next((i for i, byte in enumerate(data) if byte not in _PREFIXES), len(data))]
    return _OPERAND_SIZE in prefixes and data[len(prefixes)] & 0xF8 != _WIDE


_PREFIXES = frozenset((0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65))
