"""The recorder on the reference's own test suite: hooks, finalizers, errors, coroutines, everything that nests."""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.machine import Journal, Limits
from engine.trace import TraceBatch
from tests.lua_machine.test_trace import Model, compare
from tests.reference.puc import suite_dir

FILES = (
    "vararg", "goto", "events", "closure", "coroutine", "tpack", "pm", "utf8", "errors", "db", "gengc", "strings",
    "literals",
)  # fmt: skip
PRELUDE = b"_soft = true; _port = true; _nomsg = true; _U = true "
JOURNAL = {"time": b"1000", "clock": b"1.0", "seed": b"1 2", "stdin": b""}


@functools.cache
def suite_files() -> tuple[tuple[bytes, bytes], ...]:
    folder = suite_dir()
    return tuple((bytes(p.relative_to(folder)), p.read_bytes()) for p in sorted(folder.rglob("*.lua")))


@contextmanager
def machine_of(name: str) -> Iterator[LuaMachine]:
    file = f"{name}.lua".encode()
    text = PRELUDE + file_text(dict(suite_files())[file])
    program = LuaProgram(dump(compile_source(text, b"@" + file)), b"@" + file, (file,), suite_files())
    machine = LuaMachine(program, Journal(source=JOURNAL.__getitem__), Limits(memory_bytes=1 << 30))
    yield machine
    machine.close()


@pytest.mark.parametrize("name", FILES)
def test_a_recorded_run_does_what_the_run_does_and_its_writes_agree(name: str) -> None:
    with machine_of(name) as machine:
        while not machine.run(1 << 20).is_final:
            pass
        expected = (machine.tick, machine.digest(), machine.run(1))
    with machine_of(name) as machine:
        model, batch = Model(machine.listing()["natives"]), TraceBatch(2048, 1 << 15, 1 << 19)
        at_start, compared = machine.save(), 0
        while True:
            batch.clear()
            stop = machine.run(1 << 20, batch)
            machine.drain_events()
            model.feed(batch)
            if stop.is_final:
                break
            compared += compare(model, machine)
        assert (machine.tick, machine.digest(), stop) == expected
        machine.restore(at_start)
        chance = random.Random(name)
        while not machine.run(chance.randrange(1, machine.tick + 2000)).is_final:
            machine.restore(machine.save(at_start))
        assert (machine.tick, machine.digest(), machine.run(1)) == expected
        assert compared > 0 or machine.tick < 20_000
