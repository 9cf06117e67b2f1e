"""Frames cross whole or not at all, and no peer can make the other hold more than one frame."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.worker.frames import BINARY, HEADER, JSON, TO_WEB, TO_WORKER, Frame, FrameError, FrameSocket


@pytest.fixture
def pair() -> Iterator[tuple[FrameSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    frames = FrameSocket(ours, TO_WEB)
    yield frames, theirs
    frames.close()
    theirs.close()


def test_frames_arrive_in_order_however_they_are_cut(pair: tuple[FrameSocket, socket.socket]) -> None:
    frames, peer = pair
    stream = b"".join(HEADER.pack(len(p), ord(k)) + p for k, p in ((JSON, b"{}"), (BINARY, b"\0\1"), (JSON, b"")))
    for byte in stream:
        peer.send(bytes([byte]))
    received = [frames.receive(1.0) for _ in range(3)]
    assert received == [Frame(JSON, b"{}"), Frame(BINARY, b"\0\1"), Frame(JSON, b"")]
    assert frames.receive(0) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEADER.pack(TO_WEB[BINARY] + 1, ord(BINARY)), "bytes"),
        (HEADER.pack(2**32 - 1, ord(JSON)), "bytes"),
        (HEADER.pack(0, ord("X")), "unknown kind"),
    ],
)
def test_a_bad_header_is_refused_before_its_payload(
    pair: tuple[FrameSocket, socket.socket], data: bytes, message: str
) -> None:
    frames, peer = pair
    peer.send(data)
    with pytest.raises(FrameError, match=message):
        frames.receive(1.0)


def test_an_end_between_frames_is_an_end_and_inside_one_an_error(pair: tuple[FrameSocket, socket.socket]) -> None:
    frames, peer = pair
    peer.send(HEADER.pack(5, ord(JSON)) + b"12")
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(FrameError, match="inside a frame"):
        frames.receive(1.0)
    ours, theirs = socket.socketpair()
    other = FrameSocket(ours, TO_WORKER)
    theirs.close()
    with pytest.raises(EOFError):
        other.receive(1.0)
    other.close()


def test_sending_to_a_peer_that_does_not_read_times_out(pair: tuple[FrameSocket, socket.socket]) -> None:
    frames, _ = pair
    with pytest.raises(TimeoutError):
        frames.send(BINARY, bytes(1 << 20), timeout_s=0.05)


def test_sending_to_a_peer_that_is_gone_raises(pair: tuple[FrameSocket, socket.socket]) -> None:
    frames, peer = pair
    peer.close()
    with pytest.raises(BrokenPipeError):
        frames.send(JSON, b"{}")


def test_shutdown_wakes_a_thread_that_waits(pair: tuple[FrameSocket, socket.socket]) -> None:
    frames, _ = pair
    ends = []

    def wait() -> None:
        try:
            frames.receive(None)
        except EOFError:
            ends.append("end")

    thread = threading.Thread(target=wait)
    thread.start()
    frames.shutdown()
    thread.join(10)
    assert ends == ["end"]


def test_large_frames_from_many_threads_do_not_mix(pair: tuple[FrameSocket, socket.socket]) -> None:
    _, peer = pair
    frames = pair[0]
    sender = FrameSocket(peer, TO_WORKER)
    threads = [threading.Thread(target=sender.send, args=(BINARY, bytes([n]) * 300_000)) for n in range(6)]
    for thread in threads:
        thread.start()
    seen = set()
    for _ in threads:
        frame = frames.receive(10.0)
        assert frame is not None
        assert len(set(frame.payload)) == 1
        assert len(frame.payload) == 300_000
        seen.add(frame.payload[0])
    assert seen == set(range(6))
    for thread in threads:
        thread.join()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_frames_or_an_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    frames = FrameSocket(ours, {JSON: 16})
    theirs.send(data) if data else None
    theirs.close()
    try:
        while True:
            frame = frames.receive(1.0)
            assert frame is not None
            assert len(frame.payload) <= 16
    except (EOFError, FrameError):
        pass
    frames.close()


@pytest.mark.parametrize("size", [0, 1, 1000, 4096])
def test_a_short_frame_is_sent_at_once_and_whole_or_not_at_all(size: int) -> None:
    ours, theirs = socket.socketpair()
    sender, receiver = FrameSocket(ours, TO_WEB), FrameSocket(theirs, TO_WORKER)
    payload = b"x" * size
    sent = 0
    while sender.try_send(JSON, payload):
        sent += 1
    assert sent > 10
    for _ in range(sent):
        assert receiver.receive(1.0) == Frame(JSON, payload)
    assert receiver.receive(0) is None
    assert sender.try_send(JSON, payload)
    assert not sender.try_send(JSON, b"x" * 4097)
    receiver.close()
    with pytest.raises(OSError, match="pipe"):
        sender.try_send(JSON, payload)
    sender.close()
