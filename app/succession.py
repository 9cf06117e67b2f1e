"""One server takes over from another without a moment in which nobody answers: `python -m app reload`.

A master says in `master` of the data folder who it is; each of its web processes says in `ready/PID` that it serves,
and for whom. To reload, the master is asked to start a second one beside it, with new code, on the same sockets
(SIGUSR2); once that one's processes serve, the first is told to stop (SIGTERM): its visitors are told, their pages come
back and replay. Nothing is refused meanwhile, and when the new one does not come up, the old one stays.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import HostUnavailable

MASTER, READY = "master", "ready"
LOOK_S = 0.1
START_S = 120.0
#: How long the old master may take to go, beyond what the settings give its web processes.
LEAVE_S = 60.0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)


def is_alive(pid: int) -> bool:
    """Whether there is such a process and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def note_master(data_path: Path) -> None:
    """This process is the master now."""
    with contextlib.suppress(OSError):
        _write(data_path / MASTER, str(os.getpid()))


def note_ready(data_path: Path) -> None:
    """This web process serves."""
    with contextlib.suppress(OSError):
        _write(data_path / READY / str(os.getpid()), str(os.getppid()))


def note_gone(data_path: Path) -> None:
    """This web process does not serve any more."""
    (data_path / READY / str(os.getpid())).unlink(missing_ok=True)


def current_master(data_path: Path) -> int | None:
    """The master that serves from this data folder; None if there is none."""
    try:
        pid = int((data_path / MASTER).read_text())
    except (OSError, ValueError):
        return None
    return pid if is_alive(pid) else None


def ready_processes(data_path: Path, master: int) -> list[int]:
    """The web processes of a master that serve."""
    found = []
    for path in (data_path / READY).glob("*"):
        with contextlib.suppress(OSError, ValueError):
            if int(path.read_text()) == master and is_alive(int(path.name)):
                found.append(int(path.name))
    return found


def _wait(is_true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True


def reload(data_path: Path, web_workers: int, start_s: float = START_S) -> tuple[int, int]:
    """Put a new master in the place of the running one; (old, new). HostUnavailable when that cannot be done."""
    old = current_master(data_path)
    if old is None:
        raise HostUnavailable("no server runs with this data folder", hint="GLASSBOX_DATA_DIR must be the server's")
    os.kill(old, signal.SIGUSR2)

    def new_serves() -> bool:
        new = current_master(data_path)
        return new not in (None, old) and len(ready_processes(data_path, new or 0)) >= web_workers

    if not _wait(new_serves, start_s):
        new = current_master(data_path)
        if new is not None and new != old:
            os.kill(new, signal.SIGTERM)
            _write(data_path / MASTER, str(old))
        raise HostUnavailable("the new server does not come up; the old one goes on", hint="look at the server's log")
    new = current_master(data_path)
    os.kill(old, signal.SIGTERM)
    if not _wait(lambda: not is_alive(old), LEAVE_S):
        raise HostUnavailable(f"the old server (process {old}) does not end", hint="the new one serves")
    return old, new or 0
