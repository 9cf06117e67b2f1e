"""A browser that comes back may meet another web process than the one that has its session: the two then pass it on.

The process that has the connection stays the browser's peer and hands messages over a socket of the control folder; a
`RemoteConnection` is what the session sees of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from app.control import FOLDER
from app.livesocket import CloseReason, ConnectionClosed, LiveSocket, Opcode
from engine.wire import MAX_COMMAND_BYTES
from engine.worker.frames import BINARY, JSON, TO_WEB, FrameError, FrameSocket

#: Kinds of frames besides JSON and BINARY: an end, as {code, message, last} or, from the browser's side, {broken}.
CLOSE = "C"
_CLOSE_BYTES = 1 << 16
TO_SESSION = {JSON: MAX_COMMAND_BYTES, CLOSE: _CLOSE_BYTES}
TO_BROWSER = {**TO_WEB, CLOSE: _CLOSE_BYTES}
SEND_S = 60.0


class RemoteConnection:
    """A browser whose connection another web process holds; as a `LiveSocket` for whoever serves a session."""

    def __init__(self, frames: FrameSocket) -> None:
        self._frames = frames
        self._is_interrupted = False
        self._is_over = False
        self.is_broken = True

    def send_message(self, opcode: Opcode, payload: bytes) -> None:
        """Send one whole message; ConnectionClosed once the connection is over."""
        if self._is_over:
            raise ConnectionClosed
        try:
            self._frames.send(JSON if opcode is Opcode.TEXT else BINARY, payload, SEND_S)
        except OSError as gone:  # TimeoutError is one
            self._over()
            raise ConnectionClosed from gone

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """The next message; None after `timeout` seconds or an `interrupt`."""
        if self._is_over or self._is_interrupted:
            self._raise_if_over()
            return None
        try:
            frame = self._frames.receive(timeout)
        except (EOFError, FrameError):
            if not self._is_interrupted:
                self._over()
            self._raise_if_over()
            return None
        if frame is None:
            return None
        if frame.kind == CLOSE:
            self.is_broken = bool(json.loads(frame.payload)["broken"])
            self._over()
            self._raise_if_over()
            return None
        return frame.payload.decode()

    def _raise_if_over(self) -> None:
        if not self._is_interrupted:
            raise ConnectionClosed

    def interrupt(self) -> None:
        """Make `receive` return None now and from now on."""
        self._is_interrupted = True
        self._frames.shut_reading()

    def close(self, reason: int | None = None, message: str | None = None, last: str | None = None) -> None:
        """Let the other process send `last` and a close frame. Never raises."""
        if not self._is_over:
            farewell = {"code": int(reason or CloseReason.NORMAL_CLOSURE), "message": message, "last": last}
            with contextlib.suppress(OSError):
                self._frames.send(CLOSE, json.dumps(farewell).encode(), 0.1)
        self._over()

    def finish(self, linger_s: float | None = None) -> None:
        """The last call."""
        self.close()

    def _over(self) -> None:
        self._is_over = True
        self._frames.shutdown()


class Handover:
    """Takes in browsers whose sessions this process has."""

    def __init__(self, data_path: Path, serve: Callable[[RemoteConnection], None]) -> None:
        """`serve` gets each connection, in a thread of its own; it returns when it is done with it."""
        self._folder = data_path / FOLDER
        self._serve = serve

    def start(self) -> None:
        """Listen, in a thread of its own."""
        path = self._folder / f"{os.getpid()}.live"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob("*.live"):
            if not Path("/proc", left.stem).exists() or left == path:
                left.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
        except OSError:
            listening.close()
            return  # the path is too long for a socket: browsers that meet another process start anew
        listening.listen(64)
        threading.Thread(target=self._listen, args=(listening,), name="handover", daemon=True).start()

    def _listen(self, listening: socket.socket) -> None:
        while True:
            stream, _ = listening.accept()
            connection = RemoteConnection(FrameSocket(stream, TO_SESSION))
            threading.Thread(target=self._serve, args=(connection,), name="handover-session", daemon=True).start()


def hand_over(data_path: Path, token: str, first: str, browser: LiveSocket) -> bool:
    """Join the browser, whose first message is `first`, to the process that its token names, until one side ends.

    False if there is no such process.
    """
    process = token.partition(".")[0]
    if not process.isdecimal():
        return False
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(str(data_path / FOLDER / f"{process}.live"))
    except OSError:
        stream.close()
        return False
    frames = FrameSocket(stream, TO_BROWSER)
    back = threading.Thread(target=_to_browser, args=(frames, browser), name="handover-back", daemon=True)
    try:
        frames.send(JSON, first.encode(), SEND_S)
        back.start()
        while True:
            message = browser.receive(None)
            if message is None:
                break
            if isinstance(message, bytes):
                browser.close(CloseReason.UNSUPPORTED_DATA, "commands are text messages")
            else:
                frames.send(JSON, message.encode(), SEND_S)
    except (ConnectionClosed, OSError):
        with contextlib.suppress(OSError):
            frames.send(CLOSE, json.dumps({"broken": browser.is_broken}).encode(), 0.1)
    finally:
        frames.shutdown()
        browser.close(CloseReason.INTERNAL_ERROR, "the connection broke")
        if back.ident is not None:
            back.join()
        frames.close()
    return True


def _to_browser(frames: FrameSocket, browser: LiveSocket) -> None:
    """What the session says, until one side ends."""
    try:
        while True:
            frame = frames.receive(None)
            if frame is None:
                continue
            if frame.kind == CLOSE:
                end = json.loads(frame.payload)
                browser.close(end["code"], end["message"], last=end["last"])
                return
            browser.send_message(Opcode.TEXT if frame.kind == JSON else Opcode.BINARY, frame.payload)
    except (EOFError, FrameError, ConnectionClosed):
        return
    finally:
        browser.interrupt()
