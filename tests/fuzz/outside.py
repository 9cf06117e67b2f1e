"""Random and mutated input where bytes from outside arrive, counted: `python -m tests.fuzz.outside [RUNS]`.

Each target is a function that takes bytes and may answer or refuse in the ways that it promises; anything else is a
failure, kept with its seed. What is fuzzed here is what the web process reads (HTTP bodies, commands, share links,
frames of WebSockets and of workers), what a session in a worker is told, and executables. Programs, binary chunks and
guests have fuzzers of their own (docs/fuzzing.md).
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from wsproto import Connection, ConnectionType
from wsproto.utilities import ProtocolError

from app import create_app
from app.jsontext import parse
from app.links import canonical, validate_payload
from app.live import LiveSession, failed
from app.livesocket import LiveSocket, SocketLimits
from app.settings import Settings
from engine.errors import GlassboxError
from engine.machine import Limits
from engine.session import Session
from engine.wire import COMMANDS
from engine.worker.frames import BINARY, HEADER, JSON, TO_WEB, FrameError, FrameSocket
from engine.worker.server import as_json
from tests.fuzz.executables import elf_bytes, executables
from tests.live.rawclient import frame
from tests.live.stand_in import StandInPool

#: Executions of each target in the long form.
RUNS = 100_000
SHORT_RUNS = 300
MAX_FAILURES = 5

Target = Callable[[bytes], None]

WORDS = (
    *(
        b"null",
        b"true",
        b"-1",
        b"0",
        b"1e308",
        b"1e999",
        b"NaN",
        b"9223372036854775808",
        b'""',
        b'"\\ud800"',
        b"[]",
        b"{}",
    ),
    *(
        b'"\\u0000"',
        b"\xff\xfe",
        b"\xc3\x28",
        b'"v":1',
        b'"id":1',
        b'"do":"run"',
        b'"lua"',
        b'"x86"',
        b"[" * 5000,
        b"9" * 5000,
    ),
)


def value(chosen: random.Random, depth: int = 0) -> Any:
    """Any JSON value."""
    kind = chosen.randrange(9 if depth < 3 else 6)
    if kind == 0:
        return chosen.choice((None, True, False))
    if kind == 1:
        return chosen.choice((0, 1, -1, 2**31, 2**53, 2**63, -(2**63), 10**30, chosen.randrange(-9, 99)))
    if kind == 2:
        return chosen.choice((0.5, -0.0, 1e300))
    if kind in (3, 4, 5):
        letters = 'abcXYZ019 \n"\\\u0000\u00e9\u4e2d\ud800\U0001f600./-_=()[]{}:%'
        return "".join(chosen.choice(letters) for _ in range(chosen.randrange(12)))
    if kind == 6:
        return [value(chosen, depth + 1) for _ in range(chosen.randrange(4))]
    return {str(value(chosen, 3)): value(chosen, depth + 1) for _ in range(chosen.randrange(4))}


def mutated(chosen: random.Random, data: bytes) -> bytes:
    """A few random changes."""
    changed = bytearray(data)
    for _ in range(chosen.randrange(5)):
        at = chosen.randrange(len(changed) + 1)
        deed = chosen.randrange(5)
        if deed == 0 and changed:
            changed[at % len(changed)] ^= 1 << chosen.randrange(8)
        elif deed == 1:
            changed[at:at] = chosen.choice(WORDS)
        elif deed == 2:
            del changed[at : at + chosen.randrange(20)]
        elif deed == 3:
            changed[at:at] = chosen.randbytes(chosen.randrange(8))
        else:
            changed[at:at] = changed[at : at + 40]
    return bytes(changed)


PROGRAM = "local t = {} for i = 1, 40 do t[i] = i * i end print(#t) return t"
GOOD: dict[str, Any] = {
    "room": "lua",
    "files": [{"name": "main.lua", "text": PROGRAM}],
    "options": {},
    "places": [{"line": 1}],
    "query": {"kind": "table", "id": 1},
    "frames": 4,
    "count": 1,
    "tick": 3,
    "to": 30,
    "from": 1,
    "direction": 1,
    "text": "x",
    "end": False,
}


def a_command(chosen: random.Random) -> bytes:
    """A command with good or bad arguments, as JSON, perhaps mutated."""
    command = chosen.choice(COMMANDS)
    message: dict[str, Any] = {"v": 1, "id": chosen.randrange(100), "do": command.name}
    for argument in command.args:
        if argument.required or chosen.random() < 0.5:
            good = argument.name in GOOD and chosen.random() < 0.7
            message[argument.name] = GOOD[argument.name] if good else value(chosen)
    if chosen.random() < 0.1:
        message[str(value(chosen, 3))] = value(chosen)
    data = json.dumps(message).encode()
    return mutated(chosen, data) if chosen.random() < 0.3 else data


def a_payload(chosen: random.Random) -> bytes:
    """A share link's payload."""
    payload: dict[str, Any] = {
        "v": 1,
        "room": chosen.choice(("lua", "x86", "lua", "nowhere")),
        "files": [{"name": "main.lua", "text": "print(1)"}],
        "options": {},
        "tick": 0,
        "panes": ["state"],
        "breakpoints": [{"line": 3}],
        "input": [{"text": "a", "end": True}],
    }
    for name in list(payload):
        if chosen.random() < 0.2:
            payload[name] = value(chosen)
        elif chosen.random() < 0.1:
            del payload[name]
    data = json.dumps(payload).encode()
    return mutated(chosen, data) if chosen.random() < 0.4 else data


