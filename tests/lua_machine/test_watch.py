"""A watched run notes every step that the recorder shows to do what it looks for, and few others."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import defaultdict

import pytest

from engine.events import StepFlag
from engine.lua.machine import LuaMachine
from engine.machine import Checkpoint, StopReason, Watch, WriteTarget
from engine.trace import TraceBatch, ValueTag, WriteKind
from tests.lua_machine.programs import EXAMPLES, NESTED, machine_for
from tests.lua_machine.test_suite_recorded import machine_of

SOURCES = {p.stem: p.read_text(encoding="utf-8") for p in EXAMPLES} | NESTED


def targets_of(batch: TraceBatch, into: dict[WriteTarget, list[int]]) -> None:
    """Add the ticks at which each target is written to, by the trace."""
    w = 0
    for step, count in enumerate(batch.column("writes")):
        for _ in range(count):
            kind, tag, key = (
                WriteKind(batch.column("w_kind")[w]),
                batch.column("w_key_tag")[w],
                batch.column("w_key")[w],
            )
            text, length = batch.text_at(key) if tag == ValueTag.STRING else (b"", None)
            if kind is WriteKind.UPVALUE:
                tag, key = ValueTag.INTEGER, 0
            key = 0 if tag == ValueTag.STRING else key
            target = WriteTarget(kind, batch.column("w_owner")[w], tag, key, text=text, text_length=length)
            into[target].append(batch.first_tick + step)
            w += 1


def recorded(machine: LuaMachine, most: int) -> tuple[dict[WriteTarget, list[int]], list[Checkpoint]]:
    """The whole run traced: its writes, and states on the way, the first one at tick 0."""
    writes: dict[WriteTarget, list[int]] = defaultdict(list)
    states = [machine.save()]
    batch = TraceBatch(97, 4096, 1 << 17)
    while machine.tick < most:
        batch.clear()
        stop = machine.run(97, batch)
        targets_of(batch, writes)
        if stop.is_final:
            break
        if machine.tick > states[-1].tick * 1.1 + 40:
            states.append(machine.save(states[-1]))
    return writes, states


def check(machine: LuaMachine, rounds: int, most: int = 30_000) -> tuple[int, int]:
    """(runs without a write, of them those that noted one all the same)."""
    writes, states = recorded(machine, most)
    source, end = random.Random(5), machine.tick
    targets = sorted(writes, key=repr)
    idle = noisy = 0
    for _ in range(rounds):
        target = source.choice(targets)
        ticks = writes[target]
        if source.random() < 0.5:  # just this write
            last = source.choice(ticks)
            state = states[bisect_left([state.tick for state in states], last) - 1]
            first = last
        else:
            state = source.choice(states)
            last = min(end, state.tick + source.choice((1, 10, 200, 5000)))
            first = state.tick + 1
        if first > last:
            continue
        machine.restore(state)
        if first - 1 > state.tick:
            machine.run(first - 1 - state.tick)
        watch = Watch((target,), capacity=100_000)
        run_watched(machine, last, watch)
        within = ticks[bisect_left(ticks, first) : bisect_right(ticks, last)]
        if watch.is_blind:
            continue
        assert all(first <= tick <= last for tick in watch.ticks)
        assert set(within) <= set(watch.ticks), (target, watch, within)
        if not within:
            idle += 1
            noisy += bool(watch.ticks)
    return idle, noisy


def run_watched(machine: LuaMachine, last: int, watch: Watch) -> None:
    """Run to tick `last`, however often the machine comes back on the way."""
    stop = machine.run(last - machine.tick, watch=watch)
    while stop.reason is StopReason.BUDGET and machine.tick < last:
        stop = machine.run(last - machine.tick, watch=watch)


def check_steps(machine: LuaMachine, most: int, slices: int) -> None:
    """The steps of each flag and of each row, in one pass each, against the trace."""
    start, steps = machine.save(), []
    batch = TraceBatch(997, 20_000, 1 << 18)
    while machine.tick < most:
        batch.clear()
        stop = machine.run(997, batch)
        columns = (batch.column(name) for name in ("flags", "where", "thread", "depth"))
        steps += zip(range(batch.first_tick, 1 << 63), *columns, strict=False)
        if stop.is_final:
            break
    last = machine.tick
    for flag in StepFlag:
        machine.restore(start)
        watch = Watch(flags=int(flag), capacity=100_000)
        while machine.tick < last and not watch.is_blind:
            begun = machine.tick
            run_watched(machine, min(last, machine.tick + slices), watch)
            if machine.tick == begun:
                break
        wanted = {tick for tick, flags, *_ in steps if flags & flag}
        assert watch.is_blind or wanted <= set(watch.ticks), (flag, sorted(wanted - set(watch.ticks))[:5])
        assert watch.is_blind or len(watch.ticks) <= 2 * len(wanted) + 5, flag
        assert watch.is_blind or flag not in (StepFlag.JUMP, StepFlag.TRUNCATED)  # debug hooks make it blind, too
    frames = sorted({(thread, depth) for *_, thread, depth in steps})
    for thread, depth in {(1, 0), (2, 0), (1, 1), *frames[:: max(1, len(frames) // 8)]}:
        machine.restore(start)
        watch = Watch(frame=(thread, depth), capacity=100_000)
        run_watched(machine, last, watch)
        own = [step for step in steps if (step[3] == thread and step[4] <= depth if depth else step[3] != thread)]
        assert watch.is_blind or watch.ticks == sorted({step[0] for step in own}), (thread, depth)
    rows = sorted({where for _, _, where, *_ in steps})
    for row in rows[:: max(1, len(rows) // 20)]:
        machine.restore(start)
        watch = Watch(rows=frozenset({row, rows[-1]}), capacity=100_000)
        run_watched(machine, last, watch)
        assert watch.is_blind or watch.ticks == sorted(
            {tick for tick, _, where, *_ in steps if where in (row, rows[-1])}
        )


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_watch_misses_no_step_with_a_flag_or_of_a_row(name: str) -> None:
    machine = machine_for(SOURCES[name])
    check_steps(machine, 20_000, 1_300)
    machine.close()


@pytest.mark.parametrize("name", ["coroutine", "events", "errors", "closure", "locals", "gc"])
def test_a_watch_misses_no_step_of_the_reference_suite(name: str) -> None:
    with machine_of(name) as machine:
        check_steps(machine, 60_000, 60_000)


def test_a_full_watch_keeps_the_first_or_the_newest_steps() -> None:
    for slices in (1000, 7):
        for newest in (False, True):
            machine = machine_for("for i = 1, 50 do local x = i end")
            rows = frozenset({5})  # the loop's body
            everything, few = Watch(rows=rows, capacity=1000), Watch(rows=rows, capacity=3, newest=newest)
            machine.run(1000, watch=everything)
            machine = machine_for("for i = 1, 50 do local x = i end")
            while machine.where is not None:
                machine.run(slices, watch=few)
            assert len(everything.ticks) == everything.count == few.count > 40
            assert few.ticks == (everything.ticks[-3:] if newest else everything.ticks[:3])


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_watch_misses_no_write(name: str) -> None:
    machine = machine_for(SOURCES[name])
    idle, noisy = check(machine, 300)
    machine.close()
    assert noisy <= 5 + idle / 3


@pytest.mark.parametrize("name", ["coroutine", "events", "errors", "db", "closure", "vararg", "gengc"])
def test_a_watch_misses_no_write_of_the_reference_suite(name: str) -> None:
    with machine_of(name) as machine:
        idle, noisy = check(machine, 300, 60_000)
    assert noisy <= 5 + idle / 3


def test_two_things_of_objects_at_once_are_too_many() -> None:
    machine = machine_for("local t = {}; t.x = 1; t.y = 2")
    fields = [WriteTarget(WriteKind.FIELD, 1, ValueTag.STRING, text=name, text_length=1) for name in (b"x", b"y")]
    watch = Watch(tuple(fields))
    machine.run(100, watch=watch)
    assert watch.is_blind


def test_debug_hooks_make_it_blind() -> None:
    machine = machine_for("local x = 0; debug.sethook(function() end, 'c'); x = 1; x = 2")
    watch = Watch((WriteTarget(WriteKind.SLOT, 1, key=1),))
    machine.run(1000, watch=watch)
    assert watch.is_blind
    machine.close()


def test_a_watched_run_ends_in_the_state_of_a_bare_one() -> None:
    for name in sorted(NESTED):
        bare, watched = machine_for(NESTED[name]), machine_for(NESTED[name])
        while bare.tick == watched.tick:
            ended = bare.run(37)
            watched.run(37, watch=Watch((WriteTarget(WriteKind.SLOT, 1, key=3),)))
            assert watched.digest() == bare.digest()
            assert watched.view() == bare.view()
            if ended.is_final:
                break
        bare.close()
        watched.close()
