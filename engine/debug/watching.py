"""What a debugger watches: writes to memory and to other things, in one call or wherever, at the n-th time.

A slot of the stack belongs to a call, and afterwards to whoever uses it next. A watch that is bound to a call lasts
from the step that made the call to the one before it returns; where that is, is looked up when it matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.conditions import Condition, named_values
from engine.errors import MachineFault
from engine.events import StepFlag
from engine.machine import Machine
from engine.targets import patterns_of
from engine.timeline import Arrival, Hit, Pattern, Search, Timeline
from engine.timeline.scan import FAR, Scanner, touches
from engine.timeline.timeline import Poll
from engine.trace import TraceBatch, WriteKind


@dataclass(frozen=True)
class Call:
    """The call in progress at `tick` in a thread at a depth, as the trace's columns count them."""

    thread: int
    depth: int
    tick: int

    def ends(self, first: int, last: int) -> list[Pattern]:
        """Steps that are not the call's, nor of what it calls, and those that return from it."""
        returns = Pattern(flags=StepFlag.RETURN, frame=(self.thread, self.depth), first=first, last=last)
        outside = Pattern(frame=(self.thread, self.depth - 1), first=first, last=last)
        return [returns, outside] if self.depth > 1 else [returns]


@dataclass(frozen=True)
class Watched:
    """Something whose writes end a run: a target (docs/views.md), under a condition, and the asker's name for it.

    `hits`: of the writes that a motion meets, from which one on it stops. `call`: only as long as that call lasts.
    """

    target: Mapping[str, Any]
    condition: Condition | None = None
    name: str = ""
    hits: int = 1
    call: Call | None = None


