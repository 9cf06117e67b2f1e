"""The Machine contract: everything the timeline, the session and the page may assume of any machine.

A machine is bytes plus a clock. Its tick is the count of instructions executed so far; "the state at tick N" is the
state after N instructions, and "step N" is the instruction that made the clock read N. Program + journal + tick name
one state exactly: a machine never reads the host's time, randomness, files or network except through its `Journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

from engine.errors import LimitExceeded
from engine.events import Event
from engine.trace import TraceBatch, ValueTag, WriteKind

#: A value that somebody may put into a machine: nil, a boolean, a number, a string.
Plain = None | bool | int | float | bytes


class StopReason(StrEnum):
    """Why `Machine.run` came back."""

    BUDGET = "budget"  # the ticks asked for are used up, the batch is full, or they took long: call again for the rest
    BREAKPOINT = "breakpoint"  # the next instruction has a breakpoint
    INPUT = "input"  # the program waits for input that the journal does not hold yet
    HALT = "halt"  # the program ended by itself
    FAULT = "fault"  # the program ended by an uncaught error or fault
    LIMIT = "limit"  # a limit of the machine (memory, output) ended the program


_FINAL = (StopReason.HALT, StopReason.FAULT, StopReason.LIMIT)
#: Nothing to add.
NO_DETAIL: Final[Mapping[str, Any]] = MappingProxyType({})


class Stop(NamedTuple):
    """The answer of `run`. HALT, FAULT and LIMIT are final: further runs return the same Stop and execute nothing.

    detail: FAULT {message, traceback}; LIMIT {limit, message}; others empty; INPUT {channel}, and `polls` true when the
    program only looks whether there is input: it goes on without, as docs/views.md says.
    """

    reason: StopReason
    tick: int
    detail: Mapping[str, Any] = NO_DETAIL

    @property
    def is_final(self) -> bool:
        """True when the program is over, whatever the budget."""
        return self.reason in _FINAL


@dataclass(frozen=True)
class Limits:
    """Budgets of one machine. `max_ticks` is kept by the session; the others by the machine itself."""

    max_ticks: int = 100_000_000
    memory_bytes: int = 128 << 20
    output_bytes: int = 256 << 10


@dataclass
class Journal:
    """Everything that a machine learns from outside, recorded once and replayed for ever.

    entries[i] = (channel, data). A machine counts, inside its saved state, how many entries it has consumed, and asks
    for entry number i. `read` answers a recorded entry, or asks `source(channel)` once and records what it says;
    None means that nobody knows yet (the machine then stops with INPUT).
    Going back and giving other input is `truncate(i)` followed by new entries: a branch.
    """

    entries: list[tuple[str, bytes]] = field(default_factory=list)
    source: Callable[[str], bytes | None] | None = None
    max_entries: int = 200_000

    def read(self, index: int, channel: str) -> bytes | None:
        """Entry `index`, which must be of `channel`; recorded on first use. ValueError if the journal disagrees.

        LimitExceeded when the program asks for more than `max_entries` things: each is kept for every replay.
        """
        if index < len(self.entries):
            recorded, data = self.entries[index]
            if recorded != channel:
                raise ValueError(f"journal entry {index} is {recorded!r}, the machine asks for {channel!r}")
            return data
        if index >= self.max_entries:
            raise LimitExceeded(
                "journal", f"the program asked more than {self.max_entries:,} things of the world outside"
            )
        data_or_none = self.source(channel) if self.source else None
        if data_or_none is not None:
            self.entries.append((channel, data_or_none))
        return data_or_none

    def append(self, channel: str, data: bytes) -> None:
        """Record one more entry (the visitor's input)."""
        self.entries.append((channel, data))

    def truncate(self, count: int) -> None:
        """Forget every entry from number `count` on."""
        del self.entries[count:]


@dataclass(frozen=True)
class WriteTarget:
    """One thing that can be written to, as the trace's write columns name it.

    A field's key by tag and payload, a string's by its first 60 bytes and, unless `text_length` is None, its length.
    MEMORY: `size` bytes from address `key` on.
    """

    kind: WriteKind
    owner: int = 0
    key_tag: int = ValueTag.INTEGER
    key: int = 0
    size: int = 1
    text: bytes = b""
    text_length: int | None = None


@dataclass
class Watch:
    """What an untraced run looks out for, and what it noted: the steps that *may* have written to a target.

    Or that may have one of `flags` (StepFlag bits), are of one of `rows`, or of `frame` (thread, depth): in that
    thread, at most so deep; depth 0: in any other thread. It never misses one that a trace would show, and may note a
    few that turn out to be none: who asks looks at the trace of `ticks`. Those are the steps noted, ascending: the
    first `capacity` ones, or with `newest` the last ones. `count` of them were noted in all. A machine that cannot
    watch for these things, or could not in this run, sets `is_blind`; then the notes say nothing.
    """

    targets: tuple[WriteTarget, ...] = ()
    rows: frozenset[int] = frozenset()
    flags: int = 0
    frame: tuple[int, int] | None = None
    capacity: int = 64
    newest: bool = False
    ticks: list[int] = field(default_factory=list)
    count: int = 0
    is_blind: bool = False

    @property
    def is_full(self) -> bool:
        """Are there more steps than `ticks` holds, or could one more not be held?"""
        return self.count >= self.capacity

    def note(self, ticks: Sequence[int], count: int) -> None:
        """Take note of `count` further steps, later than those noted so far; `ticks` are what is to be kept of them."""
        kept = [*self.ticks, *ticks]
        self.ticks = kept[-self.capacity :] if self.newest else kept[: self.capacity]
        self.count += count


class PausedError(Exception):
    """Somebody asked for a pause in the middle of something: a search, or one instruction that takes long."""


@runtime_checkable
class LooksUp(Protocol):
    """A machine with instructions that may take long, such as calls of built-in functions.

    It calls `look_up` inside them now and then. When that answers True, `run` raises PausedError; the machine is then
    in the middle of an instruction, which is no state, and has to be restored before anything else is asked of it.
    """

    look_up: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value that is JSON text already; whoever sends it puts it into the message as it is."""

    text: bytes


@runtime_checkable
class WritesViews(Protocol):
    """A machine whose core writes the view as JSON text: for those who only pass it on, so that nobody parses it."""

    def view_json(self) -> bytes:
        """What `view` answers, as compact JSON in UTF-8."""
        ...


class Checkpoint(Protocol):
    """A saved state. Opaque to everybody but the machine that made it; immutable; may share pages with others."""

    @property
    def tick(self) -> int:
        """The tick of the state."""
        ...

    @property
    def size_bytes(self) -> int:
        """Bytes that this checkpoint holds alone: what dropping it would free, more or less."""
        ...


class Machine(Protocol):
    """One running program. Implementations: `engine.lua.machine.LuaMachine`, `engine.x86.machine.X86Machine`.

    A machine may have `glance()` besides: the fields of its view that change while it runs on and are worth seeing then
    (a screen), or None. It must be quick: it is asked some times a second.
    """

    journal: Journal

    @property
    def tick(self) -> int:
        """Instructions executed so far."""
        ...

    @property
    def where(self) -> int | None:
        """The row (a `where` of the listing) of the next instruction; None when the program is over."""
        ...

    @property
    def depth(self) -> int:
        """How many frames are on the call stack now (1 = the main program)."""
        ...

    @property
    def journal_count(self) -> int:
        """Journal entries consumed so far: the number of the one that it will ask for next."""
        ...

    def run(
        self, budget: int, trace: TraceBatch | None = None, *, breakpoints: bool = False, watch: Watch | None = None
    ) -> Stop:
        """Execute up to `budget` instructions and say why it stopped.

        With `trace`, every executed step is appended to it; the run ends with BUDGET when the batch is full.
        With `breakpoints`, stop before an instruction whose row is in the set, except at the very first instruction
        of this call (so that continuing from a breakpoint makes progress).
        With `watch` (and without the others), note in it which steps may have written to its targets.
        """
        ...

    def set_breakpoints(self, wheres: Iterable[int]) -> None:
        """Replace the set of rows that `run(breakpoints=True)` stops before. Not part of the saved state."""
        ...

    def save(self, previous: Checkpoint | None = None) -> Checkpoint:
        """Copy the state out. Pages equal to those of `previous` (a checkpoint of this machine) are shared."""
        ...

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become exactly the saved state again. Events that were not drained are dropped."""
        ...

    def edit(self, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
        """Change one value of the state as it is: a register, a local, an upvalue, a byte.

        Targets stand in docs/views.md. Answers {old, new} as views show values; CommandError, and nothing is changed,
        if there is no such target or it cannot take the value. The tick stays.
        """
        ...

    def drain_events(self) -> list[Event]:
        """Events with data since the last drain, in order. A replay produces them again, at the same ticks."""
        ...

    def digest(self) -> str:
        """A hash of the whole state: equal exactly when the states are. Independent of the process it is made in."""
        ...

    def view(self) -> dict[str, Any]:
        """The visible state as plain JSON data; the shape of each machine's view stands in docs/views.md."""
        ...

    def inspect(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A deep view of one thing (a table's inside, a memory page), paged. CommandError for an unknown query."""
        ...

    def listing(self) -> dict[str, Any]:
        """The program as rows to show, each with its `where`; grows when code is loaded or discovered."""
        ...

    def close(self) -> None:
        """Free what the machine holds. Idempotent."""
        ...
