"""Worker processes: from `start` to a process that can answer, and from `start` to a session's first state.

The reference is a bare fork of a small Python process that writes one byte and exits, measured in the same run.
"""

import json
import os
import time
from collections.abc import Callable

from engine.examples import load_examples
from engine.worker.client import WorkerPool
from engine.worker.frames import Frame

ROUNDS = 100


def milliseconds(action: Callable[[], float], rounds: int = ROUNDS) -> tuple[float, float]:
    """(median, 99th percentile) of the seconds that `action` answers."""
    times = sorted(action() * 1000 for _ in range(rounds))
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def bare_fork() -> float:
    started = time.perf_counter()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    took = time.perf_counter() - started
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)
    return took


def first_answer(pool: WorkerPool, command: bytes) -> Callable[[], float]:
    """From `start` of a worker until it has answered `command`."""

    def action() -> float:
        started = time.perf_counter()
        with pool.start() as worker:
            worker.send(command)
            answer = worker.receive(20)
            took = time.perf_counter() - started
        assert isinstance(answer, Frame), answer
        assert b'"event":"failed"' not in answer.payload, answer.payload
        return took

    return action


def main() -> list[str]:
    rows = ["| what | median, ms | 99 %, ms |", "|---|---|---|"]

    def row(name: str, figures: tuple[float, float]) -> None:
        rows.append(f"| {name} | {figures[0]:.2f} | {figures[1]:.2f} |")

    row("bare fork, one byte back (reference)", milliseconds(bare_fork))
    with WorkerPool() as pool:
        started = time.perf_counter()
        pool.warm()
        row("service started and warm (once)", ((time.perf_counter() - started) * 1000,) * 2)
        nothing = json.dumps({"v": 1, "id": 1, "do": "pause"}).encode()
        row("worker: start to first answer", milliseconds(first_answer(pool, nothing)))
        examples = {example.room: example for example in reversed(load_examples())}
        for room, example in examples.items():
            files = [{"name": file.name, "text": file.text} for file in example.files]
            command = {"v": 1, "id": 1, "do": "open", "room": room, "files": files, "options": example.options}
            figures = milliseconds(first_answer(pool, json.dumps(command).encode()))
            row(f"session: start, {room} `{example.name}` open at tick 0", figures)
    return rows
