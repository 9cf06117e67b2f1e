"""Commands of whoever runs the server to its web processes: a datagram socket each, in a folder of the server's user.

A request is JSON, `{"do": "end", "session": number}`, answered with `{"done": bool}` to the socket that asked.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import threading
from pathlib import Path
from typing import Any

from app.sessions import Sessions

FOLDER = "control"
ANSWER_S = 3.0


class Control:
    """One web process's end."""

    def __init__(self, data_path: Path, sessions: Sessions) -> None:
        self._path = data_path / FOLDER / f"{os.getpid()}.sock"
        self._sessions = sessions

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

    def _listen(self, listening: socket.socket) -> None:
        while True:
            data, sender = listening.recvfrom(4096)
            done = False
            with contextlib.suppress(ValueError, KeyError, TypeError):
                request = json.loads(data)
                if request["do"] == "end":
                    done = self._sessions.end(int(request["session"]))
            with contextlib.suppress(OSError):
                listening.sendto(json.dumps({"done": done}).encode(), sender)


def tell_all(data_path: Path, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Send a request to every web process and collect the answers."""
    answers = []
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        asking.bind(f"{folder}/answer")
        asking.settimeout(ANSWER_S)
        for path in sorted((data_path / FOLDER).glob("*.sock")):
            with contextlib.suppress(OSError, ValueError):
                asking.sendto(json.dumps(request).encode(), str(path))
                answers.append(json.loads(asking.recv(4096)))
    return answers
