"""Random Lua programs are compiled and executed as on the reference, error messages included."""

from __future__ import annotations

import pytest

from tests.fuzz.differential import difference, reference

BATCH = 250


@pytest.mark.parametrize("first", range(0, 2000, BATCH))
def test_random_programs_compile_to_the_same_chunk_and_print_the_same(first: int) -> None:
    with reference() as there:
        problems = [difference(seed, there) for seed in range(first, first + BATCH)]
    assert [problem for problem in problems if problem] == []
