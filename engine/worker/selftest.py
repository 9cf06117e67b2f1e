"""Tries, inside a confined process, one call of each kind that a worker must not be able to make.

Run at every start of the service. It is a check that the walls stand on this host, not a proof that there is no way
around them.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

_NEW_USER_NAMESPACE = 0x10000000
_PTRACE_ATTACH = 16
_TIOCSTI, _KVM_CREATE_DEVICE = 0x5412, 0xC00CAEE0
#: On every architecture: io_uring_setup, pidfd_open, landlock_create_ruleset, process_madvise, memfd_secret, clone3.
_IO_URING_SETUP, _PIDFD_OPEN, _LANDLOCK, _PROCESS_MADVISE, _MEMFD_SECRET, _CLONE3 = 425, 434, 444, 440, 447, 435

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], *arguments: int | bytes | None) -> None:
    """A libc function that answers -1 for an error."""
    # SAFETY: integers and constant strings only.
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _system(number: int, *arguments: int) -> None:
    _call(_libc.syscall, number, *arguments)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _thread() -> None:
    try:
        threading.Thread(target=int).start()
    except RuntimeError as error:
        raise PermissionError(str(error)) from error


def _files(service: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "read_a_file_of_the_host", lambda: os.open("/etc/passwd", os.O_RDONLY)
    yield "read_a_secret", lambda: os.open("/etc/shadow", os.O_RDONLY)
    yield "read_a_program", lambda: os.open("/bin/sh", os.O_RDONLY)
    yield "read_the_memory_of_the_service", lambda: os.open(f"/proc/{service}/mem", os.O_RDONLY)
    yield "open_a_device", lambda: os.open("/dev/null", os.O_RDWR)
    yield "list_the_root", lambda: os.listdir("/")
    yield "list_its_folder", lambda: os.listdir(".")
    yield "look_at_a_file", lambda: os.stat("/etc/passwd")
    yield "write_in_the_temporary_folder", lambda: os.open("/tmp/glassbox-probe", os.O_CREAT | os.O_WRONLY)  # noqa: S108
    yield "write_to_the_system", lambda: os.open("/usr/glassbox-probe", os.O_CREAT | os.O_WRONLY)
    yield "write_in_its_folder", lambda: os.open("probe", os.O_CREAT | os.O_WRONLY)
    yield "leave_its_folder", lambda: os.open("../probe", os.O_CREAT | os.O_WRONLY)
    yield "make_a_folder", lambda: os.mkdir("probe")
    yield "make_a_link", lambda: os.symlink("/", "probe")
    yield "remove_a_file", lambda: os.unlink("/usr/glassbox-probe")
    yield "rename_a_file", lambda: os.rename("a", "b")
    # Of its own folder, so that no harm is done where there are no walls.
    yield "change_a_mode", lambda: os.chmod(".", 0o700)
    yield "change_an_owner", lambda: os.chown(".", os.getuid(), os.getgid())
    yield "change_its_folder", lambda: os.chdir("/")
    yield "change_its_root", lambda: os.chroot(".")
    yield "mount", lambda: _call(_libc.mount, b"none", b".", b"tmpfs", 0, None)
    yield "make_a_file_in_memory", lambda: os.memfd_create("probe")
    yield "make_secret_memory", lambda: _system(_MEMFD_SECRET, 0)


def _processes(service: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "fork", _fork
    yield "start_a_thread", _thread
    yield "clone", lambda: _system(_CLONE3, 0, 0)
    yield "execute_a_program", lambda: os.execve("/bin/true", ["true"], {})  # noqa: S606
    yield "start_a_program", lambda: subprocess.run(["/bin/true"], check=True, env={})
    yield "signal_the_service", lambda: os.kill(service, signal.SIGCONT)
    yield "signal_everyone", lambda: os.kill(-1, signal.SIGCONT)
    yield "hold_the_service", lambda: _system(_PIDFD_OPEN, service, 0)
    yield "advise_the_service", lambda: _system(_PROCESS_MADVISE, 0, 0, 0, 0, 0)
    yield "trace_the_service", lambda: _call(_libc.ptrace, _PTRACE_ATTACH, service, None, None)
    yield "limit_the_service", lambda: resource.prlimit(service, resource.RLIMIT_CPU, (1, 1))
    yield "raise_its_limits", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16))
    yield "change_its_priority", lambda: os.setpriority(os.PRIO_PROCESS, service, 19)
    yield "leave_its_group", os.setsid
    yield "become_root", lambda: os.setuid(0)
    yield "enter_a_namespace", lambda: _call(_libc.unshare, _NEW_USER_NAMESPACE)


def _rest(service: int) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "open_a_connection", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    yield "open_a_local_socket", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield "open_a_kernel_socket", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    yield "make_a_socket_pair", socket.socketpair
    yield "make_a_pipe", os.pipe
    yield "type_into_a_terminal", lambda: fcntl.ioctl(2, _TIOCSTI, b"x")
    yield "make_a_kvm_device", lambda: fcntl.ioctl(0, _KVM_CREATE_DEVICE, bytes(12))
    yield "own_signals_of_a_descriptor", lambda: fcntl.fcntl(2, fcntl.F_SETOWN, service)
    yield "start_io_uring", lambda: _system(_IO_URING_SETUP, 1, 0)
    yield "ask_for_landlock", lambda: _system(_LANDLOCK, 0, 0, 1)
    yield "change_the_clock", lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())
    yield "name_the_host", lambda: socket.sethostname(socket.gethostname())


def _forbidden(service: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """(name, attempt); `service` is the process id of the zygote."""
    yield from _files(service)
    yield from _processes(service)
    yield from _rest(service)


def attempts(service: int) -> dict[str, str]:
    """What came of each attempt: the name of the error, or `done`."""
    results = {}
    for name, attempt in _forbidden(service):
        try:
            attempt()
        except (OSError, ValueError) as error:
            # `setrlimit` says ValueError for "not permitted"; nothing else here raises one.
            results[name] = "PermissionError" if isinstance(error, ValueError) else type(error).__name__
        else:
            results[name] = "done"
    return results


#: What a program of the system that works for a worker may do all the same: look for libraries, write its own files.
TOOLS_MAY = ("look_at_a_file", "write_in_its_folder")


def failed_protections(service: int) -> dict[str, str]:
    """The attempts of a worker that were not refused, each with what to think of it."""
    return {name: "a worker can do this" for name, result in attempts(service).items() if result == "done"}


def failed_tool_walls(service: int) -> dict[str, str]:
    """The same inside the walls of a program of the system."""
    done = [name for name, result in attempts(service).items() if result == "done" and name not in TOOLS_MAY]
    return {f"tool_{name}": "an assembler can do this" for name in done}
