"""Any interleaving of motions leaves the same digest and view as a fresh run to that tick."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.timeline import Timeline
from tests import toy
from tests.timeline.test_timeline import Clock, Steps

PROGRAMS = (toy.COUNTDOWN, toy.FOREVER, "in 1\nadd 0 5\nstore 1\nadd 1 -1\njnz 1 2\ngrow\nin 2\nout 2\nfault end")


class Motions(RuleBasedStateMachine):
    """Drives a timeline at random; a second machine, always started afresh, says what is right."""

    @initialize(text=st.sampled_from(PROGRAMS), budget=st.sampled_from([1 << 14, 1 << 17, 1 << 22]))
    def open(self, text: str, budget: int) -> None:
        self.text = text
        self.machine = toy.machine(text)
        clock = Clock(self.machine, 1e-4)
        self.timeline = Timeline(self.machine, max_ticks=1900, budget_bytes=budget, clock=clock)
        self.heard: list[tuple[int, str]] = []

    @rule(tick=st.integers(-3, 1950))
    def seek(self, tick: int) -> None:
        self.timeline.seek(tick)

    @rule(count=st.integers(-40, 40))
    def step(self, count: int) -> None:
        self.timeline.step(count)

    @rule(to=st.one_of(st.none(), st.integers(0, 1950)), traced=st.booleans(), breakpoints=st.booleans())
    def run_on(self, to: int | None, traced: bool, breakpoints: bool) -> None:
        self.timeline.run_forward(to, trace=Steps(40) if traced else None, breakpoints=breakpoints)

    @rule()
    def run_back(self) -> None:
        self.timeline.run_back()

    @rule(wheres=st.sets(st.integers(0, 10), max_size=3))
    def set_breakpoints(self, wheres: set[int]) -> None:
        self.timeline.set_breakpoints(wheres)

    @rule(looks=st.integers(0, 5))
    def run_until_paused(self, looks: int) -> None:
        left = iter(range(looks))
        self.timeline.run_forward(poll=lambda: next(left, None) is None)

    @rule(data=st.data())
    def trace(self, data: st.DataObject) -> None:
        if self.timeline.frontier:
            first = data.draw(st.integers(1, self.timeline.frontier))
            last = data.draw(st.integers(first, self.timeline.frontier))
            steps = Steps()
            assert self.timeline.trace(first, last, steps)
            assert [tick for tick, _, _ in steps.taken] == list(range(first, last + 1))

    @rule()
    def type_something(self) -> None:
        if self.timeline.waiting and len(self.machine.journal.entries) < 4:
            self.machine.journal.append("keys", b"four")

    @rule()
    def ask_for_flags(self) -> None:
        self.timeline.step_flags()

    @invariant()
    def the_state_is_that_of_a_fresh_run(self) -> None:
        fresh = toy.machine(self.text)
        fresh.journal.entries = list(self.machine.journal.entries)
        fresh.run(self.timeline.position)
        assert self.machine.tick == fresh.tick
        ended = self.timeline.ended
        if ended and ended.is_final and fresh.tick == ended.tick and not ended.detail.get("limit"):
            fresh.run(1)
        assert (self.machine.digest(), self.machine.view()) == (fresh.digest(), fresh.view())

    @invariant()
    def the_events_are_those_of_a_fresh_run(self) -> None:
        fresh = toy.machine(self.text)
        fresh.journal.entries = list(self.machine.journal.entries)
        fresh.run(self.timeline.frontier)
        assert list(self.timeline.events_until(10**9)) == [
            event for event in fresh.drain_events() if event.kind != "program_grew"
        ]


Motions.TestCase.settings = settings(max_examples=80, stateful_step_count=25, deadline=None)
TestMotions = Motions.TestCase
