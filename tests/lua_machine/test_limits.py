"""A program that uses more than it may ends with a LIMIT or an error, and everything up to there stays reachable."""

from collections.abc import Callable

import pytest

from engine.lua.machine import LuaMachine
from engine.trace import TraceBatch
from tests.lua_machine.programs import finish, output_of

Make = Callable[..., LuaMachine]


def test_too_much_output_ends_the_program_at_the_limit(machine: Make) -> None:
    subject = machine('while true do print("0123456789") end', output_bytes=1000)
    stop, events = finish(subject)
    assert (stop.reason, stop.detail["limit"]) == ("limit", "output")
    assert len(output_of(events)) == 1000
    assert subject.run(10) == stop


def test_too_much_memory_is_an_error_that_a_program_can_catch(machine: Make) -> None:
    source = "local t = {}\nprint(pcall(function() for i = 1, 1e9 do t[i] = { i } end end))\nt = nil\nprint('alive')"
    stop, events = finish(machine(source, memory_bytes=8 << 20))
    assert stop.reason == "halt"
    assert output_of(events) == b"false\tnot enough memory\nalive\n"


def test_uncaught_lack_of_memory_is_a_limit_with_the_past_kept(machine: Make) -> None:
    subject = machine("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", memory_bytes=8 << 20)
    begin = subject.save()
    stop, _ = finish(subject)
    assert (stop.reason, dict(stop.detail)) == ("limit", {"limit": "memory", "message": "not enough memory"})
    subject.restore(begin)
    subject.run(stop.tick - 1)
    assert subject.where is not None
    assert subject.view()["memory"]["bytes"] <= 8 << 20


def test_an_endless_recursion_is_an_error_and_can_be_looked_at(machine: Make) -> None:
    subject = machine(
        "local function f(n) return 1 + f(n + 1) end\nprint(pcall(f, 1))\nprint(#select(2, pcall(f, 1)) > 0)"
    )
    batch = TraceBatch(4096, 1 << 14, 1 << 18)
    deepest = views = 0
    while True:
        batch.clear()
        stop = subject.run(1 << 20, batch)
        deepest = max(deepest, *batch.column("depth"))
        if subject.depth > 1000 and views < 3:
            views += 1
            frames = subject.view()["threads"][0]["frames"]
            assert len(frames) == 72
            assert [f["function"]["name"] for f in frames[-3:]] == ["f", "pcall", "main"]
        if stop.is_final:
            break
    assert (deepest, views) == (65535, 3)
    assert b"stack overflow" in output_of(subject.drain_events())


def test_a_built_in_function_that_works_without_end_is_stopped(machine: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.lua.machine.MAX_WORK_SLICES", 2)
    subject = machine("local s = ('a'):rep(200) .. 'b'\nprint(pcall(s.find, s, ('a*'):rep(60) .. 'c'))")
    stop, _ = finish(subject)
    assert (stop.reason, stop.detail["limit"]) == ("limit", "work")


def test_an_object_that_is_its_own_call_metamethod_does_not_hold_the_machine_up(machine: Make) -> None:
    subject = machine("local t = {} setmetatable(t, {__call = t}) t()")
    stop, _ = finish(subject)
    assert (stop.reason, stop.detail["limit"]) == ("limit", "work")
