"""Branches: what is changed at a moment of the past goes its own way, and the trunk stays as it was."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import CommandError
from engine.machine import Journal, Machine
from engine.timeline import Pattern, Search, Timeline
from tests import toy
from tests.timeline.test_search import PROGRAMS, Everything, start
from tests.timeline.test_timeline import timed

FAR = 900


def editable(name: str, machine: Machine, source: random.Random) -> tuple[dict[str, Any], Any] | None:
    """Something of this state that can be changed, and another value for it."""
    if name == "toy":
        return {"kind": "register", "register": source.randrange(4)}, source.randrange(1 << 20)
    if name == "x86":
        if source.randrange(2):
            return {"kind": "register", "register": source.choice(["ax", "cx", "dx", "flags"])}, source.randrange(
                1, 300
            )
        return {"kind": "memory", "address": 0x2000 + source.randrange(40), "length": 2}, source.randrange(1 << 16)
    frames = next(t for t in machine.view()["threads"] if t["status"] == "running")["frames"]
    thread = machine.view()["thread"]
    slots = [
        {"kind": "slot", "thread": thread, "slot": r["slot"]}
        for f in frames
        for r in f.get("registers") or ()
        if r["value"]["t"] in ("integer", "nil", "boolean", "string")
    ]
    cells = [
        {"kind": "upvalue", "id": u["id"]} for f in frames for u in f.get("upvalues") or () if u["name"] == "total"
    ]
    found = [*slots, *cells]
    return (source.choice(found), source.choice([7, -1, 2.5, b"text", None, True])) if found else None


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest) -> Any:
    return request.param, start(request.param, PROGRAMS[request.param])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_a_branch_is_a_fresh_run_with_the_same_changes_and_the_trunk_stays(program: Any, seed: int) -> None:
    source = random.Random(seed)
    name, begin = program
    machine, fresh = begin(), begin()
    timeline = Timeline(machine, max_ticks=FAR)
    timeline.run_forward(source.choice([None, 300, 450]))
    trunk = {}
    for tick in (source.randrange(timeline.frontier + 1) for _ in range(4)):
        timeline.seek(tick)
        trunk[tick] = machine.digest(), machine.view()
    trunk_frontier, trunk_end = timeline.frontier, timeline.ended
    states: list[dict[int, Any]] = [trunk]
    for number in range(1, 4):
        # From anywhere on the present branch, which may be a branch of a branch.
        timeline.seek(source.randrange(max(1, timeline.frontier)))
        at, parent = timeline.position, timeline.branch
        change = editable(name, machine, source)
        if machine.where is None or change is None:
            break
        target, value = change
        try:
            branch = timeline.edit(target, value)
        except CommandError:
            break
        while parent.parent is not None and parent.tick > at:
            parent = timeline.branches[parent.parent]
        assert (branch.number, branch.parent, branch.tick) == (number, parent.number, at)
        assert (timeline.position, timeline.frontier) == (at, at)
        # The brute force: a machine that runs from the start and is changed at the ticks of this branch's line.
        restart = fresh.save()
        for fork in line(timeline):
            run_to(fresh, fork.tick)
            fresh.edit(fork.change["target"], values_of(timeline, fork))
        timeline.run_forward(at + source.randrange(1, 200))
        expected = {}
        for tick in sorted({at, timeline.frontier, *(source.randrange(at, timeline.frontier + 1) for _ in range(3))}):
            run_to(fresh, tick)
            expected[tick] = fresh.digest(), fresh.view()
        for tick in source.sample(sorted(expected), len(expected)):
            timeline.seek(tick)
            assert (machine.digest(), machine.view()) == expected[tick], tick
            timeline.seek(source.randrange(at + 1))
        states.append(expected)
        fresh.restore(restart)
    for number in source.sample(range(len(states)), len(states)):
        timeline.switch(number)
        for tick, state in states[number].items():
            timeline.seek(tick)
            assert (machine.digest(), machine.view()) == state, (number, tick)
    timeline.switch(0)
    assert (timeline.frontier, timeline.ended) == (trunk_frontier, trunk_end)
    machine.close()
    fresh.close()


def line(timeline: Timeline) -> list[Any]:
    """The branches that the present one comes from, and itself, without the trunk."""
    found, branch = [], timeline.branch
    while branch.parent is not None:
        found.insert(0, branch)
        branch = timeline.branches[branch.parent]
    return found


def values_of(timeline: Timeline, branch: Any) -> Any:
    new = branch.change["new"]
    plain = {"nil": None, "boolean": new["s"] == "true"}
    if new["t"] in plain:
        return plain[new["t"]]
    if new["t"] == "string":
        return new["s"].strip('"').encode()
    return int(new["s"], 16) if new["t"] == "bits" else float(new["s"]) if new["t"] == "float" else int(new["s"])


def run_to(machine: Machine, tick: int) -> None:
    while machine.tick < tick:
        before = machine.tick
        machine.run(tick - machine.tick)
        assert machine.tick > before
    if machine.where is None:
        machine.run(1)


def test_what_is_searched_on_a_branch_is_its_own_past() -> None:
    timeline = Timeline(machine := toy.machine(toy.COUNTDOWN))
    timeline.run_forward()
    timeline.seek(100)
    timeline.edit({"kind": "register", "register": 1}, 3)
    timeline.run_forward()
    assert timeline.frontier < 150
    everything = Everything()
    timeline.trace(1, timeline.frontier, everything)
    pattern = Pattern(rows=frozenset({7}))
    ticks = [hit.tick for hit in everything.matching([pattern])]
    page = Search(timeline).page([pattern], 1, 10_000, 1000, newest=True)
    assert [hit.tick for hit in page.hits] == ticks
    assert [event.tick for event in timeline.events.until(10_000)][-1] < timeline.frontier
    assert timeline.run_forward().reason == "halt"
    assert machine.registers[1] == 0
    timeline.set_breakpoints([7])
    backward = []
    while (arrival := timeline.run_back()).reason == "breakpoint":
        backward.append(arrival.tick + 1)
    assert backward == ticks[::-1]


def test_another_input_than_the_one_that_was_given_begins_a_branch() -> None:
    machine = toy.machine("in 1\nadd 0 1\nin 2\nout 2\nhalt")
    timeline = Timeline(machine)
    machine.journal.source = None
    timeline.run_forward()
    machine.journal.append("keys", b"abc")
    timeline.run_forward()
    machine.journal.append("keys", b"defg")
    assert timeline.run_forward().reason == "halt"
    timeline.seek(1)
    branch = timeline.give_other_input(b"x")
    assert (branch.tick, branch.change) == (1, {"input": "x"})
    assert timeline.run_forward().reason == "halt"
    assert machine.registers[:3] == [1, 3, 1]
    timeline.switch(0)
    timeline.seek(5)
    assert machine.registers[:3] == [1, 3, 4]
    assert machine.journal == Journal([("keys", b"abc"), ("keys", b"defg")])
    timeline.seek(4)
    with pytest.raises(CommandError, match="read no input after"):
        timeline.give_other_input(b"x")


def test_the_end_of_a_program_and_unknown_branches_are_refused() -> None:
    timeline = Timeline(toy.machine("add 0 1\nhalt"))
    timeline.run_forward()
    with pytest.raises(CommandError, match="over at this tick"):
        timeline.edit({"kind": "register", "register": 0}, 1)
    timeline.seek(1)
    with pytest.raises(CommandError, match="no such register"):
        timeline.edit({"kind": "register", "register": 9}, 1)
    assert len(timeline.branches) == 1
    for _ in range(31):
        timeline.edit({"kind": "register", "register": 0}, 1)
    with pytest.raises(CommandError, match="at most 32 branches"):
        timeline.edit({"kind": "register", "register": 0}, 1)
    with pytest.raises(CommandError, match="no branch 77"):
        timeline.switch(77)


def test_all_branches_together_stay_under_the_budget() -> None:
    timeline, _ = timed(toy.FOREVER, 1e-4, budget_bytes=2 << 20)
    timeline.run_forward(20_000)
    for number in range(3):
        timeline.seek(15_000)
        timeline.edit({"kind": "register", "register": 0}, 1 + number)
        timeline.run_forward(20_000)
    assert timeline.held_bytes <= 2 << 20
    total = sum(b.recording.checkpoints.held_bytes for b in timeline.branches if b.recording) + timeline.held_bytes
    assert total <= 2 << 20


def test_two_branches_know_how_far_they_are_one() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.run_forward(500)
    timeline.seek(100)
    one = timeline.edit({"kind": "register", "register": 2}, 1)
    timeline.run_forward(300)
    timeline.seek(200)
    two = timeline.edit({"kind": "register", "register": 2}, 1)
    timeline.switch(0)
    timeline.seek(50)
    three = timeline.edit({"kind": "register", "register": 2}, 1)
    trunk = timeline.branches[0]
    assert timeline.common_tick(two, one) == 200
    assert timeline.common_tick(trunk, two) == timeline.common_tick(two, trunk) == 100
    assert timeline.common_tick(three, two) == 50
