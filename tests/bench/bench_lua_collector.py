"""The longest pause of the collector: one whole collection of a heap, which is what a step of it is here.

Beside it the reference's `collectgarbage()` on the same program, timed by its own os.clock. Best of three.
"""

from __future__ import annotations

import math
import subprocess
import time
from pathlib import Path

from reference.puc import puc_lua

from engine.lua import room
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile

FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench"
COUNT = 1_000_000
ROUNDS = 3
HEAPS = {
    "empty tables": "t[i] = {}",
    "records with a table each": "t[i] = {x = i, y = {}}",
    "strings": "t[i] = 'k' .. i",
    "closures": "t[i] = function() return i end",
}
LIMITS = Limits(max_ticks=10**12, memory_bytes=1 << 30)


def pause(source: str) -> tuple[float, int]:
    """(seconds of the collection, bytes in use before it)."""
    text = f"{source} io.read() collectgarbage() io.read()"
    machine = room.start(room.build([SourceFile("main.lua", text)], {}), Journal(), LIMITS)
    while machine.run(1 << 40).reason is not StopReason.INPUT:
        pass
    size = machine._lib.machine_bytes(machine._machine)
    machine.journal.append("stdin", b"go\n")
    start = time.perf_counter()
    while machine.run(1 << 40).reason is not StopReason.INPUT:
        pass
    seconds = time.perf_counter() - start
    machine.close()
    return seconds, size


def reference(source: str) -> float:
    """Seconds of the reference's full collection."""
    path = FOLDER / "collector.lua"
    path.write_text(f"{source} local c = os.clock() collectgarbage() print(os.clock() - c)")
    return float(subprocess.run([puc_lua(), path], check=True, capture_output=True, text=True).stdout)


def main() -> list[str]:
    """The table."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = ["| heap of a million | MiB | PUC 5.4.8, ms | Glassbox, ms |", "|---|---|---|---|"]
    for name, body in HEAPS.items():
        source = f"local t = {{}} for i = 1, {COUNT} do {body} end"
        own, size, theirs = math.inf, 0, math.inf
        for _ in range(ROUNDS):
            seconds, size = pause(source)
            own, theirs = min(own, seconds), min(theirs, reference(source))
        rows.append(f"| {name} | {size / (1 << 20):.0f} | {theirs * 1e3:.0f} | {own * 1e3:.0f} |")
    return rows
