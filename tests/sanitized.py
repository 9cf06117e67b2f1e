"""The C cores built with AddressSanitizer and UBSan, for tests that run a process on them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

from engine import cbuild


def _library(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def sanitized(*cores: str) -> dict[str, str]:
    """Build these cores (their build modules) if need be; the environment in which a process loads them."""
    for core in cores:
        cbuild.build(importlib.import_module(core).CMODULE, sanitize=True)
    return {
        **os.environ,
        "GLASSBOX_CORES": str(cbuild.ROOT / "build" / "sanitize"),
        "LD_PRELOAD": f"{_library('libasan.so')} {_library('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }


def run_sanitized(module: str, *arguments: str, cores: tuple[str, ...], timeout_s: float) -> str:
    """What `python -m module` prints on these cores; AssertionError with its last words unless it ends well."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=sanitized(*cores),
        cwd=cbuild.ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout
