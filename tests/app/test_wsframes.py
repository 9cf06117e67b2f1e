"""Plain frames are read as wsproto reads them; everything else is left to it."""

import os
import random

import pytest
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import Pong, TextMessage

from app.wsframes import Boundary, plain_messages

MOST = 1 << 20


def frame(first: int, payload: bytes, *, length: bytes | None = None, masked: bool = True) -> bytes:
    size = len(payload)
    if length is None:
        length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    if not masked:
        return bytes([first]) + length + payload
    mask = os.urandom(4)
    body = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    return bytes([first, length[0] | 0x80]) + length[1:] + mask + body


def by_wsproto(data: bytes) -> list[str]:
    """The texts that wsproto finds in whole frames."""
    connection = Connection(ConnectionType.SERVER)
    connection.receive_data(data)
    found, parts = [], ""
    for event in connection.events():
        assert isinstance(event, (TextMessage, Pong))
        if isinstance(event, TextMessage):
            parts += event.data
            if event.message_finished:
                found.append(parts)
                parts = ""
    return found


@pytest.mark.parametrize("seed", range(40))
def test_plain_messages_are_what_wsproto_finds(seed: int) -> None:
    chance = random.Random(seed)
    data = b""
    for _ in range(chance.randint(1, 5)):
        if chance.random() < 0.2:
            data += frame(0x8A, os.urandom(chance.randint(0, 125)))
        else:
            text = "".join(chance.choice("aé漢😀{}") for _ in range(chance.choice((0, 1, 3, 5, 30, 124, 700))))
            data += frame(0x81, text.encode())
    assert plain_messages(data, MOST) == by_wsproto(data)


@pytest.mark.parametrize(
    "data",
    [
        frame(0x81, b"hello")[:-1],  # cut off
        frame(0x81, b"hello") + b"\x81",
        frame(0x01, b"hel"),  # a fragment
        frame(0x80, b"lo"),
        frame(0xC1, b"hello"),  # a reserved bit
        frame(0x82, b"bytes"),
        frame(0x88, b"\x03\xe8"),
        frame(0x89, b"ping"),
        frame(0x8A, b"x" * 126),
        frame(0x81, b"hello", masked=False),
        frame(0x81, b"hello", length=b"\x7e\x00\x05"),  # a longer length than it needs
        frame(0x81, b"hello", length=b"\x7f" + (5).to_bytes(8, "big")),
        frame(0x81, b"\xff\xfe"),
        frame(0x81, b"x" * 200) + frame(0x81, b"\xed\xa0\x80"),
    ],
)
def test_everything_else_is_left_to_wsproto(data: bytes) -> None:
    assert plain_messages(data, MOST) is None


def test_a_message_longer_than_allowed_is_left_to_wsproto() -> None:
    assert plain_messages(frame(0x81, b"x" * 101), 100) is None
    assert plain_messages(frame(0x81, b"x" * 100), 100) == ["x" * 100]


@pytest.mark.parametrize("seed", range(20))
def test_the_boundary_is_between_messages_and_nowhere_else(seed: int) -> None:
    chance = random.Random(seed)
    data, ends = b"", {0}
    for _ in range(8):
        parts = chance.randint(1, 3)
        for part in range(parts):
            first = (0x80 if part == parts - 1 else 0) | (0x01 if part == 0 else 0x00)
            data += frame(first, os.urandom(chance.choice((0, 5, 126, 300))))
            if chance.random() < 0.3 and part < parts - 1:
                data += frame(0x8A, b"pong")  # a control frame between the parts
        ends.add(len(data))
    boundary, at = Boundary(), 0
    while at < len(data):
        step = chance.choice((1, 2, 3, 7, 130, 1000))
        boundary.follow(data[at : at + step])
        at = min(len(data), at + step)
        assert boundary.is_here == (at in ends)


def test_the_frame_that_closes_is_found_behind_a_flood_and_not_inside_a_payload() -> None:
    boundary = Boundary()
    flood = frame(0x81, b"\x88\x82" * 60) * 50
    boundary.follow(flood)
    assert not boundary.is_closed
    boundary.follow(flood + frame(0x88, b"\x03\xe8"))
    assert boundary.is_closed
