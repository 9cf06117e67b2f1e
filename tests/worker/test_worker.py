"""Whatever a worker does, it ends alone, with its reason said, and the next one starts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import LimitExceeded
from engine.worker.client import Closed, Worker, WorkerPool
from engine.worker.frames import BINARY, Frame
from engine.worker.limits import WorkerLimits
from engine.worker.selftest import failed_protections, failed_tool_walls

SMALL = WorkerLimits(
    cpu_s=1, wall_s=3600, resident_bytes=200 << 20, data_bytes=150 << 20, workers=4, processes=8, open_files=32
)

LIMITS = {"Max cpu time": 1, "Max core file size": 0, "Max open files": 32, "Max file size": 16 << 20}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(SMALL, entry="tests.worker.entries:misbehave") as pool:
        yield pool


def ask(worker: Worker, text: str) -> Frame | Closed | None:
    worker.send(text.encode())
    return worker.receive(20)


def still_works(pool: WorkerPool) -> bool:
    """A new worker of the same service answers."""
    with pool.start() as worker:
        return ask(worker, "hello") == Frame("J", b"hello")


def end_of(worker: Worker) -> Closed:
    while True:
        answer = worker.receive(20)
        assert answer is not None
        if isinstance(answer, Closed):
            return answer


def eventually(claim: Callable[[], bool]) -> bool:
    """True once `claim` holds; it gets ten seconds."""
    for _ in range(500):
        if claim():
            return True
        time.sleep(0.02)
    return False


def is_alive(pid: int) -> bool:
    """Runs or sleeps; a process that is dead but not yet reaped counts as gone."""
    try:
        with open(f"/proc/{pid}/stat") as stream:
            return stream.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_worker_answers_and_ends_when_it_is_closed(pool: WorkerPool) -> None:
    worker = pool.start()
    assert ask(worker, "one") == Frame("J", b"one")
    assert worker.closed is None
    pid = worker.pid
    worker.close()
    assert worker.closed is not None
    assert worker.closed.reason == "ended"
    assert eventually(lambda: not is_alive(pid))
    assert worker.receive(0) == worker.closed


@pytest.mark.parametrize(
    ("deed", "reason", "word"),
    [
        ("crash", "crashed", "SIGSEGV"),
        ("raise_an_error", "crashed", "status 4"),
        ("loop", "limit", "processor time"),
        ("eat_all_memory", "limit", "memory"),
        ("reserve_without_touching", "limit", "memory"),
        ("send_a_frame_too_long", "crashed", "unexpectedly"),
        ("send_an_unknown_kind", "crashed", "unexpectedly"),
        ("end_inside_a_frame", "crashed", "unexpectedly"),
    ],
)
def test_a_worker_that_misbehaves_ends_with_its_reason(pool: WorkerPool, deed: str, reason: str, word: str) -> None:
    worker = pool.start()
    worker.send(deed.encode())
    end = end_of(worker)
    assert end.reason == reason
    assert word in end.message
    assert still_works(pool)


def test_resident_memory_is_watched_from_outside() -> None:
    limits = WorkerLimits(resident_bytes=100 << 20)
    with WorkerPool(limits, entry="tests.worker.entries:misbehave") as pool:
        worker = pool.start()
        worker.send(b"eat_all_memory")
        end = end_of(worker)
        assert (end.reason, "100 MiB" in end.message) == ("limit", True)


def test_wall_clock_time_is_limited() -> None:
    with WorkerPool(WorkerLimits(wall_s=0), entry="tests.worker.entries:misbehave") as pool:
        worker = pool.start()
        worker.send(b"sleep")
        end = end_of(worker)
        assert (end.reason, "0 s" in end.message) == ("limit", True)


def test_a_killed_worker_says_why(pool: WorkerPool) -> None:
    worker = pool.start()
    worker.send(b"sleep")
    worker.kill("idle", "Nothing happened for an hour.")
    assert end_of(worker) == Closed("idle", "Nothing happened for an hour.")
    worker.kill("killed")
    assert worker.receive(1) == Closed("idle", "Nothing happened for an hour.")
    outsider = pool.start()
    os.kill(outsider.pid, signal.SIGKILL)
    assert end_of(outsider).reason == "killed"
    assert still_works(pool)


def test_endless_output_waits_for_its_reader_and_ends_with_a_kill(pool: WorkerPool) -> None:
    worker = pool.start()
    worker.send(b"flood")
    for _ in range(100):
        frame = worker.receive(20)
        assert isinstance(frame, Frame)
        assert (frame.kind, len(frame.payload)) == (BINARY, 16 << 10)
    worker.kill()
    assert end_of(worker).reason == "killed"


def test_a_worker_that_takes_no_commands_is_ended(pool: WorkerPool) -> None:
    worker = pool.start()
    worker.send(b"sleep")
    sender = threading.Thread(target=lambda: [worker.send(bytes(150_000), timeout_s=0.2) for _ in range(20)])
    sender.start()
    assert end_of(worker).reason == "killed"
    sender.join(20)
    assert not sender.is_alive()


def test_two_workers_at_once_do_not_disturb_each_other(pool: WorkerPool) -> None:
    with pool.start() as one, pool.start() as two:
        assert one.pid != two.pid
        assert [ask(w, t) for w, t in ((one, "a"), (two, "b"), (one, "c"))] == [
            Frame("J", t) for t in (b"a", b"b", b"c")
        ]
        two.send(b"crash")
        assert end_of(two).reason == "crashed"
        assert ask(one, "d") == Frame("J", b"d")


def test_workers_beyond_the_limit_are_refused_until_one_ends(pool: WorkerPool) -> None:
    workers = [pool.start() for _ in range(SMALL.workers)]
    with pytest.raises(LimitExceeded, match="All places are taken") as refused:
        pool.start()
    assert refused.value.limit == "workers"
    for worker in workers:
        worker.close()
    assert still_works(pool)


def test_a_worker_has_nothing_that_it_does_not_need(pool: WorkerPool) -> None:
    with pool.start() as worker:
        answer = ask(worker, "describe")
        assert isinstance(answer, Frame)
        has: dict[str, Any] = json.loads(answer.payload)
    assert has["environment"] == {}
    assert has["standard_input"] == ""
    assert len(has["descriptors"]) <= 3  # its two pipes, and a device if a room keeps one
    assert has["uid"] in (range(40_000, 60_000) if os.geteuid() == 0 else (os.geteuid(),))


def test_a_worker_has_the_limits_that_were_set(pool: WorkerPool) -> None:
    with pool.start() as worker:
        assert ask(worker, "hello") == Frame("J", b"hello")
        table = Path(f"/proc/{worker.pid}/limits").read_text()
        status = Path(f"/proc/{worker.pid}/status").read_text()
        assert os.getpgid(worker.pid) == worker.pid
    for name, limit in LIMITS.items():
        assert re.search(rf"^{name} +{limit} ", table, re.M), table
    fields = dict(line.split(":", 1) for line in status.splitlines())
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"
    assert os.geteuid() != 0 or fields["CapEff"].strip("\t 0") == ""
    assert os.geteuid() != 0 or fields["Groups"].strip() == ""


def test_a_worker_can_do_none_of_what_is_forbidden(pool: WorkerPool) -> None:
    with pool.start() as worker:
        answer = ask(worker, "try_what_is_forbidden")
        assert isinstance(answer, Frame)
        results = json.loads(answer.payload)
    assert len(results) > 45
    assert set(results.values()) == {"PermissionError"}, results
    assert still_works(pool)


def test_the_service_reports_what_it_offers(pool: WorkerPool) -> None:
    report = pool.warm()
    assert set(report) == {"rooms", "pid", "protections"}
    assert is_alive(report["pid"])
    walls = ("files", "system_calls", "no_new_privileges", "tools")
    kernel_walls = {name: report["protections"][name] for name in walls}
    assert kernel_walls == dict.fromkeys(kernel_walls, True)


def test_what_was_not_refused_is_reported_except_what_a_tool_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"fork": "done", "look_at_a_file": "done", "clone": "PermissionError"}
    monkeypatch.setattr("engine.worker.selftest.attempts", lambda service: made)
    assert set(failed_protections(1)) == {"fork", "look_at_a_file"}
    assert set(failed_tool_walls(1)) == {"tool_fork"}


def test_a_service_that_was_killed_takes_its_workers_along_and_is_started_again() -> None:
    with WorkerPool(SMALL, entry="tests.worker.entries:misbehave") as pool:
        worker = pool.start()
        service = pool.warm()["pid"]
        os.kill(service, signal.SIGKILL)
        assert end_of(worker).reason == "crashed"
        assert eventually(lambda: not is_alive(worker.pid))
        assert still_works(pool)
        assert pool.warm()["pid"] != service
        assert list(Path(tempfile.gettempdir()).glob(f"glassbox-workers-{service}-*")) == []


OWNER = """
import time
from engine.worker.client import WorkerPool
pool = WorkerPool(entry="tests.worker.entries:misbehave")
worker = pool.start()
worker.send(b"sleep")
print(worker.pid, pool.warm()["pid"], flush=True)
time.sleep(3600)
"""


def test_a_web_process_that_was_killed_leaves_nothing_behind() -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", OWNER], cwd=root, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        assert all(is_alive(pid) for pid in pids)
        owner.kill()
    assert eventually(lambda: not any(is_alive(pid) for pid in pids))


def test_closing_the_pool_ends_everything() -> None:
    pool = WorkerPool(SMALL, entry="tests.worker.entries:misbehave")
    worker = pool.start()
    service = pool.warm()["pid"]
    pool.close()
    assert end_of(worker).reason == "shutdown"
    assert eventually(lambda: not is_alive(worker.pid) and not is_alive(service))
    pool.close()


def test_a_session_is_served_through_the_pipe() -> None:
    with WorkerPool(entry="tests.worker.entries:toy_session") as pool, pool.start() as worker:
        worker.send(b"no JSON at all")
        assert event(worker)["error"]["kind"] == "command"
        program = "add 1 5\nout 1\nadd 1 -1\njnz 1 2\nhalt"
        files = [{"name": "main.toy", "text": program}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "toy", "files": files}).encode())
        assert event(worker)["event"] == "opened"
        worker.send(json.dumps({"v": 1, "id": 2, "do": "run"}).encode())
        names = []
        while not names or names[-1] != "stopped":
            frame = worker.receive(20)
            assert isinstance(frame, Frame)
            names.append("frame" if frame.kind == BINARY else json.loads(frame.payload)["event"])
        assert names == ["output"] * 5 + ["frame", "stopped"]


def test_text_that_is_no_unicode_comes_back_as_json() -> None:
    with WorkerPool(entry="tests.worker.entries:toy_session") as pool, pool.start() as worker:
        files = [{"name": "\ud800.toy", "text": "frob"}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "toy", "files": files}).encode())
        assert event(worker)["error"]["diagnostics"][0]["file"] == "\ud800.toy"


def test_an_answer_that_is_too_long_fails_alone() -> None:
    with WorkerPool(entry="tests.worker.entries:toy_session") as pool, pool.start() as worker:
        files = [{"name": "main.toy", "text": "halt"}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "toy", "files": files}).encode())
        assert event(worker)["event"] == "opened"
        query = {"kind": "blob", "bytes": 17 << 20}
        worker.send(json.dumps({"v": 1, "id": 2, "do": "inspect", "query": query}).encode())
        assert event(worker)["error"]["limit"] == "answer"
        worker.send(json.dumps({"v": 1, "id": 3, "do": "step"}).encode())
        assert event(worker)["event"] == "stopped"


def test_an_endless_program_is_paused_through_the_pipe() -> None:
    with WorkerPool(entry="tests.worker.entries:toy_session") as pool, pool.start() as worker:
        files = [{"name": "main.toy", "text": "add 0 1\njnz 0 1"}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "toy", "files": files}).encode())
        assert event(worker)["event"] == "opened"
        worker.send(json.dumps({"v": 1, "id": 2, "do": "continue"}).encode())
        assert event(worker)["event"] == "progress"
        worker.send(json.dumps({"v": 1, "id": 3, "do": "pause"}).encode())
        while (answer := event(worker))["event"] == "progress":
            pass
        assert (answer["event"], answer["re"]) == ("done", 3)
        answer = event(worker)
        assert (answer["event"], answer["re"], answer["reason"]) == ("stopped", 2, "pause")


def event(worker: Worker) -> dict[str, Any]:
    frame = worker.receive(20)
    assert isinstance(frame, Frame), frame
    parsed: dict[str, Any] = json.loads(frame.payload)
    return parsed
