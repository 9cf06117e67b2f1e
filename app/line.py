"""The way from a session to its browser, over as many connections as it takes.

Until the browser asks to be kept, a line is its socket. From then on messages are counted on both sides and remembered
here until the browser says that it has them. When the connection breaks, whoever sends waits; a new connection gets
what the old one did not bring, and the stream goes on without a byte missing or doubled.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from app.livesocket import ConnectionClosed, Opcode

#: What is remembered. A session that sent more cannot be resumed until its browser says that it has everything.
REMEMBERED_BYTES = 4 << 20

Message = tuple[Opcode, bytes]


class Connection(Protocol):
    """What a line needs of a `LiveSocket`, or of one that another web process holds."""

    def send_message(self, opcode: Opcode, payload: bytes) -> None:
        """Send one whole message, of TEXT as UTF-8; ConnectionClosed once the connection is over."""
        ...

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The next message; None after `timeout` seconds or an `interrupt`."""
        ...

    def interrupt(self) -> None:
        """Make `receive` return None now and from now on."""
        ...

    def close(self, reason: int | None = None, message: str | None = None, last: str | None = None) -> None:
        """Send `last` and a close frame, if that can be done at once. Never raises."""
        ...

    def finish(self, linger_s: float | None = None) -> None:
        """The last call."""
        ...

    @property
    def is_broken(self) -> bool:
        """True when the connection ended without the browser's wish: it may come back."""
        ...


class Line:
    """Messages to one browser, in order and each once. Thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self._changed = threading.Condition()
        self._sending = threading.RLock()
        self._connection = connection
        self._is_over = False
        self._is_kept = False
        self._kept: deque[Message] = deque()
        self._kept_bytes = 0
        self._sent = 0
        self._has_gap = False  # too much was to be remembered: `_kept` is empty, and stays so

    @property
    def connection(self) -> Connection:
        """The connection of now, or the last one."""
        return self._connection

    @property
    def can_be_resumed(self) -> bool:
        """Has the browser asked for it, and is everything still there that it might lack?"""
        return self._is_kept and not self._has_gap

    def keep(self, last: str) -> None:
        """Send `last`, and number and remember all messages after it."""
        with self._sending:
            self._is_kept = True  # before it breaks
            self._connection.send_message(Opcode.TEXT, last.encode())

    def has(self, count: int) -> None:
        """The browser has the first `count` messages."""
        with self._sending:
            while self._kept and self._sent - len(self._kept) < count:
                self._kept_bytes -= len(self._kept.popleft()[1])
            self._has_gap = self._has_gap and count < self._sent

    def send(self, text: str) -> None:
        """Send a text; see `send_message`."""
        self.send_message(Opcode.TEXT, text.encode())

    def send_message(self, opcode: Opcode, payload: bytes) -> None:
        """Send one message; waits while there is no connection. ConnectionClosed once there will be none any more."""
        with self._sending:
            connection = self._connection
            if self._is_kept:
                self._remember((opcode, payload))
            try:
                connection.send_message(opcode, payload)
                return
            except ConnectionClosed:
                if not self.can_be_resumed:
                    raise
        with self._changed:
            self._changed.wait_for(lambda: self._is_over or self._connection is not connection)
            if self._is_over:
                raise ConnectionClosed

    def _remember(self, message: Message) -> None:
        self._sent += 1
        if self._has_gap:
            return
        self._kept.append(message)
        self._kept_bytes += len(message[1])
        if self._kept_bytes > REMEMBERED_BYTES:
            self._has_gap, self._kept_bytes = True, 0
            self._kept.clear()

    def resume(self, connection: Connection, first: str, has: int) -> None:
        """Go on over another connection: `first`, then whatever the browser lacks, which has `has` messages."""
        with self._sending:
            self.has(has)
            try:
                for opcode, payload in [(Opcode.TEXT, first.encode()), *self._kept]:
                    connection.send_message(opcode, payload)
            except ConnectionClosed:
                pass  # it broke again: whoever receives from it notices
            with self._changed:
                self._connection = connection
                self._changed.notify_all()

    def knows(self, count: int) -> bool:
        """May a browser say that it has `count` messages: not fewer than it said before, not more than were sent?"""
        return self._sent - len(self._kept) <= count <= self._sent

    def end(self) -> None:
        """Let go of whoever waits for another connection."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
