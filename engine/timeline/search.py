"""Questions to a recording: who wrote this, when was this row executed, where is the next call.

A search replays stretches of the recording, from checkpoint to checkpoint, with the trace on and looks through it in C.
Where the machine can, it first watches out for what is looked for in a run without a trace (engine/machine.py,
`Watch`), and only the steps that it noted are traced. A search stops when `poll` says so; the position is afterwards
where it was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.machine import Watch
from engine.timeline.scan import Hit, Pattern, Scanner
from engine.timeline.timeline import Arrival, Poll, Timeline, never
from engine.trace import TraceBatch

#: A motion looks so far ahead at first, then twice as far each time.
FIRST_STRETCH = 64
LONGEST_STRETCH = 1 << 22
#: To trace so few steps costs no more than to watch them.
FEW_STEPS = 4096
#: Beyond the recording a motion that looks farther ahead than this records first, and searches what it has recorded.
FAR_STRETCH = 1 << 16
#: A watch notes so many steps at first; eight times as many when none of those was a hit.
FEW_NOTES = 64
MOST_NOTES = 1 << 15
#: Noted steps that are no farther apart are traced together.
NEAR_STEPS = 1024


@dataclass(frozen=True)
class Page:
    """Some hits by tick, ascending. `next`: where to ask for more, further on in the direction; None: that is all.

    `is_complete` False: it was paused; then `next` is where it had come to.
    """

    hits: tuple[Hit, ...]
    next: int | None
    is_complete: bool = True


class Search:
    """Looks through the recording of one timeline. `reached` says how far the search at work has come."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.reached: int | None = None
        self._is_paused = False
        self._is_blind = False  # the last watch was

    # -- lists -------------------------------------------------------------------------------------------------------

    def page(
        self,
        patterns: Sequence[Pattern],
        first: int,
        last: int,
        limit: int,
        *,
        newest: bool = False,
        is_whole: bool = True,
        poll: Poll = never,
    ) -> Page:
        """The first `limit` hits of the steps `first` … `last`, or with `newest` the last ones.

        With `is_whole` all hits of one step come together, so there may be a few more than `limit`.
        """
        first, last = max(1, first), min(last, self._timeline.frontier)
        try:
            with self._timeline.excursion():
                scanner = Scanner(patterns, limit, newest=newest, is_whole=is_whole)
                return (self._newest if newest else self._oldest)(scanner, first, last, limit, poll)
        finally:
            self.reached = None

    def _oldest(self, scanner: Scanner, first: int, last: int, limit: int, poll: Poll) -> Page:
        notes = max(FEW_NOTES, min(2 * limit, MOST_NOTES))
        while first <= last:
            end = min(last, self._timeline.checkpoint_after(first + FEW_STEPS)) if scanner.is_watchable else last
            watch = self._watched(scanner, first, end, notes, poll, newest=False)
            if watch is not None and watch.is_full:
                end = watch.ticks[-1]
            for low, high in _spans(watch, first, end):
                is_done = self._timeline.replay(low, high, scanner, self._noting(poll), is_passing=watch is not None)
                hits = list(scanner.found)
                if len(hits) > limit or scanner.is_full:
                    cut = hits[min(limit, len(hits)) - 1].tick
                    return Page(tuple(hit for hit in hits if hit.tick <= cut), cut + 1)
                if not is_done:
                    return Page(tuple(hits), max(first, low, self._timeline.position + 1), is_complete=False)
            if self._is_paused:
                return Page(tuple(scanner.found), first, is_complete=False)
            first, notes = end + 1, min(8 * notes, MOST_NOTES)
        return Page(tuple(scanner.found), None)

    def _newest(self, scanner: Scanner, first: int, last: int, limit: int, poll: Poll) -> Page:
        hits: list[Hit] = []
        notes = max(FEW_NOTES, min(2 * limit, MOST_NOTES))
        while first <= last:
            begin = max(first, self._timeline.checkpoint_before(last - 1) + 1)
            watch = self._watched(scanner, begin, last, notes, poll, newest=True)
            if watch is not None and watch.is_full:
                begin, notes = watch.ticks[0], min(8 * notes, MOST_NOTES)
            scanner.clear()
            for low, high in _spans(watch, begin, last):
                is_done = self._timeline.replay(low, high, scanner, self._noting(poll), is_passing=watch is not None)
                if not is_done:
                    return Page(tuple(hits), last, is_complete=False)
            if self._is_paused:
                return Page(tuple(hits), last, is_complete=False)
            hits = [*scanner.found, *hits]
            if len(hits) > limit or scanner.is_full:
                cut = hits[-min(limit, len(hits))].tick
                return Page(tuple(hit for hit in hits if hit.tick >= cut), cut - 1)
            last = begin - 1
        return Page(tuple(hits), None)

    def _watched(
        self, scanner: Scanner, first: int, last: int, notes: int, poll: Poll, *, newest: bool
    ) -> Watch | None:
        """What a watch of these steps has noted; None if they are all to be traced. Without notes when paused."""
        self._is_paused = False
        if not scanner.is_watchable or last - first < FEW_STEPS:
            return None
        watch = Watch(scanner.targets, scanner.rows, scanner.flags, scanner.frame, notes, newest)
        if not self._timeline.watch(first, last, watch, self._noting(poll)):
            if watch.is_blind:
                self._is_blind, scanner.is_watchable = True, False  # and will be blind again: no use to ask
                return None
            self._is_paused = True
            return Watch()
        self._is_blind = False
        return watch

    def _noting(self, poll: Poll) -> Poll:
        def noting() -> bool:
            self.reached = self._timeline.position
            return poll()

        return noting

    # -- one hit -----------------------------------------------------------------------------------------------------

    def before(self, patterns: Sequence[Pattern], tick: int, poll: Poll = never) -> tuple[Hit | None, bool]:
        """(the last hit before step `tick`, True); (None, False) when paused."""
        page = self.page(patterns, 1, tick - 1, 1, newest=True, is_whole=False, poll=poll)
        return (page.hits[-1] if page.hits else None), page.is_complete

    def after(self, patterns: Sequence[Pattern], tick: int, poll: Poll = never) -> tuple[Hit | None, bool]:
        """(the first hit after step `tick` within the recording, True); (None, False) when paused."""
        page = self.page(patterns, tick + 1, self._timeline.frontier, 1, is_whole=False, poll=poll)
        return (page.hits[0] if page.hits else None), page.is_complete

    # -- motions -----------------------------------------------------------------------------------------------------

    def find(self, patterns: Sequence[Pattern], direction: int, poll: Poll = never) -> Arrival:
        """Go to the state after the next (1) or previous (-1) step that is a hit; beyond the frontier it records.

        Forwards it ends where `run_forward` ends, backwards at the start. A pause leaves it as far as it came forwards,
        and where it was backwards.
        """
        timeline = self._timeline
        if direction > 0:
            recorded = timeline.frontier - timeline.position
            if recorded > FEW_STEPS:
                page = self.page(patterns, timeline.position + 1, timeline.frontier, 1, is_whole=False, poll=poll)
                timeline.seek(page.hits[0].tick if page.hits else (page.next or timeline.frontier + 1) - 1)
                if page.hits or not page.is_complete:
                    return Arrival("found" if page.hits else "pause", timeline.position)
            return self._forward(patterns, timeline.position + 1, 0, "found", poll)
        hit, is_complete = self.before(patterns, timeline.position, poll)
        if not is_complete:
            return Arrival("pause", timeline.position)
        timeline.seek(hit.tick if hit else 0)
        return Arrival("found" if hit else "start", timeline.position)

    def step_over(self, direction: int, poll: Poll = never) -> Arrival:
        """Go to the next (1) or previous (-1) moment at which this frame, or one that called it, is about to go on."""
        return self._step_frame(direction, 0, poll)

    def step_out(self, direction: int, poll: Poll = never) -> Arrival:
        """Go to where this frame's caller goes on (1), or is about to make the call (-1).

        The first frame of a coroutine has no caller in its thread: then to where another thread goes on, or went on.
        """
        return self._step_frame(direction, 1, poll)

    def _step_frame(self, direction: int, out: int, poll: Poll) -> Arrival:
        timeline = self._timeline
        start = timeline.position
        here = self._frame_at(start + 1, may_record=direction > 0)
        if here is None and direction > 0:
            return self._forward([], start + 2, 1, "step", poll)
        thread, depth = here or self._frame_at(start) or (0, 1)
        pattern = Pattern(frame=(thread, max(0, depth - out)))
        if direction > 0:
            return self._forward([pattern], start + 2, 1, "step", poll)
        # At tick t the instruction of step t + 1 is about to be executed.
        hit, is_complete = self.before([pattern], start + 1, poll)
        if not is_complete:
            return Arrival("pause", start)
        timeline.seek(hit.tick - 1 if hit else 0)
        return Arrival("step" if hit else "start", timeline.position)

    def _frame_at(self, tick: int, *, may_record: bool = False) -> tuple[int, int] | None:
        """(thread, depth) of the frame that executes step `tick`; None if there is no such step."""
        timeline = self._timeline
        if tick < 1 or (tick > timeline.frontier and not may_record):
            return None
        sink = _FirstStep()
        with timeline.excursion():
            if tick > timeline.frontier:
                timeline.seek(tick - 1)
                timeline.run_forward(tick, trace=sink)
            else:
                timeline.replay(tick, tick, sink)
        return sink.frame

    def _forward(self, patterns: Sequence[Pattern], first: int, back: int, reason: str, poll: Poll) -> Arrival:
        """Run on to the first hit from step `first` on, then to the tick `back` before it."""
        timeline, length = self._timeline, FIRST_STRETCH
        scanner = Scanner([replace(pattern, first=first) for pattern in patterns], 1)
        while True:
            begin = timeline.position
            is_far = length >= FAR_STRETCH and scanner.is_watchable and not self._is_blind
            arrival = timeline.run_forward(
                begin + length, trace=None if is_far else scanner, poll=lambda: scanner.is_full or poll()
            )
            found = list(scanner.found)
            if is_far and timeline.position > begin:
                page = self.page(patterns, max(first, begin + 1), timeline.position, 1, is_whole=False, poll=poll)
                found = list(page.hits)
                if not found and not page.is_complete:
                    timeline.seek((page.next or first) - 1)
                    return Arrival("pause", timeline.position)
            if found:
                timeline.seek(found[0].tick - back)
                return Arrival(reason, timeline.position)
            if arrival.reason != "budget":
                return arrival
            length = min(LONGEST_STRETCH, 2 * length)


def _spans(watch: Watch | None, first: int, last: int) -> list[tuple[int, int]]:
    """The stretches of steps to trace: those around what the watch has noted, or without one all of them."""
    if watch is None:
        return [(first, last)]
    spans: list[tuple[int, int]] = []
    for tick in watch.ticks:
        if spans and tick - spans[-1][1] <= NEAR_STEPS:
            spans[-1] = spans[-1][0], tick
        else:
            spans.append((tick, tick))
    return spans


class _FirstStep:
    """Takes one step and remembers its frame."""

    def __init__(self) -> None:
        self._batch = TraceBatch(1, 2 * TraceBatch.write_margin, 2 * TraceBatch.text_margin)
        self.frame: tuple[int, int] | None = None

    def batch(self) -> TraceBatch | None:
        """The batch."""
        return self._batch

    def deliver(self, batch: TraceBatch) -> None:
        """Take the step."""
        self.frame = batch.column("thread")[0], batch.column("depth")[0]
