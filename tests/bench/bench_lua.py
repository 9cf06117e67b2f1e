"""Lua untraced, against PUC Lua 5.4.8 (-O2) side by side; the ten programs of tests/bench/lua.

Each figure is the best of three, in seconds of the whole process (`lua FILE`, `python -m engine lua run FILE`) less the
time of an empty program, so that start-up does not count.
"""

import math
import subprocess
import sys
import time
from pathlib import Path

from reference.puc import puc_lua

FOLDER = Path(__file__).resolve().parent / "lua"
ROUNDS = 3


def seconds(command: list[str]) -> float:
    """The best wall-clock time of `ROUNDS` runs."""
    best = math.inf
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> list[str]:
    ours = [sys.executable, "-m", "engine", "lua", "run", "--max-instructions", "100000000000"]
    puc = [str(puc_lua())]
    empty = FOLDER.parent / "empty.lua"
    zero_ours, zero_puc = seconds([*ours, str(empty)]), seconds([*puc, str(empty)])
    rows = ["| program | PUC 5.4.8, s | Glassbox, s | ratio |", "|---|---|---|---|"]
    logs = []
    for path in sorted(FOLDER.glob("*.lua")):
        reference = seconds([*puc, str(path)]) - zero_puc
        own = seconds([*ours, str(path)]) - zero_ours
        logs.append(math.log(own / reference))
        rows.append(f"| {path.stem} | {reference:.3f} | {own:.3f} | {own / reference:.2f} |")
    rows.append(f"| geometric mean | | | {math.exp(sum(logs) / len(logs)):.2f} |")
    rows.append(f"\nStart-up (empty program): PUC {zero_puc * 1e3:.1f} ms, Glassbox {zero_ours * 1e3:.0f} ms.")
    return rows
