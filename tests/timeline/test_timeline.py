"""The timeline reaches every tick exactly, keeps its memory bounded, and says each event once."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from engine.errors import LimitExceeded, MachineFault
from engine.machine import StopReason
from engine.timeline import Arrival, Timeline
from engine.trace import TraceBatch
from tests import toy


class Steps:
    """A trace sink that keeps (tick, where, flags) of up to `window` steps."""

    def __init__(self, window: int = 1 << 30) -> None:
        self.taken: list[tuple[int, int, int]] = []
        self.window = window
        self._batch = TraceBatch(step_capacity=16, write_capacity=512, text_capacity=TraceBatch.text_margin)

    def batch(self) -> TraceBatch | None:
        return self._batch if len(self.taken) < self.window else None

    def deliver(self, batch: TraceBatch) -> None:
        columns = zip(batch.column("where"), batch.column("flags"), strict=True)
        self.taken += [(batch.first_tick + i, where, flags) for i, (where, flags) in enumerate(columns)]


class Clock:
    """Time as if each tick and each checkpoint of `machine` took so long: tests do not depend on the computer."""

    def __init__(self, machine: toy.ToyMachine, tick_s: float = 1e-5, save_s: float = 1e-4) -> None:
        self.machine = machine
        self.tick_s = tick_s
        self.save_s = save_s

    def __call__(self) -> float:
        return self.machine.executed * self.tick_s + self.machine.saves * self.save_s


def timed(text: str, tick_s: float = 1e-5, **options: int) -> tuple[Timeline, toy.ToyMachine]:
    """A timeline whose clock is its machine's."""
    machine = toy.machine(text)
    return Timeline(machine, clock=Clock(machine, tick_s), **options), machine


def truth(text: str, ticks: range) -> dict[int, tuple[str, dict]]:
    """Digest and view at each tick of a fresh run that never goes back."""
    machine = toy.machine(text)
    states = {}
    for tick in ticks:
        machine.run(tick - machine.tick)
        states[tick] = machine.digest(), machine.view()
    return states


def test_every_tick_is_reached_from_every_other_exactly() -> None:
    states = truth(toy.COUNTDOWN, range(0, 1802))
    timeline, machine = timed(toy.COUNTDOWN, 1e-4)
    timeline.run_forward()
    source = random.Random(5)
    for tick in (source.randrange(1802) for _ in range(400)):
        assert timeline.seek(tick) == Arrival("seek", tick)
        assert (machine.digest(), machine.view()) == states[tick]


def test_a_run_records_events_once_however_often_it_is_replayed() -> None:
    heard = []
    timeline = Timeline(toy.machine(toy.COUNTDOWN), on_event=heard.append)
    timeline.run_forward(1000)
    timeline.seek(10)
    timeline.seek(500)
    timeline.run_forward()
    timeline.seek(0)
    timeline.run_forward()
    assert [event.tick for event in heard] == [1 + 9 * n + 5 for n in range(200)]
    assert list(timeline.events_until(10**9)) == heard
    assert [event.tick for event in timeline.events_until(20)] == [6, 15]


def test_the_end_is_remembered_at_its_tick() -> None:
    timeline = Timeline(machine := toy.machine("add 0 1\nfault broken"))
    arrival = timeline.run_forward()
    assert arrival == Arrival(StopReason.FAULT, 2, {"message": "broken", "traceback": "line 2"})
    assert timeline.ended is not None
    assert timeline.ended.tick == 2
    digest = machine.digest()
    assert timeline.seek(0).tick == 0
    assert timeline.run_forward().reason == "fault"
    assert machine.digest() == digest
    assert timeline.seek(99) == Arrival(StopReason.FAULT, 2, arrival.detail)
    assert timeline.step(1).reason == "fault"
    assert timeline.step(-1) == Arrival("step", 1)
    assert [event.kind for event in timeline.events_until(2)] == ["error"]


def test_a_program_that_ends_by_running_off_its_end_is_over_at_once() -> None:
    timeline = Timeline(toy.machine("add 0 1"))
    assert timeline.seek(1) == Arrival("seek", 1)
    assert timeline.ended is not None
    assert timeline.ended.reason is StopReason.HALT


def test_the_limit_of_ticks_ends_the_recording_and_keeps_it() -> None:
    timeline = Timeline(machine := toy.machine(toy.FOREVER), max_ticks=1000)
    arrival = timeline.run_forward()
    assert (arrival.reason, arrival.tick, arrival.detail["limit"]) == ("limit", 1000, "ticks")
    assert timeline.run_forward().reason == "limit"
    assert timeline.seek(2000).tick == 1000
    assert timeline.seek(3) == Arrival("seek", 3)
    assert machine.tick == 3


def test_input_is_waited_for_recorded_and_replayed() -> None:
    timeline = Timeline(machine := toy.machine("in 1\nadd 0 1\nin 2\nhalt"))
    assert timeline.run_forward() == Arrival("input", 0, {"channel": "keys"})
    assert timeline.waiting is not None
    machine.journal.append("keys", b"abc")
    assert timeline.run_forward() == Arrival("input", 2, {"channel": "keys"})
    timeline.seek(0)
    machine.journal.append("keys", b"z")
    assert timeline.run_forward().reason == "halt"
    assert timeline.waiting is None
    assert machine.registers == [1, 3, 1, 0]
    timeline.seek(1)
    assert machine.registers == [0, 3, 0, 0]


def test_trace_streams_what_runs_while_its_window_lasts() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    steps = Steps(window=100)
    timeline.run_forward(trace=steps)
    assert [tick for tick, _, _ in steps.taken] == list(range(1, 113))
    assert timeline.frontier == 1802


