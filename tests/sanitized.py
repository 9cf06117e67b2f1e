"""The C cores built with AddressSanitizer and UBSan, for tests that run a process on them."""

from __future__ import annotations

import importlib
import os
import subprocess

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
