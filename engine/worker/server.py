"""What a confined worker does: serve one session over its pipe until the web process closes it."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from typing import Any

import orjson

from engine import rooms
from engine.errors import LimitExceeded
from engine.machine import JsonText
from engine.rooms import Room
from engine.session import CLOSED, Closed, Session
from engine.worker.frames import BINARY, JSON, TO_WEB, FrameSocket
from engine.worker.limits import WorkerLimits
from engine.worker.tally import Tally

_libc = ctypes.CDLL(None)


def _parsed(value: object) -> object:
    if isinstance(value, JsonText):
        return orjson.loads(value.text)
    raise TypeError(f"{type(value).__name__} is no JSON")


def _as_it_is(value: object) -> object:
    if isinstance(value, JsonText):
        return orjson.Fragment(value.text)
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False, check_circular=False, default=_parsed
)


def give_back_memory() -> None:
    """Hand free pages of the C heap to the kernel, if this C library can (glibc)."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        # SAFETY: takes a number, and only touches what is free.
        trim(0)


def as_json(event: object) -> bytes:
    """An event as it is sent: compact JSON in UTF-8."""
    try:
        return orjson.dumps(event, _as_it_is, orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        # A lone surrogate of a visitor's text, which becomes its JSON escape; a number of more than 64 bits.
        return _ENCODER.encode(event).encode("utf-8", "backslashreplace")


def parsed_command(payload: bytes) -> object:
    """The value of a command's JSON; ValueError or RecursionError if it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        value: object = json.loads(payload)  # which lets lone surrogates through, as a browser does
        return value


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
            frame = frames.receive_or_rest() if timeout_s is None else frames.receive(timeout_s)
            if frame is None and timeout_s is None:
                give_back_memory()
                frame = frames.receive(None)
        except EOFError:
            return CLOSED
        if frame is None:
            return None
        try:
            return parsed_command(frame.payload)
        except (ValueError, RecursionError):
            return "not JSON"  # which no command is: the session answers with what is wrong

    try:
        session = Session(
            send_event,
            send_frame,
            next_message,
            limits=limits.session,
            find_room=find_room,
            on_ticks=tally.add,
            takes_text=True,
        )
        session.serve()
    except (BrokenPipeError, ConnectionResetError):
        return
