"""Hundreds of small cases, each with the outcome and the error text of the reference interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lua_library.generate import program
from tests.lua_library.running import on_ours, on_reference

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))


@pytest.mark.parametrize("cases", CASES, ids=[path.stem for path in CASES])
def test_every_case_ends_as_in_the_reference(cases: Path, tmp_path: Path) -> None:
    source = program(cases)
    expected = on_reference(source, "cases.lua", tmp_path)
    outcome = on_ours(source, "cases.lua", files=[("cases.lua", source)])
    texts = cases.read_text().splitlines()
    for theirs, ours in zip(expected.stdout.splitlines(), outcome.stdout.splitlines(), strict=False):
        number = theirs.split(b" ")[0]
        about = texts[int(number) - 1] if number.isdigit() and 0 < int(number) <= len(texts) else ""
        assert ours == theirs, about
    assert outcome == expected
