"""Lua untraced, against PUC Lua 5.4.8 (-O2) side by side; the ten programs of tests/bench/lua.

Each figure is the least of five runs, both taking turns: seconds of processor time of the whole process (`lua FILE`,
`python -m engine lua run FILE`) less the time of an empty program, so that start-up does not count.
"""

import math
import os
import subprocess
import sys
from pathlib import Path

from reference.puc import puc_lua

FOLDER = Path(__file__).resolve().parent / "lua"
ROUNDS = 5


def seconds(command: list[str]) -> float:
    """Processor time of one run, in user mode and in the kernel: what other processes do meanwhile counts less."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def side_by_side(commands: list[list[str]]) -> list[float]:
    """The least time of each command."""
    rounds = [[seconds(command) for command in commands] for _ in range(ROUNDS)]
    return [min(times) for times in zip(*rounds, strict=True)]


def main() -> list[str]:
    """The table."""
    ours = [sys.executable, "-m", "engine", "lua", "run", "--max-instructions", "100000000000"]
    puc = [str(puc_lua())]
    empty = str(FOLDER.parent / "empty.lua")
    zero_puc, zero_ours = side_by_side([[*puc, empty], [*ours, empty]])
    rows = ["| program | PUC 5.4.8, s | Glassbox, s | ratio |", "|---|---|---|---|"]
    logs = []
    for path in sorted(FOLDER.glob("*.lua")):
        reference, own = side_by_side([[*puc, str(path)], [*ours, str(path)]])
        reference, own = reference - zero_puc, own - zero_ours
        logs.append(math.log(own / reference))
        rows.append(f"| {path.stem} | {reference:.3f} | {own:.3f} | {own / reference:.2f} |")
    rows.append(f"| geometric mean | | | {math.exp(sum(logs) / len(logs)):.2f} |")
    rows.append(f"\nStart-up (empty program): PUC {zero_puc * 1e3:.1f} ms, Glassbox {zero_ours * 1e3:.0f} ms.")
    return rows
