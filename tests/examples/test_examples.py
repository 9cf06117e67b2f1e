"""Every example of the playground does what it says inside."""

import pytest

from engine.events import Event
from engine.examples import Example, load_examples, start_example
from engine.machine import Machine, Stop, StopReason
from engine.rooms import ROOMS

EXAMPLES = load_examples()


def run_to_end(example: Example) -> tuple[Machine, Stop, list[Event]]:
    machine = start_example(example, is_waiting=True)
    events: list[Event] = []
    for _ in range(2000):
        stop = machine.run(100_000)
        events += machine.drain_events()
        if stop.is_final or stop.reason is StopReason.INPUT:
            break
    return machine, stop, events


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.room}-{e.name}")
def test_an_example_does_what_it_says(example: Example) -> None:
    machine, stop, events = run_to_end(example)
    try:
        output = b"".join(e.data["bytes"] for e in events if e.kind == "output" and e.data["stream"] != "stderr")
        assert output.decode().splitlines() == list(example.expectation.output)
        if example.expectation.error is None:
            assert stop.reason is StopReason.HALT
        else:
            assert stop.reason is StopReason.FAULT
            assert stop.detail["message"] == example.expectation.error
        if example.expectation.registers:
            registers = {r["name"].lower(): r["value"] for r in machine.view()["registers"]}
            for name, value in example.expectation.registers:
                assert int(registers[name.lower()], 16) == int(value, 16), name
        assert 0 <= example.tick <= machine.tick
    finally:
        machine.close()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.room}-{e.name}")
def test_an_example_is_described_in_both_languages(example: Example) -> None:
    assert example.title.get("en")
    assert example.title.get("zh")
    assert example.about.get("en")
    assert example.about.get("zh")


def test_every_room_has_enough_examples() -> None:
    counts = {r.name: sum(e.room == r.name for e in EXAMPLES) for r in ROOMS}
    assert counts["lua"] >= 6
    assert counts["x86"] >= 3
