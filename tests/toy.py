"""A tiny deterministic machine and its room: the timeline and the session are tested on it alone.

A program is one instruction a line: `add R N`, `store R` (memory[R0 % size] = R), `jnz R LINE`, `out R`, `in R`,
`call`, `ret`, `grow`, `fault TEXT`, `halt`. Registers are R0 to R3, 64-bit; line numbers start at 1. `where` is
the number of the instruction from 0; the listing shows two instructions a line.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cffi

from engine.errors import CommandError, Diagnostic, SourceError, Span
from engine.events import Event, StepFlag
from engine.machine import Journal, Limits, Plain, Stop, StopReason, Watch
from engine.pages import PageImage, capture, restore
from engine.rooms import SourceFile
from engine.trace import COLUMNS, TraceBatch, ValueTag, WriteKind

FFI = cffi.FFI()
MEMORY_BYTES = 64 << 10
#: A watch notes writes that are so near to its target as well, as it may.
WIDE_OF_THE_MARK = 2
STATE = struct.Struct("<4Q5Q")  # registers, pc, depth, output bytes, journal entries used, grown
NAMES = ("add", "store", "jnz", "out", "in", "call", "ret", "grow", "fault", "halt")


@dataclass(frozen=True)
class ToyCheckpoint:
    tick: int
    image: PageImage
    final: Stop | None

    @property
    def size_bytes(self) -> int:
        return self.image.size_bytes


class ToyMachine:
    """One running toy program; counts the instructions that it executed in `executed`, replays included."""

    def __init__(self, program: Sequence[tuple[str, ...]], journal: Journal, limits: Limits) -> None:
        self.program = program
        self.journal = journal
        self.limits = limits
        self.tick = 0
        self.executed = 0
        self.saves = 0
        self.registers = [0, 0, 0, 0]
        self.pc = 0
        self.depth = 1
        self.output_bytes = 0
        self.journal_used = 0
        self.grown = 0
        self.listed = 0  # as listings do, this only grows
        self.watch: Watch | None = None
        self.final: Stop | None = None
        self.events: list[Event] = []
        self.breakpoints: frozenset[int] = frozenset()
        self._memory = FFI.new("uint8_t[]", MEMORY_BYTES)
        self._regions = [(int(FFI.cast("uintptr_t", self._memory)), MEMORY_BYTES)]

    @property
    def where(self) -> int | None:
        return None if self.final or self.pc >= len(self.program) else self.pc

    @property
    def journal_count(self) -> int:
        return self.journal_used

    def edit(self, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
        if target.get("kind") != "register" or target.get("register") not in range(4) or type(value) is not int:
            raise CommandError("no such register")
        old = self.registers[target["register"]]
        self.registers[target["register"]] = value
        return {"old": {"t": "bits", "s": f"{old:016x}"}, "new": {"t": "bits", "s": f"{value:016x}"}}

    def run(
        self, budget: int, trace: TraceBatch | None = None, *, breakpoints: bool = False, watch: Watch | None = None
    ) -> Stop:
        self.watch = watch
        for done in range(budget):
            if self.final:
                return self.final
            if breakpoints and done and self.pc in self.breakpoints:
                return Stop(StopReason.BREAKPOINT, self.tick)
            if trace is not None and trace.step_count == trace.step_capacity:
                return Stop(StopReason.BUDGET, self.tick)
            stop = self._execute(trace)
            if stop:
                return stop
        return self.final or Stop(StopReason.BUDGET, self.tick)

    def _execute(self, trace: TraceBatch | None) -> Stop | None:
        if self.pc >= len(self.program):
            self.final = Stop(StopReason.HALT, self.tick)
            return self.final
        name, *operands = self.program[self.pc]
        flags, write, pc, depth = StepFlag(0), None, self.pc, self.depth
        if name == "in":
            data = self.journal.read(self.journal_used, "keys")
            if data is None:
                return Stop(StopReason.INPUT, self.tick, {"channel": "keys"})
            self.journal_used += 1
            write = self._set(int(operands[0]), len(data))
            flags |= StepFlag.INPUT
        self.pc += 1
        self.tick += 1
        self.executed += 1
        if name == "add":
            register = int(operands[0])
            write = self._set(register, self.registers[register] + int(operands[1]))
        elif name == "store":
            address, value = self.registers[0] % MEMORY_BYTES, self.registers[int(operands[0])] & 255
            write = WriteKind.MEMORY, address, int(self._memory[address]), value
            self._memory[address] = value
        elif name == "jnz" and self.registers[int(operands[0])]:
            self.pc = int(operands[1]) - 1
            flags |= StepFlag.JUMP
        elif name == "out":
            text = bytes([65 + self.registers[int(operands[0])] % 26])
            self.output_bytes += 1
            self.events.append(Event("output", self.tick, {"stream": "stdout", "bytes": text}))
            flags |= StepFlag.OUTPUT
            if self.output_bytes >= self.limits.output_bytes:
                self.final = Stop(StopReason.LIMIT, self.tick, {"limit": "output", "message": "too much output"})
        elif name == "call":
            self.depth += 1
            flags |= StepFlag.CALL
        elif name == "ret":
            self.depth = max(1, self.depth - 1)
            flags |= StepFlag.RETURN
        elif name == "grow":
            self.grown += 1
            self.listed = max(self.listed, self.grown)
            self.events.append(Event("program_grew", self.tick))
        elif name == "fault":
            detail = {"message": operands[0], "traceback": f"line {pc + 1}"}
            self.events.append(Event("error", self.tick, detail))
            flags |= StepFlag.ERROR | StepFlag.FAULT
            self.final = Stop(StopReason.FAULT, self.tick, detail)
        elif name == "halt":
            self.final = Stop(StopReason.HALT, self.tick)
        if trace is not None:
            self._trace(trace, pc, depth, flags, write)
        if self.watch is not None:
            self._note(self.watch, pc, depth, flags, write)
        return self.final

    def _note(self, watch: Watch, pc: int, depth: int, flags: int, write: tuple[int, int, int, int] | None) -> None:
        is_wanted = pc in watch.rows or bool(flags & watch.flags)
        is_wanted = is_wanted or (watch.frame is not None and watch.frame[0] == 0 and depth <= watch.frame[1])
        for target in watch.targets if write is not None else ():
            key = write[1]
            is_near = target.key - WIDE_OF_THE_MARK <= key < target.key + target.size + WIDE_OF_THE_MARK
            is_wanted = is_wanted or (target.kind == write[0] and is_near)
        if is_wanted:
            watch.note([self.tick], 1)

    def _set(self, register: int, value: int) -> tuple[int, int, int, int]:
        old = self.registers[register]
        self.registers[register] = value % (1 << 64)
        return WriteKind.REGISTER, register, old, self.registers[register]

    def _trace(
        self, trace: TraceBatch, pc: int, depth: int, flags: StepFlag, write: tuple[int, int, int, int] | None
    ) -> None:
        if trace.step_count == 0:
            trace.first_tick = self.tick
        values = {"where": pc, "flags": int(flags), "depth": depth, "writes": int(write is not None)}
        if write is not None:
            kind, key, old, new = write
            bits = ValueTag.BITS8 if kind == WriteKind.MEMORY else ValueTag.BITS64
            values |= {"w_key": key, "w_old": old, "w_new": new, "w_kind": kind}
            values |= {"w_key_tag": ValueTag.INTEGER, "w_old_tag": bits, "w_new_tag": bits}
        for column in COLUMNS:
            if column.per == "step" or write is not None:
                at = trace.step_count if column.per == "step" else trace.write_count
                struct.pack_into(
                    "<" + column.code,
                    trace.columns[column.name],
                    at * struct.calcsize(column.code),
                    values.get(column.name, 0),
                )
        trace.step_count += 1
        trace.write_count += write is not None

    def set_breakpoints(self, wheres: Iterable[int]) -> None:
        self.breakpoints = frozenset(wheres)

    def _state(self) -> bytes:
        rest = (self.pc, self.depth, self.output_bytes, self.journal_used, self.grown)
        return STATE.pack(*self.registers, *rest)

    def save(self, previous: ToyCheckpoint | None = None) -> ToyCheckpoint:
        self.saves += 1
        image = capture(self._regions, previous.image if previous else None, self._state())
        return ToyCheckpoint(self.tick, image, self.final)

    def restore(self, checkpoint: ToyCheckpoint) -> None:
        restore(checkpoint.image, self._regions)
        *self.registers, self.pc, self.depth, self.output_bytes, self.journal_used, self.grown = STATE.unpack(
            checkpoint.image.extra
        )
        self.tick, self.final = checkpoint.tick, checkpoint.final
        self.events.clear()

    def drain_events(self) -> list[Event]:
        events, self.events = self.events, []
        return events

    def digest(self) -> str:
        memory = bytes(FFI.buffer(self._memory))
        return hashlib.sha256(memory + self._state() + repr((self.tick, self.final)).encode()).hexdigest()

    def view(self) -> dict[str, Any]:
        place = None if self.where is None else {"where": self.where}
        return {"tick": self.tick, "next": place, "depth": self.depth, "registers": list(self.registers)}

    def inspect(self, query: Mapping[str, Any]) -> dict[str, Any]:
        if query.get("kind") == "blob":
            return {"blob": "x" * query["bytes"]}
        if query.get("kind") != "memory" or type(query.get("address")) is not int:
            raise CommandError("unknown query")
        return {"byte": int(self._memory[query["address"] % MEMORY_BYTES])}

    def listing(self) -> dict[str, Any]:
        rows = [
            {
                "where": pc,
                "line": int(line) if line else None,
                "file": "main.toy",
                "op": name,
                "args": " ".join(operands),
                "comment": "",
            }
            for pc, ((name, *operands), line) in enumerate(zip(self.program, self._lines(), strict=True))
        ]
        more = [{"id": n, "name": f"grown {n}", "rows": []} for n in range(1, self.listed + 1)]
        return {"machine": "toy", "functions": [{"id": 0, "name": "main", "rows": rows}, *more]}

    def _lines(self) -> list[int]:
        """Two instructions a line, so that a line has more than one row; a line comes back later in a loop's end."""
        return [pc // 2 + 1 for pc in range(len(self.program))]

    def close(self) -> None:
        self.final = Stop(StopReason.HALT, self.tick)


def build(files: Sequence[SourceFile], options: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Assemble; every bad line is reported."""
    program, bad = [], []
    for number, line in enumerate(files[0].text.splitlines(), 1):
        words = tuple(line.split())
        if words and words[0] in NAMES:
            program.append(words)
        elif words:
            span = Span(number, 1, number, len(line) + 1)
            bad.append(Diagnostic(f"unknown instruction '{words[0]}'", files[0].name, span))
    if bad:
        raise SourceError(bad)
    return program


def start(program: Sequence[tuple[str, ...]], journal: Journal, limits: Limits) -> ToyMachine:
    """A machine at tick 0."""
    return ToyMachine(program, journal, limits)


def notice(machine: ToyMachine) -> dict[str, Any] | None:
    """Long programs get a notice."""
    return {"key": "toy.long", "args": {"rows": len(machine.program)}} if len(machine.program) > 50 else None


def machine(text: str, **limits: int) -> ToyMachine:
    """A machine at tick 0 from a program's text."""
    return start(build([SourceFile("main.toy", text)], {}), Journal(), Limits(**limits))


#: Counts R1 down from 200 with a call, a store and an output in each round; then halts. 1 + 200 * 9 + 1 ticks.
COUNTDOWN = "add 1 200\ncall\nadd 0 37\nstore 1\nadd 2 3\nout 2\nret\nadd 1 -1\nadd 3 1\njnz 1 2\nhalt"
FOREVER = "add 0 1\nstore 0\njnz 0 1"
