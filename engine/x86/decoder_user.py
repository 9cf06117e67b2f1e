"""Decoding of ring 3 (mode user64): what a program may not do, what the kernel answers, what CPUs disagree about."""

from __future__ import annotations

from collections.abc import Mapping

import iced_x86 as iced

from engine.x86.decoder_kinds import Kind

_SEGMENTS = {"fs": 4, "gs": 5}
_ORDER = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))
_BASES = {"rdfsbase": ("fs", 0), "wrfsbase": ("fs", 1), "rdgsbase": ("gs", 0), "wrgsbase": ("gs", 1)}
#: #GP with CR4.UMIP, as on Linux's hosts of today: they would tell where the kernel's tables are.
_TELLTALES = frozenset(("sgdt", "sidt", "sldt", "smsw", "str"))
#: Far transfers, and segment registers other than by `mov r, sreg` and `push`: not in ring 3 of this machine.
_MISSING = frozenset(("iretq", "iretd", "iret", "retf", "lar", "lsl", "verr", "verw", "lfs", "lgs", "lss"))
#: Other than in the SDM's text these exist on every CPU that this machine is compared with.
OFFERED = (
    *("SSE3", "SSSE3", "SSE4_1", "SSE4_2", "MOVBE", "BMI2", "AES", "PCLMULQDQ", "CMPXCHG16B", "FSGSBASE"),
    *("X64", "SYSCALL", "CET_IBT", "CET_SS"),
)
#: Only KVM executes these, on a host whose CPU has them. EVEX (AVX-512) is not among them.
AVX = ("AVX", "AVX2", "FMA", "F16C", "VAES", "VPCLMULQDQ")
#: CPU models give other results for these, in the last bits or in status words; Unicorn's are the same everywhere.
MODEL_DEPENDENT = frozenset(
    (
        *("fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1", "rcpps", "rcpss", "rsqrtps"),
        *("rsqrtss", "fnstsw", "fstsw", "fnstenv", "fstenv", "fnsave", "fsave", "fxsave", "fxsave64", "stmxcsr"),
    )
)
#: The same in VEX encoding, and gathers, whose addresses lie in vector registers: nobody executes them.
_NOT_RECORDED = frozenset(("vrcpps", "vrcpss", "vrsqrtps", "vrsqrtss", "vstmxcsr", "vmaskmovdqu"))
#: Unicorn uses what it has just written as the second operand where that is the same register.
_OVERLAPPING = frozenset(("phaddw", "phaddd", "phaddsw", "phsubw", "phsubd", "phsubsw"))
#: Of a string comparison's immediate: looking for one string in the other, at whose end Unicorn finds too much.
_EQUAL_ORDERED = 0b1100
#: Legacy SSE instructions that take 16 bytes anywhere (SDM vol. 1, 4.1.1, and each one's page).
_ANYWHERE = frozenset(
    ("movups", "movupd", "movdqu", "lddqu", "pcmpestri", "pcmpestrm", "pcmpistri", "pcmpistrm", "movhlps", "movlhps")
)
_ALIGNED_VEX = frozenset(("vmovaps", "vmovapd", "vmovdqa", "vmovntps", "vmovntpd", "vmovntdq", "vmovntdqa"))
_ALIGNED_OTHERS = frozenset(("fxsave", "fxsave64", "fxrstor", "fxrstor64", "cmpxchg16b"))


def user_kind(found: iced.Instruction, mnemonic: str, names: Mapping[int, str]) -> tuple[Kind, int] | None:
    """(kind, its `data` in core.h) where ring 3 is special; None for everything else."""
    if mnemonic == "syscall":
        return Kind.SYSCALL, 0
    if mnemonic == "int" and found.immediate8 == 0x80:
        return Kind.SYSCALL, 0x80
    if mnemonic in _BASES:
        segment, writes = _BASES[mnemonic]
        size = iced.RegisterExt.size(found.op0_register)
        number = _ORDER.index(names[iced.RegisterExt.full_register(found.op0_register)])
        return Kind.FS_BASE, number | _SEGMENTS[segment] << 8 | writes << 16 | size << 24
    if found.is_privileged or mnemonic in _TELLTALES:
        return Kind.RAISE, 13
    if mnemonic in ("sysenter", "sysexit"):
        return Kind.RAISE, 6
    is_far = found.is_jmp_far_indirect or found.is_call_far_indirect
    if mnemonic in _MISSING or mnemonic in _NOT_RECORDED or "gather" in mnemonic or is_far:
        return Kind.MISSING, 0
    if mnemonic in ("mov", "pop") and names[found.op0_register] in ("es", "ds", "ss", "fs", "gs"):
        return Kind.MISSING, 0
    return None


def is_wrong_on_unicorn(mnemonic: str, arguments: str) -> bool:
    """True for what Unicorn is known to compute otherwise than processors do."""
    if mnemonic == "bzhi":
        return True  # for an index beyond the operand
    first, second, *rest = (*arguments.split(", "), "", "")
    if mnemonic.startswith("pcmp") and mnemonic.endswith(("stri", "strm")) and rest[0]:
        return int(rest[0], 0) & _EQUAL_ORDERED == _EQUAL_ORDERED
    return mnemonic in _OVERLAPPING and first == second


def must_be_aligned(found: iced.Instruction, mnemonic: str, size: int) -> bool:
    """True for a memory operand that raises #GP where its address is no multiple of its size."""
    if mnemonic in _ALIGNED_OTHERS or mnemonic in _ALIGNED_VEX:
        return True
    if size != 16 or found.encoding != iced.EncodingKind.LEGACY or mnemonic in _ANYWHERE:
        return False
    if mnemonic in ("cvtpd2pi", "cvttpd2pi"):
        return True
    return any(iced.RegisterExt.is_vector_register(found.op_register(i)) for i in range(found.op_count))
