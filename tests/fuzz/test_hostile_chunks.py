"""Whatever passes the verifier of binary chunks may fail, but not crash the machine."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import ProgramError
from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.undump import undump
from tests.fuzz import build, seeds
from tests.fuzz.hostile_chunks import SOURCE, damage
from tests.lua_machine.programs import finish, machine_for, output_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("seed", range(5))
def test_a_chunk_that_passes_the_verifier_does_not_crash_the_machine(seed: int) -> None:
    command = [sys.executable, "-m", "tests.fuzz.hostile_chunks", str(seed), "40"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr


def test_mutated_chunks_are_refused_or_harmless_under_the_sanitizers(tmp_path: Path) -> None:
    inputs = [str(path) for path in seeds.write(tmp_path)]
    command = [str(build.standalone()), "1", "40000", *inputs]
    done = subprocess.run(command, capture_output=True, text=True, env=build.ENVIRONMENT, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (0, "40000\n"), done.stderr


def test_a_program_cannot_load_what_the_verifier_of_the_host_refuses() -> None:
    rng = random.Random(5)
    sound = dump(compile_source(SOURCE, b"@x"))
    verdicts, lines = [], ["local x"]
    for _ in range(600):
        proto = undump(sound)
        damage(rng, proto)
        chunk = dump(proto)
        try:
            undump(chunk)
            verdicts.append("function")
        except ProgramError:
            verdicts.append("nil")
        text = "".join(f"\\x{byte:02x}" for byte in chunk)
        lines.append(f'x = load("{text}", "x", "b") print(type(x))')
    _, events = finish(machine_for("\n".join(lines)))
    assert output_of(events).decode().split() == verdicts
    assert 100 < verdicts.count("nil") < 500


def test_a_chunk_that_captures_registers_of_its_calls_is_stopped() -> None:
    source = b"local a, b = 1, 2 local function f() a = b return a end local function g() end return g(f(g))"
    proto = undump(dump(compile_source(source, b"@x")))
    for upvalue in proto.protos[0].upvalues:
        upvalue.index = 5
    proto.max_stack = 20
    text = "".join(f"\\x{byte:02x}" for byte in dump(proto))
    _, events = finish(machine_for(f'print(pcall(load("{text}", "x", "b")))'))
    assert output_of(events) == b"false\tx:1: call in captured registers\n"
