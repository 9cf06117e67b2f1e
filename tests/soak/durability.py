"""Links: what was acknowledged through kills of the process that stores them, and many writers at once."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from app.links import validate_payload
from app.settings import Settings
from app.store import Store
from tests.live.conftest import LiveServer
from tests.soak.load import p

WRITERS_AT_ONCE = 8


def payload_of(number: int) -> dict[str, Any]:
    """A program of its own for each number, as long as programs are."""
    text = f"-- {number}\n" + f"print({number})\n" * 40
    return {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": text}], "tick": number}


def kills(folder: Path, rounds: int, links: int) -> dict[str, Any]:
    """Kill (-9) a process that stores links, at a random moment of every round; look for all that it acknowledged.

    The process is forked here, so that a round takes no longer than its links. It acknowledges by writing the number
    and the id of a link to a pipe after `Store.save` has come back: what the web process answers 201 for.
    """
    settings = Settings(data_dir=str(folder))
    chosen = random.Random(2)
    kept: dict[int, str] = {}
    first = 0
    for _ in range(rounds):
        wanted = max(1, int(links / rounds * chosen.uniform(0.8, 1.4)))
        acknowledged = _one_round(settings, first, wanted)
        kept.update(acknowledged)
        first += wanted + 10_000
    store = Store(settings)
    lost = 0
    for number, link in kept.items():
        found = store.load(link)
        lost += found is None or dict(found.payload) != validate_payload(payload_of(number))
    store.close()
    with sqlite3.connect(folder / "links.sqlite") as connection:
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        stored = connection.execute("SELECT count(*) FROM links").fetchone()[0]
    return {"rounds": rounds, "acknowledged": len(kept), "stored": stored, "lost": lost, "sound": sound}


def _one_round(settings: Settings, first: int, wanted: int) -> dict[int, str]:
    """Let a process store links until it has acknowledged so many, then kill it; all that it acknowledged."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            _write_for_ever(settings, first, writer)
        finally:
            os._exit(1)
    os.close(writer)
    received = b""
    while received.count(b"\n") < wanted:
        part = os.read(reader, 1 << 16)
        if not part:
            break
        received += part
    os.kill(pid, signal.SIGKILL)
    while part := os.read(reader, 1 << 16):
        received += part
    os.close(reader)
    os.waitpid(pid, 0)
    lines = received.decode().split("\n")[:-1]
    return {int(number): link for number, link in (line.split() for line in lines)}


def _write_for_ever(settings: Settings, first: int, writer: int) -> None:
    store = Store(settings)

    def write(turn: int) -> None:
        number = first + turn
        while True:
            link = store.save(payload_of(number)).id
            os.write(writer, f"{number} {link}\n".encode())
            number += WRITERS_AT_ONCE

    threads = [threading.Thread(target=write, args=(turn,)) for turn in range(WRITERS_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def writers(server: LiveServer, count: int, seconds: float) -> dict[str, Any]:
    """So many clients store links over HTTP, each the next one when the last is acknowledged."""
    end = time.monotonic() + seconds
    times: list[float] = []
    failed: list[str] = []

    def write(turn: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        number = turn
        while time.monotonic() < end:
            body = json.dumps(payload_of(number))
            began = time.perf_counter()
            try:
                connection.request("POST", "/api/links", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
            except (OSError, http.client.HTTPException) as error:
                failed.append(str(error))
                connection.close()
                continue
            times.append(time.perf_counter() - began)
            if answer.status != 201:
                failed.append(data.decode("utf-8", "replace"))
            number += count
        connection.close()

    threads = [threading.Thread(target=write, args=(turn,)) for turn in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "writers": count,
        "seconds": seconds,
        "links": len(times),
        "failed": len(failed),
        "failures": failed[:3],
        "save_ms": {"p50": p(times, 50), "p99": p(times, 99), "max": p(times, 100)},
    }
