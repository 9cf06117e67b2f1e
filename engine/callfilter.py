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

#: (column of `NUMBERS`, audit number of the architecture), by `platform.machine()`.
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # the last: an error, EPERM
#: linux/bpf_common.h: load a word, jump if equal, return.
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
STEP = struct.Struct("=HBBI")

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2

_libc = ctypes.CDLL(None, use_errno=True)


#: The numbers of system calls on x86-64 and on arm64 (None: it has none); asm/unistd_64.h, asm-generic/unistd.h.
NUMBERS: dict[str, tuple[int, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, None),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "poll": (7, None),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "ioctl": (16, 29),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "access": (21, None),
    "sched_yield": (24, 124),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "shutdown": (48, 210),
    "execve": (59, 221),
    "exit": (60, 93),
    "fcntl": (72, 25),
    "ftruncate": (77, 46),
    "getcwd": (79, 17),
    "unlink": (87, None),
    "readlink": (89, None),
    "umask": (95, 166),
    "gettimeofday": (96, 169),
    "getrlimit": (97, 163),
    "getrusage": (98, 165),
    "times": (100, 153),
    "getuid": (102, 174),
    "getgid": (104, 176),
    "geteuid": (107, 175),
    "getegid": (108, 177),
    "sigaltstack": (131, 132),
    "arch_prctl": (158, None),
    "gettid": (186, 178),
    "time": (201, None),
    "futex": (202, 98),
    "set_tid_address": (218, 96),
    "restart_syscall": (219, 128),
    "timer_create": (222, 107),
    "timer_settime": (223, 110),
    "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109),
    "timer_delete": (226, 111),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "exit_group": (231, 94),
    "tgkill": (234, 131),
    "openat": (257, 56),
    "newfstatat": (262, 79),
    "unlinkat": (263, 35),
    "readlinkat": (267, 78),
    "faccessat": (269, 48),
    "ppoll": (271, 73),
    "set_robust_list": (273, 99),
    "prlimit64": (302, 261),
    "getrandom": (318, 278),
    "membarrier": (324, 283),
    "statx": (332, 291),
    "rseq": (334, 293),
    "close_range": (436, 436),
    "faccessat2": (439, 439),
}


@dataclass(frozen=True)
class Call:
    """One allowed call by its name in `NUMBERS`, and what one argument must be."""

    name: str
    argument: int = -1
    values: tuple[int, ...] = ()

    @property
    def x86_64(self) -> int:
        """Its number there."""
        return NUMBERS[self.name][0]

    @property
    def arm64(self) -> int | None:
        """Its number there, if it has one."""
        return NUMBERS[self.name][1]


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
