"""One machine's past and present: record forward, go to any tick, search backwards.

The **frontier** is how far the recording reaches; the **position** is where the machine is now. Only a run from the
frontier records: it makes events, checkpoints and at last the program's end. Everywhere else the timeline restores
the nearest checkpoint and replays, and whatever a replay says again is dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from engine.errors import CommandError, MachineFault
from engine.events import Event
from engine.machine import NO_DETAIL, Checkpoint, LooksUp, Machine, PausedError, Plain, Stop, StopReason, Watch
from engine.timeline.branches import MAX_BRANCHES, TRUNK, Branch, Recording
from engine.timeline.checkpoints import Checkpoints
from engine.timeline.eventlog import EventLog
from engine.timeline.nearby import NEAR_STEPS, Nearby
from engine.timeline.pace import SLOW_S, Pace
from engine.timeline.summary import Summary
from engine.trace import TraceBatch

#: With what a recording needs besides its checkpoints, a session stays below 64 MiB.
DEFAULT_BUDGET_BYTES = 58 << 20

#: More breakpoint hits than this between two checkpoints make a search backwards look at smaller pieces.
MANY_HITS = 256

MAX_TICK = 1 << 63

#: Asked between slices of about 10 ms; True means: stop as soon as possible.
Poll = Callable[[], bool]


class Arrival(NamedTuple):
    """Where a motion ended and why: a StopReason's word, or `seek`, `step`, `start`, `pause`."""

    reason: str
    tick: int
    detail: Mapping[str, Any] = NO_DETAIL


class TraceSink(Protocol):
    """Takes recorded steps."""

    def batch(self) -> TraceBatch | None:
        """The empty batch to fill next, or None when no more steps are wanted."""
        ...

    def deliver(self, batch: TraceBatch) -> None:
        """Take the steps out of `batch`; it is reused afterwards. May wait for a slow reader."""
        ...


def never() -> bool:
    """The poll of those who never stop."""
    return False


