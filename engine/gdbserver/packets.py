"""Packets of gdb's remote serial protocol: `$data#checksum`, acknowledged with `+`, and the lone byte of an interrupt.

Facts: gdb's manual, appendix "GDB Remote Serial Protocol".
"""

from __future__ import annotations

import select
import socket

INTERRUPT = b"\x03"
#: What `qSupported` announces: the longest packet that either side may send.
MAX_PACKET_BYTES = 0x4000
_ESCAPE = ord("}")
_ESCAPED = frozenset(b"#$}*")


class Disconnected(Exception):
    """gdb is gone, or whoever connected is not gdb."""


def escape(data: bytes) -> bytes:
    """Binary data as a packet may carry it."""
    out = bytearray()
    for byte in data:
        if byte in _ESCAPED:
            out += bytes((_ESCAPE, byte ^ 0x20))
        else:
            out.append(byte)
    return bytes(out)


class Packets:
    """The packets of one connection."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._buffer = bytearray()
        self._must_acknowledge = True
        self._last = b""

    def acknowledge_no_more(self) -> None:
        """`QStartNoAckMode`: from now on TCP alone sees to it that nothing is lost."""
        self._must_acknowledge = False

    def receive(self) -> bytes:
        """The next packet's data, or INTERRUPT. Disconnected at the end of the connection."""
        while True:
            packet = self._take()
            if packet is not None:
                return packet
            self._fill()

    def is_interrupted(self) -> bool:
        """Between packets: True if an interrupt has come. Disconnected when gdb is gone."""
        while select.select([self._client], [], [], 0)[0]:
            self._fill()
        at = self._buffer.find(INTERRUPT)
        if at >= 0 and b"$" not in self._buffer[:at]:
            del self._buffer[: at + 1]
            return True
        return False

    def send(self, data: bytes) -> None:
        """Send a packet."""
        self._last = b"$%s#%02x" % (data, sum(data) & 0xFF)
        self._write(self._last)

    def _write(self, data: bytes) -> None:
        try:
            self._client.sendall(data)
        except OSError as error:
            raise Disconnected("gdb is gone") from error

    def _fill(self) -> None:
        try:
            data = self._client.recv(1 << 16)
        except OSError as error:
            raise Disconnected("gdb is gone") from error
        if not data or len(self._buffer) > 4 * MAX_PACKET_BYTES:
            raise Disconnected("gdb is gone" if not data else "a packet is too long")
        self._buffer += data

    def _take(self) -> bytes | None:
        """The first whole packet in the buffer; acknowledgements before it are read over."""
        while self._buffer:
            first = bytes(self._buffer[:1])
            if first in (b"+", b"-"):
                del self._buffer[:1]
                if first == b"-" and self._last:
                    self._write(self._last)
            elif first == INTERRUPT:
                del self._buffer[:1]
                return INTERRUPT
            elif first != b"$":
                # A page in a browser can send bytes to this port, but not these first ones.
                raise Disconnected("this port speaks gdb's remote protocol")
            else:
                end = self._buffer.find(b"#")
                if end < 0 or len(self._buffer) < end + 3:
                    return None
                data, checksum = bytes(self._buffer[1:end]), bytes(self._buffer[end + 1 : end + 3])
                del self._buffer[: end + 3]
                if checksum.lower() == b"%02x" % (sum(data) & 0xFF):
                    if self._must_acknowledge:
                        self._write(b"+")
                    return data
                self._write(b"-")
        return None
