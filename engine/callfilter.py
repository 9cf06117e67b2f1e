"""Allow lists of system calls, compiled to the kernel's filter language and put up (seccomp).

What is not in a list is refused with EPERM. Facts: the kernel's userspace-api/seccomp_filter.rst, linux/seccomp.h,
linux/filter.h, linux/bpf_common.h, linux/audit.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: (column of the numbers in `Call`, audit number of the architecture), by `platform.machine()`.
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # the last: an error, EPERM
#: linux/bpf_common.h: load a word, jump if equal, return.
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
STEP = struct.Struct("=HBBI")

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Call:
    """One allowed call: numbers on x86-64 and arm64 (None: it has none), and what one argument must be."""

    name: str
    x86_64: int | None
    arm64: int | None
    argument: int = -1
    values: tuple[int, ...] = ()


Step = tuple[int, int, int, int]


def program(calls: Sequence[Call], column: int, architecture: int) -> Iterator[Step]:
    """The filter as (code, jump if true, jump if false, operand); jumps count the instructions to skip.

    Numbers of another architecture end the process; a second numbering (x32) is in no table, so it is refused.
    """
    yield LOAD, 0, 0, 4  # architecture of the call
    yield EQUAL, 1, 0, architecture
    yield RETURN, 0, 0, KILL
    yield LOAD, 0, 0, 0  # its number
    for call in calls:
        number = (call.x86_64, call.arm64)[column]
        if number is None:
            continue
        if not call.values:
            yield EQUAL, 0, 1, number
            yield RETURN, 0, 0, ALLOW
            continue
        yield EQUAL, 0, 2 + 2 * len(call.values), number
        # The low half of the argument; these calls take no more of it either.
        yield LOAD, 0, 0, 16 + 8 * call.argument
        for value in call.values:
            yield EQUAL, 0, 1, value
            yield RETURN, 0, 0, ALLOW
        yield RETURN, 0, 0, REFUSE
    yield RETURN, 0, 0, REFUSE


def compiled(calls: Sequence[Call]) -> bytes | None:
    """The filter as the kernel takes it; None for a kind of processor whose numbers are not known."""
    machine = platform.machine()
    if machine not in ARCHITECTURES:
        return None
    return b"".join(STEP.pack(*step) for step in program(calls, *ARCHITECTURES[machine]))


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def put_up(code: bytes | None) -> bool | str:
    """Filter every system call of this process from now on, and of all that it starts. True, or why it cannot be."""
    if code is None:
        return f"no filter for processors of type {platform.machine()}"
    filter_ = _Program(len(code) // STEP.size, code)
    # SAFETY: integers only; then the kernel copies the program during the call, which `code` and `filter_` outlive.
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and (
        _libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, ctypes.byref(filter_), 0, 0) == 0
    ):
        return True
    return os.strerror(ctypes.get_errno())
