"""The real machines inside confined workers: everything works there, and hostile programs end with a reason."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.examples import Example, load_examples
from engine.machine import Limits
from engine.worker.client import Worker, WorkerPool
from engine.worker.frames import BINARY, Frame
from engine.worker.limits import WorkerLimits

LUA = {
    "room": "lua",
    "files": [{"name": "main.lua", "text": "local n = 0\nfor i = 1, 40 do\n  n = n + i\nend\nprint(n)\n"}],
}
X86_TEXT = "mov cx, 40\nagain:\nadd ax, cx\nloop again\nmov al, 'x'\nout 0xe9, al\nhlt\n"
HAS_KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)


def x86(cpu: str, text: str = X86_TEXT) -> dict[str, Any]:
    return {"room": "x86", "files": [{"name": "main.asm", "text": text}], "options": {"cpu": cpu}}


def lua(text: str) -> dict[str, Any]:
    return {"room": "lua", "files": [{"name": "main.lua", "text": text}]}


class Visitor:
    """Commands to a worker; grants credit as it reads."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.number = 0
        self.output = ""
        self.frames = 0
        self.failures: list[dict[str, Any]] = []

    def send(self, do: str, **arguments: Any) -> int:
        self.number += 1
        self.worker.send(json.dumps({"v": 1, "id": self.number, "do": do, **arguments}).encode())
        return self.number

    def answer(self, number: int) -> dict[str, Any]:
        """The event that ends command `number`."""
        while True:
            frame = self.worker.receive(60)
            assert isinstance(frame, Frame), frame
            if frame.kind == BINARY:
                self.frames += 1
                self.send("credit", frames=1)
                continue
            event: dict[str, Any] = json.loads(frame.payload)
            if event["event"] == "output":
                self.output += event["text"]
            if event["re"] == number and event["event"] not in ("output", "exit", "progress", "grew"):
                return event

    def await_progress(self) -> None:
        while True:
            frame = self.worker.receive(60)
            assert isinstance(frame, Frame), frame
            if frame.kind == BINARY:
                self.send("credit", frames=1)
            elif json.loads(frame.payload)["event"] == "progress":
                return

    def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        return self.answer(self.send(do, **arguments))


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    session = Limits(max_ticks=3_000_000, memory_bytes=32 << 20, output_bytes=16 << 10)
    with WorkerPool(WorkerLimits(session=session)) as pool:
        assert pool.warm()["rooms"] == {"lua": None, "x86": None}
        yield pool


@pytest.fixture(scope="module")
def long_pool() -> Iterator[WorkerPool]:
    with WorkerPool(WorkerLimits(session=Limits(max_ticks=1 << 40))) as pool:
        yield pool


@pytest.fixture
def visitor(pool: WorkerPool) -> Iterator[Visitor]:
    with pool.start() as worker:
        yield Visitor(worker)


@pytest.fixture
def patient(long_pool: WorkerPool) -> Iterator[Visitor]:
    """A visitor whose programs may run for ever."""
    with long_pool.start() as worker:
        yield Visitor(worker)


