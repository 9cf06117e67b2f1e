"""Whole programs do on our VM what they do on the reference: output, messages, tracebacks; and again under stress."""

from __future__ import annotations

import pytest

from engine.machine import StopReason
from engine.trace import TraceBatch
from tests.lua_vm import snippets
from tests.reference.puc import puc_lua


@pytest.mark.parametrize("name", snippets.NAMES)
def test_a_program_does_what_it_does_on_the_reference(name: str) -> None:
    assert snippets.run(snippets.machine(name)) == snippets.reference(name, puc_lua())


@pytest.mark.parametrize("name", sorted(set(snippets.NAMES) - snippets.COUNTING - snippets.HEAVY))
def test_a_collection_at_every_allocation_changes_nothing(name: str) -> None:
    stressed = snippets.machine(name)
    snippets.set_stress(stressed)
    assert snippets.run(stressed) == snippets.run(snippets.machine(name))


@pytest.mark.parametrize("name", ["closing", "closures", "coroutines", "errors", "metamethods", "uncaught"])
def test_a_recorded_run_does_the_same_as_a_plain_one(name: str) -> None:
    plain, recorded = snippets.machine(name), snippets.machine(name)
    batch = TraceBatch()
    while not (stop := recorded.run(1 << 40, batch)).is_final:
        batch.clear()
    assert snippets.outcome(recorded, stop) == snippets.run(plain)
    assert recorded.tick == plain.tick
    assert recorded.digest() == plain.digest()


def test_yields_inside_every_metamethod_are_taken_up_again() -> None:
    text = snippets.run(snippets.machine("coroutines")).stdout
    for event in (
        b"add",
        b"index field",
        b"lt",
        b"eq",
        b"concat",
        b"call 7",
        b"len",
        b"unm",
        b"le",
        b"newindex key",
        b"close",
    ):
        assert event in text


def test_what_an_uncaught_error_leaves_is_its_message_and_its_traceback() -> None:
    stop = snippets.machine_of(b"local t = nil\nlocal function f() t.x = 1 end\nf()\n").run(100)
    assert stop.reason is StopReason.FAULT
    assert stop.detail["message"] == "test.lua:2: attempt to index a nil value (upvalue 't')"
    assert stop.detail["traceback"] == (
        "stack traceback:\n\ttest.lua:2: in local 'f'\n\ttest.lua:3: in main chunk\n\t[C]: in ?"
    )
