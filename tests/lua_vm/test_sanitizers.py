"""The snippets under AddressSanitizer and UBSan: freed blocks are poisoned, every allocation collects."""

from __future__ import annotations

import subprocess
import sys

from engine import cbuild
from tests.lua_vm import snippets
from tests.sanitized import sanitized


def test_the_snippets_run_without_a_report() -> None:
    command = [sys.executable, "-m", "tests.lua_vm.snippets"]
    done = subprocess.run(
        command,
        env=sanitized("engine.pages.build", "engine.lua.core.build"),
        cwd=cbuild.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.split() == list(snippets.NAMES)
