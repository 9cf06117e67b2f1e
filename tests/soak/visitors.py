"""Visitors that step through a program at a steady rate, many to a process, each byte of every answer compared.

`python -m tests.soak.visitors PORT COUNT HZ SECONDS` is one process of the load generator: one thread, epoll. All
visitors open the same program and choose the same steps, so each must be sent what the first one was sent. The report
is one JSON object on standard output.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
import json
import os
import random
import re
import resource
import select
import socket
import struct
import sys
import time
from collections import Counter
from typing import Any

from tests.live.rawclient import BINARY, CLOSE, PING, PONG, TEXT, frame

PROGRAM = """local t, n = {}, 0
for i = 1, 2000 do
  t[#t + 1] = i * i % 97
  if i % 50 == 0 then table.sort(t) n = n + t[1] t = {} end
end
print(n)
"""
CHOICES = (1, 1, 1, 1, 2, 5, -1, -3)
SEED = 4711
#: The beginning of an event, as workers write it: what it answers, and its name.
HEAD = re.compile(rb'\{"v":1,"re":(-?\d+|null),"event":"(\w+)"')
#: An answer that takes longer than this is an error.
ANSWER_S = 120.0
#: Much more than an answer to a step, and so little that it need not be mapped for each.
READ_BYTES = 1 << 15


class Broken(Exception):
    """This visitor was cut off, or was sent what it should not be."""


class Visitor:
    """One socket and what it waits for."""

    def __init__(self, port: int, reference: list[bytes]) -> None:
        self.reference = reference
        self.steps = random.Random(SEED)
        self.number = self.credits = 0
        self.asked_at = time.perf_counter()
        self.due = 0.0
        self.began_at = self.asked_at
        self.handshaken = False
        self.answers = 0
        self._seen = hashlib.sha256()
        self._received = bytearray()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{port}"
        lines = ["GET /live HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", f"Origin: http://{host}", "", ""]
        self.socket.sendall("\r\n".join(lines).encode())

    def command(self, do: str, number: int, **arguments: Any) -> None:
        """Send one command; commands are small, so the socket takes them at once."""
        message = json.dumps({"v": 1, "id": number, "do": do, **arguments}, separators=(",", ":"))
        self.socket.sendall(frame(TEXT, message.encode()))

    def ask(self, do: str, **arguments: Any) -> None:
        """Send the next command and begin to watch its answer."""
        self.number += 1
        self._seen = hashlib.sha256()
        self.asked_at = time.perf_counter()
        self.command(do, self.number, **arguments)

    def take(self) -> float | None:
        """Read what came; the seconds that the answer took, once it is complete."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise Broken("the server closed the connection")
        self._received += data
        if not self.handshaken:
            head, mark, rest = bytes(self._received).partition(b"\r\n\r\n")
            if not mark:
                return None
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise Broken(head.split(b"\r\n", 1)[0].decode("latin-1"))
            self.handshaken = True
            self._received = bytearray(rest)
            self.ask("open", room="lua", files=[{"name": "main.lua", "text": PROGRAM}])
        done = None
        while (message := self._next()) is not None:
            if self._is_end(*message):
                done = time.perf_counter() - self.asked_at
                self._compare()
        return done

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole frame: (opcode, payload)."""
        buffer = self._received
        if len(buffer) < 2:
            return None
        length, start = buffer[1], 2
        if length == 126:
            start = 4
            if len(buffer) < 4:
                return None
            length = int.from_bytes(buffer[2:4], "big")
        elif length == 127:
            start = 10
            if len(buffer) < 10:
                return None
            length = int.from_bytes(buffer[2:10], "big")
        if buffer[0] & 0x70 or not buffer[0] & 0x80 or length > 1 << 24:
            raise Broken(f"no frame of ours: {buffer[:2].hex()}")
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        opcode = buffer[0] & 0x0F
        del buffer[: start + length]
        return opcode, payload

    def _is_end(self, opcode: int, payload: bytes) -> bool:
        """Note one frame; True for the last one of the answer."""
        if opcode == PING:
            self.socket.sendall(frame(PONG, payload))
            return False
        if opcode == CLOSE:
            raise Broken(f"closed with {struct.unpack('!H', payload[:2])[0]}: {payload[2:].decode('utf-8', 'replace')}")
        if opcode == BINARY:
            self.credits += 1
            self.command("credit", -self.credits, frames=1)
            self._seen.update(payload)
            return False
        found = HEAD.match(payload)
        if found is None:
            raise Broken(f"no event: {payload[:60]!r}")
        answers, event = found[1], found[2]
        if answers.startswith(b"-") or event in (b"progress", b"queued"):
            return False  # these come when they come
        if event in (b"failed", b"goodbye"):
            raise Broken(payload[:300].decode("utf-8", "replace"))
        self._seen.update(payload)
        return answers == str(self.number).encode() and event in (b"opened", b"stopped")

    def _compare(self) -> None:
        digest = self._seen.digest()
        if self.answers == len(self.reference):
            self.reference.append(digest)
        elif self.reference[self.answers] != digest:
            raise Broken(f"other bytes than the others were sent in answer {self.answers}")
        self.answers += 1


class Crowd:
    """The visitors of this process and their clock."""

    def __init__(self, port: int, count: int, hz: float, seconds: float) -> None:
        self.hz = hz
        self.reference: list[bytes] = []
        self.open_s: list[float] = []
        self.step_s: list[float] = []
        self.late = 0
        self.errors: Counter[str] = Counter()
        self._due: list[tuple[float, int]] = []
        self._poll = select.epoll()
        self._visitors: dict[int, Visitor] = {}
        for _ in range(count):
            visitor = Visitor(port, self.reference)
            self._visitors[visitor.socket.fileno()] = visitor
            self._poll.register(visitor.socket, select.EPOLLIN)
        self.end = time.perf_counter() + seconds

    def run(self) -> None:
        """Until the time is over and the last answers are here."""
        self._check_at = time.perf_counter() + 1.0
        waiting = set(self._visitors)
        while self._visitors and (waiting or time.perf_counter() < self.end):
            now = time.perf_counter()
            if now >= self._check_at:
                self._check_at = now + 1.0
                for at in [at for at in waiting if now - self._visitors[at].asked_at > ANSWER_S]:
                    self._lose(at, f"no answer within {ANSWER_S:.0f} s", waiting)
            while self._due and self._due[0][0] <= now and now < self.end:
                at = heapq.heappop(self._due)[1]
                if at in self._visitors:
                    self._step(at, waiting)
            soonest = self._due[0][0] if self._due and now < self.end else now + 0.5
            for at, _ in self._poll.poll(max(0.0, min(soonest, now + 0.5) - now)):
                self._hear(at, waiting)

    def _step(self, at: int, waiting: set[int]) -> None:
        visitor = self._visitors[at]
        try:
            visitor.ask("step", count=visitor.steps.choice(CHOICES))
            waiting.add(at)
        except OSError as error:
            self._lose(at, str(error), waiting)

    def _hear(self, at: int, waiting: set[int]) -> None:
        visitor = self._visitors.get(at)
        if visitor is None:
            return
        try:
            took = visitor.take()
        except (Broken, OSError) as error:
            self._lose(at, f"{type(error).__name__}: {error}", waiting)
            return
        if took is None:
            return
        waiting.discard(at)
        now = time.perf_counter()
        if visitor.answers == 1:
            self.open_s.append(now - visitor.began_at)
            visitor.due = now + random.random() / self.hz
        else:
            self.step_s.append(took)
            visitor.due += 1 / self.hz
            if visitor.due < now - 1.0:  # so late that what was missed is not made up for
                self.late += int((now - visitor.due) * self.hz)
                visitor.due = now
        heapq.heappush(self._due, (visitor.due, at))

    def _lose(self, at: int, why: str, waiting: set[int]) -> None:
        visitor = self._visitors.pop(at)
        waiting.discard(at)
        self._poll.unregister(at)
        visitor.socket.close()
        self.errors[why[:300]] += 1

    def report(self) -> dict[str, Any]:
        """What they saw, times in seconds."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "open_s": self.open_s,
            "step_s": self.step_s,
            "late": self.late,
            "errors": dict(self.errors),
            "digests": [digest.hex() for digest in self.reference],
            "cpu_s": spent.ru_utime + spent.ru_stime,
        }


def main(port: str, count: str, hz: str, seconds: str) -> None:
    """One process of the generator."""
    crowd = Crowd(int(port), int(count), float(hz), float(seconds))
    crowd.run()
    json.dump(crowd.report(), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
