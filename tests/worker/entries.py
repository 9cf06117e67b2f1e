"""What workers of these tests run in place of the session: a session on the toy machine, and misbehaviour."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time

from engine.rooms import Room
from engine.worker.frames import BINARY, HEADER, JSON, FrameSocket
from engine.worker.limits import WorkerLimits
from engine.worker.selftest import attempts
from engine.worker.server import serve
from engine.worker.tally import Tally
from tests import toy

TOY = Room("toy", toy.__name__, "Toy", "toy", "main.toy", "#", ())
# What the rehearsal does for the rooms of the list: a confined worker cannot load the C core any more.
toy.machine("halt").save()


def toy_session(frames: FrameSocket, limits: WorkerLimits, tally: Tally) -> None:
    serve(frames, limits, tally, lambda name: TOY)


def misbehave(frames: FrameSocket, limits: WorkerLimits, tally: Tally) -> None:
    """Does what the first command's text says; echoes everything that is not the name of a misdeed."""
    while True:
        try:
            frame = frames.receive()
        except EOFError:
            return
        assert frame is not None
        deed = DEEDS.get(frame.payload.decode())
        if deed is None:
            frames.send(JSON, frame.payload)
        else:
            frames.send(JSON, json.dumps(deed(frames)).encode())


def crash(frames: FrameSocket) -> None:
    ctypes.string_at(8)


def raise_an_error(frames: FrameSocket) -> None:
    raise RuntimeError("a bug of ours")


def loop(frames: FrameSocket) -> None:
    while True:
        pass


def sleep(frames: FrameSocket) -> None:
    time.sleep(3600)


def eat_all_memory(frames: FrameSocket) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(8 << 20))


def reserve_without_touching(frames: FrameSocket) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(64 << 20))


def flood(frames: FrameSocket) -> None:
    while True:
        frames.send(BINARY, bytes(16 << 10))


def send_a_frame_too_long(frames: FrameSocket) -> None:
    frames._stream.send(HEADER.pack(1 << 30, ord(JSON)))


def send_an_unknown_kind(frames: FrameSocket) -> None:
    frames._stream.send(HEADER.pack(1, ord("X")) + b"x")


def end_inside_a_frame(frames: FrameSocket) -> None:
    frames._stream.send(HEADER.pack(100, ord(JSON)) + b"{")
    os._exit(0)


def describe(frames: FrameSocket) -> dict[str, object]:
    """What this process still has and may."""
    return {
        "environment": dict(os.environ),
        "uid": os.getuid(),
        "descriptors": sorted(fd for fd in range(3, 1024) if is_open(fd)),
        "standard_input": sys.stdin.read(),
    }


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def try_what_is_forbidden(frames: FrameSocket) -> dict[str, str]:
    """What came of each attempt: `done`, or the error's name."""
    return attempts(os.getppid())


DEEDS = {
    name: globals()[name]
    for name in (
        "crash",
        "raise_an_error",
        "loop",
        "sleep",
        "eat_all_memory",
        "reserve_without_touching",
        "flood",
        "send_a_frame_too_long",
        "send_an_unknown_kind",
        "end_inside_a_frame",
        "describe",
        "try_what_is_forbidden",
    )
}
