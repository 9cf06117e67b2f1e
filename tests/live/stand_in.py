"""A stand-in for the worker processes, so that the relay can be tested with streams of any size and with any failure.

`create()` is the application that the tests' gunicorn serves: the real one, with this pool put in.
What a worker does is asked for with the command `inspect` and a query: see `StandInWorker.send`.
"""

from __future__ import annotations

import json
import threading
from collections import deque

from flask import Flask

from app import create_app
from engine.worker.client import Closed
from engine.worker.frames import BINARY, JSON, Frame


def stream_frame(number: int, size: int) -> bytes:
    """Frame `number` of a stream: its number in 8 bytes, then bytes that follow from it."""
    pattern = bytes((number * 7 + i) & 0xFF for i in range(256))
    return number.to_bytes(8, "little") + (pattern * (size // 256 + 1))[: size - 8]


class StandInWorker:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frames: deque[Frame] = deque()
        self._closed: Closed | None = None
        self._stalled = False

    def send(self, command: bytes, timeout_s: float = 10.0) -> None:
        """echo: answer; stream: `frames` of `bytes`; stall: take no more commands; die: end with `reason`."""
        message = json.loads(command)
        query = message.get("query", {"kind": "echo"})
        if self._stalled:
            with self._changed:
                self._changed.wait_for(lambda: self._closed is not None)
            return
        if query["kind"] == "stream":
            threading.Thread(target=self._stream, args=(query["frames"], query["bytes"]), daemon=True).start()
        elif query["kind"] == "stall":
            self._stalled = True
        elif query["kind"] == "die":
            self.kill(query["reason"], "It died, as asked.")
        else:
            self._put(Frame(JSON, json.dumps({"v": 1, "re": message["id"], "event": "inspected"}).encode()))

    def try_send(self, command: bytes) -> bool:
        """Only what is answered at once; the rest may wait, as with a worker that is busy."""
        query = json.loads(command).get("query", {"kind": "echo"})
        if self._stalled or query["kind"] != "echo" or len(command) > 4096:
            return False
        with self._changed:
            is_full = len(self._frames) >= 16
        if not is_full:
            self.send(command)
        return not is_full

    def _stream(self, frames: int, size: int) -> None:
        for number in range(frames):
            if not self._put(Frame(BINARY, stream_frame(number, size))):
                return

    def _put(self, frame: Frame) -> bool:
        with self._changed:
            # Answers are not held up by a stream that nobody reads: a real worker's pipe has room for them.
            self._changed.wait_for(lambda: self._closed is not None or len(self._frames) < 16 or frame.kind == JSON)
            if self._closed is None:
                self._frames.append(frame)
            self._changed.notify_all()
            return self._closed is None

    def receive(self, timeout_s: float | None = None) -> Frame | Closed | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed is not None or bool(self._frames), timeout_s)
            if self._frames:
                frame = self._frames.popleft()
                self._changed.notify_all()
                return frame
            return self._closed

    def kill(self, reason: str = "killed", message: str | None = None) -> None:
        with self._changed:
            self._closed = self._closed or Closed(reason, message or reason)
            self._changed.notify_all()


class StandInPool:
    def __init__(self) -> None:
        self.report: dict[str, object] = {}

    def start(self, timeout_s: float = 20.0) -> StandInWorker:
        return StandInWorker()

    def warm(self, timeout_s: float = 60.0) -> dict[str, object]:
        return self.report

    def close(self) -> None:
        return


def create() -> Flask:
    return create_app(pool=StandInPool())
