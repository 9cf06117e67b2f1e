"""The timeline over the real machines: every motion ends in the state, the view and the events of a fresh run."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Any

import pytest

from engine.examples import load_examples
from engine.machine import Journal, Limits, Machine
from engine.rooms import SourceFile, room
from engine.timeline import Timeline
from tests.timeline.test_timeline import Steps

MAX_TICKS = 20_000

#: Writes memory, prints, changes its own code, and calls.
X86_PROGRAM = """
    mov sp, 0x8000
    mov cx, 300
again:
    mov bx, cx
    mov [bx + 0x2000], cl
    inc byte [patched + 1]
patched:
    mov al, 'A'
    and al, 0x3f
    or al, 0x40
    test cl, 15
    jnz quiet
    out 0xe9, al
quiet:
    call work
    loop again
    hlt
work:
    push cx
    mov cx, 3
    mov si, 0x2000
    mov di, 0x3000
    rep movsb
    pop cx
    ret
"""


@dataclass(frozen=True)
class Program:
    """Something to run: `start` begins it afresh, with the same journal for every machine."""

    room: str
    name: str
    text: str
    options: tuple[tuple[str, str], ...] = ()

    def start(self, journal: Journal) -> Machine:
        module = room(self.room).module
        built: Any = module.build([SourceFile(self.name, self.text)], dict(self.options))
        return module.start(built, journal, Limits())


def programs() -> list[Any]:
    found = []
    for example in load_examples():
        file, options = example.files[0], tuple(example.options.items())
        program = Program(example.room, file.name, file.text, options)
        found.append(pytest.param(program, id=f"{example.room}-{example.name}"))
    for cpu in ("unicorn", "kvm"):
        program = Program("x86", "main.asm", X86_PROGRAM, (("cpu", cpu),))
        absent = cpu == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK)
        marks = [pytest.mark.kvm, pytest.mark.skipif(absent, reason="no /dev/kvm here")] if cpu == "kvm" else []
        found.append(pytest.param(program, id=f"x86-own-{cpu}", marks=marks))
    return found


ALL = pytest.mark.parametrize("program", programs())


def fresh(program: Program, journal: Journal, tick: int, end: int | None) -> tuple[str, dict[str, Any]]:
    """Digest and view at `tick` of a machine that never went anywhere else."""
    machine = program.start(Journal(list(journal.entries)))
    while machine.tick < tick:
        machine.run(tick - machine.tick)
    if tick == end:
        machine.run(1)  # to notice the end
    assert machine.tick == tick
    state = machine.digest(), machine.view()
    machine.close()
    return state


@ALL
def test_wherever_the_timeline_goes_it_finds_the_state_of_a_fresh_run(program: Program) -> None:
    journal = Journal()
    machine = program.start(journal)
    timeline = Timeline(machine, max_ticks=MAX_TICKS, budget_bytes=8 << 20)
    steps = Steps(window=2000)
    timeline.run_forward(trace=steps)
    frontier = timeline.frontier
    end = frontier if timeline.ended is not None and timeline.ended.is_final else None
    if frontier == MAX_TICKS:
        end = None
    assert [tick for tick, _, _ in steps.taken] == list(range(1, len(steps.taken) + 1))
    source = random.Random(frontier)
    for tick in [frontier, 0, 1, *(source.randrange(frontier + 1) for _ in range(8))]:
        timeline.seek(tick)
        assert (machine.digest(), machine.view()) == fresh(program, journal, tick, end), tick
        back = source.randrange(1, 40)
        timeline.step(-back)
        tick = max(0, tick - back)
        assert (machine.digest(), machine.view()) == fresh(program, journal, tick, end), tick
    machine.close()


@ALL
def test_a_replayed_trace_is_the_recorded_one(program: Program) -> None:
    machine = program.start(Journal())
    timeline = Timeline(machine, max_ticks=MAX_TICKS)
    live, again = Steps(), Steps()
    timeline.run_forward(3000, trace=live)
    timeline.seek(timeline.frontier // 2)
    timeline.trace(1, timeline.frontier, again)
    assert again.taken == live.taken
    flags = {tick: bits for tick, _, bits in live.taken}
    for tick in random.Random(1).sample(sorted(flags), min(10, len(flags))):
        timeline.seek(tick)
        assert timeline.step_flags() == flags[tick]
    machine.close()


@ALL
def test_breakpoints_are_met_at_the_same_ticks_in_both_directions(program: Program) -> None:
    machine = program.start(Journal())
    timeline = Timeline(machine, max_ticks=3000)
    steps = Steps()
    timeline.run_forward(trace=steps)
    rows = [where for _, where, _ in steps.taken]
    common = min(set(rows), key=lambda where: (abs(rows.count(where) - 7), where))
    expected = [tick - 1 for tick, where, _ in steps.taken if where == common]
    timeline.set_breakpoints([common])
    timeline.seek(timeline.frontier)
    backward = []
    while (arrival := timeline.run_back()).reason == "breakpoint":
        backward.append(arrival.tick)
    assert backward[::-1] == expected
    timeline.seek(0)
    forward = [0] if expected[0] == 0 else []
    while (arrival := timeline.run_forward(breakpoints=True)).reason == "breakpoint":
        forward.append(arrival.tick)
    assert forward[: len(expected)] == expected
    machine.close()


@ALL
def test_events_are_recorded_once_and_are_those_of_a_fresh_run(program: Program) -> None:
    journal = Journal()
    machine = program.start(journal)
    timeline = Timeline(machine, max_ticks=MAX_TICKS)
    timeline.run_forward(1000)
    timeline.seek(500)
    timeline.run_forward()
    timeline.seek(10)
    other = program.start(Journal(list(journal.entries)))
    seen = []
    while other.tick < timeline.frontier:
        other.run(timeline.frontier - other.tick)
        seen += other.drain_events()
    if timeline.frontier < MAX_TICKS:
        other.run(1)
        seen += other.drain_events()
    recorded = [(event.kind, event.tick, dict(event.data)) for event in timeline.events_until(timeline.frontier)]
    assert joined(recorded) == joined(
        [(event.kind, event.tick, dict(event.data)) for event in seen if event.kind != "program_grew"]
    )
    machine.close()
    other.close()


def joined(events: list[tuple[str, int, dict[str, Any]]]) -> list[tuple[str, int, dict[str, Any]]]:
    """Output of one step in one piece: how a machine cuts it depends on where its runs begin."""
    out: list[tuple[str, int, dict[str, Any]]] = []
    for kind, tick, data in events:
        last = out[-1] if out else None
        if kind == "output" and last and last[:2] == (kind, tick) and last[2]["stream"] == data["stream"]:
            last[2]["bytes"] += data["bytes"]
        else:
            out.append((kind, tick, dict(data)))
    return out
