"""The gunicorn worker of Glassbox: gthread, with its main thread protected from its clients.

- Connections are closed gently by a thread of their own: gthread waits for the client on its main thread, up to two
  seconds each, so a few clients that never close stall every request and get the process killed.
- A plain request has a deadline from its first byte on, so slow senders cannot keep the threads.
- A signal to stop reaches the live sessions at once; without that their threads keep the process until it is killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from types import FrameType
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

from app.services import SandboxMissing, Services
from engine.errors import HostUnavailable

#: The exit status with which gunicorn's master gives up instead of starting the process again.
APP_LOAD_ERROR = 4
MAX_CLOSING = 512
CLOSING_S = 2.0
DRAIN_BYTES = 65536
READ_BYTES = 4096
#: How long a thread may keep the others from running Python while they want to. Python's own 5 ms add up, for whoever
#: answers a request beside threads that are flooded: each of the answer's system calls waits for its turn anew.
SWITCH_S = 0.0005


class Closer:
    """Closes connections gently: end our side, read on until the client ends its own or time is up, then close.

    Takes the place of `gunicorn.util.close_graceful`; `close` returns at once. Beyond MAX_CLOSING connections, the
    next ones are closed without waiting.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived: list[socket.socket] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._waiting: dict[int, tuple[socket.socket, float, int]] = {}
        threading.Thread(target=self._run, name="closer", daemon=True).start()

    def close(self, sock: socket.socket, timeout: float = CLOSING_S, max_drain: int = DRAIN_BYTES) -> None:
        """Close the socket in the background. The signature is that of gunicorn's function."""
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            sock.close()  # the client is gone
            return
        with self._lock:
            if len(self._waiting) + len(self._arrived) >= MAX_CLOSING:
                sock.close()
                return
            self._arrived.append(sock)
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"\0")

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        while True:
            soonest = min((deadline for _, deadline, _ in self._waiting.values()), default=None)
            wait_ms = None if soonest is None else max(0.0, soonest - monotonic()) * 1000
            for fd, _events in poll.poll(wait_ms):
                if fd == self._wake_read:
                    os.read(self._wake_read, READ_BYTES)
                    self._welcome(poll)
                else:
                    self._drain(poll, fd)
            now = monotonic()
            for fd in [fd for fd, (_, deadline, _) in self._waiting.items() if deadline <= now]:
                self._drop(poll, fd)

    def _welcome(self, poll: select.poll) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
        for sock in arrived:
            fd = sock.fileno()
            if fd >= 0:
                self._waiting[fd] = (sock, monotonic() + CLOSING_S, 0)
                poll.register(fd, select.POLLIN)

    def _drain(self, poll: select.poll, fd: int) -> None:
        sock, deadline, drained = self._waiting[fd]
        try:
            data = sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        drained += len(data)
        if data and drained < DRAIN_BYTES:
            self._waiting[fd] = (sock, deadline, drained)
        else:
            self._drop(poll, fd)

    def _drop(self, poll: select.poll, fd: int) -> None:
        sock, _, _ = self._waiting.pop(fd)
        poll.unregister(fd)
        sock.close()


class WebWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """One web process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - gunicorn's own arguments
        super().__init__(*args, **kwargs)
        self._deadlines: dict[TConn, float] = {}
        self.services: Services | None = None
        self.wsgi: Any = None

    def load_wsgi(self) -> None:
        """Make the application, in this process, and get its worker service ready before the first visitor."""
        try:
            super().load_wsgi()
        except HostUnavailable as error:
            self.log.critical("%s (%s)", error.message, error.hint)
            raise SystemExit(APP_LOAD_ERROR) from error
        sys.setswitchinterval(SWITCH_S)
        application: Any = self.wsgi
        found: Services = application.extensions["glassbox"]
        self.services = found

        def with_release(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            environ["glassbox.upgraded"] = partial(self._release, environ["gunicorn.socket"])
            answer: Iterable[bytes] = application(environ, start_response)
            return answer

        self.wsgi = with_release
        util.close_graceful = Closer().close
        try:
            found.start()
        except HostUnavailable as error:
            self.log.error("%s (%s): pages work, live sessions do not", error.message, error.hint)
        except SandboxMissing as error:
            self.log.critical("%s (%s)", error.message, error.hint)
            raise SystemExit(APP_LOAD_ERROR) from error
        # What is there now stays: looking through it for garbage again and again would stop every session meanwhile.
        gc.collect()
        gc.freeze()

    # Deadlines of plain requests

    def handle(self, conn: TConn) -> Any:  # noqa: ANN401 - gunicorn's own answer
        """As in gthread, but for a limited time."""
        limit_s = self.services.settings.request_s if self.services else 30.0
        self._deadlines[conn] = monotonic() + limit_s
        try:
            return super().handle(conn)
        finally:
            self._deadlines.pop(conn, None)

    def _release(self, sock: socket.socket) -> None:
        """This connection became a live socket, which keeps deadlines of its own."""
        for conn in list(self._deadlines):
            if conn.sock is sock:
                self._deadlines.pop(conn, None)

    def murder_pending(self) -> None:
        """What the main loop calls about once a second: end connections whose time is up."""
        super().murder_pending()
        now = monotonic()
        for conn, deadline in list(self._deadlines.items()):
            if deadline <= now:
                self._deadlines.pop(conn, None)
                # The thread that reads or writes finds the connection closed; it may not be closed under it.
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)

    # Stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what is at work, and tell the live sessions to end.

        (After SIGINT and SIGQUIT the process leaves its main loop at once; `worker_exit` tells them then.)
        """
        super().handle_exit(sig, frame)
        if self.services is not None:
            # In a thread: the signal may have interrupted somebody who holds one of the locks that this takes.
            threading.Thread(target=self.services.sessions.drain, name="drain", daemon=True).start()
