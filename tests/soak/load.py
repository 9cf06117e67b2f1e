"""A load generator that checks every byte: visitors that step through a program and know what they must see.

`python tests/soak/load.py --sessions 200 --hz 20 --seconds 600` is the figure in docs/reliability.md; `make soak` runs
it. Each visitor opens the same program; what the first one is sent is what all others must be sent, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.live.conftest import REAL, LiveServer, servers  # noqa: E402
from tests.live.rawclient import BINARY, TEXT, RawClient  # noqa: E402

PROGRAM = """local t, n = {}, 0
for i = 1, 2000 do
  t[#t + 1] = i * i % 97
  if i % 50 == 0 then table.sort(t) n = n + t[1] t = {} end
end
print(n)
"""


@dataclass
class Outcome:
    """What a visitor saw. `digests` are of all that each command was answered with, one for each command."""

    open_s: float = 0.0
    step_s: list[float] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    error: str = ""


class Visitor:
    """One session that steps at a steady rate; some steps go back."""

    def __init__(self, port: int) -> None:
        self._client = RawClient(port)
        self._number = self._credits = 0
        self.outcome = Outcome()

    def _ask(self, do: str, **arguments: Any) -> float:
        """Send a command, read up to the event that ends it, note the digest of all of it; seconds that it took."""
        self._number += 1
        began = time.perf_counter()
        self._client.command(do, self._number, **arguments)
        seen = hashlib.sha256()
        while True:
            received = self._client.message()
            if received.opcode == BINARY:
                self._credits += 1
                self._client.command("credit", -self._credits, frames=1)
            if received.opcode == TEXT:
                event = received.event
                if (event["re"] or 0) < 0 or event["event"] == "progress":
                    continue  # these come when they come: the answers to credit, and signs of life on a busy host
                if event["event"] in ("failed", "goodbye"):
                    raise AssertionError(str(event)[:300])
            seen.update(bytes([received.opcode]) + received.payload)
            if received.opcode == TEXT and event["re"] == self._number and event["event"] in ("opened", "stopped"):
                break
        took = time.perf_counter() - began
        self.outcome.digests.append(seen.hexdigest())
        return took

    def run(self, seed: int, hz: float, until: Callable[[], bool]) -> None:
        """Open the program and step until `until` says so. The seed decides the steps, so equal seeds see the same."""
        steps = random.Random(seed)
        try:
            self.outcome.open_s = self._ask("open", room="lua", files=[{"name": "main.lua", "text": PROGRAM}])
            due = time.perf_counter() + random.random() / hz
            while not until():
                time.sleep(max(0.0, due - time.perf_counter()))
                self.outcome.step_s.append(self._ask("step", count=steps.choice((1, 1, 1, 1, 2, 5, -1, -3))))
                due = max(due + 1 / hz, time.perf_counter() - 1.0)
        except (AssertionError, OSError, EOFError) as error:
            self.outcome.error = f"{type(error).__name__}: {error}"
        finally:
            self._client.close()


def p(values: list[float], percent: float) -> float:
    """A percentile, in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0


def private_bytes(pid: int) -> int | None:
    """What a process has for itself alone; None where the host does not let us look into a worker (containers)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        return None
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Private_"))


def load(server: LiveServer, sessions: int, hz: float, seconds: float) -> dict[str, Any]:
    """Let visitors step for so long; the report. AssertionError if one of them saw other bytes than the others."""
    visitors = [Visitor(server.port) for _ in range(sessions)]
    end = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=visitor.run, args=(4711, hz, lambda: time.perf_counter() >= end))
        for visitor in visitors
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds / 2)
    workers = worker_pids(server)
    sampled = [private_bytes(pid) for pid in random.sample(workers, min(20, len(workers)))]
    memory = [size for size in sampled if size is not None]
    for thread in threads:
        thread.join()
    outcomes = [visitor.outcome for visitor in visitors]
    errors = Counter(outcome.error for outcome in outcomes if outcome.error)
    assert not errors, errors
    longest = max((outcome.digests for outcome in outcomes), key=len)
    differing = sum(outcome.digests != longest[: len(outcome.digests)] for outcome in outcomes)
    assert not differing, f"{differing} of {sessions} visitors were sent other bytes"
    times = [took for outcome in outcomes for took in outcome.step_s]
    opens = [outcome.open_s for outcome in outcomes]
    return {
        "sessions": sessions,
        "hz": hz,
        "seconds": seconds,
        "steps": len(times),
        "steps_per_second": round(len(times) / seconds),
        "differing": differing,
        "step_ms": {"p50": round(p(times, 50), 2), "p99": round(p(times, 99), 2), "max": round(p(times, 100), 2)},
        "open_ms": {"p50": round(p(opens, 50), 2), "p99": round(p(opens, 99), 2)},
        "private_mib_per_worker": round(statistics.median(memory) / (1 << 20), 2) if memory else None,
    }


def children(pid: int) -> list[int]:
    """The child processes of all threads of a process."""
    return [int(c) for task in Path(f"/proc/{pid}/task").glob("*/children") for c in task.read_text().split()]


def worker_pids(server: LiveServer) -> list[int]:
    """The session workers: children of the web processes' zygotes."""
    zygotes = [zygote for web in server.web_pids() for zygote in children(web)]
    return [worker for zygote in zygotes for worker in children(zygote)]


def faults(server: LiveServer, rounds: int) -> dict[str, Any]:
    """Kill a worker, a zygote or a web process, again and again; afterwards a new session works each time.

    Whoever was hit is told or cut off, everybody else goes on undisturbed, and every stored link is still there.
    """
    chosen = random.Random(1)
    links: list[str] = []
    hit: Counter[str] = Counter()
    for number in range(rounds):
        victim = chosen.choice(("worker", "zygote", "web"))
        visitor = Visitor(server.port)
        visitor._ask("open", room="lua", files=[{"name": "main.lua", "text": PROGRAM}])
        web = chosen.choice(server.web_pids())
        pids = {"worker": worker_pids(server), "zygote": children(web), "web": [web]}[victim]
        os.kill(chosen.choice(pids), signal.SIGKILL)
        hit[victim] += 1
        visitor._client.close()
        links.append(patiently(lambda n=number: store(server, n)))  # type: ignore[misc]
        patiently(lambda: one_session(server))
    lost = [link for link in links if server.get(f"/api/links/{link}")[0] != 200]
    assert not lost, f"{len(lost)} acknowledged links are lost"
    return {"rounds": rounds, "killed": dict(hit), "links": len(links), "lost": len(lost)}


def patiently(attempt: Callable[[], Any]) -> Any:
    """What an attempt answers once it succeeds: right after a kill a connection may be cut off."""
    for _ in range(100):
        try:
            return attempt()
        except (OSError, EOFError, AssertionError, IndexError) as error:
            last = error
            time.sleep(0.1)
    raise AssertionError(f"never: {last}")


def store(server: LiveServer, number: int) -> str:
    """Store a link; its id, once that is acknowledged."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        payload = {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": f"print({number})"}], "tick": 0}
        connection.request("POST", "/api/links", json.dumps(payload), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        assert answer.status == 201, data
        return str(json.loads(data)["id"])
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    finally:
        connection.close()


def one_session(server: LiveServer) -> None:
    """A session that works."""
    visitor = Visitor(server.port)
    visitor.run(1, 100.0, lambda: len(visitor.outcome.step_s) >= 3)
    assert not visitor.outcome.error, visitor.outcome.error


def main() -> None:
    """Run everything and print the report as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--hz", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--rounds", type=int, default=100, help="of fault injection")
    wanted = parser.parse_args()
    settings = {"sessions": wanted.sessions + 8, "sessions_per_address": wanted.sessions + 8, "web_workers": 2}
    with servers() as start:
        server = start(REAL, links_per_day=0, **settings)
        report = {"load": load(server, wanted.sessions, wanted.hz, wanted.seconds)}
        if wanted.rounds:
            report["faults"] = faults(server, wanted.rounds)
        print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
