"""The Lua machine: `engine.machine.Machine` over the C core.

The core runs until it needs its host: output is full, a text is to be compiled, the journal is asked, a tick is
reached. This module answers and runs on, saves and restores the arena as page images, and shows the state.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import orjson

from engine import cbuild, pages
from engine.errors import CommandError, MachineFault, ProgramError
from engine.events import Event
from engine.lua.compiler import check_beginning, compile_source
from engine.lua.diagnostics import LuaSourceError
from engine.lua.dump import dump
from engine.lua.functions import Functions
from engine.lua.live import registers_in_use
from engine.lua.undump import undump
from engine.lua.watch import LuaWatch
from engine.machine import Checkpoint, Journal, Limits, PausedError, Plain, Stop, StopReason, Watch
from engine.trace import COLUMNS, TraceBatch, ValueTag

#: Bytes that a built-in function may handle before the host looks again whether to go on.
WORK_SLICE = 8 << 20
#: So many slices without an instruction between them end the program.
MAX_WORK_SLICES = 32
#: Trace batches whose C struct is kept.
MAX_BOUND = 4

_RECORD = struct.Struct("<QII")
_STREAMS = {1: "stdout", 2: "stderr"}
_NO_ROW = -1
#: What `inspect` shows, by number of the core's InspectKind.
_KINDS = ("table", "function", "upvalue", "thread")
#: What the query of a graph says besides: the least, the most, and what holds without it.
_GRAPH_BOUNDS = (("depth", 1, 8, 1), ("offset", 0, (1 << 31) - 1, 0), ("limit", 2, 512, 64), ("referrers", 0, 256, 16))


@cache
def core() -> Any:  # noqa: ANN401 - the extension module
    """The C core; loaded on first use."""
    return cbuild.load("engine.lua.core._core")


@cache
def _exits() -> dict[int, str]:
    """Exit reasons by number: `EXIT_HALT` is `halt`."""
    lib = core().lib
    words = ("BUDGET", "BREAKPOINT", "OUTPUT", "COMPILE", "JOURNAL", "WORK", "HALT", "FAULT", "LIMIT")
    return {int(getattr(lib, f"EXIT_{word}")): word.lower() for word in words}


def _tag_and_bits(value: Plain) -> tuple[int, int]:
    """A plain value as a ValueTag and its payload; CommandError for an integer that does not fit."""
    if value is None or isinstance(value, bool):
        return (ValueTag.NIL if value is None else ValueTag.TRUE if value else ValueTag.FALSE), 0
    if isinstance(value, bytes):
        return ValueTag.STRING, 0
    if isinstance(value, float):
        return ValueTag.FLOAT, struct.unpack("<Q", struct.pack("<d", value))[0]
    if not -(1 << 63) <= value < 1 << 63:
        raise CommandError(f"{value} does not fit into 64 bits")
    return ValueTag.INTEGER, value & ((1 << 64) - 1)


@dataclass(frozen=True)
class LuaProgram:
    """A compiled main program: its binary chunk, its name (`@main.lua`) and the arguments it gets as `...` and `arg`.

    `arguments[0]` is the script's name for `arg[0]`; empty: there is no table `arg`. `files` (path, content) are what
    the machine's own file system holds at the start.
    """

    chunk: bytes
    name: bytes
    arguments: tuple[bytes, ...] = ()
    files: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True)
class LuaCheckpoint:
    """A saved state: the pages of the arena, and where in the address space they belong."""

    tick: int
    image: pages.PageImage
    ranges: tuple[tuple[int, int], ...]
    last: int | None
    stop: Stop | None
    unwound: dict[str, Any] | None = None
    """What the view shows of the uncaught error that ended the program here."""

    @property
    def size_bytes(self) -> int:
        """This checkpoint's share of the pages that checkpoints hold."""
        return self.image.size_bytes