KVM = pytest.mark.skipif(not HAS_KVM, reason="no /dev/kvm here")
PROGRAMS = [
    pytest.param(LUA, id="lua"),
    pytest.param(x86("unicorn"), id="unicorn"),
    pytest.param(x86("kvm"), id="kvm", marks=[pytest.mark.kvm, KVM]),
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_opened_run_stepped_back_and_searched_in_its_worker(
    visitor: Visitor, program: dict[str, Any]
) -> None:
    opened = visitor.do("open", **program)
    assert opened["event"] == "opened", opened
    stopped = visitor.do("run")
    assert (stopped["event"], stopped["reason"]) == ("stopped", "halt"), stopped
    assert visitor.output in ("820\n", "x")
    assert visitor.frames > 0
    back = visitor.do("step", count=-5)
    assert back["tick"] == stopped["tick"] - 5
    places = visitor.do("breakpoints", places=[{"line": 3}])["places"]
    assert places[0]["line"] == 3
    ticks = [visitor.do("continue", direction=-1)["tick"] for _ in range(3)]
    assert ticks == sorted(ticks, reverse=True)
    assert visitor.do("continue")["tick"] == ticks[1]
    assert visitor.do("trace", **{"from": 1, "to": 10})["event"] == "done"
    assert visitor.do("listing")["listing"]["functions"]
    assert visitor.do("run")["tick"] == stopped["tick"]


@pytest.mark.parametrize("program", [lua("local x = = 1"), x86("unicorn", "frob ax\n")], ids=["lua", "x86"])
def test_errors_in_a_source_come_back_with_their_place(visitor: Visitor, program: dict[str, Any]) -> None:
    failed = visitor.do("open", **program)
    assert failed["error"]["kind"] == "source"
    assert failed["error"]["diagnostics"][0]["span"][0] == 1


FAST_THEN_SLOW = "local s = ('x'):rep(1e6)\nfor i = 1, 1e7 do end\nwhile true do s:upper() end"
ENDLESS = [
    pytest.param(lua("while true do end"), id="lua"),
    pytest.param(lua("local s = ('x'):rep(1e6)\nwhile true do s:upper() end"), id="lua-slow-steps"),
    pytest.param(lua(FAST_THEN_SLOW), id="lua-fast-then-slow"),
    pytest.param(x86("unicorn", "again: jmp again\n"), id="unicorn"),
    pytest.param(x86("kvm", "cli\nagain: jmp again\n"), id="kvm", marks=[pytest.mark.kvm, KVM]),
]


@pytest.mark.parametrize("program", ENDLESS)
def test_an_endless_program_pauses_when_asked(patient: Visitor, program: dict[str, Any]) -> None:
    assert patient.do("open", **program)["event"] == "opened"
    run = patient.send("continue")
    patient.await_progress()
    patient.do("pause")
    stopped = patient.answer(run)
    assert stopped["reason"] == "pause"
    assert patient.do("step", count=-1)["tick"] == stopped["tick"] - 1


HOSTILE = [
    pytest.param(lua("while true do end"), "limit", "ticks", id="endless"),
    pytest.param(lua("local t = {}\nwhile true do t[#t + 1] = {} end"), None, None, id="memory"),
    pytest.param(lua("local s = 'x'\nwhile true do s = s .. s end"), None, None, id="string"),
    pytest.param(lua("local function f() return 1 + f() end f()"), None, None, id="recursion"),
    pytest.param(lua("while true do print(('x'):rep(1000)) end"), "limit", "output", id="output"),
    pytest.param(lua("error({})"), "fault", None, id="error"),
    pytest.param(x86("unicorn", "again: jmp again\n"), "limit", "ticks", id="unicorn-jump"),
    pytest.param(x86("unicorn", "again: out 0xe9, al\njmp again\n"), "limit", "output", id="unicorn-output"),
]


@pytest.mark.parametrize(("program", "reason", "limit"), HOSTILE)
def test_a_hostile_program_ends_with_a_reason_and_its_past_stays(
    visitor: Visitor, program: dict[str, Any], reason: str | None, limit: str | None
) -> None:
    assert visitor.do("open", **program)["event"] == "opened"
    stopped = visitor.do("continue")
    assert stopped["event"] == "stopped", stopped
    assert stopped["reason"] in ((reason,) if reason else ("limit", "fault"))
    assert limit is None or stopped["detail"]["limit"] == limit
    assert stopped["ended"]["tick"] == stopped["tick"] > 0 or program["room"] == "x86"
    target = stopped["tick"] // 2
    assert visitor.do("seek", tick=target)["tick"] == target
    again = LUA if program["room"] == "lua" else x86("unicorn")
    assert visitor.do("open", **again)["event"] == "opened"
    assert visitor.do("run")["reason"] == "halt"


def helpers_of(pool: WorkerPool, worker: Worker) -> list[int]:
    service = pool.warm()["pid"]
    children = Path(f"/proc/{service}/task/{service}/children").read_text().split()
    return [int(child) for child in children if int(child) != worker.pid]


def eventually(claim: Callable[[], bool]) -> bool:
    """True once `claim` holds; it gets ten seconds."""
    for _ in range(500):
        if claim():
            return True
        time.sleep(0.02)
    return False


ENDLESS_TO_ASSEMBLE = "%rep 1000000\n%rep 1000000\nnop\n%endrep\n%endrep\n"


def test_an_assembler_that_works_for_a_session_ends_with_it(long_pool: WorkerPool) -> None:
    with long_pool.start() as worker:
        Visitor(worker).send("open", **x86("unicorn", ENDLESS_TO_ASSEMBLE))
        assert eventually(lambda: len(helpers_of(long_pool, worker)) == 1)
    assert eventually(lambda: helpers_of(long_pool, worker) == [])
    scratch = f"glassbox-workers-{long_pool.warm()['pid']}-*/*"
    assert eventually(lambda: [path.name for path in Path(tempfile.gettempdir()).glob(scratch)] == ["empty"])


def test_more_sessions_assemble_at_once_than_there_may_be_helpers() -> None:
    limits = WorkerLimits(helpers=1)
    with WorkerPool(limits) as pool:
        visitors = [Visitor(pool.start()) for _ in range(4)]
        numbers = [visitor.send("open", **x86("unicorn")) for visitor in visitors]
        answers = [visitor.answer(number)["event"] for visitor, number in zip(visitors, numbers, strict=True)]
        assert answers == ["opened"] * 4


def test_an_assembler_that_takes_too_long_is_stopped_and_the_session_stays(visitor: Visitor) -> None:
    failed = visitor.do("open", **x86("unicorn", ENDLESS_TO_ASSEMBLE))
    assert "assembler was stopped" in failed["error"]["diagnostics"][0]["message"]
    assert visitor.do("open", **x86("unicorn"))["event"] == "opened"


@pytest.mark.parametrize("example", load_examples(), ids=lambda example: example.name)
def test_every_example_runs_in_a_worker_that_can_open_nothing(pool: WorkerPool, example: Example) -> None:
    with pool.start() as worker:
        visitor = Visitor(worker)
        files = [{"name": file.name, "text": file.text} for file in example.files]
        opened = visitor.do("open", room=example.room, files=files, options=dict(example.options))
        assert opened["event"] == "opened", opened
        stopped = visitor.do("run", to=20_000)
        assert stopped["event"] == "stopped", stopped
        assert visitor.do("step", count=-2)["event"] == "stopped"