@contextmanager
def commands_in_the_web_process() -> Iterator[Target]:
    """What the relay does with a text message before it hands it on, and with one that it refuses."""
    line = SimpleNamespace(has=lambda count: None)
    session: Any = SimpleNamespace(_settings=Settings(), _token="", _line=line)

    def run(data: bytes) -> None:
        message = data.decode("utf-8", "replace")
        try:
            LiveSession._check(session, message)
        except GlassboxError as error:
            json.loads(failed(message, error))

    yield run


@contextmanager
def link_payloads() -> Iterator[Target]:
    """Parsing, checking and the canonical form, which must be checked again to the same."""

    def run(data: bytes) -> None:
        try:
            payload = validate_payload(parse(data))
            body = canonical(payload, 1 << 16)
        except GlassboxError:
            return
        again = validate_payload(parse(body))
        assert canonical(again, 1 << 16) == body, "the canonical form is not stable"

    yield run


@contextmanager
def http_requests() -> Iterator[Target]:
    """Every route, with paths, headers and bodies that make no sense: an answer below 500, with its headers."""
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings(data_dir=folder), requests_per_minute=0, links_per_day=0, sockets_per_minute=0)
        application = create_app(settings, pool=StandInPool())
        application.config["PROPAGATE_EXCEPTIONS"] = False
        rules = [str(rule) for rule in application.url_map.iter_rules()]
        client = application.test_client()

        def run(data: bytes) -> None:
            chosen = random.Random(data)
            path = chosen.choice(rules)
            while "<" in path:
                before, _, rest = path.partition("<")
                word = str(value(chosen, 3)) if chosen.random() < 0.7 else "0" * 17
                path = before + quote(word, safe="/", errors="replace") + rest.partition(">")[2]
            if chosen.random() < 0.2:
                path += chosen.choice(("?", "//", "/..", "%00", "%ff", "?lang=zz", "?v=" + "9" * 100))
            headers = {
                name: str(value(chosen, 3)).replace("\n", "").encode("utf-8", "replace").decode("latin-1")
                for name in ("Accept-Language", "Cookie", "Origin", "Range", "If-None-Match", "X-Forwarded-For")
                if chosen.random() < 0.3
            }
            method = chosen.choice(("GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH"))
            kind = chosen.choice(("application/json", "text/plain", "", "application/json; charset=utf-16"))
            answer = client.open("/" + path.lstrip("/"), method=method, data=data, content_type=kind, headers=headers)
            assert answer.status_code < 500 or answer.status_code == 503, f"{method} {path!r}: {answer.status}"
            assert "Content-Security-Policy" in answer.headers, f"{method} {path!r} has no policy"

        yield run


@contextmanager
def worker_frames() -> Iterator[Target]:
    """What a worker that was taken over may write: whole frames, FrameError or the end, never more than one held."""

    def run(data: bytes) -> None:
        ours, theirs = socket.socketpair()
        frames = FrameSocket(ours, TO_WEB)
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            theirs.send(data)
        theirs.close()
        try:
            while True:
                received = frames.receive(0)
                if received is None:
                    break
                assert len(received.payload) <= TO_WEB[received.kind]
        except (FrameError, EOFError):
            pass
        finally:
            frames.close()

    yield run


def worker_bytes(chosen: random.Random) -> bytes:
    """Frames, some with wrong lengths and kinds."""
    parts = []
    for _ in range(chosen.randrange(1, 5)):
        payload = chosen.randbytes(chosen.randrange(60))
        length = len(payload) if chosen.random() < 0.8 else chosen.randrange(1 << 32)
        parts.append(HEADER.pack(length, chosen.choice((ord(JSON), ord(BINARY), chosen.randrange(256)))) + payload)
    return mutated(chosen, b"".join(parts))


