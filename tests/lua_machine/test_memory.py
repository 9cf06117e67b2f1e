"""What a machine costs while it does nothing."""

from engine.lua.machine import LuaMachine
from tests.lua_machine.programs import machine_for


def test_an_idle_machine_takes_less_than_a_mebibyte() -> None:
    machine: LuaMachine = machine_for("")
    assert 0 < machine.memory()["peak_bytes"] < 1 << 20
    assert sum(length for _, length in machine.save().ranges) < 1 << 20
