"""The warm process: has every machine loaded, forks a worker for each session, kills and buries it.

`python -m engine.worker.zygote CONTROL_FD LIMITS_JSON ENTRY`, launched by `client.WorkerPool`. Single-threaded, so a
fork copies a quiet process. Requests come as JSON datagrams on the control socket: `fork` with one descriptor (the
worker's end of its pipe), `kill`. It reports `ready`, `forked`, `refused`, `exited` and `ticks`. The end of the control
socket is its own end, and its end is every worker's. Of what workers write it reads one number each, whose sum it
reports (engine/worker/tally.py): that something arrived on a worker's second pipe makes it fork a helper, which reads
it (engine/worker/outside.py).
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import logging
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.rooms import ROOMS
from engine.worker.calls import worker_filter
from engine.worker.cgroup import Cgroup
from engine.worker.frames import REST_S, TO_WORKER, FrameSocket
from engine.worker.limits import WorkerLimits
from engine.worker.outside import ANSWERS, HELPER_S, REQUESTS, Outside, answer_one
from engine.worker.rehearsal import practise, read_all, rehearse, warm_rooms
from engine.worker.sandbox import confine
from engine.worker.selftest import failed_protections, failed_tool_walls
from engine.worker.settling import fork, settle
from engine.worker.tally import Tally

log = logging.getLogger("glassbox.worker")

#: Exit statuses of a worker: it served to the end of its pipe, it ran out of memory, it met a bug of ours.
SERVED, OUT_OF_MEMORY, BROKEN = 0, 3, 4

#: Scratch folders of a service lie in a folder of this name with its process id.
SCRATCH_PREFIX = "glassbox-workers-"

_WATCH_S = 0.25
_SELF_TEST_S = 10.0
_DATAGRAM = 1 << 16
_STATM_BYTES = 256
#: What the zygote has open: besides, and for each worker (its second pipe, its size, one that is being forked).
DESCRIPTORS, DESCRIPTORS_PER_WORKER = 64, 3

Entry = Callable[[FrameSocket, WorkerLimits, Tally], None]


@dataclass(frozen=True)
class End:
    """Why a worker is over: a reason, a sentence for the visitor (None: the usual one), and the budget that ran out."""

    reason: str
    message: str | None = None
    budget: str = ""


@dataclass
class Child:
    """One living worker, and what to report when it ends.

    `asks` is the zygote's end of its second pipe, `memory` its open `/proc/PID/statm` (-1: there is none).
    """

    number: int
    pid: int
    deadline: float
    asks: socket.socket
    tally: Tally
    memory: int
    helper: int | None = None
    end: End | None = None


@dataclass(frozen=True)
class Helper:
    """A process that does something for the worker `owner` (its pid)."""

    pid: int
    owner: int
    deadline: float
    scratch: str


def _open_statm(pid: int) -> int:
    try:
        return os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def allow_descriptors(wanted: int) -> None:
    """Let this process have so many descriptors open, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def load_entry(name: str) -> Entry:
    """The function that `module:function` names."""
    module, _, function = name.partition(":")
    entry: Entry = getattr(importlib.import_module(module), function)
    return entry


def make_scratch() -> tuple[str, int]:
    """A folder of this service and a descriptor that holds its lock: nobody sweeps it up while it is open."""
    while True:
        path = tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-")
        with contextlib.suppress(FileNotFoundError):
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(folder, fcntl.LOCK_EX)
            if os.path.isdir(path):  # else it was swept up before it was locked
                return path, folder
            os.close(folder)