@contextmanager
def socket_frames() -> Iterator[Target]:
    """What a browser may send after the handshake, cut anywhere: the reader ends properly, whatever it is."""
    limits = SocketLimits(
        message_bytes=4096, inbox_messages=8, inbox_bytes=8192, ping_s=60, message_s=60, unread_s=60, linger_s=0.0
    )

    def run(data: bytes) -> None:
        server, client = socket.socketpair()
        environ = {
            "gunicorn.socket": server,
            "HTTP_HOST": "x",
            "HTTP_CONNECTION": "Upgrade",
            "HTTP_UPGRADE": "websocket",
            "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
            "HTTP_SEC_WEBSOCKET_VERSION": "13",
        }
        opened = LiveSocket(environ, limits)
        try:
            cut = random.Random(data).randrange(len(data) + 1)
            for part in (data[:cut], data[cut:]):
                with contextlib.suppress(OSError):
                    client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            answer = b""
            client.settimeout(30)
            with contextlib.suppress(OSError):
                while more := client.recv(1 << 16):
                    answer += more
            opened.finish(linger_s=0.0)
            # What we send is itself well formed.
            peer = Connection(ConnectionType.CLIENT)
            peer.receive_data(answer.partition(b"\r\n\r\n")[2])
            try:
                list(peer.events())
            except ProtocolError as error:
                raise AssertionError(f"the server sent nonsense: {error}") from error
        finally:
            opened.finish(linger_s=0.0)
            client.close()
            server.close()

    yield run


def socket_bytes(chosen: random.Random) -> bytes:
    """WebSocket frames of every kind, good and bad."""
    parts = []
    for _ in range(chosen.randrange(1, 6)):
        payload = chosen.choice(
            (b"", b"{}", a_command(chosen)[:300], chosen.randbytes(chosen.randrange(130)), b"x" * 2000)
        )
        if chosen.random() < 0.1:
            payload = struct.pack("!H", chosen.randrange(6000)) + payload[:60]
        parts.append(
            frame(
                chosen.choice((0, 1, 1, 1, 2, 8, 9, 10, chosen.randrange(16))),
                payload,
                fin=chosen.random() < 0.8,
                rsv=chosen.randrange(8) if chosen.random() < 0.1 else 0,
                mask=chosen.random() < 0.95,
            )
        )
    return mutated(chosen, b"".join(parts))


@contextmanager
def commands_in_a_session() -> Iterator[Target]:
    """A session in a worker: any JSON it is told is answered or refused, never with `internal`, and it lives on."""
    made: list[dict[str, Any]] = []
    waiting: list[object] = []
    session = Session(
        lambda event: (as_json(event), made.append(event))[1],
        lambda data: None,
        lambda timeout_s: waiting.pop() if waiting else {"v": 1, "id": -1, "do": "credit", "frames": 50},
        limits=Limits(max_ticks=3000, memory_bytes=8 << 20, output_bytes=1 << 14),
        trace_window=100,
    )
    opening = {"v": 1, "id": 0, "do": "open", "room": "lua", "files": GOOD["files"]}
    session.execute(opening)

    def run(data: bytes) -> None:
        try:
            message: object = json.loads(data)
        except (ValueError, RecursionError):
            message = "not JSON"
        made.clear()
        session.execute(message)
        for event in made:
            if event["event"] == "failed":
                assert event["error"]["kind"] != "internal", f"{message!r:.300}: {event['error']}"

    try:
        yield run
    finally:
        session.close()


#: name: (what makes an input, what takes it)
TARGETS: dict[str, tuple[Callable[[random.Random], bytes], Callable[[], contextlib.AbstractContextManager[Target]]]] = {
    "commands, as the web process checks them": (a_command, commands_in_the_web_process),
    "commands, as a session carries them out": (a_command, commands_in_a_session),
    "payloads of share links": (a_payload, link_payloads),
    "HTTP requests to every route": (a_payload, http_requests),
    "WebSocket frames": (socket_bytes, socket_frames),
    "frames of workers": (worker_bytes, worker_frames),
    "executables": (elf_bytes, executables),
}


def fuzz(name: str, runs: int, first_seed: int = 0) -> tuple[int, list[str]]:
    """(executions, failures) of one target; a failure names the seed that makes it again."""
    make, target = TARGETS[name]
    failures: list[str] = []
    done = 0
    with target() as run:
        for seed in range(first_seed, first_seed + runs):
            data = make(random.Random(seed))
            done += 1
            try:
                run(data)
            except Exception:
                failures.append(f"{name}, seed {seed}: {traceback.format_exc(limit=-3)}")
                if len(failures) >= MAX_FAILURES:
                    break
    return done, failures


def fuzz_all(runs: int) -> dict[str, Any]:
    """Every target; the report."""
    executions, failures = {}, []
    for name in TARGETS:
        began = time.monotonic()
        executions[name], found = fuzz(name, runs)
        failures += found
        print(f"{name}: {executions[name]:,} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        for failure in found:
            print(failure, file=sys.stderr, flush=True)
    return {"executions": executions, "failures": failures}


if __name__ == "__main__":
    report = fuzz_all(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
    sys.exit(bool(report["failures"]))
