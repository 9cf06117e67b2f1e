"""Random guests in every mode on the sanitized core: the short form of `python -m tests.fuzz.guests`."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from engine import cbuild

GUESTS = 6


def _library(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_random_guests_end_without_a_report() -> None:
    for core in ("engine.pages.build", "engine.x86.core.build"):
        cbuild.build(importlib.import_module(core).CMODULE, sanitize=True)
    environment = {
        **os.environ,
        "GLASSBOX_CORES": str(cbuild.ROOT / "build" / "sanitize"),
        "LD_PRELOAD": f"{_library('libasan.so')} {_library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    command = [sys.executable, "-m", "tests.fuzz.guests", "--count", str(GUESTS)]
    done = subprocess.run(
        command, env=environment, cwd=cbuild.ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    counts = [int(line.split(": ")[1].split()[0]) for line in done.stdout.splitlines()]
    assert counts == [2 * GUESTS] * 5, done.stdout
