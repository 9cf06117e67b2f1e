"""A program under a debugger: its timeline, its breakpoints, and every motion that a debugger may ask for.

Both servers use it. Programs may load code while they run, and a breakpoint may lie in it: then the run is taken back
to the moment when the code appeared and goes on from there, so no breakpoint is missed. What the program prints is
passed on when the position gets there, not when a search happens to record it.
"""

from __future__ import annotations

import posixpath
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.breakpoints import Place, resolve
from engine.conditions import Condition, named_values
from engine.debug.stepping import BackwardSearch, Goal, Scene, Steps, Way
from engine.debug.watching import Watched, Watches, WatchSink
from engine.debugview import DebugView
from engine.errors import CommandError
from engine.events import Event
from engine.machine import Journal, Limits, Plain, StopReason
from engine.rooms import Room, SourceFile
from engine.session import chosen_options
from engine.targets import pattern_of
from engine.timeline import Arrival, Timeline
from engine.trace import TraceBatch

#: A debugger sets no limit on how long a program runs; memory is what a host can spare without asking.
LIMITS = Limits(max_ticks=1 << 62, memory_bytes=1 << 30, output_bytes=1 << 40)
#: Steps that a search looks at: few at first, because most steps are short, and more with each look.
FIRST_STRETCH, LONGEST_STRETCH, WIDENING = 64, 1 << 18, 4
#: With breakpoints that may lie in new code, listings that keep growing are looked at for this part of the time.
GROWTH_S, GROWTH_SHARE = 0.05, 10


@dataclass(frozen=True)
class RowInfo:
    """One row of the listing, as debuggers need it. `address` is its `where` for a machine without addresses."""

    where: int
    address: int
    size_bytes: int
    line: int | None
    file: str | None
    function: int
    function_name: str | None
    text: str
    bytes_text: str
    is_code: bool

    @property
    def statement(self) -> object:
        """What a step by lines does not stop inside of: a line of a function; a row without a line is its own."""
        return (self.function, self.file, self.line) if self.line is not None else self.where


@dataclass(frozen=True)
class Wish:
    """A breakpoint on a line, as asked for; with a condition it stops only where that holds.

    `hits`: of the times that a motion comes by, from which one on it stops.
    """

    line: int
    condition: Condition | None = None
    hits: int = 1


#: A breakpoint by address.
_ALWAYS = Wish(0)


class _Sink:
    """Looks for a goal in the steps as they are recorded."""

    def __init__(self, goal: Goal, after: int) -> None:
        self._goal = goal
        self._after = after
        self._batch = TraceBatch(step_capacity=16_384, write_capacity=65_536, text_capacity=1 << 18)
        self.found: int | None = None

    def batch(self) -> TraceBatch | None:
        """The batch, until the goal is found."""
        return self._batch if self.found is None else None

    def deliver(self, batch: TraceBatch) -> None:
        """Look at the steps."""
        if self.found is None:
            self.found = self._goal.find(Steps.of(batch), self._after)


class _Window:
    """Keeps the columns of a stretch that lies behind."""

    def __init__(self) -> None:
        self._batch = TraceBatch(step_capacity=16_384, write_capacity=65_536, text_capacity=1 << 18)
        self.stretches: list[Steps] = []

    def batch(self) -> TraceBatch | None:
        """Always."""
        return self._batch

    def deliver(self, batch: TraceBatch) -> None:
        """Keep the steps."""
        self.stretches.append(Steps.of(batch))


class Debuggee:
    """One program. `on_output(stream, data)` takes what it prints (and `notice` what must be said about the run);
    `hear()` is asked every few milliseconds while it moves, and True means: stop as soon as possible."""

    def __init__(
        self,
        room: Room,
        files: Sequence[SourceFile],
        options: Mapping[str, Any],
        *,
        on_output: Callable[[str, bytes], None],
        hear: Callable[[], bool],
        limits: Limits = LIMITS,
        input_lines: Iterable[bytes] | None = None,
    ) -> None:
        self.room = room
        self.main_file = files[0].name
        self.files = tuple(files)
        self._on_output, self._hear = on_output, hear
        self._input = iter(input_lines) if input_lines is not None else None
        self._pending: deque[tuple[int, str, bytes]] = deque()
        self._grew_at: int | None = None
        self._look_again_at = 0.0
        self._lines: dict[str, list[Wish]] = {}
        self._wishes: dict[int, list[Wish]] = {}
        self._met: dict[int, int] = {}
        self._addresses: tuple[int, ...] = ()
        self.breakpoints: frozenset[int] = frozenset()
        self.on_resolved: Callable[[], None] = lambda: None
        program = room.module.build(files, chosen_options(room, options))
        self.machine = room.module.start(program, Journal(), limits)
        try:
            self.timeline = Timeline(self.machine, max_ticks=limits.max_ticks, on_event=self._on_event)
            self._watches = Watches(self.machine, self.timeline, hear)
            make_view: Callable[..., DebugView] = getattr(room.module, "debug_view", DebugView)
            self.view = make_view(self.machine)
            self._rows: dict[int, RowInfo] = {}
            self.read_listing()
        except BaseException:
            self.machine.close()
            raise

    def close(self) -> None:
        """Free the machine. Idempotent."""
        self.machine.close()

    # -- the listing -------------------------------------------------------------------------------------------------

    def read_listing(self) -> None:
        """Take in the rows as they are now."""
        self.listing = self.machine.listing()
        self._rows = {}
        self._spellings: dict[str, set[str]] = {}
        for number, function in enumerate(self.listing["functions"]):
            for row in function["rows"]:
                info = _row_info(row, number, function)
                self._rows[info.where] = info
                if info.file is not None:
                    self._spellings.setdefault(plain_name(info.file), set()).add(info.file)

    def row(self, where: int | None) -> RowInfo | None:
        """What is known of a row."""
        if where is None:
            return None
        if where not in self._rows:
            self.read_listing()
        return self._rows.get(where)

    def rows(self) -> list[RowInfo]:
        """Every row, by address."""
        return sorted(self._rows.values(), key=lambda r: (r.address, r.where))

    def _statement(self, where: int) -> object:
        row = self.row(where)
        return where if row is None else row.statement

    # -- breakpoints -------------------------------------------------------------------------------------------------

    def set_lines(self, file: str, wishes: Sequence[Wish | int]) -> list[int | None]:
        """Replace the breakpoints of one file; for each, the line where it came to lie, None while there is no code."""
        self._lines[file] = [wish if isinstance(wish, Wish) else Wish(wish) for wish in wishes]
        self.apply_breakpoints()
        return self.lines_of(file)

    def _places(self, file: str, line: int) -> list[dict[str, Any]]:
        """The rows that a line stands for, however the program spells the file's name (`./module` for `module`)."""
        spellings = self._spellings.get(plain_name(file), ())
        places = [Place(None, line, spelling) for spelling in sorted(spellings)]
        return resolve(places, self.listing, self.main_file) if places else []

    def lines_of(self, file: str) -> list[int | None]:
        """As `set_lines`, for the breakpoints that are set."""
        return [self.resolved_line(file, wish.line) for wish in self._lines.get(file, [])]

    def resolved_line(self, file: str, line: int) -> int | None:
        """The line where a breakpoint asked for at `line` comes to lie, None while there is no code."""
        found = self._places(file, line)
        return found[0]["line"] if found else None

    def set_addresses(self, addresses: Sequence[int]) -> None:
        """Replace the breakpoints by address: each stands for every row at that address, known or yet to come."""
        self._addresses = tuple(addresses)
        self.apply_breakpoints()

    def set_watches(self, watches: Sequence[tuple[int, int]]) -> None:
        """Replace the watched stretches of memory, (address, bytes): runs stop after a write to one of them.

        A run back stops before it. Memory that a step has not recorded (StepFlag.TRUNCATED) is not seen.
        """
        self._watches.set_memory(watches)

    def check_target(self, target: Mapping[str, Any]) -> None:
        """CommandError if there is no such thing to be written to."""
        pattern_of(target, self.machine)

    def set_targets(self, targets: Sequence[Watched]) -> None:
        """Replace the other things that are watched."""
        self._watches.set_targets(targets)

    def edit(self, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
        """Put another value there: the run as it was stays, a branch begins here. Answers {old, new}."""
        at = self.timeline.position
        branch = self.timeline.edit(target, value)
        self._pending = deque(one for one in self._pending if one[0] <= at)
        self.view.forget()
        text = (
            f"the past is changed at tick {at:,}: from here on {branch.name} runs, what was recorded after it is left\n"
        )
        self._on_output("notice", text.encode())
        return {"old": branch.change["old"], "new": branch.change["new"]}

    def wheres_at(self, address: int) -> list[int]:
        """The rows of code at an address."""
        return [row.where for row in self._rows.values() if row.address == address and row.is_code]

    def apply_breakpoints(self) -> frozenset[int]:
        """Find the rows of every breakpoint; answers those that are new."""
        self._wishes = {}
        for file, wishes in self._lines.items():
            for wish in wishes:
                for found in self._places(file, wish.line):
                    self._wishes.setdefault(found["where"], []).append(wish)
        if self._addresses:
            wanted = set(self._addresses)
            for row in self._rows.values():
                if row.address in wanted and row.is_code:
                    self._wishes.setdefault(row.where, []).append(_ALWAYS)
        before, self.breakpoints = self.breakpoints, frozenset(self._wishes)
        self.timeline.set_breakpoints(self.breakpoints)
        return self.breakpoints - before

    def file_line_hits(self, where: int | None) -> list[tuple[str, int]]:
        """Which breakpoints of `set_lines`, (file, line as asked for), stop at this row."""
        hits = []
        for file, wishes in self._lines.items():
            for wish in wishes:
                if any(place["where"] == where for place in self._places(file, wish.line)):
                    hits.append((file, wish.line))
        return hits

    def _stops(self) -> bool:
        """Does a breakpoint whose condition holds stop this motion at the position?"""
        names: Mapping[str, Any] | None = None
        is_stop = False
        for wish in self._wishes.get(-1 if self.machine.where is None else self.machine.where, ()):
            if wish.condition is not None:
                names = named_values(self.machine.view()) if names is None else names
                if not wish.condition.holds(names):
                    continue
            self._met[id(wish)] = self._met.get(id(wish), 0) + 1
            is_stop = is_stop or self._met[id(wish)] >= wish.hits
        return is_stop

    def _begin_motion(self) -> None:
        """From here on it is counted anew how often a breakpoint or a watched write was met."""
        self._met = {}
        self._watches.begin_motion()

    def _stops_at(self, tick: int) -> bool:
        self.timeline.seek(tick)
        return self._stops()

    # -- what the program says and asks ------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if event.kind == "program_grew":
            self._grew_at = event.tick if self._grew_at is None else min(self._grew_at, event.tick)
        elif event.kind == "output":
            self._pending.append((event.tick, event.data["stream"], event.data["bytes"]))
        elif event.kind == "error":
            text = "\n".join(part for part in (event.data["message"], event.data["traceback"]) if part)
            self._pending.append((event.tick, "error", text.encode("utf-8", "surrogateescape") + b"\n"))
        elif "message" in event.data:
            self._pending.append((event.tick, "notice", event.data["message"].encode() + b"\n"))

    def _show_output(self, until: int) -> None:
        """Pass on what was printed up to tick `until`, pieces of one stream together."""
        stream, parts = "", list[bytes]()
        while self._pending and self._pending[0][0] <= until:
            _, of, data = self._pending.popleft()
            if of != stream and parts:
                self._on_output(stream, b"".join(parts))
                parts = []
            stream = of
            parts.append(data)
        if parts:
            self._on_output(stream, b"".join(parts))

    def give_input(self, data: bytes) -> None:
        """What somebody typed, for the program that waits for it; empty: the input ends. CommandError if none waits."""
        waiting = self.timeline.waiting
        if waiting is None:
            raise CommandError("the program does not wait for input")
        self.machine.journal.append(waiting.detail["channel"], data)
        self.timeline.waiting = None

    def _feed(self) -> bool:
        """Give the next prepared line, or the end of the input, to a program that waits for it."""
        if self._input is None:
            return False
        self.give_input(next(self._input, b""))
        return True

    def _poll(self) -> bool:
        """Asked between slices of a run forward: True for a pause, and when new code has to be looked at."""
        is_asked = self._hear()
        has_wishes = bool(self._addresses) or any(self._lines.values())
        unseen_at = self._grew_at if has_wishes else None
        reached = self.timeline.position
        self._show_output(reached if unseen_at is None else min(reached, unseen_at - 1))
        return is_asked or (unseen_at is not None and time.monotonic() >= self._look_again_at)

    def _missed(self, start: int) -> int | None:
        """After a run from `start`: if code has appeared that has breakpoints, where the run must go on from."""
        grew_at, self._grew_at = self._grew_at, None
        if grew_at is None:
            return None
        started = time.monotonic()
        self.read_listing()
        new = self.apply_breakpoints()
        now = time.monotonic()
        self._look_again_at = now + max(GROWTH_S, GROWTH_SHARE * (now - started))
        if not new:
            return None
        self.on_resolved()
        # A row is announced before it is executed, at the tick of that moment or in the step before it.
        return max(start, grew_at - 1) if self.timeline.position > start else None

    # -- motions -----------------------------------------------------------------------------------------------------

    def go_on(self) -> Arrival:
        """Run on to a breakpoint, the end, a pause, or input that nobody has given."""
        self._begin_motion()
        return self._arrive(self._run(None))

    def run_back(self) -> Arrival:
        """Run backwards to a breakpoint, a watched write or the start."""
        self._begin_motion()
        start = self.timeline.position
        arrival = self._back_to_breakpoint()
        if self._watches:
            arrival = self._watches.back(arrival, start)
        return self._arrive(arrival)

    def _back_to_breakpoint(self) -> Arrival:
        while True:
            arrival = self.timeline.run_back(self._hear)
            if arrival.reason != StopReason.BREAKPOINT or self._stops():
                return arrival
            if self._hear():
                return Arrival("pause", arrival.tick)

    def seek(self, tick: int) -> Arrival:
        """Go to a tick, or as near as the program gets."""
        return self._arrive(self._fed(lambda: self.timeline.seek(tick, self._hear)))

    def step_row(self, count: int = 1) -> Arrival:
        """`count` instructions on, or back."""
        target = self.timeline.position + count
        arrival = self._fed(lambda: self.timeline.seek(target, self._hear, reason="step"))
        if count < 0 and arrival.tick == 0 and target < 0:
            arrival = Arrival("start", 0)
        return self._arrive(arrival)

    def step(self, way: Way) -> Arrival:
        """One step forward, over, into or out of calls; a breakpoint on the way ends it."""
        self._begin_motion()
        return self._arrive(self._run(Goal(way, self._scene(), self._statement)))

    def step_back(self) -> Arrival:
        """Back to the beginning of this statement, or of the one before, over calls; a breakpoint ends it earlier."""
        self._begin_motion()
        timeline, end = self.timeline, self.timeline.position
        if end == 0:
            return self._arrive(Arrival("start", 0))
        if self.machine.where is None:
            timeline.seek(end - 1)  # the program is over: back from its last instruction, wherever that was
        search = BackwardSearch(self._scene(), self._statement, self.breakpoints, self._stops_at)
        length = FIRST_STRETCH
        while end > 0:
            window, first = _Window(), max(1, end - length + 1)
            if not timeline.trace(first, end, window, self._hear):
                timeline.seek(end)
                return self._arrive(Arrival("pause", end))
            for steps in reversed(window.stretches):
                found = search.find(steps)
                if found is not None:
                    return self._arrive(self._stop_at(found - 1))
            end, length = first - 1, min(LONGEST_STRETCH, length * WIDENING)
        return self._arrive(self._stop_at(search.earliest - 1))

    def _stop_at(self, tick: int) -> Arrival:
        self.timeline.seek(tick)
        return Arrival(StopReason.BREAKPOINT if self._stops() else "step", tick)

    def _scene(self) -> Scene:
        threads, where = self.view.threads(), self.machine.where
        statement = None if where is None else self._statement(where)
        resumers = frozenset(t.number for t in threads if t.status == "normal")
        return Scene(threads[0].number if threads else 0, self.machine.depth, statement, resumers)

    def _fed(self, move: Callable[[], Arrival]) -> Arrival:
        """Move, giving prepared input wherever the program waits for it."""
        while True:
            arrival = move()
            if arrival.reason != StopReason.INPUT or not self._feed():
                return arrival

    def _run(self, goal: Goal | None) -> Arrival:
        """Run forward to a breakpoint or to where `goal` is met."""
        timeline, begun = self.timeline, self.timeline.position
        length, sink = FIRST_STRETCH, self._sink(goal, begun + 1)
        while True:
            start = timeline.position
            to = None if goal is None else start + length
            arrival = timeline.run_forward(to, trace=sink, breakpoints=True, poll=self._polled(sink))
            again = self._missed(start)
            if again is not None and (sink is None or sink.found is None or again < sink.found - 1):
                timeline.seek(again)
                if again > begun and self._stops():
                    return Arrival(StopReason.BREAKPOINT, again)
                sink = self._sink(goal, max(begun + 1, again))
            elif isinstance(sink, WatchSink) and sink.hit is not None:
                stop = self._watches.meet(sink.hit)
                if stop is not None:
                    return stop
                sink = self._sink(goal, timeline.position + 1)
            elif sink is not None and sink.found is not None:
                timeline.seek(sink.found - 1)
                return Arrival("step", timeline.position)
            elif arrival.reason == StopReason.INPUT:
                if goal and timeline.position > begun and self._is_met(goal):
                    return Arrival("step", timeline.position)
                if not self._feed():
                    return arrival
            elif arrival.reason == StopReason.BUDGET and goal is not None:
                length = min(LONGEST_STRETCH, length * WIDENING)
            elif arrival.reason == StopReason.BREAKPOINT and not self._stops():
                if self._hear():
                    return Arrival("pause", timeline.position)
            elif arrival.reason != "pause" or self._hear():
                return arrival

    def _sink(self, goal: Goal | None, after: int) -> _Sink | WatchSink | None:
        """What looks at the steps of a run; a step in progress is not ended by watched memory."""
        if goal is not None:
            return _Sink(goal, after)
        return self._watches.sink() if self._watches else None

    def _polled(self, sink: _Sink | WatchSink | None) -> Callable[[], bool]:
        # What lies beyond the place that was looked for is not to be shown: found comes first.
        return lambda: (sink is not None and sink.found is not None) or self._poll()

    def _is_met(self, goal: Goal) -> bool:
        """Does the step end here, before an instruction that has not been recorded yet?"""
        where, thread = self.machine.where, self.view.threads()[0].number
        return where is not None and goal.find(Steps.single(1, where, self.machine.depth, thread), 0) is not None

    def _arrive(self, arrival: Arrival) -> Arrival:
        if self._grew_at is not None:
            self._grew_at = None
            self.read_listing()
            if self.apply_breakpoints():
                self.on_resolved()
        self._show_output(self.timeline.position)
        return arrival


def plain_name(file: str) -> str:
    """A file's name without detours: a program may ask for `./module` where the person says `module`."""
    return posixpath.normpath(file)


def _row_info(row: Mapping[str, Any], number: int, function: Mapping[str, Any]) -> RowInfo:
    bytes_text = row.get("bytes") or ""
    comment = f"  ; {row['comment']}" if row["comment"] else ""
    return RowInfo(
        where=row["where"],
        address=row.get("address", row["where"]),
        size_bytes=len(bytes_text) // 2 or 1,
        line=row["line"],
        file=row.get("file") or function.get("file"),
        function=number,
        function_name=function.get("name"),
        text=f"{row['op']} {row['args']}".strip() + comment,
        bytes_text=bytes_text,
        is_code=not row.get("data"),
    )
