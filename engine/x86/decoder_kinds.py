"""Who executes an instruction: the enum that the decoder and core/core.h share (a test compares them)."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """Who executes an instruction, and what has to happen around it (core.h)."""

    PLAIN = 0
    HLT = 1
    IN = 2
    OUT = 3
    PUSHF = 4
    POPF = 5
    IRET = 6
    INT = 7
    INTO = 8
    CPUID = 9
    RDTSC = 10
    RDMSR = 11
    WRMSR = 12
    LOAD_SS = 13
    POP_SS = 14
    READ_DR = 15
    WRITE_DR = 16
    RAISE = 17
    REFUSED = 18
    SERVICE = 19
    MISSING = 20
    LGDT = 21
    LIDT = 22
    SGDT = 23
    SIDT = 24
    SMSW = 25
    LMSW = 26
    CLTS = 27
    TO_CR = 28
    FROM_CR = 29
    LOAD_SEG = 30
    POP_SEG = 31
    READ_SEG = 32
    PUSH_SEG = 33
    FAR_JUMP = 34
    FAR_CALL = 35
    FAR_RETURN = 36
    PROTECTED_IRET = 37
    SYSCALL = 38
    FS_BASE = 39
    SKIP = 40
    NEGATE = 41
    TEST = 42
    FAST_CALL = 43
    FAST_RETURN = 44
    SWAPGS = 45
    LOAD_POINTER = 46
    LTR = 47
    LLDT = 48
    STR = 49
    SLDT = 50
    LOOK = 51
    NO_PAGE = 52


class Fpu(IntEnum):
    """What of the FPU an instruction needs (core.h)."""

    NONE = 0
    X87 = 1
    WAIT = 2
    MMX = 3
    SSE = 4
    STATE = 5


class Privilege(IntEnum):
    """Who may execute an instruction (core.h)."""

    FREE = 0
    BY_IOPL = 1
    BY_RING_0 = 2
