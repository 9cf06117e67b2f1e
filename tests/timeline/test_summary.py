"""The picture of a run: exact where it was traced, bounded for any length, never wrong about its events."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import rooms
from engine.events import Event, StepFlag
from engine.timeline import Timeline
from engine.timeline.summary import KEPT, Buckets, Stretch, Summary
from tests import toy
from tests.session.test_searches import RealPage
from tests.session.test_session import Page
from tests.timeline.test_search import PROGRAMS, Everything


def brute(steps: dict[int, tuple[int, int]], first: int, last: int) -> Stretch:
    inside = [steps[tick] for tick in range(first, last + 1) if tick in steps]
    flags = 0
    for _, bits in inside:
        flags |= bits
    depths = [depth for depth, _ in inside]
    return Stretch(min(depths, default=0), max(depths, default=0), flags)


def steps_of(timeline: Timeline) -> dict[int, tuple[int, int]]:
    everything = Everything()
    timeline.trace(1, timeline.frontier, everything)
    return {hit.tick: (hit.depth, hit.flags) for hit in everything.hits if hit.write is None}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_traced_stretches_are_what_a_scan_of_every_step_says(seed: int) -> None:
    source = random.Random(seed)
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.run_forward(trace=Everything())
    steps = steps_of(timeline)
    first, width, count = source.randrange(1, 1500), source.randrange(1, 200), source.randrange(1, 40)
    expected = [brute(steps, first + n * width, first + (n + 1) * width - 1) for n in range(count)]
    assert timeline.summary.read(first, width, count) == expected
    buckets = Buckets(count, first, width)
    timeline.trace(1, timeline.frontier, buckets)
    assert [buckets.between(n, n + 1) for n in range(count)] == expected


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40 * KEPT), st.integers(0, 9)), max_size=200))
def test_a_long_run_keeps_every_mark_within_the_width_of_a_bucket(samples: list[tuple[int, int]]) -> None:
    summary, steps = Summary(), {}
    for tick, depth in sorted(samples):
        summary.add_sample(tick, depth)
        summary.add_event(Event("output", tick, {}))
        steps[tick] = tick
    last = max(steps, default=1)
    width = 1
    while last >= 1 + KEPT * width:
        width *= 2
    for n, stretch in enumerate(summary.read(1, width, -(-last // width))):
        inside = [(t, d) for t, d in samples if 1 + n * width <= t <= (n + 1) * width]
        assert stretch.flags == (StepFlag.OUTPUT if inside else 0)
        assert stretch.high == max((d for _, d in inside), default=0)


def test_an_untraced_run_knows_its_events_and_some_depths() -> None:
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    timeline.run_forward()
    outputs = timeline.summary.read(1, 1, timeline.frontier)
    assert [n + 1 for n, s in enumerate(outputs) if s.flags & StepFlag.OUTPUT] == [1 + 9 * n + 5 for n in range(200)]
    whole = timeline.summary.read(1, timeline.frontier, 1)[0]
    assert 1 <= whole.low <= whole.high <= 2


def test_a_page_gets_a_summary_at_any_zoom() -> None:
    page = Page()
    page.open(toy.COUNTDOWN)
    page.do("run")
    answer = page.do("summary", buckets=10)
    assert (answer["from"], answer["to"], answer["width"], answer["exact"]) == (1, 1802, 181, True)
    assert (answer["low"], answer["high"]) == ([1] * 10, [2] * 10)
    near = page.do("summary", buckets=100, to=9, **{"from": 2})
    assert near["high"] == [1, 2, 2, 2, 2, 2, 1, 1]
    assert near["flags"][0] == StepFlag.CALL
    assert page.do("summary", buckets=0)["event"] == "failed"
    page.open(toy.COUNTDOWN)
    empty = page.do("summary")
    assert (empty["low"], empty["width"]) == ([], 1)


@pytest.mark.parametrize("name", ["lua", "x86"])
def test_the_families_of_an_exact_picture_are_those_of_every_step(name: str) -> None:
    page = RealPage(name, PROGRAMS[name])
    page.do("run")
    module = rooms.room(name).module
    listing = page.do("listing")["listing"]
    of = {row["where"]: module.family_of(row["op"]) for f in listing["functions"] for row in f["rows"]}
    everything = Everything()
    opened = page.session._opened
    assert opened is not None
    opened.timeline.trace(1, opened.timeline.frontier, everything)
    steps = [of[hit.where] for hit in everything.hits if hit.write is None and hit.where is not None]
    seen = page.do("summary", buckets=7)
    assert seen["families"]["names"] == list(module.FAMILIES)
    counts, width = seen["families"]["counts"], seen["width"]
    for n, bucket in enumerate(counts):
        inside = steps[n * width : (n + 1) * width]
        assert bucket == [inside.count(number) for number in range(len(module.FAMILIES))]
    assert sum(map(sum, counts)) == opened.timeline.frontier
    page.session.close()


def test_rows_kept_of_a_long_run_are_rows_of_the_steps_in_their_stretch() -> None:
    timeline = Timeline(toy.machine(toy.FOREVER), max_ticks=300_000)
    timeline.run_forward(trace=Everything())
    found = timeline.summary.rows(1, 30_000, 10)
    assert all(0 < sum(counter.values()) <= 30_000 for counter in found)
    assert all(set(counter) <= {0, 1, 2} for counter in found)
    # Two machines whose rows alternate in a pattern of three: each has about a third.
    assert all(abs(times / sum(counter.values()) - 1 / 3) < 0.05 for counter in found for times in counter.values())
    timeline.trace(1, 1000, Everything())  # seeing the same steps again changes nothing
    assert timeline.summary.rows(1, 30_000, 10) == found


@pytest.mark.parametrize("steps", [50_000, 100_000, 400_000])
def test_a_loop_of_two_rows_is_told_as_two_rows(steps: int) -> None:
    """Its length divides every width that buckets can have: what is kept of them must not keep to its beat."""
    timeline = Timeline(toy.machine("add 1 1\nadd 0 0\njnz 1 1"), max_ticks=steps)
    timeline.run_forward(trace=Everything())
    for counter in timeline.summary.rows(1, steps // 8, 8):
        counter.pop(0, None)  # what makes it a loop
        assert set(counter) == {1, 2}
        assert all(abs(times / sum(counter.values()) - 1 / 2) < 0.05 for times in counter.values())


@pytest.mark.parametrize(
    ("op", "name"),
    [
        ("mov", "move"),
        ("add", "arithmetic"),
        ("jnz", "jump"),
        ("rep movsb", "string"),
        ("setne", "compare"),
        ("addps", "vector"),
    ],
)
def test_the_family_of_an_x86_instruction(op: str, name: str) -> None:
    module = rooms.room("x86").module
    assert module.FAMILIES[module.family_of(op)] == name
