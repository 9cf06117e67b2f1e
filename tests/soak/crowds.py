"""Hostile clients of four kinds, many of each at once, and what others see meanwhile.

`python -m tests.soak.crowds PORT EACH SECONDS` is the crowd: one process, one thread. Non-readers run a program that
prints without end, allow all of it and read nothing; flooders send commands as fast as the socket takes them;
never-closers end the conversation and leave the connection open; slow ones send a byte of a header now and then.
Whoever is cut off comes again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
import socket
import subprocess
import sys
import time
from typing import Any

from tests.live.conftest import ROOT, LiveServer
from tests.live.rawclient import CLOSE, TEXT, frame
from tests.soak.load import p

PRINTER = 'for i = 1, 1e9 do print(i, string.rep("x", 200)) end'
LOOK_S = 0.05
#: What a slow client sends, a byte at a time.
SLOW_HEADER = b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"y" * 1000


def command(do: str, number: int, **arguments: Any) -> bytes:
    """One command as a frame."""
    return frame(TEXT, json.dumps({"v": 1, "id": number, "do": do, **arguments}).encode())


FLOOD = b"".join(command("inspect", number, query={"kind": "nothing"}) for number in range(200))
PRINTING = (
    command("open", 1, room="lua", files=[{"name": "main.lua", "text": PRINTER}])
    + command("credit", 2, frames=1_000_000)
    + command("run", 3)
)
PATIENT = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Hostile:
    """One client; `work` does what its kind does and raises OSError once it was cut off."""

    def __init__(self, port: int, kind: str) -> None:
        self.port, self.kind = port, kind
        self.sent = 0
        self._is_agreed = False
        self._pending = self._after = b""
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.socket()
        connection.settimeout(5.0)
        if self.kind == "non-reader":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        host = f"127.0.0.1:{self.port}"
        upgrade = (
            f"GET /live HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self._pending = {"patient": PATIENT, "slow": b""}.get(self.kind, upgrade)
        # What follows once the server has agreed: bytes that come with the request itself are no frames yet.
        self._after = {"non-reader": PRINTING, "never-closer": frame(CLOSE, b"\x03\xe8"), "flood": FLOOD}.get(
            self.kind, b""
        )
        self.sent = 0
        self._is_agreed = False
        connection.setblocking(False)
        return connection

    def work(self) -> None:
        """A little of what this kind does, without waiting."""
        if self.kind == "slow":
            self._pending = SLOW_HEADER[self.sent % len(SLOW_HEADER) :][:1]
        elif not self._pending and self._after:
            with contextlib.suppress(BlockingIOError):
                # Only the answer to the handshake is ever read.
                if not self._is_agreed and not self.socket.recv(512):
                    raise ConnectionError("cut off")
                self._is_agreed = True
                self._pending = self._after
                if self.kind != "flood":
                    self._after = b""
        with contextlib.suppress(BlockingIOError):
            while self._pending:
                taken = self.socket.send(self._pending)
                self._pending = self._pending[taken:]
                self.sent += taken
                if self.kind == "flood":
                    break
        if self.kind == "slow":
            with contextlib.suppress(BlockingIOError):
                if not self.socket.recv(1 << 16):
                    raise ConnectionError("cut off")

    def come_again(self) -> None:
        """Connect anew."""
        self.socket.close()
        with contextlib.suppress(OSError):
            self.socket = self._connect()


KINDS = ("non-reader", "flood", "never-closer", "slow")


def misbehave(port: int, each: int, seconds: float) -> dict[str, int]:
    """The crowd, for so long; how often each kind was cut off."""
    kinds = [kind if kind != "never-closer" or n % 2 else "patient" for kind in KINDS for n in range(each)]
    clients = [Hostile(port, kind) for kind in kinds]
    cut = dict.fromkeys(KINDS, 0)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        for client in clients:
            try:
                client.work()
            except OSError:
                cut["never-closer" if client.kind == "patient" else client.kind] += 1
                client.come_again()
        select.select([], [], [], max(0.0, 0.1 - (time.monotonic() - began)))
    return cut


def crowd(server: LiveServer, each: int, seconds: float) -> dict[str, Any]:
    """Let the crowd loose and ask for a page and for `/health` meanwhile."""
    pids, before = server.web_pids(), server.resident_bytes()
    command_line = [sys.executable, "-m", "tests.soak.crowds", str(server.port), str(each), str(seconds)]
    times: list[float] = []
    failed = most = 0
    with subprocess.Popen(command_line, cwd=ROOT, stdout=subprocess.PIPE) as hostile:
        while hostile.poll() is None:
            for path in ("/", "/health"):
                began = time.perf_counter()
                try:
                    status = server.get(path, timeout_s=30)[0]
                except (OSError, http.client.HTTPException):
                    status = 0
                times.append(time.perf_counter() - began)
                failed += status != 200
                time.sleep(LOOK_S)
            most = max(most, server.resident_bytes())
        assert hostile.stdout is not None
        cut = json.loads(hostile.stdout.read() or b"{}")
    return {
        "each": each,
        "seconds": seconds,
        "gets": len(times),
        "failed": failed,
        "get_ms": {"p50": p(times, 50), "p99": p(times, 99), "max": p(times, 100)},
        "same_processes": server.web_pids() == pids,
        "growth_mib": round((most - before) / (1 << 20), 1),
        "cut_off": cut,
    }


if __name__ == "__main__":
    json.dump(misbehave(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])), sys.stdout)
