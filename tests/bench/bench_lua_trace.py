"""Full per-instruction extraction: every instruction's writes with old and new values into trace columns.

The reference of the same run is the machine itself, untraced, and PUC Lua 5.4.8 with an empty C count hook of one
instruction (which sees nothing). Processor time, best of three.
"""

import math
import subprocess
import time
from pathlib import Path

from reference.puc import program

from engine.lua import room
from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.trace import TraceBatch

FOLDER = Path(__file__).resolve().parent

PROGRAMS = {
    "loop": "local s = 0 for i = 1, 2000000 do s = s + i % 7 if s > 1e9 then s = 0 end end print(s)",
    "fib": "local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end print(fib(27))",
}
LIMITS = Limits(max_ticks=10**12)


def run(text: str, batch: TraceBatch | None) -> tuple[float, int]:
    """(seconds of processor time, ticks) of one run, traced into `batch` if there is one."""
    machine = room.start(room.build([SourceFile("main.lua", text)], {}), Journal(), LIMITS)
    start = time.process_time()
    while True:
        if batch is not None:
            batch.clear()
        stop = machine.run(1 << 40, batch)
        if stop.is_final:
            break
    seconds, ticks = time.process_time() - start, machine.tick
    machine.close()
    return seconds, ticks


def hooked(path: Path, binary: Path) -> float:
    """Million instructions a second of PUC with an empty count hook."""
    best = 0.0
    for _ in range(3):
        done = subprocess.run([binary, path], check=True, capture_output=True, text=True)
        seconds, count = done.stderr.split()
        best = max(best, int(count) / float(seconds) / 1e6)
    return best


def main() -> list[str]:
    folder = FOLDER.parents[1] / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    binary = program("count_hook", FOLDER / "count_hook.c")
    rows = [
        "| program | PUC, empty hook, M/s | Glassbox untraced, M/s | Glassbox extraction, M/s | time ratio |",
        "|---|---|---|---|---|",
    ]
    batch = TraceBatch(step_capacity=4096, write_capacity=16384, text_capacity=1 << 18)
    for name, text in PROGRAMS.items():
        path = folder / f"{name}.lua"
        path.write_text(text)
        plain, traced = math.inf, math.inf
        for _ in range(3):
            seconds, ticks = run(text, None)
            plain = min(plain, seconds)
            traced = min(traced, run(text, batch)[0])
        rows.append(
            f"| {name} | {hooked(path, binary):.0f} | {ticks / plain / 1e6:.0f} | {ticks / traced / 1e6:.0f} "
            f"| {traced / plain:.1f} |"
        )
    return rows
