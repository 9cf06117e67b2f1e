"""What workers of these tests run in place of the session: a session on the toy machine, and misbehaviour."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

from engine.rooms import Room
from engine.worker.frames import BINARY, HEADER, JSON, FrameSocket
from engine.worker.limits import WorkerLimits
from engine.worker.selftest import attempts
from engine.worker.server import serve
from tests import toy

TOY = Room("toy", toy.__name__, "Toy", "toy", "main.toy", "#", ())
# What the rehearsal does for the rooms of the list: a confined worker cannot load the C core any more.
toy.machine("halt").save()


def toy_session(frames: FrameSocket, limits: WorkerLimits) -> None:
    serve(frames, limits, lambda name: TOY)


def misbehave(frames: FrameSocket, limits: WorkerLimits) -> None:
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
    os.kill(os.getpid(), signal.SIGSEGV)


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


def leave_a_child(frames: FrameSocket) -> int:
    pid = os.fork()
    if pid == 0:
        time.sleep(3600)
        os._exit(0)
    return pid


def fork_as_many_as_possible(frames: FrameSocket) -> int:
    count = 0
    while count < 500:
        try:
            pid = os.fork()
        except OSError:
            return count
        if pid == 0:
            time.sleep(3600)
            os._exit(0)
        count += 1
    return count


def describe(frames: FrameSocket) -> dict[str, object]:
    """What this process still has and may."""
    return {
        "environment": dict(os.environ),
        "folder": os.listdir("."),
        "uid": os.getuid(),
        "groups": os.getgroups(),
        "descriptors": sorted(fd for fd in range(3, 1024) if is_open(fd)),
        "limits": {name: resource.getrlimit(getattr(resource, name))[0] for name in LIMITS},
        "group": os.getpgrp() == os.getpid(),
        "standard_input": sys.stdin.read(),
    }


LIMITS = ("RLIMIT_CPU", "RLIMIT_CORE", "RLIMIT_NOFILE", "RLIMIT_FSIZE")


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def try_what_is_forbidden(frames: FrameSocket) -> dict[str, str]:
    """What came of each attempt: `done`, or the error's name."""
    return attempts(os.getppid())


def use_the_scratch_folder(frames: FrameSocket) -> str:
    """Write, run a program of the system, and read what it wrote."""
    with open("input", "w") as stream:
        stream.write("hello")
    with open("output", "wb") as stream:
        subprocess.run(["/bin/cat", "input"], stdout=stream, check=True, env={})
    with tempfile.NamedTemporaryFile() as stream:
        assert stream.name.startswith(os.getcwd())
    with open("output") as stream:
        return stream.read()


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
        "leave_a_child",
        "fork_as_many_as_possible",
        "describe",
        "try_what_is_forbidden",
        "use_the_scratch_folder",
    )
}
