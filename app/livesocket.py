"""One browser's WebSocket, made safe: simple-websocket's server with the faults of its stack repaired.

What is different from the class below it:

- Frames are made and written under one lock and with `sendall`, pings and pongs included, so a slow reader gets the
  very bytes that were sent and no two frames interleave.
- Compression is never negotiated: a small message cannot unfold into a large one.
- What waits to be handled is bounded in messages and bytes; so is one message, and the time it may take to arrive.
- A peer that stops reading is cut off by the kernel (TCP_USER_TIMEOUT), one that vanished by keepalive and pings.
- The socket is shut down here but closed by the web server alone, which would otherwise count it twice.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from simple_websocket import ConnectionClosed, Server
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason, Opcode
from wsproto.utilities import ProtocolError

from app.wsframes import Boundary, plain_messages

__all__ = ["CloseReason", "ConnectionClosed", "LiveSocket", "Opcode", "SocketLimits"]

#: What the handshake needs of a request; the rest (cookies, offers of extensions) is not passed on.
HANDSHAKE_HEADERS = (
    "HTTP_HOST",
    "HTTP_CONNECTION",
    "HTTP_UPGRADE",
    "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_VERSION",
)
SEND_BUFFER_BYTES = 256 << 10
READ_BYTES = 16 << 10
#: So much later than a deadline the kernel may wake the reader; never earlier.
CLOCK_S = 0.01
#: Bytes that a closing connection may still send while we wait for its side of the closing handshake.
CLOSING_BYTES = 256 << 10


class Allowance:
    """How many messages a connection may send: so many a second, and twice as many at once after a silence.

    A flood is slowed down to that. It waits in its own connection, and not everybody else behind it.
    """

    def __init__(self, per_second: float) -> None:
        """`per_second` 0: no limit. For one thread."""
        self._per_second = per_second
        self._left = 2 * per_second
        self._at = monotonic()

    def spend(self, messages: float) -> None:
        """Count so many; what costs less than a message is given back in part."""
        self._left -= messages

    def rest_s(self) -> float:
        """How long to read nothing."""
        if not self._per_second:
            return 0.0
        now = monotonic()
        self._left = min(2 * self._per_second, self._left + self._per_second * (now - self._at))
        self._at = now
        return max(0.0, -self._left / self._per_second)


@dataclass(frozen=True)
class SocketLimits:
    """Bounds of one socket; durations in seconds."""

    message_bytes: int
    inbox_messages: int
    inbox_bytes: int
    ping_s: float
    message_s: float
    unread_s: float
    messages_per_s: float = 0.0
    linger_s: float = 1.0


class LiveSocket(Server):  # type: ignore[misc]  # simple_websocket has no types
    """A WebSocket over the connection of a request.

    Constructing it answers the handshake. Several threads may `send`; one may `receive`. A reader thread fills the
    inbox, answers pings and keeps the deadlines. Lock order: `_inbox_changed` is never held while writing.
    """

    def __init__(self, environ: Mapping[str, Any], limits: SocketLimits) -> None:
        """Take over the connection of a request; ProtocolError if the request is no WebSocket handshake."""
        self.limits = limits
        #: Called once, by the reader thread, when the connection is over: for what `receive` cannot wake.
        self.on_lost: Callable[[], None] = lambda: None
        #: True when the connection ended without the peer's wish: it may come back over another one.
        self.is_broken = False
        #: The place in the queue that the peer was told last.
        self.told_place = 0
        self._write_lock = threading.Lock()
        self._inbox: deque[str | bytes] = deque()
        self._inbox_bytes = 0
        self._inbox_changed = threading.Condition()
        self._interrupted = False
        #: Set by whoever receives: takes a message at once, in the reader's thread, or answers False. It never blocks.
        self.on_message: Callable[[str | bytes], bool] | None = None
        self._is_handling = False
        self._heard_at = monotonic()
        self._parts: list[str | bytes | bytearray] = []
        self._part_bytes = 0
        self._incomplete_since: float | None = None
        self._boundary = Boundary()
        #: Every message counts as one; whoever handles it may give some of that back.
        self.allowance = Allowance(limits.messages_per_s)
        self._is_over = threading.Event()
        self._ping_at = monotonic() + limits.ping_s
        self._unanswered_pings = 0
        self._pong_due: bytes | None = None
        self._closing_at: float | None = None
        connection: socket.socket = environ["gunicorn.socket"]
        _guard(connection, limits)
        kept = {name: environ[name] for name in HANDSHAKE_HEADERS if name in environ}
        super().__init__({**kept, "gunicorn.socket": connection}, thread_class=_daemon)

    # Sending

    def send(self, data: str | bytes) -> None:
        """Send one whole message; blocks while the peer is slow. ConnectionClosed once the connection is over."""
        if isinstance(data, bytes):
            self.send_message(Opcode.BINARY, data)
        else:
            self.send_message(Opcode.TEXT, data.encode())

    def send_message(self, opcode: Opcode, payload: bytes) -> None:
        """As `send`, for a payload whose bytes are ready; those of TEXT must be UTF-8."""
        head = frame_head(opcode, len(payload))
        with self._write_lock:
            if not self.connected:
                raise ConnectionClosed(self.close_reason, self.close_message)
            try:
                sent = self.sock.sendmsg((head, payload))
                if sent < len(head) + len(payload):
                    self.sock.sendall(memoryview(head + payload)[sent:])
            except OSError as gone:
                raise self._broken() from gone
            if self._pong_due is not None:
                payload, self._pong_due = self._pong_due, None
                self._write(Pong(payload=payload))

    def _write(self, event: Event) -> None:
        """Write one frame; the caller holds the write lock. ConnectionClosed when the peer is gone."""
        try:
            self.sock.sendall(self.ws.send(event))
        except (OSError, ProtocolError) as gone:
            raise self._broken() from gone

    def _broken(self) -> ConnectionClosed:
        self._lost(CloseReason.ABNORMAL_CLOSURE, "the connection broke")
        return ConnectionClosed(self.close_reason, self.close_message)

    def _answer_ping(self, payload: bytes) -> None:
        # While a message is being written its writer sends the pong after it: the reader must not wait for it.
        if self._write_lock.acquire(blocking=False):
            try:
                self._write(Pong(payload=payload))
            finally:
                self._write_lock.release()
        else:
            self._pong_due = payload

    def _ping(self) -> None:
        # A message on its way says as much as a ping would; whether it gets through is the kernel's deadline.
        if self._write_lock.acquire(blocking=False):
            try:
                self._unanswered_pings += 1
                self._write(Ping(payload=b""))
            finally:
                self._write_lock.release()

    # Receiving

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The next message that `on_message` did not take; None after `timeout` seconds without any, or an `interrupt`.

        ConnectionClosed when it is over.
        """
        began = monotonic()
        with self._inbox_changed:
            self._is_handling = False
            while self.connected and not self._inbox and not self._interrupted:
                left = None if timeout is None else max(began, self._heard_at) + timeout - monotonic()
                if left is not None and left <= 0:
                    return None
                self._inbox_changed.wait(left)
            if not self.connected:
                raise ConnectionClosed(self.close_reason, self.close_message)
            if self._interrupted:
                return None
            self._is_handling = True  # first, so that the reader never sees neither of the two
            message = self._inbox.popleft()
            self._inbox_bytes -= len(message)
            return message

    def interrupt(self) -> None:
        """Make `receive` return None now and from now on: the session is to end. Any thread may call it."""
        with self._inbox_changed:
            self._interrupted = True
            self._inbox_changed.notify_all()

    # Ending

    def close(self, reason: int | None = None, message: str | None = None, last: str | None = None) -> None:
        """Send `last` as a message and a close frame (code, sentence), if that can be done at once. Never raises."""
        code = CloseReason.NORMAL_CLOSURE if reason is None else reason
        # A writer that is stuck with a peer that does not read keeps the lock: then there is nobody to tell.
        if self._write_lock.acquire(timeout=0.1):
            try:
                if self._closing_at is None and self.connected:
                    farewell = self.ws.send(TextMessage(data=last)) if last is not None else b""
                    farewell += self.ws.send(CloseConnection(code=code, reason=message))
                    # One attempt without waiting: what does not fit into the buffer has a peer that does not read.
                    self.sock.send(farewell, socket.MSG_DONTWAIT)
            except (OSError, ProtocolError):
                pass  # the peer is gone already, or closed first
            finally:
                self._write_lock.release()
        self._lost(code, message)

    def finish(self, linger_s: float | None = None) -> None:
        """Close, give the peer `linger_s` to close its side, then shut the connection down and end the reader.

        The last call on a socket; idempotent. Without the wait the kernel would answer data that is still arriving
        with a reset, which can destroy the close frame on its way; without the shutdown the web server would wait.
        """
        self.close()
        self.thread.join(self.limits.linger_s if linger_s is None else linger_s)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()

    def _lost(self, code: int, message: str | None) -> None:
        """Remember why the connection is over (the first reason stays) and wake whoever waits for a message."""
        with self._inbox_changed:
            if self._closing_at is None:
                self._closing_at = monotonic()
                self.close_reason, self.close_message = code, message
                self.is_broken = self.is_broken or code == CloseReason.ABNORMAL_CLOSURE
            self.connected = False
            self._is_over.set()
            self._inbox.clear()
            self._inbox_changed.notify_all()

    # The reader thread

    def _thread(self) -> None:
        poll = select.poll()
        try:
            poll.register(self.sock, select.POLLIN)
            discarded = 0
            while discarded < CLOSING_BYTES:
                data = self._read(poll)
                if data is None:
                    if not self._keep_deadlines():
                        return
                    continue
                if not data:
                    return
                if self._closing_at is not None:
                    discarded += len(data)
                if not self._take(data) or not self._keep_deadlines():
                    return
                rest_s = self.allowance.rest_s()
                if rest_s > 0:
                    self._is_over.wait(rest_s)
            # Still talking after all that: closing must reset the connection, or its end would linger in the kernel.
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except (OSError, ValueError, ProtocolError, ConnectionClosed):
            return  # the peer is gone or talks nonsense; `finally` says so to whoever waits
        finally:
            self._lost(CloseReason.ABNORMAL_CLOSURE, "the connection broke")
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.on_lost()

    def _read(self, poll: select.poll) -> bytes | None:
        """The next bytes; None when a deadline comes first. Between messages, waiting and reading are one call."""
        if self._closing_at is None and self._incomplete_since is None:
            try:
                return bytes(self.sock.recv(READ_BYTES))
            except BlockingIOError:
                return None  # after SO_RCVTIMEO, which is the time to the next ping
        if not poll.poll(max(0.0, self._next_deadline() - monotonic()) * 1000):
            return None
        return bytes(self.sock.recv(READ_BYTES))

    def _next_deadline(self) -> float:
        if self._closing_at is not None:
            return self._closing_at + self.limits.linger_s
        if self._incomplete_since is None:
            return self._ping_at
        return min(self._ping_at, self._incomplete_since + self.limits.message_s)

    def _keep_deadlines(self) -> bool:
        """Do what is due now; False when the reader has nothing left to wait for."""
        now = monotonic()
        if self._closing_at is not None:
            return now < self._closing_at + self.limits.linger_s
        if self._incomplete_since is not None and now >= self._incomplete_since + self.limits.message_s:
            self.close(CloseReason.POLICY_VIOLATION, "a message took too long to arrive")
        elif now >= self._ping_at:
            self._ping_at = now + self.limits.ping_s
            if self._unanswered_pings >= 2:
                self.is_broken = self._closing_at is None
                self.close(CloseReason.POLICY_VIOLATION, "no answer to pings")
            else:
                self._ping()
        return True

    def _take(self, data: bytes) -> bool:
        """Handle the frames in `data`; False when the closing handshake is complete."""
        now = monotonic()
        self._ping_at = now + self.limits.ping_s
        self._unanswered_pings = 0
        if self._boundary.is_here and self._closing_at is None:
            messages = plain_messages(data, self.limits.message_bytes)
            if messages is not None:
                for message in messages:
                    if self._closing_at is None:
                        self._deliver(message)
                return True
        self._boundary.follow(data)
        if self._closing_at is not None:
            return not self._boundary.is_closed  # all else that comes now is of no interest, however much it is
        self.ws.receive_data(data)
        completed = False
        for event in self.ws.events():
            if isinstance(event, CloseConnection):
                self._answer_close(event)
                return False
            if self._closing_at is not None:
                continue
            if isinstance(event, Ping):
                self._answer_ping(bytes(event.payload))
                completed = not self._part_bytes
            elif isinstance(event, Pong):
                completed = not self._part_bytes
            elif isinstance(event, (TextMessage, BytesMessage)):
                completed = self._take_part(event)
        if completed:
            self._incomplete_since = None
        elif self._incomplete_since is None:
            self._incomplete_since = now
        return True

    def _answer_close(self, event: CloseConnection) -> None:
        """The peer's close frame, or what wsproto makes of a malformed frame: answer with the same code."""
        if self._closing_at is None and self._write_lock.acquire(timeout=0.1):
            try:
                with contextlib.suppress(ConnectionClosed):
                    self._write(event.response())
            finally:
                self._write_lock.release()
        self._lost(event.code, event.reason)

    def _take_part(self, event: TextMessage | BytesMessage) -> bool:
        """Add a frame's data to the message it belongs to; True when that message is complete."""
        if event.data:
            self._parts.append(event.data)
        self._part_bytes += len(event.data.encode()) if isinstance(event.data, str) else len(event.data)
        if self._part_bytes > self.limits.message_bytes:
            self._parts.clear()
            self.close(CloseReason.MESSAGE_TOO_BIG, f"a message is limited to {self.limits.message_bytes} bytes")
            return True
        if not event.message_finished:
            return False
        message = "".join(self._parts) if isinstance(event, TextMessage) else b"".join(map(bytes, self._parts))  # type: ignore[arg-type]
        self._parts.clear()
        self._part_bytes = 0
        self._deliver(message)
        return True

    def _deliver(self, message: str | bytes) -> None:
        """Hand over a whole message, or put it where `receive` finds it."""
        self._heard_at = monotonic()
        self.allowance.spend(1)
        # Only this thread adds messages, so nothing can overtake what it handles itself while none waits.
        if self.on_message is not None and not self._inbox and not self._is_handling and self.on_message(message):
            return
        with self._inbox_changed:
            if self._closing_at is not None:
                return
            if len(self._inbox) < self.limits.inbox_messages and self._inbox_bytes <= self.limits.inbox_bytes:
                self._inbox.append(message)
                self._inbox_bytes += len(message)
                self._inbox_changed.notify_all()
                return
        self.close(CloseReason.POLICY_VIOLATION, "too many commands are waiting")


def frame_head(opcode: Opcode, length: int) -> bytes:
    """The head of an unmasked frame that is a whole message (RFC 6455, section 5.2)."""
    first = 0x80 | opcode
    if length < 126:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


def _daemon(target: Any) -> threading.Thread:  # noqa: ANN401 - a bound method without types
    return threading.Thread(target=target, name="live-reader", daemon=True)


def _timeval(seconds: float) -> bytes:
    """`struct timeval` of this machine."""
    whole = int(seconds)
    return struct.pack("@ll", whole, int((seconds - whole) * 1_000_000))


def _guard(connection: socket.socket, limits: SocketLimits) -> None:
    """Let the kernel watch the peer: a bounded send buffer, a deadline for unread data, keepalive."""
    connection.setblocking(True)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(limits.ping_s + CLOCK_S))
    if connection.family == socket.AF_UNIX:
        return  # behind a proxy on the same host, whose own deadlines apply
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.unread_s * 1000))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, int(limits.ping_s)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