def sweep_scratch() -> None:
    """Remove what a service left that was killed before it could.

    A service in a container may share this folder and not be among the processes that are seen here: it holds a lock.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}*"):
        owner = path.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            is_left = owner.isdigit() and not Path("/proc", owner).exists()
            if is_left and path.lstat().st_uid == os.geteuid():
                folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
                finally:
                    os.close(folder)


class Zygote:
    """The loop and its children."""

    def __init__(self, control: socket.socket, limits: WorkerLimits, entry: Entry, keep: list[int]) -> None:
        self._control = control
        self._limits = limits
        self._entry = entry
        self._keep = keep
        # Scratch folders of helpers; each may enter its own only, and list none.
        sweep_scratch()
        self._folder, self._folder_lock = make_scratch()
        os.chmod(self._folder, 0o711)  # noqa: S103 - to enter is all that others may
        self._empty = f"{self._folder}/empty"
        os.mkdir(self._empty)
        os.chmod(self._empty, 0o111)  # noqa: S103
        self._children: dict[int, Child] = {}
        self._helpers: dict[int, Helper] = {}
        self._poll = select.poll()
        self._watch_at = 0.0
        self._cgroup = Cgroup.make(limits)

    def serve(self, rooms: dict[str, str | None]) -> None:
        """Serve until the control socket ends; then end every worker."""
        wake_reader, wake_writer = socket.socketpair()
        for end in (wake_reader, wake_writer):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_writer.fileno(), warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake_reader, select.POLLIN)
        report = {"pid": os.getpid(), "rooms": rooms, "protections": self._test_protections()}
        self._report({"event": "ready", "report": report})
        try:
            while True:
                ready = dict(self._poll.poll(_WATCH_S * 1000 if self._children else None))
                if wake_reader.fileno() in ready:
                    with contextlib.suppress(BlockingIOError):
                        wake_reader.recv(4096)
                self._bury()
                if self._control.fileno() in ready and not self._heed():
                    return
                self._help([child for child in self._children.values() if child.asks.fileno() in ready])
                self._watch()
        finally:
            for child in self._children.values():
                self._kill(child, "shutdown")
            for pid in (*self._children, *self._helpers):
                with contextlib.suppress(OSError):
                    os.killpg(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            self._cgroup.remove()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _heed(self) -> bool:
        """One request; False at the end of the control socket."""
        data, descriptors, _, _ = socket.recv_fds(self._control, _DATAGRAM, 1)
        if not data:
            return False
        request = json.loads(data)
        if request["do"] == "fork":
            try:
                self._fork(request["id"], descriptors[0])
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
        else:
            for child in self._children.values():
                if child.number == request["id"]:
                    self._kill(child, request["reason"], request["message"])
        return True

    def _fork(self, number: int, descriptor: int) -> None:
        if len(self._children) >= self._limits.workers:
            self._report(
                {"event": "refused", "id": number, "reason": "full", "message": "All places are taken right now."}
            )
            return
        parent, now = os.getpid(), time.monotonic()
        try:
            asks, answers = socket.socketpair()
            tally = Tally(now)
            pid = fork()
        except OSError as error:
            self._report({"event": "refused", "id": number, "reason": "crashed", "message": f"no process: {error}"})
            return
        if pid == 0:
            # Nothing may return from here: the parent's stack belongs to the parent.
            status = BROKEN
            try:
                status = self._become_worker(number, descriptor, answers, tally, parent)
            finally:
                os._exit(status)
        answers.close()
        tally.keep_from_others()
        # Also done by the child; whoever comes first, a kill of the group never misses.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._cgroup.add(number, pid)
        self._children[pid] = Child(number, pid, now + self._limits.wall_s, asks, tally, _open_statm(pid))
        self._poll.register(asks, select.POLLIN)
        self._report({"event": "forked", "id": number, "pid": pid})

    def _help(self, asking: list[Child]) -> None:
        """Fork helpers for workers that ask: one each, and no more than `limits.helpers` at once."""
        for child in asking:
            self._poll.unregister(child.asks)
            if len(self._helpers) < self._limits.helpers:
                self._fork_helper(child)
        self._listen_again()

    def _listen_again(self) -> None:
        """Hear the workers that have no helper, as long as there may be one more."""
        if len(self._helpers) < self._limits.helpers:
            for child in self._children.values():
                if child.helper is None:
                    self._poll.register(child.asks, select.POLLIN)

    def _fork_helper(self, child: Child) -> None:
        parent, scratch = os.getpid(), f"{self._folder}/{child.number}"
        try:
            os.mkdir(scratch, 0o700)
            pid = fork()
        except OSError as error:
            self._kill(child, "crashed", f"The session's process could get no help: {error.strerror}")
            return
        if pid == 0:
            # Nothing may return from here: the parent's stack belongs to the parent.
            with contextlib.suppress(BaseException):
                signal.set_wakeup_fd(-1)
                confine(self._limits, child.number, self._empty, scratch, [child.asks.fileno()], parent)
                answer_one(FrameSocket(child.asks, REQUESTS))
            os._exit(0)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._cgroup.add(child.number, pid)
        child.helper = pid
        self._helpers[pid] = Helper(pid, child.pid, time.monotonic() + HELPER_S, scratch)

    def _test_protections(self) -> dict[str, bool | str]:
        """Throwaway processes confine themselves and try what must fail; see engine/worker/selftest.py."""
        parent = os.getpid()

        def as_worker(writer: int) -> dict[str, bool | str]:
            done = confine(self._limits, 0, self._empty, None, [writer, *self._keep], parent)
            return {**done, **failed_protections(parent)}

        protections = self._throwaway(as_worker)
        for room in ROOMS:
            walls: Callable[[str], None] | None = getattr(room.module, "enter_tool_walls", None)
            if walls is not None:
                protections.update(self._test_tool_walls(walls, parent))
        protections["cgroup"] = self._cgroup.outcome
        for name, outcome in protections.items():
            if outcome is not True:
                log.warning("workers are less protected here: %s: %s", name, outcome)
        return protections

    def _test_tool_walls(self, walls: Callable[[str], None], parent: int) -> dict[str, bool | str]:
        scratch = f"{self._folder}/walls"
        os.mkdir(scratch, 0o700)

        def as_tool(writer: int) -> dict[str, bool | str]:
            confine(self._limits, 0, self._empty, scratch, [writer], parent)
            walls(scratch)
            failed = failed_tool_walls(parent)
            return {**failed} if failed else {"tools": True}

        try:
            return self._throwaway(as_tool, "tools")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    @staticmethod
    def _throwaway(test: Callable[[int], dict[str, bool | str]], name: str = "self_test") -> dict[str, bool | str]:
        """What a test answers in a process of its own, which gets a descriptor to keep open for the answer."""
        reader, writer = os.pipe()
        pid = fork()
        if pid == 0:
            # Nothing may return from here: the parent's stack belongs to the parent.
            with contextlib.suppress(BaseException):
                signal.set_wakeup_fd(-1)
                os.write(writer, json.dumps(test(writer)).encode())
            os._exit(0)
        os.close(writer)
        data = read_all(reader, _SELF_TEST_S)
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        try:
            answer: dict[str, bool | str] = json.loads(data)
        except ValueError:
            return {name: "the test of the sandbox did not finish"}
        return answer

    def _become_worker(self, number: int, descriptor: int, answers: socket.socket, tally: Tally, parent: int) -> int:
        """The child's whole life; its exit status."""
        signal.set_wakeup_fd(-1)
        try:
            pipe = FrameSocket(socket.socket(fileno=descriptor), TO_WORKER, REST_S)
            Outside(FrameSocket(answers, ANSWERS)).install()
            confine(self._limits, number, self._empty, None, [descriptor, answers.fileno(), *self._keep], parent)
            self._entry(pipe, self._limits, tally)
        except MemoryError:
            return OUT_OF_MEMORY
        except Exception:
            traceback.print_exc()
            return BROKEN
        return SERVED

    def _kill(self, child: Child, reason: str, message: str | None = None, budget: str = "") -> None:
        child.end = child.end or End(reason, message, budget)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)

    def _watch(self) -> None:
        """End the workers that live too long or hold too much memory; report what they executed."""
        now = time.monotonic()
        if now < self._watch_at:
            return
        self._watch_at = now + _WATCH_S
        self._report_ticks(sum(child.tally.take(now) for child in self._children.values()))
        for child in self._children.values():
            if now > child.deadline:
                self._kill(child, "limit", f"The session reached its limit of {self._limits.wall_s} s.", "time")
            elif self._resident_bytes(child) > self._limits.resident_bytes:
                limit = self._limits.resident_bytes >> 20
                self._kill(
                    child, "limit", f"The session's process reached its limit of {limit} MiB of memory.", "memory"
                )
        for helper in self._helpers.values():
            if now > helper.deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(helper.pid, signal.SIGKILL)

    @staticmethod
    def _resident_bytes(child: Child) -> int:
        if child.memory < 0:
            child.memory = _open_statm(child.pid)
        try:
            return int(os.pread(child.memory, _STATM_BYTES, 0).split()[1]) * resource.getpagesize()
        except (OSError, IndexError):
            return 0  # it has ended

    def _bury(self) -> None:
        """Reap what ended, sweep up what it left running in its group, and report."""
        while self._children or self._helpers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            helper = self._helpers.pop(pid, None)
            if helper is not None:
                self._bury_helper(helper)
            child = self._children.pop(pid, None)
            if child is None:
                continue
            with contextlib.suppress(KeyError):
                self._poll.unregister(child.asks)
            child.asks.close()
            if child.memory >= 0:
                os.close(child.memory)
            if child.helper is not None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.helper, signal.SIGKILL)
            self._cgroup.free(child.number)
            self._report_ticks(child.tally.take(time.monotonic()))
            child.tally.close()
            self._report({"event": "exited", "id": child.number, **asdict(self._why(child, status))})

    def _bury_helper(self, helper: Helper) -> None:
        shutil.rmtree(helper.scratch, ignore_errors=True)
        owner = self._children.get(helper.owner)
        if owner is not None:
            owner.helper = None
        self._listen_again()

    def _why(self, child: Child, status: int) -> End:
        if child.end is not None:
            return child.end
        code = os.waitstatus_to_exitcode(status)
        if code == SERVED:
            return End("ended")
        if code == OUT_OF_MEMORY:
            return End("limit", "The session's process ran out of memory.", "memory")
        if code == -signal.SIGXCPU:
            return End("limit", f"The session used up its {self._limits.cpu_s} s of processor time.", "processor")
        if code == -signal.SIGKILL:
            return End("killed", "The session's process was killed from outside.")
        log.error("worker %d (pid %d) ended with status %d", child.number, child.pid, code)
        name = signal.Signals(-code).name if code < 0 else f"status {code}"
        return End("crashed", f"The machine's process ended unexpectedly ({name}). Run the program again to go on.")

    def _report_ticks(self, ticks: int) -> None:
        if ticks:
            self._report({"event": "ticks", "ticks": ticks})

    def _report(self, message: dict[str, Any]) -> None:
        # The web process may be gone already; the loop notices at its next read.
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode(), socket.MSG_NOSIGNAL)


def main(arguments: list[str]) -> None:
    """Warm up, then serve."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    # Ctrl-C in a terminal is the web process's to handle; it ends us by closing the control socket.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limits = WorkerLimits.from_json(arguments[1])
    allow_descriptors(DESCRIPTORS + DESCRIPTORS_PER_WORKER * limits.workers)
    entry = load_entry(arguments[2])
    rooms, keep = warm_rooms()
    for room in ROOMS:
        rehearse(room)
    worker_filter(0)
    tempfile.gettempdir()
    os.environ.clear()
    settled = settle(practise)
    Zygote(control, limits, entry, keep).serve(rooms)
    del settled  # kept for as long as there are children


if __name__ == "__main__":
    main(sys.argv[1:])
