"""The snippets under AddressSanitizer and UBSan: freed blocks are poisoned, every allocation collects."""

from __future__ import annotations

from tests.lua_vm import snippets
from tests.sanitized import run_sanitized

CORES = ("engine.pages.build", "engine.lua.core.build")


def test_the_snippets_run_without_a_report() -> None:
    printed = run_sanitized("tests.lua_vm.snippets", cores=CORES, timeout_s=300)
    assert printed.split() == list(snippets.NAMES)
