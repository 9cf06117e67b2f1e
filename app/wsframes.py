"""WebSocket frames as browsers send them (RFC 6455, section 5.2): the plain ones read without a protocol machine.

Nearly all that comes is whole text messages of one frame each, and answers to pings. `plain_messages` reads those, and
answers None for everything else, which is wsproto's to judge; `Boundary` says when the next bytes begin a frame again.
"""

from __future__ import annotations

from wsproto.frame_protocol import Opcode

FINAL = 0x80
MASKED = 0x80
#: The first byte of a whole text message, and of a pong: final, no reserved bit set.
_TEXT = FINAL | Opcode.TEXT
_PONG = FINAL | Opcode.PONG
_SMALL = 126  # in the length's place: two bytes of length follow; 127: eight
MASK_BYTES = 4
#: Longest payload of a control frame.
CONTROL_BYTES = 125


def plain_messages(data: bytes, most: int) -> list[str] | None:
    """The texts in `data`, if it is nothing but whole text messages of at most `most` bytes each, and pongs."""
    found: list[str] = []
    at = 0
    while at < len(data):
        begin, length = _payload(data, at)
        if begin == 0 or length > most or begin + length > len(data):
            return None
        if data[at] == _TEXT:
            try:
                found.append(unmasked(data[begin - MASK_BYTES : begin], data[begin : begin + length]).decode())
            except UnicodeDecodeError:
                return None
        at = begin + length
    return found


def _payload(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of a plain frame begins, and its length; (0, 0) for any other frame."""
    if len(data) - at < 2 + MASK_BYTES or data[at] not in (_TEXT, _PONG):
        return 0, 0
    length = data[at + 1] - MASKED
    if 0 <= length <= CONTROL_BYTES:
        return at + 2 + MASK_BYTES, length
    if length == _SMALL and data[at] == _TEXT:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length >= _SMALL:  # else it is longer written than it has to be
            return at + 4 + MASK_BYTES, length
    return 0, 0


def unmasked(mask: bytes, payload: bytes) -> bytes:
    """The payload without its mask."""
    size = len(payload)
    key = (mask * (size // MASK_BYTES + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class Boundary:
    """Follows a stream of frames through their heads: is it between two messages now? Nothing is unpacked for it."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0  # of the frame in progress
        self._is_fragmented = False
        #: Has the frame begun that closes the conversation?
        self.is_closed = False

    @property
    def is_here(self) -> bool:
        """Does the next byte begin a message?"""
        return not (self._head or self._left or self._is_fragmented)

    def follow(self, data: bytes) -> None:
        """Take note of the next bytes."""
        data = self._head + data
        self._head = b""
        at = self._left
        while at < len(data):
            length = self._length(data, at)
            if length is None:
                self._head = data[at:]
                self._left = 0
                return
            opcode = data[at] & 0x0F
            if opcode < Opcode.CLOSE:
                self._is_fragmented = not data[at] & FINAL
            elif opcode == Opcode.CLOSE:
                self.is_closed = True
            at += length
        self._left = at - len(data)

    @staticmethod
    def _length(data: bytes, at: int) -> int | None:
        """Bytes of the frame at `at`, its head included; None while they are not known."""
        if len(data) - at < 2:
            return None
        mask, length = (MASK_BYTES if data[at + 1] & MASKED else 0), data[at + 1] & 0x7F
        if length < _SMALL:
            return 2 + mask + length
        size = 2 if length == _SMALL else 8
        if len(data) - at < 2 + size:
            return None
        return 2 + size + mask + int.from_bytes(data[at + 2 : at + 2 + size], "big")
