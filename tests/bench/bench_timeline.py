"""Time travel: the cost of recording, and how long it takes to go to any tick and back.

The reference is the same program run by the bare machine, without a timeline; each runs in a process of its own, so
that their memory can be compared. Times are processor time; for seeks and steps also the clock's, in brackets, which is
the same on an idle machine. Lua runs for 1,000,000,000 instructions; GLASSBOX_BENCH=short makes it a tenth.
"""

import multiprocessing
import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from engine.errors import HostUnavailable
from engine.machine import Journal, Limits, Machine
from engine.rooms import SourceFile, room
from engine.timeline import Timeline

LUA_LOOP = "local t, n = {}, 0\nwhile true do n = n + 1; t[n % 1000] = n end\n"
LUA_TREES = """
local function tree(depth)
  if depth == 0 then return {} end
  return {tree(depth - 1), tree(depth - 1)}
end
local kept = tree(12)
while true do tree(10) end
"""
X86_LOOP = "mov ax, 0x1000\nmov ds, ax\nagain: inc ax\nmov bx, ax\nmov [bx], al\njmp again\n"


@dataclass(frozen=True)
class Case:
    """A program to run for `ticks` instructions."""

    title: str
    room: str
    text: str
    ticks: int
    options: tuple[tuple[str, str], ...] = ()

    def start(self) -> Machine:
        module = room(self.room).module
        program: Any = module.build([SourceFile(room(self.room).main_file, self.text)], dict(self.options))
        return module.start(program, Journal(), Limits())


LUA_TICKS = 100_000_000 if os.environ.get("GLASSBOX_BENCH") == "short" else 1_000_000_000
CASES = (
    Case("lua loop", "lua", LUA_LOOP, LUA_TICKS),
    Case("lua trees", "lua", LUA_TREES, LUA_TICKS),
    Case("x86 loop, unicorn", "x86", X86_LOOP, 1_000_000, (("cpu", "unicorn"),)),
    Case("x86 loop, kvm", "x86", X86_LOOP, 1_000_000, (("cpu", "kvm"),)),
)


def seconds(action: Callable[[], object]) -> float:
    """Processor time."""
    started = time.process_time()
    action()
    return time.process_time() - started


def quantiles(times: list[float]) -> str:
    """Median and 99 %, in milliseconds."""
    ordered = sorted(1000 * each for each in times)
    return f"{ordered[len(ordered) // 2]:.2f} / {ordered[int(len(ordered) * 0.99)]:.2f}"


def milliseconds(actions: list[Callable[[], object]]) -> str:
    work, clock = [], []
    for action in actions:
        started = time.perf_counter()
        work.append(seconds(action))
        clock.append(time.perf_counter() - started)
    return f"{quantiles(work)} ({quantiles(clock)})"


def peak_mib() -> float:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(work: Callable[[Case], list[Any]], case: Case) -> list[Any]:
    """The answer of `work` in a process of its own, and the memory that it took beyond what was there before."""
    ours, theirs = multiprocessing.Pipe()

    def run() -> None:
        before = peak_mib()
        try:
            theirs.send([*work(case), peak_mib() - before])
        except HostUnavailable as error:
            theirs.send(error)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    answer = ours.recv()
    process.join()
    if isinstance(answer, HostUnavailable):
        raise answer
    return list(answer)


def bare(case: Case) -> list[Any]:
    machine = case.start()
    return [seconds(lambda: machine.run(case.ticks))]


def recorded(case: Case) -> list[Any]:
    machine = case.start()
    timeline = Timeline(machine, max_ticks=case.ticks)
    took = seconds(timeline.run_forward)
    frontier, source = timeline.frontier, random.Random(1)
    seeks = milliseconds([lambda: timeline.seek(source.randrange(frontier)) for _ in range(200)])
    steps = milliseconds([lambda: timeline.step(-1) for _ in range(500)])
    return [took, frontier, seeks, steps, timeline.held_bytes / (1 << 20), len(timeline.checkpoint_ticks)]


def row(case: Case) -> str:
    bare_s, bare_mib = apart(bare, case)
    took, frontier, seeks, steps, held, count, mib = apart(recorded, case)
    return (
        f"| {case.title} | {frontier:,} | {bare_s:.2f} | {took:.2f} | {took / bare_s:.2f} | {seeks} | {steps} "
        f"| {held:.1f} in {count} | {mib - bare_mib:.0f} |"
    )


def main() -> list[str]:
    rows = [
        "| program | ticks | bare run, s | recorded, s | ratio | seek median / 99 %, ms | step back, ms | MiB held "
        "| MiB more than bare |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        try:
            rows.append(row(case))
        except HostUnavailable as error:
            rows.append(f"| {case.title} | {error.message} | | | | | | | |")
    return rows