class LuaMachine:
    """One running Lua program. Several live in one process; each call maps its own machine first."""

    def __init__(self, program: LuaProgram, journal: Journal, limits: Limits) -> None:
        """At tick 0, before the first instruction. ProgramError for a refused chunk, MachineFault without memory."""
        self.journal = journal
        #: Asked at each slice of work inside a built-in function; True raises PausedError (`engine.machine.LooksUp`).
        self.look_up: Callable[[], bool] = bool
        self._lib, self._ffi = core().lib, core().ffi
        machine = self._lib.machine_new(limits.memory_bytes, limits.output_bytes)
        if machine == self._ffi.NULL:
            raise MachineFault("no memory for a Lua machine")
        self._machine = self._ffi.gc(machine, self._lib.machine_free)
        self._lib.machine_set_work_budget(self._machine, WORK_SLICE)
        natives = [self._text(self._lib.machine_native_name(n)) for n in range(self._native_count())]
        self.functions = Functions(natives, partial(registers_in_use, core()))
        self._exits = _exits()
        self._events: list[Event] = []
        self._stop: Stop | None = None
        self._last: int | None = None
        self._is_last_known = True
        #: What the view shows of an uncaught error, once somebody asked.
        self._unwound: dict[str, Any] | None = None
        self._breakpoints: frozenset[int] = frozenset()
        self._columns: dict[int, tuple[Any, list[Any]]] = {}  # by the batch's id; the batch is kept with it
        self._own_batch: TraceBatch | None = None  # made when a run that nobody traces needs it
        self._held: list[bytes] = []  # what the core may still read during its next run
        self._is_silent = False
        self._looked_for = 0
        self._watch = LuaWatch(self._lib, self._ffi)
        self._pointer = self._ffi.new("uint8_t **")
        self._size = self._ffi.new("size_t *")
        self._recent: LuaCheckpoint | None = None
        #: Instructions executed so far, as the core counts them.
        self.tick = 0
        self._load(program)
        self.tick = int(self._lib.machine_tick(self._machine))
        self.save()

    def _native_count(self) -> int:
        return int(self._lib.machine_native_count())

    def _text(self, pointer: Any) -> str:  # noqa: ANN401 - cffi data
        return bytes(self._ffi.string(pointer)).decode("ascii")

    def _load(self, program: LuaProgram) -> None:
        lib, machine = self._lib, self._machine
        self.functions.add(undump(program.chunk, "program"), 0)
        for path, content in program.files:
            error = int(lib.machine_add_file(machine, path, content, len(content)))
            if error:
                why = "not enough memory" if error < 0 else os.strerror(error)
                raise ProgramError(f"cannot put {path.decode('utf-8', 'replace')} into the machine: {why}")
        for number, argument in enumerate(program.arguments):
            lib.machine_argument(machine, number, argument, len(argument))
        if lib.machine_load(machine, program.chunk, len(program.chunk), program.name):
            raise ProgramError(self._request(0).decode("utf-8", "backslashreplace"))
        # To the first instruction and not further, so that there is a frame to look at.
        lib.machine_run(machine, 0, 0, self._ffi.NULL)

    def _request(self, index: int) -> bytes:
        size = self._ffi.new("size_t *")
        bytes_ = self._lib.machine_request(self._machine, index, size)
        return b"" if bytes_ == self._ffi.NULL else bytes(self._ffi.buffer(bytes_, size[0]))

    # -- where it is -------------------------------------------------------------------------------------------------

    @property
    def where(self) -> int | None:
        """The row of the next instruction; None when the program is over."""
        row = int(self._lib.machine_where(self._machine))
        return None if row < 0 or self._stop is not None else row

    @property
    def depth(self) -> int:
        """Frames on the running coroutine's call stack."""
        return int(self._lib.machine_depth(self._machine))

    # -- running -----------------------------------------------------------------------------------------------------

    def run(
        self, budget: int, trace: TraceBatch | None = None, *, breakpoints: bool = False, watch: Watch | None = None
    ) -> Stop:
        """Execute up to `budget` instructions and say why it stopped; see `engine.machine.Machine.run`."""
        if self._stop is not None:
            return self._stop
        begun = self.tick
        if watch is not None:
            with self._watch.noting(self._machine, watch, begun):
                stop = self._advance(begun, budget, None, False)
            self._is_last_known = self._is_last_known and stop.tick == begun
        elif trace is not None or budget < 2:
            batch = trace if trace is not None else self._fresh_batch()
            stop = self._advance(begun, budget, batch, breakpoints)
            self._learn_last(batch, begun)
        else:
            # The last instruction is traced, so that the view can say which one it was.
            stop = self._advance(begun, budget - 1, None, breakpoints)
            at = stop.tick
            self._is_last_known = self._is_last_known and at == begun
            if stop.reason is StopReason.BUDGET and at == begun + budget - 1:
                if breakpoints and self.where in self._breakpoints:
                    return Stop(StopReason.BREAKPOINT, at)
                last = self._fresh_batch()
                stop = self._advance(at, 1, last, False)
                self._learn_last(last, at)
        self._see_functions()
        return stop

    def _fresh_batch(self) -> TraceBatch:
        if self._own_batch is None:
            self._own_batch = TraceBatch(step_capacity=1, write_capacity=512, text_capacity=2 * TraceBatch.text_margin)
        self._own_batch.clear()
        return self._own_batch

    def _learn_last(self, batch: TraceBatch, begun: int) -> None:
        if batch.step_count:
            self._last = batch.last("where")
            self._is_last_known = True
        elif self.tick != begun:
            self._is_last_known = False

    def _advance(self, begun: int, budget: int, trace: TraceBatch | None, breakpoints: bool) -> Stop:
        """Run the core from tick `begun`, where it is, serving its requests, until it stops for the caller's sake."""
        lib, machine, exits = self._lib, self._machine, self._exits
        tick, goal = begun, begun + budget
        columns = self._bind(trace) if trace is not None else self._ffi.NULL
        work, worked_at = 0, -1
        breaks = int(breakpoints)
        while True:
            reason = exits[lib.machine_run(machine, goal - tick, breaks, columns)]
            breaks = 2 if breakpoints else 0  # only the very first instruction is let go
            if trace is not None:
                trace.step_count, trace.write_count = columns.step_count, columns.write_count
                trace.text_bytes, trace.first_tick = columns.text_bytes, columns.first_tick
            if self._held:
                self._held.clear()
            self._take_output()
            tick = self.tick = lib.machine_tick(machine)
            if reason == "budget":
                return Stop(StopReason.BUDGET, tick)
            if reason == "compile":
                self._compile()
            elif reason == "journal":
                channel = self._request(0).decode("ascii")
                data = self.journal.read(int(lib.machine_journal_count(machine)), channel)
                if data is None:
                    return Stop(StopReason.INPUT, tick, {"channel": channel})
                self._held.append(data)
                lib.machine_answer_journal(machine, data, len(data))
            elif reason == "work":
                work, worked_at = (work + 1 if worked_at == tick else 1), tick
                if tick > begun:
                    goal = tick  # long work: the caller may want to look up, once this instruction is done
                if work >= MAX_WORK_SLICES:
                    message = "a built-in function worked too long"
                    return self._finish(Stop(StopReason.LIMIT, tick, {"limit": "work", "message": message}))
                if self.look_up():
                    raise PausedError
            elif reason != "output":
                return self._stop_for(reason, tick)

    def _stop_for(self, reason: str, tick: int) -> Stop:
        if reason == "breakpoint":
            return Stop(StopReason.BREAKPOINT, tick)
        first, second = (self._request(n).decode("utf-8", "backslashreplace") for n in (0, 1))
        if reason == "halt":
            # os.exit leaves its status; a program that ends by itself leaves nothing.
            return self._finish(Stop(StopReason.HALT, tick, {"status": int(first)} if first else {}))
        if reason == "limit":
            return self._finish(Stop(StopReason.LIMIT, tick, {"limit": first, "message": second}))
        detail = {"message": first, "traceback": second}
        if not self._is_silent:
            self._events.append(Event("error", tick, detail))
        return self._finish(Stop(StopReason.FAULT, tick, detail))

    def _finish(self, stop: Stop) -> Stop:
        self._stop = stop
        return stop

    def _bind(self, trace: TraceBatch) -> Any:  # noqa: ANN401 - cffi data
        """The C struct over the batch's columns; kept, because the same few batches come again and again."""
        bound = self._columns.get(id(trace))
        if bound is None or bound[1][-1] is not trace.text:
            if len(self._columns) >= MAX_BOUND:
                self._columns.clear()
            struct_ = self._ffi.new("TraceBatch *")
            keep: list[Any] = []
            for column in COLUMNS:
                # SAFETY: the bytearrays are kept alive with the struct, and TraceBatch never resizes them.
                view_ = self._ffi.from_buffer(f"{column.c_type}[]", trace.columns[column.name])
                setattr(struct_, column.name, view_)
                keep.append(view_)
            text = self._ffi.from_buffer("uint8_t[]", trace.text)
            struct_.text = text
            struct_.step_capacity, struct_.write_capacity = trace.step_capacity, trace.write_capacity
            struct_.text_capacity = trace.text_capacity
            bound = self._columns[id(trace)] = (struct_, [*keep, text, trace, trace.text])
        struct_ = bound[0]
        struct_.step_count, struct_.write_count = trace.step_count, trace.write_count
        struct_.text_bytes, struct_.first_tick = trace.text_bytes, trace.first_tick
        return struct_

    # -- what the core asks for --------------------------------------------------------------------------------------

    def _compile(self) -> None:
        """Answer a `load`: the binary chunk, or the error message that `load` gives to the program."""
        lib, machine = self._lib, self._machine
        name, source = self._request(0), self._request(1)
        levels = int(lib.machine_compile_levels(machine))
        try:
            if lib.machine_compile_partial(machine):
                check_beginning(source, name, levels=levels)
                kind, answer = lib.COMPILE_GO_ON, b""
            else:
                first = int(lib.inspect_next_function(machine))
                proto = compile_source(source, name, levels=levels)
                kind, answer = lib.COMPILE_CHUNK, dump(proto)
                if self.functions.add(proto, first) and not self._is_silent:
                    self._events.append(Event("program_grew", self.tick))
        except LuaSourceError as error:
            kind, answer = lib.COMPILE_RAISED if error.is_limit else lib.COMPILE_REFUSED, error.raw
        self._held.append(answer)
        lib.machine_answer_compile(machine, answer, len(answer), kind)

    def _take_output(self) -> None:
        where = self._pointer
        size = int(self._lib.machine_output_pending(self._machine, where))
        if not size:
            return
        data = bytes(self._ffi.buffer(where[0], size))
        self._lib.machine_output_clear(self._machine)
        if self._is_silent:
            return
        at = 0
        while at < size:
            tick, stream, length = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            self._add_output(tick, _STREAMS[stream], data[at : at + length])
            at += length + -length % 8

    def _add_output(self, tick: int, stream: str, data: bytes) -> None:
        """One event a step and stream, however many pieces it writes."""
        before = self._events[-1] if self._events else None
        if before and before.kind == "output" and before.tick == tick and before.data["stream"] == stream:
            data = self._events.pop().data["bytes"] + data
        self._events.append(Event("output", tick, {"stream": stream, "bytes": data}))

    def set_breakpoints(self, wheres: Iterable[int]) -> None:
        """Replace the rows that `run(breakpoints=True)` stops before."""
        self._breakpoints = frozenset(wheres)
        words = [0] * (max(self._breakpoints, default=-1) // 64 + 1)
        for row in self._breakpoints:
            words[row // 64] |= 1 << row % 64
        self._lib.machine_set_breakpoints(self._machine, words, len(words) * 64)

    def drain_events(self) -> list[Event]:
        """Output, errors and grown listings since the last drain, in order."""
        events, self._events = self._events, []
        return events

    # -- saving ------------------------------------------------------------------------------------------------------

    def _ranges(self) -> tuple[tuple[int, int], ...]:
        ranges = self._ffi.new("uint64_t[8]")
        count = int(self._lib.machine_ranges(self._machine, ranges))
        return tuple((int(ranges[2 * n]), int(ranges[2 * n + 1])) for n in range(count))

    def save(self, previous: Checkpoint | None = None) -> LuaCheckpoint:
        """Copy the arena out, sharing pages with `previous`."""
        if not self._is_last_known:
            self._find_last()  # from this checkpoint on nobody could
        self._raised()
        return self._capture(previous)

    def _capture(self, previous: Checkpoint | None = None) -> LuaCheckpoint:
        ranges = self._ranges()
        like = previous if isinstance(previous, LuaCheckpoint) else self._recent
        image = pages.capture(ranges, like.image if like is not None else None)
        last = self._last if self._is_last_known else _NO_ROW
        self._recent = LuaCheckpoint(self.tick, image, ranges, last, self._stop, self._unwound)
        return self._recent

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become exactly the saved state again; events that were not drained are dropped."""
        if not isinstance(checkpoint, LuaCheckpoint):
            raise MachineFault("a checkpoint of another kind of machine")
        ranges = self._ffi.new("uint64_t[8]", [number for pair in checkpoint.ranges for number in pair])
        self._lib.machine_output_clear(self._machine)
        self._lib.machine_restore_begin(self._machine, ranges, len(checkpoint.ranges))
        pages.restore(checkpoint.image, checkpoint.ranges)
        self._lib.machine_restore_end(self._machine)
        self._lib.inspect_forget(self._machine)
        self._events.clear()
        self._stop, self._unwound = checkpoint.stop, checkpoint.unwound
        self.tick = checkpoint.tick
        self._is_last_known = checkpoint.last != _NO_ROW
        self._last = checkpoint.last if self._is_last_known else None
        self._recent = checkpoint

    def edit(self, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
        """Change a register, local or upvalue that the view shows (docs/views.md, "Targets and hits")."""
        thread, slot, upvalue, old = target.get("thread"), target.get("slot"), target.get("id"), self._value_of(target)
        tag, bits = _tag_and_bits(value)
        text = value if isinstance(value, bytes) else b""
        if target.get("kind") == "slot" and old is not None:
            failed = self._lib.machine_edit_slot(self._machine, thread, slot, tag, bits, text, len(text))
        elif target.get("kind") == "upvalue" and old is not None:
            failed = self._lib.machine_edit_upvalue(self._machine, upvalue, tag, bits, text, len(text))
        else:
            raise CommandError("only registers and upvalues that are in use now can be changed")
        if failed:
            raise CommandError("not enough memory" if failed == 2 else "this register cannot be changed")
        self._recent = self.save()
        return {"old": old, "new": self._value_of(target)}

    def _value_of(self, target: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the view shows of a register or upvalue; None if it shows none."""
        found: dict[str, Any] | None = None
        if target.get("kind") == "upvalue":
            found = self.inspect(target)["value"]
        for thread in self.view()["threads"] if target.get("kind") == "slot" else ():
            for frame in thread["frames"] if thread["id"] == target.get("thread") else ():
                for register in frame.get("registers") or ():
                    if register["slot"] == target.get("slot"):
                        found = register["value"]
        return found

    @property
    def journal_count(self) -> int:
        """Journal entries consumed so far."""
        return int(self._lib.machine_journal_count(self._machine))

    def digest(self) -> str:
        """A hash of the arena's content and of how the program ended, if it did."""
        words = self._ffi.new("uint64_t[2]")
        self._lib.machine_digest(self._machine, words)
        state = f"{words[0]:016x}{words[1]:016x} {self.tick} {self._stop.reason if self._stop else ''}"
        return hashlib.sha256(state.encode()).hexdigest()[:32]

    # -- showing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _step_before(self) -> Iterator[None]:
        """Inside the block the machine is silently one step back; replayed from the checkpoint before."""
        here, recent, events = self.tick, self._recent, self._events
        assert recent is not None  # noqa: S101 (there is one since the machine was made)
        self._events = []
        now = self._capture()
        self.restore(recent)
        self._is_silent = True
        try:
            if self.tick < here - 1:
                self._advance(self.tick, here - 1 - self.tick, None, False)
            yield
        finally:
            self._is_silent = False
            self.restore(now)
            self._recent = recent
            self._events = events

    def _find_last(self) -> None:
        """Learn which instruction was the last: run the last step again, traced."""
        before = self.tick - 1
        with self._step_before():
            batch = self._fresh_batch()
            self._advance(before, 1, batch, False)
            self._learn_last(batch, before)
            last = self._last if self._is_last_known else None
        self._last, self._is_last_known = last, True

    def _raised(self) -> dict[str, Any] | None:
        """What an uncaught error unwound: the view's threads, frames and heap as they were when it was raised."""
        if self._stop is None or self._stop.reason != StopReason.FAULT or self._last is None or self.tick == 0:
            return None
        if self._unwound is None:
            with self._step_before():
                before = orjson.loads(self._view_text())
            self._unwound = {**{name: before[name] for name in ("thread", "threads", "heap", "depth")}, "unwound": True}
        return self._unwound

    def view(self) -> dict[str, Any]:
        """The visible state; docs/views.md, "Lua"."""
        seen: dict[str, Any] = orjson.loads(self.view_json())
        return seen

    def view_json(self) -> bytes:
        """`view` as JSON text (`engine.machine.WritesViews`)."""
        if not self._is_last_known:
            self._find_last()
        self._see_functions()
        raised = self._raised()
        text = self._view_text()
        return text if raised is None else orjson.dumps({**orjson.loads(text), **raised})

    def _view_text(self) -> bytes:
        """The view of what is in the machine now; what an uncaught error unwound is not in it."""
        last = _NO_ROW if self._last is None else self._last
        where = _NO_ROW if self._stop is not None else self._lib.machine_where(self._machine)
        return self._inspect(self._lib.inspect_view, last, where)

    def _inspect(self, look: Callable[..., Any], *numbers: int) -> bytes:
        """JSON text that the core writes: the answer of one of its `inspect_…`."""
        size = self._size
        names, count = self.functions.c_names(self._ffi)
        text = look(self._machine, names, count, *numbers, size)
        if text == self._ffi.NULL:
            raise MachineFault("no memory to look into the machine")
        return bytes(self._ffi.buffer(text, size[0]))

    def _see_functions(self) -> None:
        """Take in functions that came without a COMPILE request (binary chunks that the core loaded by itself)."""
        known = self.functions.count
        following = self._lib.inspect_next_function(self._machine)
        if following > known and following != self._looked_for:
            self._looked_for = following  # those that are gone already stay unknown: not to be looked for again
            text = self._lib.inspect_functions(self._machine, known, self._size)
            if text == self._ffi.NULL:
                raise MachineFault("no memory to look into the machine")
            self.functions.add_raw(orjson.loads(bytes(self._ffi.buffer(text, self._size[0]))))
            if self.functions.count > known:
                self._events.append(Event("program_grew", self.tick))

    def inspect(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A table, function, upvalue or coroutine by its number, or the heap around it; docs/views.md, "Lua"."""
        kind, number = query.get("kind"), query.get("id")
        is_graph = kind == "graph"
        if is_graph:
            kind = query.get("of")
        if kind not in _KINDS:
            raise CommandError(f"cannot inspect {str(kind)[:40]!r}", hint=f"one of {', '.join(_KINDS)}, graph")
        if type(number) is not int or not 0 <= number < 1 << 32:
            raise CommandError(f"to inspect a {kind} takes its `id`")
        self._see_functions()
        numbers = [number]
        if is_graph:
            numbers = [_KINDS.index(kind), number]
            for name, least, most, otherwise in _GRAPH_BOUNDS:
                value = query.get(name, otherwise)
                if type(value) is not int or not least <= value <= most:
                    raise CommandError(f"`{name}` of a graph is {least:,} to {most:,}")
                numbers.append(value)
        elif kind == "table":
            offset, limit = query.get("offset", 0), query.get("limit", 256)
            if type(offset) is not int or type(limit) is not int or not (0 <= offset < 1 << 31 and 0 < limit <= 4096):
                raise CommandError("`offset` counts from 0 and `limit` is 1 to 4096")
            numbers += [offset, limit]
        elif kind == "thread":
            first = query.get("offset", 0)
            if type(first) is not int or not 0 <= first < 1 << 24:
                raise CommandError("`offset` is the level of the first frame wanted, from 0")
            numbers.append(first)
        found: dict[str, Any] | None = orjson.loads(
            self._inspect(getattr(self._lib, f"inspect_{'graph' if is_graph else kind}"), *numbers)
        )
        if found is None:
            raise CommandError(f"there is no {kind} #{number} at tick {self.tick}")
        return found

    def listing(self) -> dict[str, Any]:
        """Every function that was loaded so far, as rows."""
        self._see_functions()
        return self.functions.listing()

    def memory(self) -> dict[str, int]:
        """For statistics: bytes in use and at most, live objects, collections."""
        lib, machine = self._lib, self._machine
        return {
            "bytes": int(lib.machine_bytes(machine)),
            "peak_bytes": int(lib.machine_peak_bytes(machine)),
            "objects": int(lib.machine_objects(machine)),
            "collections": int(lib.machine_collections(machine)),
        }

    def close(self) -> None:
        """Free the machine. Idempotent; nothing else may be called afterwards."""
        if self._machine is not None:
            self._lib.inspect_forget(self._machine)
            self._ffi.release(self._machine)
            self._machine = None
