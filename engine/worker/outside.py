"""Work of a worker that needs a program of the system (an assembler): done by a helper process, one for each request.

A worker may start nothing. It has a second pipe, whose other end the zygote watches without reading it: when something
arrives there, the zygote forks a helper with that end, which confines itself (it may run programs of the system in a
scratch folder, no more), reads one request, has the room's module answer it, and ends.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine import rooms
from engine.errors import HostUnavailable
from engine.worker.frames import JSON, FrameError, FrameSocket

#: The largest request and answer; `JSON` is only the kind of the frame, what is in it is the room's own.
REQUESTS = {JSON: 1 << 20}
ANSWERS = {JSON: 12 << 20}
#: A helper that has not answered after this time is ended.
HELPER_S = 60.0

log = logging.getLogger("glassbox.worker")


class Outside:
    """The worker's end."""

    def __init__(self, frames: FrameSocket) -> None:
        self._frames = frames

    def install(self) -> None:
        """Have the rooms that need it send their work here."""
        for room in rooms.ROOMS:
            delegate = getattr(room.module, "delegate", None)
            if delegate is not None:
                delegate(self.asker(room.name))

    def asker(self, room: str) -> Callable[[bytes], bytes]:
        """A function that sends a request of a room and answers what its `outside` made of it."""

        def ask(request: bytes) -> bytes:
            try:
                self._frames.send(JSON, room.encode() + b"\0" + request, HELPER_S)
                answer = self._frames.receive(HELPER_S)
            except (OSError, EOFError, FrameError):
                answer = None
            if answer is None or not answer.payload:
                raise HostUnavailable("the helper process did not answer", hint="try again")
            return answer.payload

        return ask


def answer_one(frames: FrameSocket) -> None:
    """What a helper does: one request, one answer; an empty one if that failed."""
    try:
        frame = frames.receive(1.0)
    except (EOFError, FrameError):
        return
    if frame is None:
        return
    name, _, request = frame.payload.partition(b"\0")
    try:
        module = rooms.room(name.decode("utf-8", "replace")).module
        answer: bytes = module.outside(request)  # type: ignore[attr-defined]
    except Exception:
        log.exception("a helper failed")
        answer = b""
    frames.send(JSON, answer if len(answer) <= ANSWERS[JSON] else b"", HELPER_S)
