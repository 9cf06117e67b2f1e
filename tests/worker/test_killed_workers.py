"""kill -9 at a random moment loses nothing that a replay does not bring back: outputs, trace bytes, states."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from engine.trace import COLUMNS, ValueTag, decode
from engine.worker.client import Closed, WorkerPool
from engine.worker.frames import BINARY, Frame
from tests.worker.test_rooms_in_workers import HAS_KVM, Visitor, lua, x86

LUA = (
    "local t, n = {}, 0\nfor i = 1, 60000 do n = n + i; t[i % 50] = n; if i % 5000 == 0 then print(i, n) end end\n"
    "print(io.read())\n"
)
X86 = (
    "mov cx, 9000\nmov dx, 0x3f8\nagain:\nadd ax, cx\nmov [0x500], ax\ntest cl, 0xff\njnz on\n"
    "mov al, 'x'\nout 0xe9, al\non:\nloop again\nin al, dx\nout 0xe9, al\nhlt\n"
)
KVM = pytest.param(x86("kvm", X86), marks=pytest.mark.skipif(not HAS_KVM, reason="/dev/kvm cannot be opened here"))


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool() as one:
        yield one


def begin(pool: WorkerPool, program: dict[str, Any]) -> Visitor:
    visitor = Visitor(pool.start())
    assert visitor.do("credit", frames=64)["event"] == "done"
    assert visitor.do("open", **program)["event"] == "opened"
    return visitor


def until_killed(visitor: Visitor, messages: int) -> list[bytes]:
    """Everything that arrives after a `run`; the worker is killed after so many messages."""
    visitor.send("run")
    heard: list[bytes] = []
    while True:
        received = visitor.worker.receive(60)
        if isinstance(received, Closed):
            return heard
        assert isinstance(received, Frame)
        heard.append(received.payload)
        if received.kind == BINARY:
            visitor.send("credit", frames=1)
        if len(heard) == messages:
            os.kill(visitor.worker.pid, signal.SIGKILL)


def steps_of(frame: bytes) -> list[tuple[Any, ...]]:
    """A trace frame's steps: where frames end depends on time, what they say does not."""
    batch = decode(frame)
    columns = {column.name: batch.column(column.name) for column in COLUMNS}

    def value(tag: int, payload: int) -> Any:
        return (tag, *batch.text_at(payload)) if tag == ValueTag.STRING else (tag, payload)

    found, w = [], 0
    for step in range(batch.step_count):
        done = []
        for _ in range(columns["writes"][step]):
            values = [value(columns[f"w_{what}_tag"][w], columns[f"w_{what}"][w]) for what in ("key", "old", "new")]
            done.append((columns["w_kind"][w], columns["w_owner"][w], *values))
            w += 1
        named = (columns[name][step] for name in ("where", "base", "thread", "flags"))
        found.append((batch.first_tick + step, *named, done))
    return found


def told(payloads: list[bytes]) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    """What messages tell of the recording: its steps, and what it wrote or left to its host."""
    steps = [step for one in payloads if one[:1] != b"{" for step in steps_of(one)]
    return steps, [one for one in payloads if b'"event":"output"' in one or b'"event":"exit"' in one]


@pytest.mark.parametrize("program", [lua(LUA), x86("unicorn", X86), KVM])
def test_a_replay_brings_back_what_a_killed_worker_had_told(pool: WorkerPool, program: dict[str, Any]) -> None:
    source = random.Random(11)
    whole = begin(pool, program)
    number = whole.send("run")
    heard: list[bytes] = []
    while True:
        received = whole.worker.receive(60)
        assert isinstance(received, Frame)
        heard.append(received.payload)
        if received.kind == BINARY:
            whole.send("credit", frames=1)
        elif b'"stopped"' in received.payload and f'"re":{number}'.encode() in received.payload:
            break
    steps, said = told(heard)
    assert len(steps) > 1000
    assert said
    for _ in range(3):
        some_steps, some_said = told(until_killed(begin(pool, program), source.randrange(2, len(heard) // 2)))
        assert some_steps == steps[: len(some_steps)]
        assert some_said == said[: len(some_said)]
    again = begin(pool, program)
    again.do("run")
    for tick in (1, 777, 12_345):
        assert again.do("seek", tick=tick)["view"] == whole.do("seek", tick=tick)["view"]
    for visitor in (whole, again):
        visitor.do("input", text="typed\n")
        visitor.do("run")
        assert "typed" in visitor.output or visitor.output.endswith("t")
        visitor.worker.close()
