"""Time travel: the cost of recording, and how long it takes to go to any tick and back.

The reference is the same program run by the bare machine, without a timeline, in the same process.
"""

import random
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


CASES = (
    Case("lua loop", "lua", LUA_LOOP, 100_000_000),
    Case("lua trees", "lua", LUA_TREES, 100_000_000),
    Case("x86 loop, unicorn", "x86", X86_LOOP, 1_000_000, (("cpu", "unicorn"),)),
    Case("x86 loop, kvm", "x86", X86_LOOP, 1_000_000, (("cpu", "kvm"),)),
)


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def milliseconds(actions: list[Callable[[], object]]) -> str:
    times = sorted(seconds(action) * 1000 for action in actions)
    return f"{times[len(times) // 2]:.2f} / {times[int(len(times) * 0.99)]:.2f}"


def bare_seconds(case: Case) -> float:
    machine = case.start()
    took = seconds(lambda: machine.run(case.ticks))
    machine.close()
    return took


def row(case: Case) -> str:
    bare = bare_seconds(case)
    machine = case.start()
    timeline = Timeline(machine, max_ticks=case.ticks)
    recorded = seconds(timeline.run_forward)
    frontier, source = timeline.frontier, random.Random(1)
    seeks = milliseconds([lambda: timeline.seek(source.randrange(frontier)) for _ in range(200)])
    steps = milliseconds([lambda: timeline.step(-1) for _ in range(500)])
    held = timeline.held_bytes / (1 << 20)
    count = len(timeline.checkpoint_ticks)
    machine.close()
    return (
        f"| {case.title} | {frontier:,} | {bare:.2f} | {recorded:.2f} | {recorded / bare:.2f} | {seeks} | {steps} "
        f"| {held:.1f} in {count} |"
    )


def main() -> list[str]:
    rows = [
        "| program | ticks | bare run, s | recorded, s | ratio | seek median / 99 %, ms | step back, ms | MiB held |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        try:
            rows.append(row(case))
        except HostUnavailable as error:
            rows.append(f"| {case.title} | {error.message} | | | | | | |")
    return rows
