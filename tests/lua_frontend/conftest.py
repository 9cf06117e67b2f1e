"""The reference compiler, one server for the whole session."""

from collections.abc import Iterator

import pytest

from tests.reference.puc import PucCompiler


@pytest.fixture(scope="session")
def puc() -> Iterator[PucCompiler]:
    with PucCompiler() as compiler:
        yield compiler
