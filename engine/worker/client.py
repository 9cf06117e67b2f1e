"""What the web process uses: a pool that starts workers, and a handle on each.

    pool = WorkerPool(WorkerLimits())
    worker = pool.start()                     # a fresh session in a sandboxed process of its own
    worker.send(b'{"v": 1, "id": 1, "do": "open", …}')
    answer = worker.receive(timeout_s=1.0)    # Frame(kind, payload) | None (timeout) | Closed(reason, message)
    worker.kill("idle")                       # receive() then answers Closed("idle", …)
    worker.close()                            # free the socket; done already once receive() answered Closed
    pool.close()

The first `start` launches the zygote, a warm process that forks the workers; a zygote that died is launched again by
the next `start`. Commands go in as JSON text and come back out as frames, unread. All methods may be called from any
thread; `receive` of one worker from one thread at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.errors import HostUnavailable, LimitExceeded
from engine.worker.frames import JSON, TO_WEB, Frame, FrameError, FrameSocket
from engine.worker.limits import WorkerLimits

#: The function that a worker runs: `module:name`, called with (FrameSocket, WorkerLimits, Tally).
SESSION_ENTRY = "engine.worker.server:serve"

#: Sentences for the visitor, by reason; a more exact one from the zygote goes before.
MESSAGES = {
    "limit": "The session used more than it may and was ended.",
    "idle": "The session was idle for too long and was ended.",
    "killed": "The session was ended.",
    "crashed": "The machine's process ended unexpectedly. Run the program again to go on.",
    "shutdown": "The server is shutting down.",
    "ended": "The session is over.",
}

#: Workers that one pool starts at the same time, and how long others wait for their turn.
STARTS_AT_ONCE = 4
TURN_S = 120.0

_CONTROL_BYTES = 1 << 16
_REPORT_WAIT_S = 5.0


@dataclass(frozen=True)
class Closed:
    """Why a worker is gone: reason `limit`, `idle`, `killed`, `crashed`, `shutdown` or `ended`, and a sentence.

    For `limit` also which budget it was: `time`, `memory` or `processor`.
    """

    reason: str
    message: str
    budget: str = ""


class Worker:
    """One session's process, seen from the web process. Made by `WorkerPool.start`."""

    def __init__(self, number: int, pool: WorkerPool, frames: FrameSocket) -> None:
        self.number = number
        self.pid = 0
        self._pool = pool
        self._frames = frames
        self._closed: Closed | None = None
        self._settled = threading.Event()
        self._ended = threading.Event()

    def send(self, command: bytes, timeout_s: float = 10.0) -> None:
        """Hand the worker one command (JSON text). A worker that is gone or does not read is noticed by `receive`."""
        try:
            self._frames.send(JSON, command, timeout_s)
        except TimeoutError:
            self.kill("killed", "The session stopped taking commands and was ended.")
        except OSError:
            self._frames.shutdown()

    def try_send(self, command: bytes) -> bool:
        """As `send`, if that can be done without waiting; False, and nothing was sent, if not."""
        try:
            return self._frames.try_send(JSON, command)
        except OSError:
            self._frames.shutdown()
            return True  # gone, which `receive` reports

    def receive(self, timeout_s: float | None = None) -> Frame | Closed | None:
        """The next frame; None after `timeout_s` without one; Closed, again and again, once the worker is gone.

        Frames that the worker sent before its end come first.
        """
        if not self._frames.is_closed:
            try:
                return self._frames.receive(timeout_s)
            except EOFError:
                self._ended.wait(_REPORT_WAIT_S)
            except FrameError:
                if self._closed is not None and self._closed.reason == "ended":
                    self._closed = None  # its exit status told of a good end, and came first
                    self._ended.clear()
                self._end(Closed("crashed", MESSAGES["crashed"]))
                self.kill("crashed")
            self._frames.close()
        return self._closed or Closed("crashed", MESSAGES["crashed"])

    @property
    def closed(self) -> Closed | None:
        """Why the worker is gone, or None while it runs."""
        return self._closed

    def kill(self, reason: str = "killed", message: str | None = None) -> None:
        """End the process and all it started, now. `reason` is what `receive` then reports. Idempotent."""
        self._pool._tell({"do": "kill", "id": self.number, "reason": reason, "message": message})
        self._frames.shutdown()

    def close(self, reason: str = "ended") -> None:
        """`kill`, wait for the end, and free the socket. For the thread that receives. Idempotent."""
        if not self._frames.is_closed:
            self.kill(reason)
            self._ended.wait(_REPORT_WAIT_S)
            self._frames.close()

    def _end(self, closed: Closed) -> None:
        """The zygote's report, or its own end."""
        if not self._ended.is_set():
            self._closed = closed
            self._ended.set()
            self._settled.set()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class WorkerPool:
    """Starts workers through the zygote and hears of their ends. `entry` is the function that a worker runs.

    `on_ticks` is told, some times a second, how many instructions all workers have executed since the last time; it is
    called in the pool's own thread.
    """

    def __init__(
        self,
        limits: WorkerLimits | None = None,
        *,
        entry: str = SESSION_ENTRY,
        on_ticks: Callable[[int], None] | None = None,
    ) -> None:
        self.limits = limits or WorkerLimits()
        self._on_ticks = on_ticks
        self._entry = entry
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._turns = threading.Semaphore(STARTS_AT_ONCE)
        self._workers: dict[int, Worker] = {}
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self.report: dict[str, Any] = {}

    def start(self, timeout_s: float = 20.0) -> Worker:
        """A fresh worker. LimitExceeded("workers") when too many run, HostUnavailable if none can be started.

        Only some are started at a time: whoever comes in a crowd waits for its turn first, up to `TURN_S`.
        """
        if not self._turns.acquire(timeout=TURN_S):
            raise HostUnavailable("too many sessions are being opened", hint="try again in a moment")
        try:
            return self._start(timeout_s)
        finally:
            self._turns.release()

    def _start(self, timeout_s: float) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            with self._lock:
                control = self._zygote()
                worker = Worker(next(self._numbers), self, FrameSocket(ours, TO_WEB))
                self._workers[worker.number] = worker
            request = json.dumps({"do": "fork", "id": worker.number}).encode()
            try:
                socket.send_fds(control, [request], [theirs.fileno()])
            except OSError as error:
                self._forget(worker)
                worker._frames.close()
                raise HostUnavailable("the worker service is gone", hint="try again") from error
        if not worker._settled.wait(timeout_s):
            worker.kill("killed")
            self._forget(worker)
            worker._frames.close()
            raise HostUnavailable("the worker service does not answer", hint="try again")
        closed = worker.closed
        if closed is not None and worker.pid == 0:
            worker._frames.close()
            if closed.reason == "full":
                raise LimitExceeded("workers", closed.message)
            raise HostUnavailable(closed.message, hint="try again")
        return worker

    def warm(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Launch the zygote now and wait until it is ready; answers its report of what protects this host.

        The report: `{"pid", "rooms": {name: null or why it cannot run}, "protections": {name: true or why not}}`.
        """
        with self._lock:
            self._zygote()
        if not self._ready.wait(timeout_s):
            raise HostUnavailable("the worker service does not start", hint="look at the server's log")
        return self.report

    def close(self) -> None:
        """End every worker and the zygote. Idempotent."""
        with self._lock:
            control, process = self._control, self._process
            self._control = self._process = None
        if control is not None:
            with contextlib.suppress(OSError):
                control.shutdown(socket.SHUT_RDWR)
        if process is not None:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _zygote(self) -> socket.socket:
        """The control socket of a living zygote; launches one if need be. Holds the lock."""
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "engine.worker.zygote", str(theirs.fileno())]
        command += [self.limits.to_json(), self._entry]
        root = Path(__file__).resolve().parents[2]
        with theirs:
            self._process = subprocess.Popen(
                command, cwd=root, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, start_new_session=True
            )
        self._control = ours
        self._ready.clear()
        threading.Thread(target=self._listen, args=(ours, self._process), daemon=True, name="worker-pool").start()
        return ours

    def _tell(self, message: dict[str, Any]) -> None:
        with self._lock:
            control = self._control
        if control is not None:
            with contextlib.suppress(OSError):
                control.send(json.dumps(message).encode(), socket.MSG_NOSIGNAL)

    def _forget(self, worker: Worker) -> None:
        with self._lock:
            self._workers.pop(worker.number, None)

    def _listen(self, control: socket.socket, process: subprocess.Popen[bytes]) -> None:
        """The pool's own thread: what the zygote reports. Ends with the zygote."""
        with control:
            while True:
                try:
                    data = control.recv(_CONTROL_BYTES)
                except OSError:
                    break
                if not data:
                    break
                self._heed(json.loads(data))
        process.wait()
        with self._lock:
            mine = self._control is control
            if mine:
                self._control = self._process = None
            orphans = list(self._workers.values())
            self._workers.clear()
        word = "crashed" if mine else "shutdown"
        for worker in orphans:
            worker._end(Closed(word, MESSAGES[word]))
            worker._frames.shutdown()

    def _heed(self, message: dict[str, Any]) -> None:
        if message["event"] == "ready":
            self.report = message["report"]
            self._ready.set()
            return
        if message["event"] == "ticks":
            if self._on_ticks is not None:
                self._on_ticks(message["ticks"])
            return
        with self._lock:
            worker = self._workers.get(message["id"])
            if message["event"] != "forked":
                self._workers.pop(message["id"], None)
        if worker is None:
            return
        if message["event"] == "forked":
            worker.pid = message["pid"]
            worker._settled.set()
        else:
            reason = message["reason"]
            worker._end(
                Closed(reason, message.get("message") or MESSAGES.get(reason, reason), message.get("budget", ""))
            )
