"""Whatever passes the verifier of binary chunks may fail, but not crash the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", range(5))
def test_a_chunk_that_passes_the_verifier_does_not_crash_the_machine(seed: int) -> None:
    command = [sys.executable, "-m", "tests.fuzz.hostile_chunks", str(seed), "40"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr
