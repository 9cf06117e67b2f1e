"""Tries, inside a confined process, what a worker must not be able to do. Run at every start of the service.

It is a check that the walls stand on this host, not a proof that there is no way around them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from collections.abc import Callable, Iterator

_NEW_USER_NAMESPACE = 0x10000000
_PTRACE_ATTACH = 16

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: Callable[..., int], *arguments: int | bytes | None) -> None:
    """A libc function that answers -1 for an error."""
    # SAFETY: integers and constant strings only.
    if function(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _forbidden(service: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """(name, attempt); `service` is the process id of the zygote."""
    yield "read_a_file_of_the_host", lambda: os.open("/etc/passwd", os.O_RDONLY)
    yield "read_a_secret", lambda: os.open("/etc/shadow", os.O_RDONLY)
    yield "list_the_root", lambda: os.listdir("/")
    yield "write_in_the_temporary_folder", lambda: os.open("/tmp/glassbox-probe", os.O_CREAT | os.O_WRONLY)  # noqa: S108
    yield "write_to_the_system", lambda: os.open("/usr/glassbox-probe", os.O_CREAT | os.O_WRONLY)
    yield "leave_its_folder", lambda: os.open("../probe", os.O_CREAT | os.O_WRONLY)
    yield "open_a_connection", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    yield "open_a_local_socket", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    yield "signal_the_service", lambda: os.kill(service, signal.SIGCONT)
    yield "trace_the_service", lambda: _call(_libc.ptrace, _PTRACE_ATTACH, service, None, None)
    yield "read_the_memory_of_the_service", lambda: os.open(f"/proc/{service}/mem", os.O_RDONLY)
    yield "enter_a_namespace", lambda: _call(_libc.unshare, _NEW_USER_NAMESPACE)
    yield "mount", lambda: _call(_libc.mount, b"none", b"/tmp", b"tmpfs", 0, None)
    yield "change_its_root", lambda: os.chroot(".")
    yield "become_root", lambda: os.setuid(0)


def attempts(service: int) -> dict[str, str]:
    """What came of each attempt: the name of the error, or `done`."""
    results = {}
    for name, attempt in _forbidden(service):
        try:
            attempt()
        except OSError as error:
            results[name] = type(error).__name__
        else:
            results[name] = "done"
    return results


def failed_protections(service: int) -> dict[str, str]:
    """The attempts that were not refused, each with what to think of it."""
    return {name: "a worker can do this" for name, result in attempts(service).items() if result == "done"}
