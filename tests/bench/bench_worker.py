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


def milliseconds(action: Callable[[], None], rounds: int = ROUNDS) -> tuple[float, float]:
    """(median, 99th percentile) of the time that `action` takes."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def bare_fork() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    os.waitpid(pid, 0)
    os.close(reader)
    os.close(writer)


def first_answer(pool: WorkerPool, command: bytes) -> Callable[[], None]:
    """Start a worker, send it `command`, wait for the first answer, end it."""

    def action() -> None:
        with pool.start() as worker:
            worker.send(command)
            answer = worker.receive(20)
            assert isinstance(answer, Frame), answer
            assert b'"event":"failed"' not in answer.payload, answer.payload

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
        row("worker: start, first answer, end", milliseconds(first_answer(pool, nothing)))
        examples = {example.room: example for example in reversed(load_examples())}
        for room, example in examples.items():
            files = [{"name": file.name, "text": file.text} for file in example.files]
            command = {"v": 1, "id": 1, "do": "open", "room": room, "files": files, "options": example.options}
            figures = milliseconds(first_answer(pool, json.dumps(command).encode()))
            row(f"session: start, {room} `{example.name}` open at tick 0, end", figures)
    return rows
