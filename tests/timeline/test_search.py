"""Searches over a recording find what a scan of its whole trace finds, on every machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import StepFlag
from engine.machine import Journal, Limits, Machine
from engine.rooms import SourceFile, room
from engine.timeline import Hit, Page, Pattern, Search, Timeline, Value
from engine.timeline.scan import hit_at
from engine.trace import TraceBatch, ValueTag, WriteKind
from tests import toy

LUA = """
local log, total = {}, 0
local function add(n)
  total = total + n
  log[#log + 1] = total
  log.last = n
  return total
end
local co = coroutine.wrap(function(a)
  for i = 1, 20 do a = coroutine.yield(add(i) + a) end
end)
local sum = 1
for i = 1, 15 do
  sum = co(sum % 100)
  setmetatable(log, i % 2 == 0 and {} or nil)
  pcall(function() error("no " .. i) end)
  print(sum)
end
"""
X86 = """
    mov sp, 0x8000
    mov cx, 40
again:
    mov bx, cx
    mov [bx + 0x2000], cl
    mov [0x2010], cx
    test cl, 3
    jnz quiet
    mov al, 'A'
    out 0xe9, al
quiet:
    call work
    loop again
    hlt
work:
    push cx
    mov cx, 3
    mov si, 0x2000
    mov di, 0x2020
    rep movsb
    pop cx
    ret
"""
BITS = {ValueTag.BITS8: 1, ValueTag.BITS16: 2, ValueTag.BITS32: 4, ValueTag.BITS64: 8}


class Everything:
    """The brute force: every step and write of a recording as hits."""

    def __init__(self) -> None:
        self._batch = TraceBatch(64, 4096, 1 << 16)
        self.hits: list[Hit] = []

    def batch(self) -> TraceBatch | None:
        return self._batch

    def deliver(self, batch: TraceBatch) -> None:
        write = 0
        for step, count in enumerate(batch.column("writes")):
            self.hits.append(hit_at(batch, step, 0xFFFFFFFF))
            self.hits += [hit_at(batch, step, write + n) for n in range(count)]
            write += count

    def matching(self, patterns: list[Pattern]) -> list[Hit]:
        return [hit for hit in self.hits if any(is_wanted(hit, pattern) for pattern in patterns)]


def is_wanted(hit: Hit, p: Pattern) -> bool:
    if (p.kind is None) != (hit.write is None) or not p.first <= hit.tick <= p.last:
        return False
    if (p.rows is not None and hit.where not in p.rows) or (p.flags and not p.flags & hit.flags):
        return False
    if p.frame is not None:
        thread, depth = p.frame
        if (hit.thread == thread) != bool(depth) or (depth and hit.depth > depth):
            return False
    write = hit.write
    if write is None:
        return True
    if (
        write.kind != p.kind
        or write.owner != p.owner
        or (p.mask and not (write.old.payload ^ write.new.payload) & p.mask)
    ):
        return False
    if p.kind == WriteKind.UPVALUE:
        return True
    if p.kind == WriteKind.MEMORY:
        size = BITS[ValueTag(write.new.tag)]
        return write.key.payload < p.key + p.size and write.key.payload + size > p.key
    if write.key.tag != p.key_tag:
        return False
    if p.key_tag == ValueTag.STRING:
        return write.key.text.startswith(p.text[:60]) and p.text_length in (None, write.key.length)
    return write.key.payload == p.key


@dataclass
class Recorded:
    timeline: Timeline
    everything: Everything


def start(name: str, text: str) -> Callable[[], Machine]:
    """Builds the program once; the answer starts it afresh."""
    if name == "toy":
        return lambda: toy.machine(text)
    options = {"cpu": "unicorn", "mode": "real16", "syntax": "nasm"} if name == "x86" else {}
    module = room(name).module
    built: Any = module.build([SourceFile(room(name).main_file, text)], options)
    return lambda: module.start(built, Journal(), Limits())


PROGRAMS = {"toy": toy.COUNTDOWN, "lua": LUA, "x86": X86}


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def recorded(request: pytest.FixtureRequest) -> Any:
    machine = start(request.param, PROGRAMS[request.param])()
    timeline = Timeline(machine, max_ticks=4000)
    timeline.run_forward()
    everything = Everything()
    timeline.trace(1, timeline.frontier, everything)
    # Searches backwards shall cross checkpoints, of which so short a run has none but the first.
    for tick in range(97, timeline.frontier, 131):
        timeline.seek(tick)
        timeline.keep()
    assert len(timeline.checkpoint_ticks) > 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.timeline.search.FEW_STEPS", 16)  # so that this short run is watched
        patch.setattr("engine.timeline.search.FEW_NOTES", 4)
        patch.setattr("engine.timeline.search.NEAR_STEPS", 8)
        yield Recorded(timeline, everything)
    machine.close()


def pattern_for(write: Any, source: random.Random) -> Pattern:
    """A pattern that this write meets."""
    mask = source.choice([0, 0, 1, 0x41]) if write.kind == WriteKind.REGISTER else 0
    size = source.choice([1, 2, 5]) if write.kind == WriteKind.MEMORY else 1
    key: Value = write.key
    text_length = source.choice([None, key.length])
    return Pattern(
        kind=WriteKind(write.kind),
        owner=write.owner,
        key_tag=key.tag,
        key=key.payload,
        size=size,
        text=key.text,
        text_length=text_length,
        mask=mask,
    )


def some_patterns(recorded: Recorded, source: random.Random) -> list[Pattern]:
    hits = recorded.everything.hits
    patterns = []
    for _ in range(source.choice([1, 1, 1, 3])):
        hit = source.choice(hits)
        if hit.write is not None:
            patterns.append(pattern_for(hit.write, source))
        else:
            choice = source.randrange(4)
            if choice == 0:
                patterns.append(Pattern(rows=frozenset({hit.where or 0, source.randrange(50)})))
            elif choice == 1:
                patterns.append(Pattern(flags=1 << source.randrange(15)))
            elif choice == 2:
                patterns.append(Pattern(frame=(hit.thread, source.randrange(4))))
            else:
                patterns.append(Pattern(rows=frozenset({hit.where or 0}), first=source.randrange(hit.tick + 1)))
    return patterns


def key_of(hit: Hit) -> tuple[Any, ...]:
    """What two equal hits agree in: a string's place in its batch is no part of it."""
    write = hit.write
    if write is None:
        return hit.tick, hit.where, hit.thread, hit.depth, hit.flags
    values = [
        (v.tag, v.text, v.length) if v.tag == ValueTag.STRING else (v.tag, v.payload)
        for v in (write.key, write.old, write.new)
    ]
    return hit.tick, hit.where, write.kind, write.owner, *values


def keys(hits: Any) -> list[tuple[Any, ...]]:
    return [key_of(hit) for hit in hits]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_pages_in_both_directions_are_what_a_scan_of_the_whole_trace_finds(recorded: Recorded, seed: int) -> None:
    source = random.Random(seed)
    timeline, frontier = recorded.timeline, recorded.timeline.frontier
    patterns = some_patterns(recorded, source)
    first, last = sorted((source.randrange(-2, frontier + 5), source.randrange(1, frontier + 5)))
    truth = [hit for hit in recorded.everything.matching(patterns) if first <= hit.tick <= last]
    limit = source.choice([1, 2, 7, 1000])
    timeline.seek(source.randrange(frontier + 1))
    here, search = timeline.position, Search(timeline)
    found: list[Hit] = []
    at: int | None = first
    for _ in range(6):
        if at is None:
            break
        page = search.page(patterns, at, last, limit)
        found += page.hits
        at = page.next
    assert keys(found) == keys(truth if at is None else [hit for hit in truth if hit.tick < at])
    found, at = [], last
    for _ in range(6):
        if at is None:
            break
        page = search.page(patterns, first, at, limit, newest=True)
        found = [*page.hits, *found]
        at = page.next
    assert keys(found) == keys(truth if at is None else [hit for hit in truth if hit.tick > at])
    assert timeline.position == here


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_the_last_hit_before_and_the_first_after_a_tick(recorded: Recorded, seed: int) -> None:
    source = random.Random(seed)
    patterns = some_patterns(recorded, source)
    tick = source.randrange(recorded.timeline.frontier + 1)
    truth = recorded.everything.matching(patterns)
    search = Search(recorded.timeline)
    before = [hit for hit in truth if hit.tick < tick][-1:]
    after = [hit for hit in truth if hit.tick > tick][:1]
    hit, is_complete = search.before(patterns, tick)
    assert is_complete
    assert keys([hit] if hit else []) == keys(before)
    hit, is_complete = search.after(patterns, tick)
    assert is_complete
    assert keys([hit] if hit else []) == keys(after)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_find_goes_to_the_next_and_the_previous_event(recorded: Recorded, seed: int) -> None:
    source = random.Random(seed)
    timeline = recorded.timeline
    pattern = Pattern(flags=source.choice([StepFlag.OUTPUT, StepFlag.CALL | StepFlag.RETURN, StepFlag.COROUTINE]))
    ticks = [hit.tick for hit in recorded.everything.matching([pattern])]
    start = source.randrange(timeline.frontier + 1)
    timeline.seek(start)
    arrival = Search(timeline).find([pattern], 1)
    expected = next((tick for tick in ticks if tick > start), timeline.frontier)
    assert (arrival.tick, timeline.position) == (expected, expected)
    timeline.seek(start)
    arrival = Search(timeline).find([pattern], -1)
    assert arrival.tick == max((tick for tick in ticks if tick < start), default=0)
    assert arrival.reason == ("found" if any(tick < start for tick in ticks) else "start")


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 32))
def test_steps_over_and_out_of_calls_end_where_the_frames_say(recorded: Recorded, seed: int) -> None:
    source = random.Random(seed)
    timeline = recorded.timeline
    frames = {hit.tick: (hit.thread, hit.depth) for hit in recorded.everything.hits if hit.write is None}
    start = source.randrange(timeline.frontier)
    thread, depth = frames[start + 1]

    def is_there(tick: int, out: int) -> bool:
        if tick + 1 not in frames:
            return False
        then_thread, then_depth = frames[tick + 1]
        return then_thread != thread if depth == out else then_thread == thread and then_depth <= depth - out

    for out, motion in ((0, Search(timeline).step_over), (1, Search(timeline).step_out)):
        timeline.seek(start)
        forward = next((t for t in range(start + 1, timeline.frontier) if is_there(t, out)), timeline.frontier)
        assert motion(1).tick == forward == timeline.position
        timeline.seek(start)
        assert motion(-1).tick == max((t for t in range(start) if is_there(t, out)), default=0)


