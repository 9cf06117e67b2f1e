"""What a run looks like from afar: call depth and events in buckets of ticks, in bounded memory for any length.

While steps are traced every one of them counts; what runs untraced is sampled where a slice ends, and its events are
known. So the picture is complete in its events and in the traced parts, and rough elsewhere until they are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.events import Event, StepFlag
from engine.timeline.scan import bound, core
from engine.trace import TraceBatch

#: Buckets kept; when a run outgrows them they are joined in pairs.
KEPT = 4096
#: Of each bucket, the executed rows of so many of its steps are kept, evenly spread.
SAMPLES = 16
#: So many more than needed are made at least.
GROWTH = 256
_EVENT_FLAGS = {"output": StepFlag.OUTPUT, "error": StepFlag.ERROR, "exit": StepFlag.EXIT}


@dataclass(frozen=True)
class Stretch:
    """Some consecutive steps: call depth (`high` 0: nothing is known of it), and the StepFlag bits they had."""

    low: int
    high: int
    flags: int


class Buckets:
    """Buckets of `width` ticks each, from tick `first` on. It is a TraceSink as well: it counts what it is given."""

    def __init__(self, count: int, first: int, width: int) -> None:
        self._count = count
        self.first = first
        self.width = width
        self._lib = core().lib
        self._buckets = core().ffi.new("Bucket[]", count)
        self._bound: tuple[TraceBatch, Any, list[Any]] | None = None
        self._batch: TraceBatch | None = None

    def batch(self) -> TraceBatch | None:
        """A batch to fill."""
        if self._batch is None:
            self._batch = TraceBatch(8192, 20_000, 512 << 10)
        return self._batch

    def deliver(self, batch: TraceBatch) -> None:
        """Count every step of `batch`."""
        self.count(batch)

    def count(self, batch: TraceBatch) -> Any:  # noqa: ANN401 - cffi data
        """As `deliver`; answers the C struct of the batch, for whoever wants to count more of it."""
        if self._bound is None or self._bound[0] is not batch:
            keep: list[Any] = []
            self._bound = batch, bound(batch, keep), keep
        columns = self._bound[1]
        columns.step_count, columns.first_tick = batch.step_count, batch.first_tick
        self._lib.scan_summary(columns, self._buckets, self._count, self.first, self.width)
        return columns

    def add(self, tick: int, depth: int, flags: int) -> None:
        """Count one step; `depth` 0: not known."""
        number = (tick - self.first) // self.width
        if not 0 <= number < self._count:
            return
        bucket = self._buckets[number]
        bucket.flags |= flags
        if depth:
            bucket.low = min(depth, bucket.low) if bucket.high else depth
            bucket.high = max(depth, bucket.high)

    def join_pairs(self) -> None:
        """Make every bucket twice as wide."""
        kept = [self.between(2 * n, 2 * n + 2) for n in range(self._count // 2)]
        self._buckets = core().ffi.new("Bucket[]", self._count)
        for bucket, stretch in zip(self._buckets, kept, strict=False):
            bucket.low, bucket.high, bucket.flags = stretch.low, stretch.high, stretch.flags
        self.width *= 2

    def fork(self, tick: int) -> Buckets:
        """A copy of the buckets that end before or at `tick`."""
        other = Buckets(self._count, self.first, self.width)
        count = max(0, min(self._count, (tick - self.first + 1) // self.width))
        core().ffi.memmove(other._buckets, self._buckets, count * core().ffi.sizeof("Bucket"))
        return other

    def between(self, begin: int, end: int) -> Stretch:
        """The buckets number `begin` up to but without `end` as one."""
        low, high, flags = 0, 0, 0
        for number in range(max(0, begin), min(end, self._count)):
            bucket = self._buckets[number]
            flags |= int(bucket.flags)
            if bucket.high:
                low = min(low, int(bucket.low)) if high else int(bucket.low)
                high = max(high, int(bucket.high))
        return Stretch(low, high, flags)


class Summary:
    """The picture of one recording, built as it grows."""

    def __init__(self) -> None:
        self._lib = core().lib
        self._buckets = Buckets(KEPT, 1, 1)
        #: Row + 1 of the step in each sixteenth of a bucket; 0: not known. While buckets are narrow, one for each step.
        #: As long as what was reached, so that a short run costs little.
        self._rows = core().ffi.new("uint32_t[]", GROWTH)
        self._slots = GROWTH
        self._slot_width = 1
        #: The first tick for which there is no slot yet.
        self._end = self._buckets.first + GROWTH

    def _reach(self, tick: int) -> None:
        """Make room for a tick that lies beyond what was reached."""
        kept = self._slots
        while tick >= self._buckets.first + KEPT * self._buckets.width:
            self._buckets.join_pairs()
            if self._buckets.width // SAMPLES > self._slot_width:
                self._slot_width *= 2
                kept = self._lib.scan_halve(self._rows, kept)
        needed = (tick - self._buckets.first) // self._slot_width + 1
        self._slots = max(kept, needed + max(GROWTH, needed // 4))
        rows, self._rows = self._rows, core().ffi.new("uint32_t[]", self._slots)
        core().ffi.memmove(self._rows, rows, kept * core().ffi.sizeof("uint32_t"))
        ticks = self._slots * self._slot_width
        self._end = self._buckets.first + min(ticks, KEPT * self._buckets.width)

    def _kept_rows(self, begin: int, end: int) -> list[int]:
        begin, end = max(0, begin), min(end, self._slots)
        rows: list[int] = core().ffi.unpack(self._rows + begin, end - begin) if begin < end else []
        return rows

    def rows(self, first: int, width: int, count: int) -> list[Counter[int]]:
        """Of `count` stretches of `width` ticks from tick `first` on, how often each row was among the kept steps."""
        found = []
        for n in range(count):
            begin = (first + n * width - self._buckets.first) // self._slot_width
            last = (first + (n + 1) * width - 1 - self._buckets.first) // self._slot_width
            counter = Counter(self._kept_rows(begin, last + 1))
            counter.pop(0, None)
            found.append(Counter({row - 1: times for row, times in counter.items()}))
        return found

    def add_steps(self, batch: TraceBatch) -> None:
        """At least one step that was traced; seeing the same ones again changes nothing."""
        last = batch.first_tick + batch.step_count - 1
        if last >= self._end:
            self._reach(last)
        columns = self._buckets.count(batch)
        self._lib.scan_rows(columns, self._rows, self._slots, self._buckets.first, self._slot_width)

    def add_sample(self, tick: int, depth: int, where: int | None = None) -> None:
        """Where an untraced slice ended: call depth, and the row that comes next."""
        if tick >= 1:
            if tick >= self._end:
                self._reach(tick)
            self._buckets.add(tick, depth, 0)
            slot = (tick - self._buckets.first) // self._slot_width
            if where is not None and not self._rows[slot]:
                self._rows[slot] = where + 1

    def add_event(self, event: Event) -> None:
        """Something that the program did."""
        if event.tick >= 1 and event.kind in _EVENT_FLAGS:
            if event.tick >= self._end:
                self._reach(event.tick)
            self._buckets.add(event.tick, 0, _EVENT_FLAGS[event.kind])

    def fork(self, tick: int, events: Iterable[Event]) -> Summary:
        """The picture up to `tick`, to be continued differently; `events` are those up to there."""
        other = Summary()
        other._buckets = self._buckets.fork(tick)
        other._rows = core().ffi.new("uint32_t[]", self._slots)
        other._slots, other._slot_width, other._end = self._slots, self._slot_width, self._end
        count = max(0, min(self._slots, (tick - self._buckets.first + 1) // self._slot_width))
        core().ffi.memmove(other._rows, self._rows, count * core().ffi.sizeof("uint32_t"))
        begin = tick - self._buckets.width
        for event in events:
            if event.tick > begin:  # the bucket in which the pictures part shows its events only
                other.add_event(event)
        return other

    def read(self, first: int, width: int, count: int) -> list[Stretch]:
        """`count` stretches of `width` ticks from tick `first` on; each covers the kept buckets that it touches."""
        kept = self._buckets
        ends = [(first + n * width - kept.first, first + (n + 1) * width - 1 - kept.first) for n in range(count)]
        return [kept.between(begin // kept.width, last // kept.width + 1) for begin, last in ends]
