"""Questions to a recording: who wrote this, when was this row executed, where is the next call.

A search replays stretches of the recording, from checkpoint to checkpoint, with the trace on and looks through it in C.
Where only writes are looked for, the machine first watches out for them in a run without a trace (engine/machine.py,
`Watch`), and only what lies between the first and the last step that it noted is traced. A search stops when `poll`
says so; the position is afterwards where it was before.
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
#: Of the steps that a watch has noted, so many of the last ones are traced first, then eight times as many.
NEWEST_STEPS = 64


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
        while first <= last:
            end = min(last, self._timeline.checkpoint_after(first + FEW_STEPS)) if scanner.targets else last
            low, high = self._watched(scanner, first, end, poll)
            if low <= high:
                is_done = self._timeline.replay(low, high, scanner, self._noting(poll))
                hits = list(scanner.found)
                if len(hits) > limit or scanner.is_full:
                    cut = hits[min(limit, len(hits)) - 1].tick
                    return Page(tuple(hit for hit in hits if hit.tick <= cut), cut + 1)
                if not is_done:
                    return Page(tuple(hits), max(first, self._timeline.position + 1), is_complete=False)
            elif self._is_paused:
                return Page(tuple(scanner.found), first, is_complete=False)
            first = end + 1
        return Page(tuple(scanner.found), None)

    def _newest(self, scanner: Scanner, first: int, last: int, limit: int, poll: Poll) -> Page:
        hits: list[Hit] = []
        some = NEWEST_STEPS if limit == 1 else last
        while first <= last:
            begin = max(first, self._timeline.checkpoint_before(last - 1) + 1)
            low, high = self._watched(scanner, begin, last, poll)
            if self._is_paused:
                return Page(tuple(hits), last, is_complete=False)
            if low <= high and high - low >= some:
                low = begin = high - some + 1
                some *= 8
            scanner.clear()
            if low <= high and not self._timeline.replay(low, high, scanner, self._noting(poll)):
                return Page(tuple(hits), last, is_complete=False)
            hits = [*scanner.found, *hits]
            if len(hits) > limit or scanner.is_full:
                cut = hits[-min(limit, len(hits))].tick
                return Page(tuple(hit for hit in hits if hit.tick >= cut), cut - 1)
            last = begin - 1
        return Page(tuple(hits), None)

    def _watched(self, scanner: Scanner, first: int, last: int, poll: Poll) -> tuple[int, int]:
        """Between which of these steps there may be hits; (last + 1, last) if nowhere, or when paused."""
        self._is_paused = False
        if not scanner.targets or last - first < FEW_STEPS:
            return first, last
        watch = Watch(scanner.targets)
        if not self._timeline.watch(first, last, watch, self._noting(poll)):
            if watch.is_blind:
                scanner.targets = ()  # and will be: no use to ask again
                return first, last
            self._is_paused = True
            return last + 1, last
        if watch.first is None or watch.last is None:
            return last + 1, last
        return watch.first, watch.last

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
            arrival = timeline.run_forward(
                timeline.position + length, trace=scanner, poll=lambda: scanner.is_full or poll()
            )
            if scanner.found:
                timeline.seek(scanner.found[0].tick - back)
                return Arrival(reason, timeline.position)
            if arrival.reason != "budget":
                return arrival
            length = min(LONGEST_STRETCH, 2 * length)


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
