"""Keeps a child process to itself: limits, no files but its own (Linux 5.13 and later), only the calls that it needs.

Landlock's calls have no wrapper in libc; their numbers are those of the generic system call table, which x86-64 and
arm64 share. Facts: the kernel's userspace-api/landlock.rst and linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
from functools import cache
from types import TracebackType

from engine.callfilter import Call, compiled, put_up

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_VERSION_FLAG = 1
_PR_SET_NO_NEW_PRIVS = 38

#: Rights of a file system object, landlock.h: LANDLOCK_ACCESS_FS_…
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_ALL_V1 = (1 << 13) - 1
#: What came with later versions: refer (2), truncate (3), ioctl on devices (5).
_LATER = ((2, 1 << 13), (3, 1 << 14), (5, 1 << 15))
#: Rights that a file (not a folder) may be given.
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14
#: Where a dynamically linked program finds its loader and libraries.
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")


_OWN = (0,)
_FCNTL = (1, 2, 3, 4, 1030)  # F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
#: What the assemblers and the linker do, found by watching them, and what executing one of them takes: no socket, no
#: process or thread, no signal to another, no device, no change of owner, and files only where landlock lets them.
TOOL_CALLS = (
    Call("read"),
    Call("write"),
    Call("pread64"),
    Call("pwrite64"),
    Call("readv"),
    Call("writev"),
    Call("lseek"),
    Call("close"),
    Call("close_range"),
    Call("fcntl", 1, _FCNTL),
    Call("open"),
    Call("openat"),
    Call("stat"),
    Call("lstat"),
    Call("fstat"),
    Call("newfstatat"),
    Call("statx"),
    Call("access"),
    Call("faccessat"),
    Call("faccessat2"),
    Call("readlink"),
    Call("readlinkat"),
    Call("getcwd"),
    Call("ftruncate"),
    Call("unlink"),
    Call("unlinkat"),
    Call("umask"),
    Call("mmap"),
    Call("munmap"),
    Call("mprotect"),
    Call("mremap"),
    Call("madvise"),
    Call("brk"),
    Call("execve"),
    Call("arch_prctl"),
    Call("set_tid_address"),
    Call("set_robust_list"),
    Call("rseq"),
    Call("prlimit64", 0, _OWN),
    Call("getrlimit"),
    Call("getrandom"),
    Call("futex"),
    Call("rt_sigaction"),
    Call("rt_sigprocmask"),
    Call("rt_sigreturn"),
    Call("sigaltstack"),
    Call("restart_syscall"),
    Call("getrusage"),
    Call("times"),
    Call("time"),
    Call("gettimeofday"),
    Call("clock_gettime"),
    Call("getpid"),
    Call("gettid"),
    Call("getuid"),
    Call("geteuid"),
    Call("getgid"),
    Call("getegid"),
    Call("exit"),
    Call("exit_group"),
)


@cache
def tool_filter() -> bytes | None:
    """The filter of `TOOL_CALLS`; None for a kind of processor whose numbers are not known."""
    return compiled(TOOL_CALLS)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def landlock_version() -> int:
    """The kernel's landlock ABI; 0 where there is none."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)))


class Confinement:
    """The walls of one child. A context manager in the parent; `enter` runs in the child before it executes.

    The child may execute `program`, read system libraries, and read and write inside `scratch`, with no system calls
    but those of `TOOL_CALLS`.
    """

    def __init__(self, program: str, scratch: str, cpu_s: int, address_space_bytes: int, file_bytes: int) -> None:
        self.program = program
        self.scratch = scratch
        self.limits = (
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_AS, address_space_bytes),
            (resource.RLIMIT_FSIZE, file_bytes),
            (resource.RLIMIT_NOFILE, 32),
            (resource.RLIMIT_CORE, 0),
        )
        self._ruleset = -1

    def __enter__(self) -> Confinement:
        version = landlock_version()
        if version:
            handled = _ALL_V1 | sum(bit for since, bit in _LATER if version >= since)
            attributes = struct.pack("=Q", handled)
            self._ruleset = int(_libc().syscall(_CREATE_RULESET, attributes, len(attributes), 0))
            os.set_inheritable(self._ruleset, False)
            self._allow(os.path.realpath(self.program), _EXECUTE | _READ_FILE, handled)
            self._allow(self.scratch, handled & ~_EXECUTE, handled)
            for path in _LIBRARIES:
                self._allow(path, _EXECUTE | _READ_FILE, handled)
        return self

    def _allow(self, path: str, rights: int, handled: int) -> None:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        if not os.path.isdir(path):
            rights &= _FILE_RIGHTS
        _libc().syscall(_ADD_RULE, self._ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights & handled, fd), 0)
        os.close(fd)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ruleset >= 0:
            os.close(self._ruleset)
            self._ruleset = -1

    def enter(self) -> None:
        """In the child, between fork and exec: put up the walls. An OSError here makes the parent's call fail."""
        for which, limit in self.limits:
            hard = resource.getrlimit(which)[1]
            value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            resource.setrlimit(which, (value, value))
        if self._ruleset >= 0:
            libc = _libc()
            if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, self._ruleset, 0):
                raise OSError(ctypes.get_errno(), "landlock")
        # Where the kernel filters nothing, the start of the worker service has said so.
        put_up(tool_filter())


def enter_tool_walls(scratch: str) -> None:
    """Put up around this process what stands around an assembler that works in `scratch`: for the test of the walls."""
    with Confinement("/usr/bin/nasm", scratch, cpu_s=10, address_space_bytes=1 << 40, file_bytes=1 << 20) as walls:
        walls.enter()
