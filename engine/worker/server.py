"""What a confined worker does: serve one session over its pipe until the web process closes it."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from typing import Any

import orjson

from engine import rooms
from engine.errors import LimitExceeded
from engine.rooms import Room
from engine.session import CLOSED, Closed, Session
from engine.worker.frames import BINARY, JSON, TO_WEB, FrameSocket
from engine.worker.limits import WorkerLimits
from engine.worker.tally import Tally

_libc = ctypes.CDLL(None)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False)

#: A session that was asked nothing for so long gives back what memory it has left over.
REST_S = 2.0


def give_back_memory() -> None:
    """Hand free pages of the C heap to the kernel, if this C library can (glibc)."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        # SAFETY: takes a number, and only touches what is free.
        trim(0)


def as_json(event: object) -> bytes:
    """An event as it is sent: compact JSON in UTF-8."""
    try:
        return orjson.dumps(event)
    except TypeError:
        # A lone surrogate of a visitor's text, which becomes its JSON escape; a number of more than 64 bits.
        return _ENCODER.encode(event).encode("utf-8", "backslashreplace")


def serve(
    frames: FrameSocket, limits: WorkerLimits, tally: Tally, find_room: Callable[[str], Room] = rooms.room
) -> None:
    """Answer commands until the pipe ends. EOFError and BrokenPipeError are that end, wherever they are noticed."""

    def send_event(event: dict[str, Any]) -> None:
        payload = as_json(event)
        if len(payload) > TO_WEB[JSON]:
            raise LimitExceeded("answer", "the answer is too long to be sent", hint="ask for a smaller part")
        frames.send(JSON, payload)

    def send_frame(frame: bytes) -> None:
        frames.send(BINARY, frame)

    def next_message(timeout_s: float | None) -> object | Closed | None:
        try:
            frame = frames.receive(REST_S if timeout_s is None else timeout_s)
            if frame is None and timeout_s is None:
                give_back_memory()
                frame = frames.receive(None)
        except EOFError:
            return CLOSED
        if frame is None:
            return None
        try:
            message: object = json.loads(frame.payload)
        except (ValueError, RecursionError):
            return "not JSON"  # which no command is: the session answers with what is wrong
        return message

    try:
        session = Session(
            send_event, send_frame, next_message, limits=limits.session, find_room=find_room, on_ticks=tally.add
        )
        session.serve()
    except (BrokenPipeError, ConnectionResetError):
        return
