"""A pause is heard inside one built-in call that takes long, and leaves the state of a tick, not half a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engine.lua.machine import MAX_WORK_SLICES, LuaMachine
from engine.machine import PausedError, StopReason
from engine.timeline import Timeline
from tests.lua_machine.programs import machine_for

#: Sorts in place: a table that is half sorted is no state of any tick.
SORTS = """print("before")
local t = {}
for n = 1, 3000 do t[n] = n * 7919 % 3001 end
table.sort(t)
print(t[1], t[3000])
"""
NEVER_ENDS = "local s = ('a'):rep(200) .. 'b'\nprint(pcall(s.find, s, ('a*'):rep(60) .. 'c'))"


@pytest.fixture(autouse=True)
def little_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.lua.machine.WORK_SLICE", 1 << 14)


@pytest.fixture
def machine() -> Iterator[Callable[[str], LuaMachine]]:
    made: list[LuaMachine] = []

    def make(source: str) -> LuaMachine:
        made.append(machine_for(source))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Asked:
    """A poll that answers True from its call number `pauses_at` on."""

    def __init__(self, pauses_at: int | None = None) -> None:
        self.count = 0
        self._pauses_at = pauses_at

    def __call__(self) -> bool:
        self.count += 1
        return self._pauses_at is not None and self.count >= self._pauses_at


def to_the_end(source: LuaMachine) -> tuple[int, str]:
    while not source.run(1 << 40).is_final:
        pass
    return source.tick, source.digest()


def digest_at(source: LuaMachine, tick: int) -> str:
    while source.tick < tick:
        source.run(tick - source.tick)
    return source.digest()


def test_a_machine_asks_at_every_slice_of_a_call_that_never_ends(machine: Callable[[str], LuaMachine]) -> None:
    subject = machine(NEVER_ENDS)
    subject.look_up = asked = Asked()
    stop = subject.run(1 << 40)
    while not stop.is_final:
        stop = subject.run(1 << 40)
    assert (stop.reason, stop.detail["limit"]) == (StopReason.LIMIT, "work")
    assert MAX_WORK_SLICES - 2 <= asked.count <= MAX_WORK_SLICES


def test_a_machine_that_was_paused_inside_of_a_call_can_be_restored(machine: Callable[[str], LuaMachine]) -> None:
    subject = machine(SORTS)
    start = subject.save()
    subject.look_up = Asked(2)
    with pytest.raises(PausedError):
        to_the_end(subject)
    subject.restore(start)
    subject.look_up = Asked()
    assert to_the_end(subject) == to_the_end(machine(SORTS))


@pytest.mark.parametrize("source", [SORTS, NEVER_ENDS])
def test_wherever_a_run_is_paused_the_state_is_that_of_its_tick(
    machine: Callable[[str], LuaMachine], source: str
) -> None:
    counted = Asked()
    undisturbed = Timeline(machine(source))
    end = undisturbed.run_forward(poll=counted)
    assert counted.count > 5
    for pauses_at in range(1, counted.count + 1, 1 + counted.count // 8):
        subject = machine(source)
        timeline = Timeline(subject)
        arrival = timeline.run_forward(poll=Asked(pauses_at))
        if arrival.reason == "pause":
            assert arrival.tick == timeline.position == timeline.frontier
            assert subject.digest() == digest_at(machine(source), timeline.position)
        assert timeline.run_forward() == end
        assert outputs(timeline) == outputs(undisturbed)


def outputs(timeline: Timeline) -> list[tuple[int, bytes]]:
    return [(e.tick, e.data["bytes"]) for e in timeline.events_until(timeline.frontier) if e.kind == "output"]


def test_going_to_a_tick_behind_a_long_call_can_be_paused(machine: Callable[[str], LuaMachine]) -> None:
    subject = machine(SORTS)
    timeline = Timeline(subject)
    timeline.run_forward()
    goal, right = timeline.frontier, subject.digest()
    for pauses_at in range(1, 8):
        timeline.seek(0)
        timeline.seek(goal, Asked(pauses_at))
        assert subject.digest() == digest_at(machine(SORTS), timeline.position)
        timeline.seek(goal)
        assert subject.digest() == right