class Timeline:
    """Drives one machine, which from now on nobody else may run or restore. It starts at the machine's tick 0."""

    def __init__(
        self,
        machine: Machine,
        *,
        max_ticks: int = 100_000_000,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] | None = None,
        on_ticks: Callable[[int], None] | None = None,
    ) -> None:
        """`clock`, in seconds, stands in for both the clock on the wall and the thread's processor time."""
        self._machine = machine
        self._looks_up = machine if isinstance(machine, LooksUp) else None
        self._max_ticks = max_ticks
        self._on_event = on_event
        self._on_ticks = on_ticks
        self._clock = clock or time.perf_counter
        self._work_clock = clock or time.thread_time
        self._pace = Pace()
        self._checkpoints = Checkpoints(budget_bytes)
        self._breakpoints: frozenset[int] = frozenset()
        self._nearby = Nearby()
        self._flags = (0, 0)  # (tick, StepFlag bits of that step)
        self._last_checkpoint_tick = 0
        self.frontier = 0
        #: The program's end, once it is recorded: final for the machine, or LIMIT {limit: "ticks"} at `max_ticks`.
        self.ended: Stop | None = None
        self._ended_by_itself = False
        #: What the program waits for at the frontier (a Stop with reason INPUT), or None.
        self.waiting: Stop | None = None
        self.events = EventLog()
        self.summary = Summary()
        self._budget_bytes = budget_bytes
        self.branches = [Branch(TRUNK, "trunk", None, 0, {})]
        #: The branch that the position is on.
        self.branch = self.branches[TRUNK]
        self._checkpoints.add(self._save(machine.tick), is_local=False, position=0)

    # -- where we are ------------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The machine's tick."""
        return self._machine.tick

    @property
    def held_bytes(self) -> int:
        """Memory that the checkpoints hold."""
        return self._checkpoints.held_bytes

    @property
    def checkpoint_ticks(self) -> list[int]:
        """Where checkpoints are kept, ascending."""
        return self._checkpoints.ticks

    def hear_growth(self) -> list[Event]:
        """Take the machine's events; pass on that the listing has grown, and answer the others.

        Looking at a machine can make it discover rows, and so can a replay: growth is news whenever it comes.
        """
        others = []
        for event in self._machine.drain_events():
            if event.kind != "program_grew":
                others.append(event)
            elif self._on_event:
                self._on_event(event)
        return others

    def events_until(self, tick: int) -> Iterator[Event]:
        """What the program did up to `tick`: its output, exits, errors."""
        return self.events.until(tick)

    def set_breakpoints(self, wheres: Iterable[int]) -> None:
        """Replace the rows that searches with breakpoints stop at."""
        self._breakpoints = frozenset(wheres)
        self._machine.set_breakpoints(self._breakpoints)

    def step_flags(self) -> int:
        """StepFlag bits of the step that led to the position (0 at the start)."""
        position = self.position
        if position and self._flags[0] != position:
            self._go(position - 1, never)
            self._replay_steps(position)
        return self._flags[1] if position else 0

    # -- motions -----------------------------------------------------------------------------------------------------

    def seek(self, tick: int, poll: Poll = never, *, reason: str = "seek") -> Arrival:
        """Go to `tick`, at least 0; what lies beyond the frontier is recorded on the way."""
        target = max(0, tick)
        if not self._go(min(target, self.frontier), poll):
            return Arrival("pause", self.position)
        if target > self.frontier and self.ended is None:
            if target - self.frontier > NEAR_STEPS:
                arrival = self.run_forward(target - 1, poll=poll)
                if arrival.reason != StopReason.BUDGET:
                    return arrival
            arrival = self.run_forward(target, trace=self._nearby, poll=poll)
            if arrival.reason != StopReason.BUDGET:
                return arrival
        elif target > self.frontier and self.ended is not None:
            return Arrival(self.ended.reason, self.position, self.ended.detail)
        return Arrival(reason, self.position)

    def step(self, count: int, poll: Poll = never) -> Arrival:
        """Go `count` steps on, or back if negative (to the start at most)."""
        return self.seek(self.position + count, poll, reason="step")

    def run_forward(
        self,
        to: int | None = None,
        *,
        trace: TraceSink | None = None,
        breakpoints: bool = False,
        poll: Poll = never,
    ) -> Arrival:
        """Run on from the position, recording beyond the frontier, until tick `to`, the end, or what else is asked.

        With `trace`, executed steps go to it as long as it has a batch for them. With `breakpoints`, stop before a
        row that has one, except at the first step. Reason `budget` means that `to` is reached.
        """
        start = self.position
        goal = self._max_ticks if to is None else min(to, self._max_ticks)
        while True:
            at = self.position
            if self.ended is not None and at >= self.ended.tick and (to is None or to > at):
                return Arrival(self.ended.reason, at, self.ended.detail)
            if at >= goal:
                return Arrival(StopReason.BUDGET, at)
            if goal - at > NEAR_STEPS and poll():
                return Arrival("pause", at)
            batch = trace.batch() if trace else None
            if batch is not None:
                batch.clear()
            try:
                stop = self._advance(min(goal, at + self._pace.slice_ticks), batch, breakpoints, poll=poll)
            except PausedError:
                return Arrival("pause", at)
            if trace and batch is not None and batch.step_count:
                trace.deliver(batch)
            if stop.reason in (StopReason.INPUT, StopReason.BREAKPOINT):
                return Arrival(stop.reason, self.position, stop.detail)
            # A slice may end just before a breakpoint, and the next one would take it for the place it starts from.
            if breakpoints and self.position > start and self._machine.where in self._breakpoints:
                return Arrival(StopReason.BREAKPOINT, self.position)

    def run_back(self, poll: Poll = never) -> Arrival:
        """Go back to the last place before the position whose next row has a breakpoint, or to the start.

        Searches from checkpoint to checkpoint backwards, so the cost grows with the distance of the place. A pause
        leaves the position where the search has come to.
        """
        end, filled = self.position, None
        try:
            while end > 0 and self._breakpoints:
                begin = self._checkpoints.before(end - 1)
                is_fine = filled == end or end - begin.tick <= 2 * self._pace.near_ticks
                found, is_complete = self._last_breakpoint(begin, end, poll, None if is_fine else MANY_HITS)
                if not is_complete:
                    # Hits are dense here: look at the last bit of the stretch first, from checkpoints nearby.
                    filled = end
                    if not self._go(end - 1, poll):
                        raise PausedError
                elif found is not None:
                    self._go(found, never)
                    return Arrival(StopReason.BREAKPOINT, found)
                else:
                    end = begin.tick
        except PausedError:
            self._go(end, never)
            return Arrival("pause", end)
        self._go(0, never)
        return Arrival("start", 0)

    def trace(self, first: int, last: int, sink: TraceSink, poll: Poll = never) -> bool:
        """Send the steps `first` … `last` (1 <= first, last <= frontier) to `sink`, by replay; the position stays.

        False if `poll` or the sink ended it early.
        """
        with self.excursion():
            return self.replay(first, last, sink, poll)

    def replay(self, first: int, last: int, sink: TraceSink, poll: Poll = never, *, is_passing: bool = False) -> bool:
        """As `trace`, but it leaves the position at the last step that it sent.

        `is_passing`: nobody will want to go back step by step from there.
        """
        if not self._go(first - 1, poll, is_passing=is_passing):
            return False
        while self.position < last:
            batch = sink.batch()
            if batch is None or poll():
                return False
            batch.clear()
            try:
                self._advance(min(last, self.position + self._pace.slice_ticks), batch, False, poll=poll)
            except PausedError:
                return False
            if batch.step_count:
                sink.deliver(batch)
        return True

    def watch(self, first: int, last: int, watch: Watch, poll: Poll = never) -> bool:
        """Let the machine note in `watch` what happens from step `first` to `last`, at nearly the speed of a bare run.

        The position is afterwards at a checkpoint before `first`. False if `poll` ended it, or the machine is blind.
        """
        base = self._checkpoints.before(first - 1)
        self._restore(base)
        try:
            while self.position < last and not watch.is_blind and (watch.newest or not watch.is_full):
                if poll():
                    return False
                goal = last if self.position >= first - 1 else first - 1
                watcher = watch if self.position >= first - 1 else None
                self._advance(min(goal, self.position + self._pace.slice_ticks), None, False, watcher, poll)
        except PausedError:
            return False
        finally:
            self._restore(base)
        return not watch.is_blind

    @contextmanager
    def excursion(self) -> Iterator[None]:
        """Whatever happens inside, the position afterwards is the one before."""
        here = self._save(self.position)
        try:
            yield
        finally:
            self._restore(here)

    def checkpoint_before(self, tick: int) -> int:
        """The tick of the last checkpoint at or before `tick`: from there on, looking at what came costs no more."""
        return self._checkpoints.before(tick).tick

    def checkpoint_after(self, tick: int) -> int:
        """The tick of the first checkpoint at or after `tick`; the frontier if there is none."""
        return self._checkpoints.after(tick, self.frontier)

    # -- branches ----------------------------------------------------------------------------------------------------

    def edit(self, target: Mapping[str, Any], value: Plain) -> Branch:
        """Change one value in the state at the position: from here on a new branch. CommandError if that cannot be."""
        self._may_branch()
        values = self._machine.edit(target, value)
        change = {"target": dict(target), **values}
        return self._begin_branch(change, self._machine.journal.entries[: self._machine.journal_count])

    def give_other_input(self, *pieces: bytes) -> Branch:
        """Let the program read `pieces` next instead of what it read after the position: a new branch.

        Each piece is a journal entry, an empty one the end of the input. CommandError if it read nothing there.
        """
        self._may_branch()
        entries, count = self._machine.journal.entries, self._machine.journal_count
        if count < len(entries):
            channel = entries[count][0]
        elif self.waiting is not None:
            channel = self.waiting.detail["channel"]
        else:
            raise CommandError("the program has read no input after this tick", hint="go to where it does")
        text = b"".join(pieces).decode("utf-8", "replace")
        return self._begin_branch({"input": text}, [*entries[:count], *((channel, piece) for piece in pieces)])

    def switch(self, number: int, poll: Poll = never) -> Arrival:
        """Go to another branch: to the same tick, or to its frontier if it is shorter. CommandError without it."""
        if not 0 <= number < len(self.branches):
            raise CommandError(f"there is no branch {number}")
        at = self.position
        if self.branches[number] is not self.branch:
            self.branch.recording = self._recording()
            self._enter(self.branches[number])
            # Not from where the machine is: that may be a state of the other branch only.
            self._restore(self._checkpoints.before(min(at, self.frontier)))
        return self.seek(min(at, self.frontier), poll)

    def common_tick(self, one: Branch, other: Branch) -> int:
        """Up to which tick two branches are the same recording."""
        left_at, branch = {one.number: MAX_TICK}, one
        while branch.parent is not None:
            left_at[branch.parent] = branch.tick
            branch = self.branches[branch.parent]
        at, branch = MAX_TICK, other
        while branch.number not in left_at and branch.parent is not None:
            at, branch = branch.tick, self.branches[branch.parent]
        return min(at, left_at[branch.number])

    def _may_branch(self) -> None:
        if self._machine.where is None:
            raise CommandError("the program is over at this tick", hint="go back a step first")
        if len(self.branches) >= MAX_BRANCHES:
            raise CommandError(f"at most {MAX_BRANCHES} branches")

    def _recording(self) -> Recording:
        return Recording(
            self.frontier,
            self.ended,
            self._ended_by_itself,
            self.waiting,
            self.events,
            self.summary,
            self._checkpoints,
            self._last_checkpoint_tick,
            list(self._machine.journal.entries),
        )

    def _enter(self, branch: Branch) -> None:
        """Make the recording of `branch` the present one."""
        recording = branch.recording
        if recording is None:
            raise MachineFault("a branch without a recording")
        self.branch, branch.recording = branch, None
        self.frontier, self.ended, self._ended_by_itself = (
            recording.frontier,
            recording.ended,
            recording.ended_by_itself,
        )
        self.waiting, self.events, self.summary = recording.waiting, recording.events, recording.summary
        self._checkpoints, self._last_checkpoint_tick = recording.checkpoints, recording.last_checkpoint_tick
        self._machine.journal.entries[:] = recording.journal
        self._flags = (0, 0)

    def _begin_branch(self, change: Mapping[str, Any], journal: list[tuple[str, bytes]]) -> Branch:
        """From the machine's present state on, which `change` has made: a branch of its own, and the position on it."""
        at, flags, here, parent = self.position, self._flags, self.branch, self.branch
        while parent.parent is not None and parent.tick > at:
            parent = self.branches[parent.parent]  # before that change, this was its parent's past
        state = self._save(at)
        events, checkpoints = self.events.fork(at), self._checkpoints.fork(at)
        checkpoints.pin(state)
        summary = self.summary.fork(at, events.until(at))
        forks = {**{tick: fork for tick, fork in parent.forks.items() if tick < at}, at: state}
        number = len(self.branches)
        branch = Branch(number, f"branch {number}", parent.number, at, change, forks)
        branch.recording = Recording(at, None, False, None, events, summary, checkpoints, at, journal)
        here.recording = self._recording()
        self.branches.append(branch)
        self._enter(branch)
        self._flags = flags
        share = self._budget_bytes // len(self.branches)
        for other in self.branches:
            kept = other.recording.checkpoints if other.recording else self._checkpoints
            kept.set_budget(share, at)
        return branch

    def _cross(self, stop: Stop) -> Stop:
        """A replay has come to where this branch begins, or one that it comes from: take on the state made there."""
        self.hear_growth()
        self._machine.restore(self.branch.forks[self.position])
        is_hit = stop.reason is StopReason.BREAKPOINT and self._machine.where in self._breakpoints
        return stop if is_hit else Stop(StopReason.BUDGET, self.position)

    # -- running -----------------------------------------------------------------------------------------------------

    def _advance(
        self, to: int, batch: TraceBatch | None, breakpoints: bool, watch: Watch | None = None, poll: Poll = never
    ) -> Stop:
        """One call of the machine's `run`, towards `to`: recording if it starts at the frontier, else not across it.

        PausedError if `poll` ended it inside an instruction that takes long: then it is as if there had been no call.
        """
        machine, at = self._machine, self._machine.tick
        is_recording = at == self.frontier
        goal = to if is_recording else self._replay_goal(at, to)
        # A few steps say more about the clocks than about the machine, and asking them costs as much as the steps.
        is_timed = goal - at > NEAR_STEPS
        if is_timed:
            started, work_started = self._clock(), self._work_clock()
        try:
            stop = self._run(goal - at, batch, breakpoints, watch, poll)
        except PausedError:
            self._restore(self._checkpoints.before(at))
            self._go(at, never)
            raise
        except Exception:
            # The machine cannot go on; what it did up to here is as good as any recording.
            if is_recording:
                self._announce(self.hear_growth())
                self.frontier = machine.tick
            raise
        now = machine.tick
        if is_timed:
            self._pace.ran(now - at, self._clock() - started, self._work_clock() - work_started)
        if self._on_ticks:
            self._on_ticks(now - at)
        if batch is not None:
            if batch.step_count:
                self._flags = (now, batch.last("flags"))
                self.summary.add_steps(batch)
        elif is_recording:
            self.summary.add_sample(now, machine.depth, machine.where)
        if is_recording:
            self._record(stop)
        else:
            self.hear_growth()
            if now > at and now in self.branch.forks:
                return self._cross(stop)
            if now < goal and stop.reason not in (StopReason.BUDGET, StopReason.BREAKPOINT):
                raise MachineFault(f"the replay stopped with {stop.reason} at tick {now}; the run had not")
            self._settle_at_end()
        return stop

    def _replay_goal(self, at: int, to: int) -> int:
        """How far a replay from `at` may run in one go: not across the frontier, nor to where a branch parts."""
        goal = min(to, self.frontier)
        for fork in self.branch.forks:
            if at < fork < goal:
                goal = fork
        return goal

    def _run(self, budget: int, batch: TraceBatch | None, breakpoints: bool, watch: Watch | None, poll: Poll) -> Stop:
        """The machine's `run`, which may look up by `poll` inside of long instructions."""
        if self._looks_up is None:
            return self._machine.run(budget, batch, breakpoints=breakpoints, watch=watch)
        self._looks_up.look_up = poll
        try:
            return self._machine.run(budget, batch, breakpoints=breakpoints, watch=watch)
        finally:
            self._looks_up.look_up = never

    def _record(self, stop: Stop) -> None:
        """Take note of a run that started at the frontier: its events, its end, a checkpoint when one is due."""
        machine = self._machine
        if not stop.is_final and machine.where is None:
            stop = machine.run(1)  # executes nothing: the program is over, and this is how the machine says why
        events = self.hear_growth()
        self.frontier = machine.tick
        self.waiting = stop if stop.reason is StopReason.INPUT else None
        if self.ended is None:
            self._announce(events)
            if stop.is_final:
                self.ended, self._ended_by_itself = stop, True
            elif self.frontier >= self._max_ticks:
                message = f"the program reached its limit of {self._max_ticks:,} instructions"
                self.ended = Stop(StopReason.LIMIT, self.frontier, {"limit": "ticks", "message": message})
        if self.frontier - self._last_checkpoint_tick >= self._pace.interval_ticks - self._pace.slice_ticks // 2:
            self._last_checkpoint_tick = self.frontier
            self.keep(is_local=False)

    def _announce(self, events: list[Event]) -> None:
        for event in events:
            self.summary.add_event(event)
            if self.events.add(event) and self._on_event:
                self._on_event(event)

    def _settle_at_end(self) -> None:
        """A replay that reached the program's end lets the machine notice it, as the recorded run did."""
        if self._ended_by_itself and self.position == self.frontier:
            self._machine.run(1)
            self.hear_growth()

    # -- going to a recorded tick ------------------------------------------------------------------------------------

    def _go(self, target: int, poll: Poll, *, is_passing: bool = False) -> bool:
        """Be at `target`, which is recorded. False if `poll` ended it on the way.

        The stretch behind the target gets checkpoints at halving distances, so that going back step by step from
        there replays little: each time one is used up, the next stretch is filled the same way. Not when `is_passing`.
        """
        at = self.position
        if at == target:
            return True
        base = self._checkpoints.before(target)
        if not at < target or base.tick > at:
            if not is_passing:
                self._leave()
            self._restore(base)
        # How near the target is worth no thought.
        mark = target if is_passing or target - self.position <= NEAR_STEPS else self._halfway(target)
        near = target - NEAR_STEPS
        is_far = self.position < near
        started = self._work_clock() if is_far else 0.0
        try:
            while (at := self.position) < near:
                if poll():
                    return False
                self._advance(min(near, at + self._pace.slice_ticks, mark), None, False, poll=poll)
                if self.position == mark and not is_passing:
                    self.keep(is_local=True)
                    mark = self._halfway(target)
            if is_far and not is_passing and self._work_clock() - started > SLOW_S:
                self.keep(is_local=True)  # few steps took long (a collection, say): not again for each step back
            self._replay_steps(target, poll)
        except PausedError:
            return False
        return True

    def _halfway(self, target: int) -> int:
        """Where the next checkpoint on the way to `target` belongs; `target` itself when the rest of it is near."""
        rest = (target - self.position) // 2
        return self.position + rest if rest > self._pace.near_ticks else target

    def _replay_steps(self, target: int, poll: Poll = never) -> None:
        """The last few steps, traced: of the very last one the flags are wanted."""
        steps = self._nearby.steps
        at, before = self.position, -1
        while before < at < target:
            steps.clear()
            self._advance(target, steps, False, poll=poll)
            before, at = at, self.position

    def _leave(self) -> None:
        """Before going elsewhere: a checkpoint here, if coming back would take long."""
        if self.position - self._checkpoints.before(self.position).tick > self._pace.near_ticks:
            self.keep(is_local=True)

    def keep(self, *, is_local: bool = True) -> None:
        """Make a checkpoint here, if there is none. `is_local`: to be dropped first when memory is short."""
        position = self.position
        if not self._checkpoints.has(position):
            self._checkpoints.add(self._save(position), is_local=is_local, position=position)

    def _save(self, near: int) -> Checkpoint:
        """A checkpoint of the machine as it is, sharing with the kept one before tick `near`."""
        started = self._work_clock()
        previous = self._checkpoints.before(near) if self._checkpoints.ticks else None
        checkpoint = self._machine.save(previous)
        self._pace.saved(self._work_clock() - started)
        return checkpoint

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.hear_growth()
        self._machine.restore(checkpoint)
        self._settle_at_end()

    # -- searching backwards -----------------------------------------------------------------------------------------

    def _last_breakpoint(self, begin: Checkpoint, end: int, poll: Poll, most: int | None) -> tuple[int | None, bool]:
        """(the last tick from `begin` up to but without `end` whose next row has a breakpoint, True).

        (None, False) as soon as there are more than `most` such ticks. Raises PausedError when `poll` says so.
        """
        if self.position != begin.tick:
            self._leave()
            self._restore(begin)
        found = self.position if self._machine.where in self._breakpoints else None
        hits = 0
        while self.position < end:
            if poll():
                raise PausedError
            self._advance(min(end, self.position + self._pace.slice_ticks), None, True, poll=poll)
            if self.position < end and self._machine.where in self._breakpoints:
                found = self.position
                hits += 1
                if most is not None and hits > most:
                    return None, False
        return found, True
