"""Kills processes of a running server at random: everybody else goes on, the next session works, no link is lost."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from tests.live.conftest import LiveServer
from tests.soak.load import children, open_once, worker_pids
from tests.soak.visitors import Visitor

Answer = TypeVar("Answer")

VICTIMS = ("worker", "zygote", "web")


def faults(server: LiveServer, rounds: int) -> dict[str, Any]:
    """Kill a worker, a zygote or a web process, again and again; afterwards a new session works each time.

    Whoever was hit is told or cut off, everybody else goes on undisturbed, and every stored link is still there.
    """
    chosen = random.Random(1)
    links: list[str] = []
    hit: Counter[str] = Counter()
    for number in range(rounds):
        victim = chosen.choice(VICTIMS)
        visitor = patiently(lambda: opened(server))
        web = chosen.choice(server.web_pids())
        pids = {"worker": worker_pids(server), "zygote": children(web), "web": [web]}[victim]
        if pids:
            os.kill(chosen.choice(pids), signal.SIGKILL)
            hit[victim] += 1
        visitor.socket.close()
        links.append(patiently(lambda n=number: store(server, n)))  # type: ignore[misc]
        patiently(lambda: open_once(server.port))
    lost = [link for link in links if server.get(f"/api/links/{link}")[0] != 200]
    return {"rounds": rounds, "killed": dict(hit), "links": len(links), "lost": len(lost)}


def opened(server: LiveServer) -> Visitor:
    """A visitor whose program is open."""
    visitor = Visitor(server.port, [])
    while visitor.take() is None:
        pass
    return visitor


def patiently(attempt: Callable[[], Answer]) -> Answer:
    """What an attempt answers once it succeeds: right after a kill a connection may be cut off."""
    last: Exception | None = None
    for _ in range(300):
        try:
            return attempt()
        except Exception as error:
            last = error
            time.sleep(0.1)
    raise AssertionError(f"never: {last}")


def store(server: LiveServer, number: int) -> str:
    """Store a link; its id, once that is acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        payload = {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": f"print({number})"}], "tick": 0}
        connection.request("POST", "/api/links", json.dumps(payload), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 201, data
        return str(json.loads(data)["id"])
    finally:
        connection.close()