def test_a_search_stops_when_asked_and_says_where_it_has_come_to(recorded: Recorded) -> None:
    timeline = recorded.timeline
    timeline.seek(50)
    page = Search(timeline).page([Pattern(rows=frozenset({0}))], 60, timeline.frontier, 10, poll=lambda: True)
    assert page == Page((), 60, is_complete=False)
    assert timeline.position == 50
    arrival = Search(timeline).find([Pattern(flags=StepFlag.FAULT)], -1, poll=lambda: True)
    assert (arrival.reason, arrival.tick) == ("pause", 50)


@pytest.mark.parametrize("far", [64, 1 << 16])
def test_an_event_beyond_the_recording_is_looked_for_by_running_on(far: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.timeline.search.FAR_STRETCH", far)  # from there on it records first and searches then
    monkeypatch.setattr("engine.timeline.search.FEW_STEPS", 16)
    timeline = Timeline(toy.machine(toy.COUNTDOWN))
    arrival = Search(timeline).find([Pattern(flags=StepFlag.OUTPUT)], 1)
    assert (arrival.reason, arrival.tick) == ("found", 6)
    assert 6 <= timeline.frontier < 200
    arrival = Search(timeline).find([Pattern(flags=StepFlag.ERROR)], 1)
    assert (arrival.reason, arrival.tick) == ("halt", 1802)


@pytest.mark.parametrize("far", [64, 1 << 16])
def test_a_lua_program_runs_on_to_its_next_event(far: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.timeline.search.FAR_STRETCH", far)
    text = "for round = 1, 3 do\n  for i = 1, 1000 * round do local x = i end\n  print(round)\nend\nerror('over')\n"
    machine = start("lua", text)()
    timeline = Timeline(machine)
    search, whole = Search(timeline), Everything()
    found = []
    while (arrival := search.find([Pattern(flags=StepFlag.OUTPUT | StepFlag.ERROR)], 1)).reason == "found":
        found.append(arrival.tick)
    timeline.trace(1, timeline.frontier, whole)
    assert arrival.reason == "fault"
    assert found == [hit.tick for hit in whole.matching([Pattern(flags=StepFlag.OUTPUT | StepFlag.ERROR)])]
    timeline.seek(0)
    again = [search.find([Pattern(flags=StepFlag.OUTPUT)], 1).tick for _ in range(3)]
    assert again == found[:3]
    machine.close()
