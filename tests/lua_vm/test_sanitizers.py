"""The snippets under AddressSanitizer and UBSan: freed blocks are poisoned, every allocation collects."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from engine import cbuild
from tests.lua_vm import snippets


def _library(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_the_snippets_run_without_a_report() -> None:
    for core in ("engine.pages.build", "engine.lua.core.build"):
        cbuild.build(importlib.import_module(core).CMODULE, sanitize=True)
    environment = {
        **os.environ,
        "GLASSBOX_CORES": str(cbuild.ROOT / "build" / "sanitize"),
        "LD_PRELOAD": f"{_library('libasan.so')} {_library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    command = [sys.executable, "-m", "tests.lua_vm.snippets"]
    done = subprocess.run(
        command, env=environment, cwd=cbuild.ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.split() == list(snippets.NAMES)
