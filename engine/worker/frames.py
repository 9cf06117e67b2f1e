"""Frames on the socket between the web process and a worker: u32 length (little endian), u8 kind, payload.

Kind `J` is one JSON command or event, kind `B` one binary trace frame. Lengths are checked before a byte of the
payload is read, so neither side can make the other hold more than one frame of the largest size.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from typing import NamedTuple

from engine.wire import MAX_COMMAND_BYTES

HEADER = struct.Struct("<IB")
JSON = "J"
_TIMEVAL = struct.Struct("@ll")  # seconds, microseconds
BINARY = "B"

#: The largest payload by kind, towards the worker and towards the web process.
TO_WORKER = {JSON: MAX_COMMAND_BYTES}
TO_WEB = {JSON: 16 << 20, BINARY: 1 << 20}

_READ_BYTES = 1 << 16
#: A session that was asked nothing for so long gives back what memory it has left over.
REST_S = 2.0
_AT_ONCE = socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT
#: A local stream socket takes a message of less than half its buffer (some 100 KB) whole or not at all.
SHORT_BYTES = 4096


class FrameError(Exception):
    """The other side broke the framing; nothing after this can be trusted."""


class Frame(NamedTuple):
    """One message: `kind` is JSON or BINARY."""

    kind: str
    payload: bytes


class FrameSocket:
    """Frames over a stream socket. One thread may receive while others send; it owns the socket.

    `rest_s`: how long `receive_or_rest` waits.
    """

    def __init__(self, stream: socket.socket, accepts: dict[str, int], rest_s: float | None = None) -> None:
        # Blocking, so that waiting for a frame and reading it are one call; sending never waits in the kernel.
        stream.setblocking(True)
        self._rest_s = rest_s
        if rest_s is not None:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEVAL.pack(*divmod(int(rest_s * 1e6), 10**6)))
        self._stream = stream
        self._accepts = accepts
        self._received: bytes | bytearray = b""
        self._sending = threading.Lock()
        self._poll = select.poll()
        self._poll.register(stream, select.POLLIN)

    def send(self, kind: str, payload: bytes, timeout_s: float | None = None) -> None:
        """Send one frame whole. TimeoutError if the other side does not take it in time, OSError if it is gone.

        After a TimeoutError part of the frame may be sent: the connection is then of no more use.
        """
        message = HEADER.pack(len(payload), ord(kind)) + payload
        with self._sending:
            try:
                sent = self._stream.send(message, _AT_ONCE)
            except BlockingIOError:
                sent = 0
            if sent != len(message):
                self._send_rest(memoryview(message)[sent:], timeout_s)

    def _send_rest(self, message: memoryview[int], timeout_s: float | None) -> None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while message:
            self._wait_to_send(deadline)
            with contextlib.suppress(BlockingIOError):
                message = message[self._stream.send(message, _AT_ONCE) :]

    def try_send(self, kind: str, payload: bytes) -> bool:
        """Send a short frame whole and at once, or nothing of it: False. OSError if the other side is gone."""
        if len(payload) > SHORT_BYTES or not self._sending.acquire(blocking=False):
            return False
        try:
            message = HEADER.pack(len(payload), ord(kind)) + payload
            sent = self._stream.send(message, _AT_ONCE)
        except BlockingIOError:
            return False
        finally:
            self._sending.release()
        if sent != len(message):
            raise ConnectionError("the kernel took part of a short message")
        return True

    def _wait_to_send(self, deadline: float | None) -> None:
        waiting = select.poll()
        waiting.register(self._stream, select.POLLOUT)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not waiting.poll(left):
            raise TimeoutError("the other side does not read")

    def receive(self, timeout_s: float | None = None) -> Frame | None:
        """The next frame, or None after `timeout_s` without one. EOFError when the other side is gone.

        FrameError for an unknown kind, a frame that is too long, or one that the end cuts off.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            frame = self._take()
            if frame is not None:
                return frame
            if deadline is None:
                if self._rest_s is not None:
                    self._poll.poll()
                self._read(0)
                continue
            if not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            self._read(socket.MSG_DONTWAIT)

    def receive_or_rest(self) -> Frame | None:
        """The next frame, or None when nothing has come for `rest_s`; else as `receive`. One call of the kernel."""
        while (frame := self._take()) is None:
            if not self._read(0):
                return None
        return frame

    def _read(self, flags: int) -> bool:
        """Take in what is there; False if there was nothing."""
        try:
            data = self._stream.recv(_READ_BYTES, flags)
        except BlockingIOError:
            return False
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data:
            if self._received:
                raise FrameError("the connection ended inside a frame")
            raise EOFError("the other side closed the connection")
        if not self._received:
            self._received = data  # nearly always just one frame, which is cut out of it without another copy
        else:
            if isinstance(self._received, bytes):
                self._received = bytearray(self._received)
            self._received += data
        return True

    def _take(self) -> Frame | None:
        """The first whole frame of what is received, or None; checks the length as soon as it is known."""
        received = self._received
        if len(received) < HEADER.size:
            return None
        length, kind_number = HEADER.unpack_from(received)
        kind = chr(kind_number)
        if kind not in self._accepts:
            raise FrameError(f"a frame of unknown kind {kind_number}")
        if length > self._accepts[kind]:
            raise FrameError(f"a frame of {length} bytes; {self._accepts[kind]} are the limit")
        end = HEADER.size + length
        if len(received) < end:
            return None
        payload = bytes(received[HEADER.size : end])
        if isinstance(received, bytearray):
            del received[:end]
        else:
            self._received = bytearray(received[end:]) if end < len(received) else b""
        return Frame(kind, payload)

    def shutdown(self) -> None:
        """End the connection both ways; a thread that waits in `receive` comes back with EOFError. Idempotent."""
        try:
            self._stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    def shut_reading(self) -> None:
        """A thread that waits in `receive` comes back with EOFError; sending goes on. Any thread may call it."""
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RD)

    def __del__(self) -> None:
        self._stream.close()

    @property
    def is_closed(self) -> bool:
        """True after `close`."""
        return self._stream.fileno() < 0

    def close(self) -> None:
        """End the connection and free the socket. For the thread that receives. Idempotent."""
        self.shutdown()
        with self._sending:
            self._stream.close()