def test_a_range_is_traced_by_replay_and_the_position_stays() -> None:
    live, again = Steps(), Steps()
    timeline = Timeline(machine := toy.machine(toy.COUNTDOWN))
    timeline.run_forward(trace=live)
    timeline.seek(777)
    digest = machine.digest()
    assert timeline.trace(50, 1700, again)
    assert again.taken == live.taken[49:1700]
    assert (timeline.position, machine.digest()) == (777, digest)


def test_the_flags_of_the_step_that_led_here_are_known_everywhere() -> None:
    steps = Steps()
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.run_forward(trace=steps)
    flags = {0: 0} | {tick: bits for tick, _, bits in steps.taken}
    untraced = Timeline(toy.machine(toy.COUNTDOWN))
    for tick in (6, 1802, 0, 10, 9, 8, 7, 6, 5):
        untraced.seek(tick)
        assert untraced.step_flags() == flags[tick]
        assert untraced.position == tick


def test_breakpoints_are_met_in_both_directions_at_the_same_places() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.set_breakpoints([4, 9])
    forward = []
    while (arrival := timeline.run_forward(breakpoints=True)).reason == "breakpoint":
        forward.append(arrival.tick)
    assert forward == sorted(t for n in range(200) for t in (1 + 9 * n + 3, 1 + 9 * n + 8))
    backward = []
    while (arrival := timeline.run_back()).reason == "breakpoint":
        backward.append(arrival.tick)
    assert arrival == Arrival("start", 0)
    assert backward == forward[::-1]


def test_a_breakpoint_on_the_first_row_is_met_on_the_way_back_to_the_start() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.set_breakpoints([0])
    timeline.run_forward(100)
    assert timeline.run_back() == Arrival("breakpoint", 0)


@pytest.mark.parametrize("tick_s", [1e-7, 1e-5, 1e-3])
def test_the_previous_hit_is_found_among_thousands(tick_s: float) -> None:
    timeline, _ = timed(toy.FOREVER, tick_s, max_ticks=30_000)
    timeline.set_breakpoints([1])
    timeline.run_forward()
    for expected in (29_998, 29_995, 29_992):
        assert timeline.run_back() == Arrival("breakpoint", expected)
    timeline.seek(3)
    assert timeline.run_back() == Arrival("breakpoint", 1)


def test_without_breakpoints_back_is_the_start_and_forward_the_end() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    assert timeline.run_forward(breakpoints=True).reason == "halt"
    assert timeline.run_back() == Arrival("start", 0)


def test_every_motion_pauses_when_asked_and_goes_on_later() -> None:
    timeline, machine = timed(toy.FOREVER)
    looks = iter([False] * 20 + [True] * 50)
    arrival = timeline.run_forward(poll=lambda: next(looks))
    assert arrival.reason == "pause"
    assert 0 < arrival.tick == timeline.frontier == machine.tick
    timeline.run_forward(20_000)
    timeline.set_breakpoints([77])
    assert timeline.run_back(poll=lambda: True).reason == "pause"
    assert 0 < timeline.position <= 20_000
    assert timeline.run_back() == Arrival("start", 0)
    # A few steps are not worth a look: far from every checkpoint it is.
    ticks = timeline.checkpoint_ticks
    gap, begin = max((b - a, a) for a, b in pairwise(ticks))
    assert timeline.seek(begin + gap // 2, lambda: True).reason == "pause"
    assert timeline.seek(begin + gap // 2) == Arrival("seek", begin + gap // 2)


def test_memory_stays_under_the_budget_and_gaps_stay_bounded_for_any_length() -> None:
    # 256 KiB are some 90 checkpoints, of which each holds what is new in one page; the run makes 1,000.
    timeline, machine = timed(toy.FOREVER, 1e-4, budget_bytes=1 << 18)
    timeline.run_forward(100_000)
    assert timeline.held_bytes <= 1 << 18
    ticks = timeline.checkpoint_ticks
    assert machine.saves > 2 * len(ticks)
    assert ticks[0] == 0
    gaps = [b - a for a, b in zip(ticks, [*ticks[1:], 100_000], strict=True)]
    assert max(gaps) <= 4 * 100_000 / len(ticks)
    recent, old = gaps[-len(gaps) // 4 :], gaps[: len(gaps) // 4]
    assert sum(recent) / len(recent) <= sum(old) / len(old)
    for tick in (0, 12_345, 50_000, 99_999):
        timeline.seek(tick)
        assert machine.registers[0] == (tick + 2) // 3


def test_stepping_back_again_and_again_replays_little() -> None:
    timeline, machine = timed(toy.FOREVER)
    timeline.run_forward(50_000)
    before = machine.executed
    for tick in range(49_999, 47_999, -1):
        timeline.step(-1)
        assert timeline.position == tick
    assert (machine.executed - before) / 2000 < 120


def test_when_the_machine_cannot_go_on_its_past_stays() -> None:
    heard = []
    machine = toy.machine("in 1\nout 1\nin 1\njnz 0 9\nin 1\nhalt")
    timeline = Timeline(machine, on_event=heard.append)
    machine.journal.source = lambda channel: b"abc"
    machine.journal.max_entries = 2
    for _ in range(2):
        with pytest.raises(LimitExceeded, match="more than 2 things"):
            timeline.run_forward()
        assert (timeline.position, timeline.frontier) == (4, 4)
        assert timeline.step(-2) == Arrival("step", 2)
    assert [event.tick for event in heard] == [2]


def test_a_machine_that_does_not_replay_the_same_is_found_out() -> None:
    timeline, machine = timed(toy.COUNTDOWN, 1e-4)
    timeline.run_forward()
    machine.program = [("halt",), *machine.program[1:]]
    timeline.seek(0)
    with pytest.raises(MachineFault, match="the replay stopped with halt at tick"):
        timeline.seek(8)
