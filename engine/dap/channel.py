"""The Debug Adapter Protocol's framing: a header that counts the bytes, then one JSON object.

Facts: the protocol's "Base Protocol" at microsoft.github.io/debug-adapter-protocol/overview.
"""

from __future__ import annotations

import json
import os
import select
import time
from typing import Any

#: A request with a whole program in it stays far below.
MAX_MESSAGE_BYTES = 16 << 20
MAX_HEADER_BYTES = 4096
_CHUNK = 1 << 16


class ChannelClosed(Exception):
    """The client is gone, or spoke something that is not this protocol; the message says which."""


class Channel:
    """Messages over a pair of file descriptors (a socket's twice, or the standard streams)."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._buffer = bytearray()
        self._has_ended = False
        self._number = 0

    def receive(self, timeout_s: float | None) -> dict[str, Any] | None:
        """The next message, or None when none came in time. ChannelClosed at the end, and for what is no message."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            message = self._take()
            if message is not None:
                return message
            if self._has_ended:
                raise ChannelClosed("the client is gone")
            left = None if until is None else max(0.0, until - time.monotonic())
            if not select.select([self._read_fd], [], [], left)[0]:
                return None
            self._fill()

    def _fill(self) -> None:
        try:
            data = os.read(self._read_fd, _CHUNK)
        except ConnectionError:
            data = b""
        self._buffer += data
        self._has_ended = not data

    def _take(self) -> dict[str, Any] | None:
        """One whole message out of the buffer."""
        end = self._buffer.find(b"\r\n\r\n")
        header = bytes(self._buffer[: MAX_HEADER_BYTES if end < 0 else end])
        # Looked at before it is complete: whoever speaks HTTP here, as a page in a browser can, gets no further.
        length = _length(header, is_complete=end >= 0)
        if end < 0:
            return None
        start = end + 4
        if len(self._buffer) < start + length:
            return None
        body = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ChannelClosed("a message is not JSON") from error
        if not isinstance(message, dict):
            raise ChannelClosed("a message is not an object")
        return message

    def send(self, message: dict[str, Any]) -> None:
        """Number a message and write it. ChannelClosed when nobody reads any more."""
        self._number += 1
        body = json.dumps({"seq": self._number, **message}).encode()
        data = memoryview(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        try:
            while data:
                data = data[os.write(self._write_fd, data) :]
        except ConnectionError as error:
            raise ChannelClosed("the client is gone") from error


def _length(header: bytes, *, is_complete: bool) -> int:
    """What `Content-Length` says. Other fields are refused: the protocol has none."""
    lines = header.split(b"\r\n")
    whole = lines if is_complete else lines[:-1]
    length = -1
    for line in whole:
        name, colon, value = line.partition(b":")
        if not colon or name.strip().lower() != b"content-length" or not value.strip().isdigit():
            raise ChannelClosed("this port speaks the Debug Adapter Protocol")
        length = int(value)
    if length > MAX_MESSAGE_BYTES or (is_complete and length < 0) or len(header) >= MAX_HEADER_BYTES:
        raise ChannelClosed("a message has no length, or too large a one")
    return length
