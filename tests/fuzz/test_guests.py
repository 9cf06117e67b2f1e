"""Random guests in every mode on the sanitized core: the short form of `python -m tests.fuzz.guests`."""

from __future__ import annotations

import subprocess
import sys

from engine import cbuild
from tests.sanitized import sanitized

GUESTS = 6


def test_random_guests_end_without_a_report() -> None:
    command = [sys.executable, "-m", "tests.fuzz.guests", "--count", str(GUESTS)]
    done = subprocess.run(
        command,
        env=sanitized("engine.pages.build", "engine.x86.core.build"),
        cwd=cbuild.ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    counts = [int(line.split(": ")[1].split()[0]) for line in done.stdout.splitlines()]
    assert counts == [2 * GUESTS] * 5, done.stdout
