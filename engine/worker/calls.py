"""The system calls of a worker: an allow list (engine/callfilter.py).

What is not in the table is refused with EPERM: no call that opens, names or changes a file, makes a socket, a process
or a thread, runs a program, or reaches another process. Facts: linux/kvm.h;
which calls the machines make was found by watching them.
"""

from __future__ import annotations

import fcntl
import sys
from functools import cache

from engine.callfilter import STEP, Call, compiled

#: Requests that a machine makes of /dev/kvm, its own VM and its own vCPU (linux/kvm.h).
KVM_REQUESTS = {
    "KVM_GET_API_VERSION": 0xAE00,
    "KVM_CREATE_VM": 0xAE01,
    "KVM_CHECK_EXTENSION": 0xAE03,
    "KVM_GET_VCPU_MMAP_SIZE": 0xAE04,
    "KVM_GET_SUPPORTED_CPUID": 0xC008AE05,
    "KVM_CREATE_VCPU": 0xAE41,
    "KVM_SET_TSS_ADDR": 0xAE47,
    "KVM_SET_USER_MEMORY_REGION": 0x4020AE46,
    "KVM_ENABLE_CAP": 0x4068AEA3,
    "KVM_RUN": 0xAE80,
    "KVM_GET_REGS": 0x8090AE81,
    "KVM_SET_REGS": 0x4090AE82,
    "KVM_GET_SREGS": 0x8138AE83,
    "KVM_SET_SREGS": 0x4138AE84,
    "KVM_GET_MSRS": 0xC008AE88,
    "KVM_SET_MSRS": 0x4008AE89,
    "KVM_GET_FPU": 0x81A0AE8C,
    "KVM_SET_FPU": 0x41A0AE8D,
    "KVM_SET_CPUID2": 0x4008AE90,
    "KVM_SET_GUEST_DEBUG": 0x4048AE9B,
    "KVM_GET_VCPU_EVENTS": 0x8040AE9F,
    "KVM_SET_VCPU_EVENTS": 0x4040AEA0,
    "KVM_GET_DEBUGREGS": 0x8080AEA1,
    "KVM_SET_DEBUGREGS": 0x4080AEA2,
    "KVM_GET_XSAVE": 0x9000AEA4,
    "KVM_SET_XSAVE": 0x5000AEA5,
    "KVM_GET_XCRS": 0x8188AEA6,
    "KVM_SET_XCRS": 0x4188AEA7,
}
FCNTL_COMMANDS = (fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL)


def allowed_calls(pid: int) -> tuple[Call, ...]:
    """The table, for the process `pid`; the most frequent ones first."""
    return (
        # Its pipe, and time to wait for it.
        Call("ioctl", 1, tuple(KVM_REQUESTS.values())),
        Call("read"),
        Call("write"),
        Call("recvfrom"),
        Call("sendto"),
        Call("poll"),
        Call("ppoll"),
        Call("close"),
        Call("shutdown"),
        Call("fstat"),
        Call("lseek"),
        Call("fcntl", 1, FCNTL_COMMANDS),
        # Memory of its own.
        Call("mmap"),
        Call("munmap"),
        Call("mprotect"),
        Call("mremap"),
        Call("madvise"),
        Call("brk"),
        # Time.
        Call("clock_gettime"),
        Call("clock_getres"),
        Call("gettimeofday"),
        Call("time"),
        Call("clock_nanosleep"),
        Call("nanosleep"),
        Call("timer_create"),
        Call("timer_settime"),
        Call("timer_gettime"),
        Call("timer_getoverrun"),
        Call("timer_delete"),
        Call("getrusage"),
        # Its own signals, locks and end.
        Call("futex"),
        Call("sched_yield"),
        Call("rt_sigaction"),
        Call("rt_sigprocmask"),
        Call("rt_sigreturn"),
        Call("sigaltstack"),
        Call("restart_syscall"),
        Call("tgkill", 0, (pid,)),
        Call("getpid"),
        Call("gettid"),
        Call("getuid"),
        Call("geteuid"),
        Call("getgid"),
        Call("getegid"),
        Call("getrandom"),
        Call("membarrier"),
        Call("exit"),
        Call("exit_group"),
    )


#: Stands for the process id where the filter is compiled once for all workers; no process has it.
_ANY_PID = 0x7FFFFFFF


@cache
def _template() -> tuple[bytes, int] | None:
    """The compiled filter, and where the process id belongs in it."""
    code = compiled(allowed_calls(_ANY_PID))
    if code is None:
        return None
    operands = [STEP.unpack_from(code, at)[3] for at in range(0, len(code), STEP.size)]
    return code, operands.index(_ANY_PID) * STEP.size + STEP.size - 4


def worker_filter(pid: int) -> bytes | None:
    """The filter of the worker `pid` as the kernel takes it; None for a kind of processor that has no table.

    Compiled at the first call: the warm process makes that, so that no worker needs to.
    """
    found = _template()
    if found is None:
        return None
    code, at = found
    return code[:at] + pid.to_bytes(4, sys.byteorder) + code[at + 4 :]
