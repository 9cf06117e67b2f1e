"""The short form of tests/fuzz/outside.py, with the same seeds every time."""

from __future__ import annotations

import pytest

from tests.fuzz.outside import SHORT_RUNS, TARGETS, fuzz


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_from_outside_does_more_than_be_refused(name: str) -> None:
    done, failures = fuzz(name, SHORT_RUNS)
    assert failures == []
    assert done == SHORT_RUNS