class WatchSink:
    """Looks for a watched write, or for the end of a call. `found` is one more than the tick to stop at."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._scanner = Scanner(patterns, 1)

    def batch(self) -> TraceBatch | None:
        """The batch, until something is found."""
        return self._scanner.batch()

    def deliver(self, batch: TraceBatch) -> None:
        """Look at the steps."""
        self._scanner.deliver(batch)

    @property
    def hit(self) -> Hit | None:
        """The write, or, without one, a step at which a call is over."""
        return self._scanner.found[0] if self._scanner.found else None

    @property
    def found(self) -> int | None:
        """The tick of the step after the write."""
        return None if self.hit is None else self.hit.tick + 1


class Watches:
    """The watches of one program. `hear` is asked during searches; True stops them."""

    def __init__(self, machine: Machine, timeline: Timeline, hear: Poll) -> None:
        self._machine = machine
        self._timeline = timeline
        self._hear = hear
        self._memory: tuple[tuple[int, int], ...] = ()
        self._targets: tuple[tuple[Watched, tuple[Pattern, ...]], ...] = ()
        #: First and last step of calls; None: not known yet.
        self._begins: dict[Call, int] = {}
        self._ends: dict[Call, int] = {}
        self._met: dict[int, int] = {}

    def set_memory(self, watches: Sequence[tuple[int, int]]) -> None:
        """Replace the watched stretches of memory, (address, bytes)."""
        self._memory = tuple(watches)

    def set_targets(self, targets: Sequence[Watched]) -> None:
        """Replace the other things that are watched. An upvalue is watched wherever it is."""
        found = []
        for watched in targets:
            search, last = Search(self._timeline), self._timeline.frontier
            patterns = patterns_of(watched.target, self._machine, self._timeline, search, last, self._hear)
            # While it is open it lies in a slot, and nobody knows yet for how long.
            found.append((watched, tuple(replace(pattern, last=FAR) for pattern in patterns or ())))
            if watched.call is not None and watched.call not in self._begins:
                self._begins[watched.call] = self._begin_of(watched.call)
        self._targets = tuple(found)

    def __bool__(self) -> bool:
        return bool(self._memory or self._targets)

    def begin_motion(self) -> None:
        """From here on writes are counted anew."""
        self._met = {}

    # -- calls -------------------------------------------------------------------------------------------------------

    def _begin_of(self, call: Call) -> int:
        """The first step of a call: that which made it, since it wrote the parameters."""
        hit, is_complete = Search(self._timeline).before(call.ends(0, FAR), call.tick + 1, self._hear)
        if hit is None:
            return 0 if is_complete else call.tick + 1
        is_caller = hit.depth < call.depth and not hit.flags & StepFlag.RETURN
        return hit.tick if is_caller else hit.tick + 1

    @property
    def _open_calls(self) -> set[Call]:
        return {one.call for one, _ in self._targets if one.call is not None and one.call not in self._ends}

    def learn_end(self, hit: Hit) -> None:
        """A step that ends a call was found: take note of it for each call that it ends."""
        for call in self._open_calls:
            is_inside = hit.depth > call.depth or (hit.depth == call.depth and not hit.flags & StepFlag.RETURN)
            if hit.thread == call.thread and hit.tick > call.tick and not is_inside:
                self._ends[call] = hit.tick - 1

    def learn_ends(self, last: int) -> bool:
        """Find out which calls end up to step `last`, which is recorded. False: paused."""
        for call in self._open_calls:
            if last > call.tick:
                page = Search(self._timeline).page(
                    call.ends(0, FAR), call.tick + 1, last, 1, is_whole=False, poll=self._hear
                )
                if page.hits:
                    self._ends[call] = page.hits[0].tick - 1
                elif not page.is_complete:
                    return False
        return True

    # -- what to look for --------------------------------------------------------------------------------------------

    def patterns(self) -> list[Pattern]:
        """The writes that are watched."""
        memory = [Pattern(kind=WriteKind.MEMORY, key=address, size=size) for address, size in self._memory]
        return [*memory, *(self._within(one, pattern) for one, patterns in self._targets for pattern in patterns)]

    def _within(self, watched: Watched, pattern: Pattern) -> Pattern:
        if watched.call is None:
            return pattern
        first, last = self._begins[watched.call], self._ends.get(watched.call, FAR)
        return replace(pattern, first=max(pattern.first, first), last=min(pattern.last, last))

    def sink(self) -> WatchSink:
        """What looks for them in a run forward, and for the ends of calls, of which that decides."""
        return WatchSink([*self.patterns(), *(p for call in self._open_calls for p in call.ends(call.tick + 1, FAR))])

    # -- hits --------------------------------------------------------------------------------------------------------

    def stop_at(self, hit: Hit, tick: int) -> Arrival | None:
        """A motion meets a watched write: does it stop at `tick`? `detail` then says what is watched there."""
        write = hit.write
        if write is None:
            raise MachineFault("a watched write that is none")
        for address, size in self._memory:
            if write.kind == WriteKind.MEMORY and address - 8 < write.key.payload < address + size:
                return self._arrive(tick, {"address": address})
        names: Mapping[str, Any] | None = None
        for number, (watched, patterns) in enumerate(self._targets):
            own = [self._within(watched, pattern) for pattern in patterns]
            if not any(p.first <= hit.tick <= p.last and touches(p, write) for p in own):
                continue
            if watched.condition is not None:
                if names is None:
                    self._timeline.seek(hit.tick)
                    names = named_values(self._machine.view())
                if not watched.condition.holds(names):
                    continue
            self._met[number] = self._met.get(number, 0) + 1
            if self._met[number] >= watched.hits:
                return self._arrive(tick, {"name": watched.name, "tick": hit.tick})
        return None

    def _arrive(self, tick: int, detail: Mapping[str, Any]) -> Arrival:
        self._timeline.seek(tick)
        return Arrival("watch", tick, detail)

    def meet(self, hit: Hit) -> Arrival | None:
        """A run forward has met a step that the sink looks for: where it stops, or None if it is to go on from here."""
        if hit.write is None:
            self.learn_end(hit)
            self._timeline.seek(hit.tick - 1)  # the step may have written to something else that is watched
            return None
        stop = self.stop_at(hit, hit.tick)
        if stop is None:
            self._timeline.seek(hit.tick)
        return stop

    def back(self, arrival: Arrival, last: int) -> Arrival:
        """Before the last watched write up to step `last`, of those after where `arrival` is; else there."""
        search, first, timeline = Search(self._timeline), arrival.tick + 1, self._timeline
        here = timeline.position
        if not self.learn_ends(last):
            timeline.seek(here)
            return Arrival("pause", here)
        while True:
            page = search.page(self.patterns(), first, last, 1, newest=True, is_whole=False, poll=self._hear)
            if page.hits:
                hit = page.hits[-1]
                stop = self.stop_at(hit, hit.tick - 1)
                if stop is not None:
                    return stop
                last = hit.tick - 1
            elif page.is_complete:
                timeline.seek(arrival.tick)
                return arrival
            else:
                timeline.seek(page.next or first)
                return Arrival("pause", timeline.position)
