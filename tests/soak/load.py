"""Load with byte-exact checking, openings one by one, and what a worker costs; the visitors are in visitors.py."""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from engine.worker.client import WorkerPool
from engine.worker.frames import Frame
from tests.live.conftest import ROOT, LiveServer
from tests.soak.visitors import PROGRAM, Visitor

#: Visitors of one process of the load generator.
PER_PROCESS = 100
SAMPLED_WORKERS = 20


def p(values: list[float], percent: float) -> float:
    """A percentile of times in seconds, in milliseconds."""
    ordered = sorted(values)
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))], 1) if ordered else 0.0


def private_bytes(pid: int) -> int | None:
    """What a process has for itself alone; None where the host does not let us look into a worker (containers)."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return None
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Private_"))


def children(pid: int) -> list[int]:
    """The child processes of all threads of a process; none if it is gone."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found


def worker_pids(server: LiveServer) -> list[int]:
    """The session workers: children of the web processes' zygotes."""
    return [worker for web in server.web_pids() for zygote in children(web) for worker in children(zygote)]


def processor_s(pids: list[int]) -> float:
    """Processor time that these processes have used."""
    spent = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        spent += int(fields[11]) + int(fields[12])
    return spent / os.sysconf("SC_CLK_TCK")


def steps_of(server: LiveServer) -> float:
    """How many steps the web processes have passed on."""
    counted = re.search(r'glassbox_commands_total\{command="step"\} (\S+)', server.get("/metrics")[1].decode())
    return float(counted[1]) if counted else 0.0


def load(server: LiveServer, sessions: int, hz: float, seconds: float) -> dict[str, Any]:
    """Let visitors step for so long; the report. Nothing is raised for what they met: it is in `errors`."""
    shares = [min(PER_PROCESS, sessions - at) for at in range(0, sessions, PER_PROCESS)]
    command = [sys.executable, "-m", "tests.soak.visitors", str(server.port)]
    crowds = [
        subprocess.Popen([*command, str(share), str(hz), str(seconds)], cwd=ROOT, stdout=subprocess.PIPE)
        for share in shares
    ]
    time.sleep(seconds / 4)
    webs, workers = server.web_pids(), worker_pids(server)
    before, began, first = (processor_s(webs), processor_s(workers)), time.monotonic(), steps_of(server)
    time.sleep(seconds / 2)
    after, took = (processor_s(webs), processor_s(workers)), time.monotonic() - began
    counted = max(1.0, steps_of(server) - first)
    sampled = [private_bytes(pid) for pid in random.sample(workers, min(SAMPLED_WORKERS, len(workers)))]
    memory = [size for size in sampled if size is not None]
    reports = [json.loads(crowd.communicate()[0] or b"{}") for crowd in crowds]
    lost = sum(not report for report in reports)
    reports = [report for report in reports if report]
    errors = sum((Counter(report["errors"]) for report in reports), Counter())
    if lost:
        errors["a process of the load generator ended"] = lost
    longest = max((report["digests"] for report in reports), key=len, default=[])
    for report in reports:
        if report["digests"] != longest[: len(report["digests"])]:
            errors["two processes of visitors were sent different bytes"] += 1
    steps = [took_s for report in reports for took_s in report["step_s"]]
    opens = [took_s for report in reports for took_s in report["open_s"]]
    return {
        "sessions": sessions,
        "hz": hz,
        "seconds": seconds,
        "steps": len(steps),
        "opened": len(opens),
        "late": sum(report["late"] for report in reports),
        "errors": dict(errors),
        "step_ms": {"p50": p(steps, 50), "p99": p(steps, 99), "max": p(steps, 100)},
        "open_ms": {"p50": p(opens, 50), "p99": p(opens, 99)},
        "cores": {
            "web": round((after[0] - before[0]) / took, 2),
            "workers": round((after[1] - before[1]) / took, 2),
            "visitors": round(sum(report["cpu_s"] for report in reports) / seconds, 2),
        },
        "step_cost_us": {
            "web": round(1e6 * (after[0] - before[0]) / counted),
            "worker": round(1e6 * (after[1] - before[1]) / counted),
        },
        "private_mib": round(statistics.median(memory) / (1 << 20), 2) if memory else None,
    }


def open_once(port: int) -> tuple[float, float]:
    """One visitor comes, opens and leaves: seconds from the connection, and from `open`, to the first state."""
    began = time.perf_counter()
    visitor = Visitor(port, [])
    try:
        took = None
        while took is None:
            took = visitor.take()
        return time.perf_counter() - began, took
    finally:
        visitor.socket.close()


def openings(server: LiveServer, rounds: int) -> dict[str, Any]:
    """Openings one after another."""
    open_once(server.port)
    times = [open_once(server.port) for _ in range(rounds)]
    connected, asked = [t[0] for t in times], [t[1] for t in times]
    return {
        "rounds": rounds,
        "from_connection_ms": {"p50": p(connected, 50), "p99": p(connected, 99)},
        "from_open_ms": {"p50": p(asked, 50), "p99": p(asked, 99)},
    }


def workers(rounds: int) -> dict[str, Any]:
    """Workers of a pool of our own: from `start` until one answers, and what one that opened a program owns."""
    pause = json.dumps({"v": 1, "id": 1, "do": "pause"}).encode()
    text = [{"name": "main.lua", "text": PROGRAM}]
    opening = json.dumps({"v": 1, "id": 2, "do": "open", "room": "lua", "files": text}).encode()
    times, owned = [], []
    with WorkerPool() as pool:
        pool.warm()
        for number in range(rounds):
            began = time.perf_counter()
            with pool.start() as worker:
                worker.send(pause)
                answer = worker.receive(60)
                times.append(time.perf_counter() - began)
                assert isinstance(answer, Frame), answer
                if number % 10 == 0:
                    worker.send(opening)
                    answer = worker.receive(60)
                    assert isinstance(answer, Frame), answer
                    owned.append(private_bytes(worker.pid))
    known = [size for size in owned if size is not None]
    return {
        "rounds": rounds,
        "start_ms": {"p50": p(times, 50), "p99": p(times, 99)},
        "idle_mib": round(statistics.median(known) / (1 << 20), 2) if known else None,
    }
