"""Every machine of a test is closed after it."""

from collections.abc import Callable, Iterator

import pytest

from engine.lua.machine import LuaMachine
from tests.lua_machine.programs import machine_for


@pytest.fixture
def machine() -> Iterator[Callable[..., LuaMachine]]:
    """Makes machines from source texts."""
    made: list[LuaMachine] = []

    def make(source: str, **limits: int) -> LuaMachine:
        made.append(machine_for(source, **limits))
        return made[-1]

    yield make
    for one in made:
        one.close()
