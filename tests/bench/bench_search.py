"""Searches backwards, 100 million instructions: the last write to a local or a field, the last output, one row.

The reference is the same stretch executed by the bare machine, untraced, in the same process.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from engine.events import StepFlag
from engine.machine import Journal, Limits, Machine
from engine.rooms import SourceFile, room
from engine.timeline import Pattern, Search, Timeline
from engine.trace import ValueTag, WriteKind

TICKS = 100_000_000
FIB = "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\nwhile true do fib(30) end\n"
LOOP = "local t, n = {}, 0\nwhile true do n = n + 1; t[n % 1000] = n end\n"


@dataclass(frozen=True)
class Case:
    """A program that does the thing looked for once, at its beginning."""

    title: str
    text: str
    pattern: Callable[[Machine], Pattern]


def local_kept(machine: Machine) -> Pattern:
    frames = machine.view()["threads"][0]["frames"]
    slot = next(r["slot"] for f in frames for r in f.get("registers") or () if r["name"] == "kept")
    return Pattern(kind=WriteKind.SLOT, owner=1, key=slot)


def field_x(machine: Machine) -> Pattern:
    frames = machine.view()["threads"][0]["frames"]
    table = next(r["value"]["id"] for f in frames for r in f.get("registers") or () if r["name"] == "kept")
    return Pattern(kind=WriteKind.FIELD, owner=table, key_tag=ValueTag.STRING, text=b"x", text_length=1)


def output(machine: Machine) -> Pattern:
    del machine
    return Pattern(flags=StepFlag.OUTPUT)


def first_row(machine: Machine) -> Pattern:
    main = min(machine.listing()["functions"], key=lambda function: function["rows"][0]["where"])
    return Pattern(rows=frozenset({main["rows"][1]["where"]}))


CASES = (
    Case("local, calls (fib)", "local kept = 1\n" + FIB, local_kept),
    Case("local, table loop", "local kept = 1\n" + LOOP, local_kept),
    Case("field, calls (fib)", "local kept = {x = 1}\n" + FIB, field_x),
    Case("field, table loop", "local kept = {x = 1}\n" + LOOP, field_x),
    Case("output, calls (fib)", "print(1)\n" + FIB, output),
    Case("output, table loop", "print(1)\n" + LOOP, output),
    Case("row, calls (fib)", "local kept = 1\n" + FIB, first_row),
    Case("row, table loop", "local kept = 1\n" + LOOP, first_row),
)


def row(case: Case) -> str:
    text = case.text
    module = room("lua").module
    machine = module.start(module.build([SourceFile("main.lua", text)], {}), Journal(), Limits())
    bare = time.perf_counter()
    machine.run(TICKS)
    bare = time.perf_counter() - bare
    machine.close()
    machine = module.start(module.build([SourceFile("main.lua", text)], {}), Journal(), Limits())
    timeline = Timeline(machine, max_ticks=TICKS)
    timeline.run_forward()
    pattern = case.pattern(machine)
    polls = []

    def poll() -> bool:
        polls.append(time.perf_counter())
        return False

    begun = time.perf_counter()
    hit, _ = Search(timeline).before([pattern], TICKS + 1, poll)
    took = time.perf_counter() - begun
    assert hit is not None
    longest = max(b - a for a, b in pairwise(polls)) * 1000
    machine.close()
    back = TICKS - hit.tick
    return f"| {case.title} | {back:,} | {bare:.2f} | {took:.2f} | {back / took / 1e6:.0f} | {longest:.0f} |"


def main() -> list[str]:
    return [
        "| program | instructions back | bare run, s | found in, s | M steps/s | longest wait for a pause, ms |",
        "|---|---|---|---|---|---|",
        *map(row, CASES),
    ]
