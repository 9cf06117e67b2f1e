"""A program that reads waits for its input as an exit, and goes on from there; the journal makes it repeatable."""

from collections.abc import Callable

from engine.events import StepFlag
from engine.lua.machine import LuaMachine
from engine.trace import TraceBatch
from tests.lua_machine.programs import finish, output_of

Make = Callable[..., LuaMachine]
ECHO = 'local name = io.read()\nlocal next = io.read("n")\nprint(name, next)'


def test_a_program_waits_for_input_in_the_middle_of_its_call(machine: Make) -> None:
    subject = machine(ECHO)
    stop = subject.run(1000)
    assert (stop.reason, dict(stop.detail)) == ("input", {"channel": "stdin"})
    assert subject.run(1000) == stop
    view = subject.view()
    assert [f["function"]["name"] for f in view["threads"][0]["frames"]][:2] == ["io.read", "main"]
    assert view["threads"][0]["frames"][1]["line"] == 1
    subject.journal.append("stdin", b"Ada\n")
    assert subject.run(1000).reason == "input"
    assert subject.view()["threads"][0]["frames"][1]["line"] == 2
    subject.journal.append("stdin", b"36\n")
    stop, events = finish(subject)
    assert stop.reason == "halt"
    assert output_of(events) == b"Ada\t36\n"


def test_the_same_journal_gives_the_same_run(machine: Make) -> None:
    waiting, replaying = machine(ECHO), machine(ECHO)
    waiting.run(1000)
    at_wait = waiting.save()
    for subject in (waiting, replaying):
        subject.journal.append("stdin", b"Ada\n36\n")
    stop, events = finish(waiting)
    assert (stop, output_of(events)) == (finish(replaying)[0], b"Ada\t36\n")
    assert waiting.digest() == replaying.digest()
    waiting.restore(at_wait)
    waiting.journal.truncate(0)
    assert waiting.run(1000).reason == "input"
    waiting.journal.append("stdin", b"Bob\n7\n")
    assert output_of(finish(waiting)[1]) == b"Bob\t7\n"


def test_what_a_step_writes_after_its_input_came_belongs_to_that_step(machine: Make) -> None:
    subject = machine("local name = io.read()\nlocal done = name")
    before, after = TraceBatch(), TraceBatch()
    subject.run(1000, before)
    tick = before.first_tick + before.step_count - 1
    assert tick == subject.tick
    subject.journal.append("stdin", b"Ada\n")
    subject.run(1000, after)
    assert after.first_tick == tick
    assert StepFlag(after.column("flags")[0]) & StepFlag.INPUT
    assert after.text_at(after.column("w_new")[0]) == (b"Ada", 3)
    assert after.first_tick + after.step_count - 1 == subject.tick


def test_going_on_in_the_same_batch_keeps_one_entry_for_the_step(machine: Make) -> None:
    subject = machine("local name = io.read()\nlocal done = name")
    batch = TraceBatch()
    subject.run(1000, batch)
    count = batch.step_count
    subject.journal.append("stdin", b"Ada\n")
    subject.run(1000, batch)
    assert batch.step_count == subject.tick
    assert batch.column("writes")[count - 1] >= 1


def test_chance_is_the_same_for_everybody_unless_the_journal_says_otherwise(machine: Make) -> None:
    source = "print(math.random(1000000))"
    first, second = (output_of(finish(machine(source))[1]) for _ in range(2))
    assert first == second
    other = machine(source)
    other.journal.append("seed", b"12 34")
    assert output_of(finish(other)[1]) != first
