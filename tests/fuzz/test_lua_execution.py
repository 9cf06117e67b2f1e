"""Random Lua programs print the same on our machine and on the reference, error messages included."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.lua.room import with_world
from engine.machine import Journal, Limits, StopReason
from tests.fuzz.lua_programs import program
from tests.reference.puc import puc_lua

NAME = b"@p.lua"


def _output(source: bytes) -> bytes:
    """What our machine prints; the program must come to its end."""
    chunk = dump(compile_source(source, NAME))
    machine = LuaMachine(LuaProgram(chunk, NAME), with_world(Journal()), Limits())
    printed = []
    try:
        while True:
            stop = machine.run(1_000_000)
            printed += [event.data["bytes"] for event in machine.drain_events() if event.kind == "output"]
            if stop.is_final:
                assert stop.reason == StopReason.HALT, stop
                return b"".join(printed)
    finally:
        machine.close()


@pytest.mark.parametrize("seed", range(100))
def test_a_random_program_prints_the_same(seed: int, tmp_path: Path) -> None:
    source = program(seed).encode()
    (tmp_path / "p.lua").write_bytes(source)
    done = subprocess.run([puc_lua(), "p.lua"], cwd=tmp_path, capture_output=True, check=True, timeout=60)
    assert _output(source) == done.stdout != b""
