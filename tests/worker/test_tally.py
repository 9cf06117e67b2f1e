"""What a worker says it executed: its own number only, and no more than can be believed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.worker.client import WorkerPool
from engine.worker.frames import BINARY, Frame
from engine.worker.tally import MOST_PER_S, Tally
from tests.worker.test_worker import ask, event, eventually


def in_a_child(tally: Tally, number: int) -> None:
    pid = os.fork()
    if pid == 0:
        tally._number[0] = number
        os._exit(0)
    os.waitpid(pid, 0)


def test_what_a_child_counts_is_taken_once() -> None:
    tally = Tally(0.0)
    in_a_child(tally, 1000)
    assert tally.take(1.0) == 1000
    assert tally.take(2.0) == 0
    tally.add(5)
    assert tally.take(3.0) == 5
    tally.close()


def test_a_number_that_falls_or_leaps_is_not_believed() -> None:
    tally = Tally(0.0)
    in_a_child(tally, 1000)
    assert tally.take(1.0) == 1000
    in_a_child(tally, 10)
    assert tally.take(2.0) == 0
    in_a_child(tally, (1 << 64) - 1)
    assert tally.take(2.5) == MOST_PER_S // 2
    assert tally.take(9.0) == 0
    tally.add(1)  # a worker that falsified its number does not fail by it
    assert tally.take(10.0) == 0
    tally.close()


def test_the_instructions_of_a_session_reach_the_pool() -> None:
    told: list[int] = []
    with WorkerPool(entry="tests.worker.entries:toy_session", on_ticks=told.append) as pool, pool.start() as worker:
        files = [{"name": "main.toy", "text": "add 1 5\nadd 1 -1\njnz 1 2\nhalt"}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "toy", "files": files}).encode())
        assert event(worker)["event"] == "opened"
        worker.send(json.dumps({"v": 1, "id": 2, "do": "run"}).encode())
        frame = worker.receive(20)
        while isinstance(frame, Frame) and frame.kind == BINARY:
            frame = worker.receive(20)
        assert isinstance(frame, Frame)
        stopped = json.loads(frame.payload)
        assert stopped["event"] == "stopped"
        worker.close()
        assert eventually(lambda: sum(told) >= stopped["tick"] > 10)


def test_no_worker_has_the_number_of_another() -> None:
    with WorkerPool(entry="tests.worker.entries:misbehave") as pool, pool.start() as first, pool.start() as second:
        assert ask(first, "hello")
        assert ask(second, "hello")
        try:
            shared = [shared_pages(worker.pid) for worker in (first, second)]
        except PermissionError:
            pytest.skip("only root sees the memory of workers")
        assert [len(pages) for pages in shared] == [1, 1]
        assert shared[0] != shared[1]


def shared_pages(pid: int) -> list[str]:
    """The inodes of anonymous shared memory that a process maps."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return [line.split()[4] for line in lines if "/dev/zero (deleted)" in line]
