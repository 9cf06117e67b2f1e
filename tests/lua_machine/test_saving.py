"""Going back is exact: the digest says so, at any tick, also in the middle of nested native calls."""

import random
from collections.abc import Callable

import pytest

from engine.lua.machine import LuaMachine
from engine.trace import TraceBatch
from tests.lua_machine.programs import EXAMPLES, NESTED, finish, output_of

Make = Callable[..., LuaMachine]
SOURCES = {p.stem: p.read_text(encoding="utf-8") for p in EXAMPLES} | NESTED


def digests(machine: LuaMachine) -> list[str]:
    """The digest at every tick, from the start to the end."""
    found = [machine.digest()]
    while not machine.run(1).is_final:
        found.append(machine.digest())
    return [*found, machine.digest()]


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_run_twice_has_the_same_digest_at_every_tick(name: str, machine: Make) -> None:
    assert digests(machine(SOURCES[name])) == digests(machine(SOURCES[name]))


@pytest.mark.parametrize("name", SOURCES)
def test_a_run_in_one_go_ends_in_the_state_of_a_run_in_single_steps(name: str, machine: Make) -> None:
    in_steps = digests(machine(SOURCES[name]))
    whole = machine(SOURCES[name])
    finish(whole)
    assert whole.digest() == in_steps[-1]


@pytest.mark.parametrize("name", SOURCES)
def test_neither_recording_nor_looking_changes_the_state(name: str, machine: Make) -> None:
    plain, watched = machine(SOURCES[name]), machine(SOURCES[name])
    batch = TraceBatch()
    while True:
        batch.clear()
        stop = watched.run(37, batch)
        watched.view()
        assert plain.run(stop.tick - plain.tick).tick == stop.tick
        assert plain.digest() == watched.digest()
        if stop.is_final:
            break


@pytest.mark.parametrize("name", SOURCES)
def test_forward_back_and_forward_again_leads_to_the_same_digest(name: str, machine: Make) -> None:
    subject = machine(SOURCES[name])
    expected = digests(machine(SOURCES[name]))
    end = len(expected) - 1
    chance = random.Random(name)
    checkpoints = {0: subject.save()}
    for _ in range(60):
        target = chance.randrange(end)
        base = max(t for t in checkpoints if t <= target)
        subject.restore(checkpoints[base])
        assert subject.tick == base
        subject.run(target - base)
        assert subject.tick == target
        assert subject.digest() == expected[target]
        if chance.random() < 0.4:
            nearest = checkpoints[max(t for t in checkpoints if t <= target)]
            checkpoints[target] = subject.save(nearest)


@pytest.mark.parametrize("name", NESTED)
def test_a_machine_restored_at_any_tick_prints_the_rest_of_the_output(name: str, machine: Make) -> None:
    subject = machine(NESTED[name])
    _, events = finish(machine(NESTED[name]))
    whole = output_of(events)
    saved, written = [], [b""]
    while True:
        saved.append(subject.save(saved[-1] if saved else None))
        stop = subject.run(1)
        written.append(written[-1] + output_of(subject.drain_events()))
        if stop.is_final:
            break
    assert written[-1] == whole
    for number in range(len(saved) - 1, -1, -3):
        subject.restore(saved[number])
        _, events = finish(subject)
        assert written[number] + output_of(events) == whole


def test_two_machines_take_turns_without_noticing(machine: Make) -> None:
    names = ["sort", "coroutines", "metamethods"]
    expected = [digests(machine(NESTED[n])) for n in names]
    machines = [machine(NESTED[n]) for n in names]
    chance = random.Random(5)
    while any(m.where is not None for m in machines):
        number = chance.randrange(len(machines))
        one = machines[number]
        one.run(chance.randrange(1, 9))
        assert one.digest() == expected[number][one.tick]
    assert [m.tick for m in machines] == [len(e) - 1 for e in expected]


def test_a_checkpoint_shares_what_did_not_change(machine: Make) -> None:
    subject = machine("local t = {} for i = 1, 20000 do t[i] = i end local x = 1; x = x + 1; x = x + 1")
    subject.run(61000)
    first = subject.save()
    subject.run(2)
    second = subject.save(first)
    assert second.image.copied_bytes < first.image.copied_bytes / 4


def test_a_collection_at_every_allocation_changes_nothing_that_a_program_sees(machine: Make) -> None:
    for source in (text for name, text in SOURCES.items() if name != "collector"):  # which can tell
        plain, stressed = machine(source), machine(source)
        stressed._lib.machine_set_stress(stressed._machine, 1)
        assert output_of(finish(plain)[1]) == output_of(finish(stressed)[1])


def test_a_program_that_is_over_can_be_taken_back_to_its_start(machine: Make) -> None:
    subject = machine(NESTED["errors"])
    begin, at_start = subject.save(), subject.digest()
    first, events = finish(subject)
    over = subject.save(begin)
    assert subject.run(5) == first
    assert subject.where is None
    subject.restore(begin)
    assert subject.digest() == at_start
    assert subject.where == 0
    assert finish(subject) == (first, events)
    subject.restore(begin)
    subject.restore(over)
    assert subject.run(1) == first
