"""Requests to the web processes, of whoever runs the server and of each other: a datagram socket each, in a folder of
the server's user.

A request is JSON, answered with `{"done": bool}` to the socket that asked: `{"do": "end", "session": number}` ends a
session, `{"do": "make_room", "network": text or null}` lets go of one whose browser is away.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = "control"
ANSWER_S = 3.0


class Control:
    """One web process's end."""

    def __init__(self, data_path: Path) -> None:
        self._data_path = data_path
        self._handlers: dict[str, Callable[[dict[str, Any]], bool]] = {}

    @property
    def _path(self) -> Path:
        return self._data_path / FOLDER / f"{os.getpid()}.sock"

    def on(self, word: str, handler: Callable[[dict[str, Any]], bool]) -> None:
        """Have requests with `do` = `word` handled; the answer says whether something was done."""
        self._handlers[word] = handler

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._path.parent.glob("*.sock"):
            if not Path("/proc", left.stem).exists() or left == self._path:
                left.unlink(missing_ok=True)
        try:
            listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            listening.bind(str(self._path))
        except OSError:
            return  # the path is too long for a socket: no commands then
        threading.Thread(target=self._listen, args=(listening,), name="control", daemon=True).start()

    def tell_others(self, request: dict[str, Any]) -> bool:
        """Ask the other web processes one after the other until one has done it."""
        answers = tell_all(self._data_path, request, self._path, is_one_enough=True)
        return any(answer["done"] for answer in answers)

    def _listen(self, listening: socket.socket) -> None:
        while True:
            data, sender = listening.recvfrom(4096)
            done = False
            with contextlib.suppress(ValueError, KeyError, TypeError):
                request = json.loads(data)
                done = self._handlers[request["do"]](request)
            with contextlib.suppress(OSError):
                listening.sendto(json.dumps({"done": done}).encode(), sender)


def tell_all(
    data_path: Path, request: dict[str, Any], but: Path | None = None, *, is_one_enough: bool = False
) -> list[dict[str, Any]]:
    """Send a request to every web process (`but` one), or until one has done it, and collect the answers."""
    answers: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.bind(f"{folder}/answer")
        asking.settimeout(ANSWER_S)
        for path in sorted((data_path / FOLDER).glob("*.sock")):
            if path == but or (is_one_enough and any(answer["done"] for answer in answers)):
                continue
            with contextlib.suppress(OSError, ValueError):
                asking.sendto(json.dumps(request).encode(), str(path))
                answers.append(json.loads(asking.recv(4096)))
    return answers
