"""Most bytes in use at once: the ten programs here (--stats) and on the reference with a counting allocator."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

from tests.reference.puc import program

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]


def _reference(script: Path) -> int:
    counter = program("count_memory", FOLDER / "count_memory.c")
    done = subprocess.run([counter, script], capture_output=True, check=True, text=True)
    return int(done.stderr)


def _ours(script: Path) -> int:
    command = [sys.executable, "-m", "engine", "lua", "run", "--stats", str(script)]
    done = subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT)
    found = re.search(r"peak_bytes (\d+)", done.stderr)
    assert found
    return int(found[1])


def main() -> list[str]:
    """The table."""
    lines = ["| program | PUC 5.4.8, KiB | Glassbox, KiB | ratio |", "|---|---|---|---|"]
    ratios = []
    for script in sorted((FOLDER / "lua").glob("*.lua")):
        theirs, ours = _reference(script), _ours(script)
        ratios.append(ours / theirs)
        lines.append(f"| {script.stem} | {theirs / 1024:,.0f} | {ours / 1024:,.0f} | {ours / theirs:.2f} |")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return [*lines, f"| geometric mean | | | {mean:.2f} |"]
