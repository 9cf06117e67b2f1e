"""The machine stops at any instruction; the state at a tick does not depend on the stops, nor on who was looking."""

from __future__ import annotations

import random

import pytest

from engine.machine import StopReason
from engine.trace import TraceBatch
from tests.lua_vm import snippets

STEPPED = ("closing", "closures", "coroutines", "errors", "metamethods", "uncaught")
DEEP = b"""
local t = {}
for i = 1, 30 do t[i] = (i * 7919) % 31 end
table.sort(t, function(a, b) return a < b end)
local m = setmetatable({}, {__index = function(_, k)
  return (k:gsub("%w", function(c) return c:upper() .. #t end))
end})
local co = coroutine.wrap(function()
  for i = 1, 5 do
    local c <close> = setmetatable({}, {__close = function() t[#t + 1] = i end})
    coroutine.yield(m["k" .. i])
  end
end)
for i = 1, 5 do t[i] = co() end
setmetatable({}, {__gc = function() t.collected = true end})
collectgarbage()
print(table.concat(t, " "), t.collected)
"""


def _total(source: bytes) -> int:
    subject = snippets.machine_of(source)
    snippets.run(subject)
    return subject.tick


@pytest.mark.parametrize("name", STEPPED)
def test_stopping_before_every_instruction_changes_nothing(name: str) -> None:
    stepped, plain = snippets.machine(name), snippets.machine(name)
    assert snippets.run(stepped, 1) == snippets.run(plain)
    assert stepped.tick == plain.tick
    assert stepped.digest() == plain.digest()


def test_every_tick_inside_comparators_callbacks_finalizers_and_coroutines_is_a_stop() -> None:
    total = _total(DEEP)
    subject = snippets.machine_of(DEEP)
    for tick in range(1, total):
        assert subject.run(1).reason is StopReason.BUDGET
        assert subject.tick == tick
    assert subject.run(10).reason is StopReason.HALT


def test_the_digest_at_a_tick_is_the_same_however_the_machine_got_there() -> None:
    total = _total(DEEP)
    reference = snippets.machine_of(DEEP)
    digests = [reference.digest()]
    while reference.run(1).reason is StopReason.BUDGET:
        digests.append(reference.digest())
    assert len(set(digests)) == len(digests)
    chance = random.Random(7)
    for _ in range(60):
        subject = snippets.machine_of(DEEP)
        goal = chance.randrange(total)
        while subject.tick < goal:
            step = min(goal - subject.tick, chance.choice([1, 2, 7, 50, 1000]))
            subject.run(step, TraceBatch() if chance.random() < 0.3 else None)
            if chance.random() < 0.2:
                subject.digest()
        assert subject.digest() == digests[goal]


def test_a_restored_state_goes_on_exactly_as_the_first_time() -> None:
    total = _total(DEEP)
    subject = snippets.machine_of(DEEP)
    saved = [subject.save()]
    digests = [subject.digest()]
    while subject.run(1).reason is StopReason.BUDGET:
        digests.append(subject.digest())
        saved.append(subject.save(saved[-1]))
    chance = random.Random(3)
    for _ in range(400):
        start = chance.randrange(total)
        subject.restore(saved[start])
        assert subject.digest() == digests[start]
        goal = min(start + chance.randrange(1, 200), total - 1)
        if goal > start:
            subject.run(goal - start)
        assert subject.digest() == digests[goal]


def test_breakpoints_stop_before_their_row_and_the_run_goes_on_from_there() -> None:
    subject = snippets.machine_of(b"local n = 0\nfor i = 1, 3 do\n  n = n + i\nend\nprint(n)\n")
    where = next(row["where"] for row in subject.listing()["functions"][0]["rows"] if row["line"] == 3)
    subject.set_breakpoints([where])
    for _ in range(3):
        assert subject.run(1000, breakpoints=True).reason is StopReason.BREAKPOINT
        assert subject.where == where
    assert subject.run(1000, breakpoints=True).reason is StopReason.HALT


def test_machines_side_by_side_do_not_see_each_other() -> None:
    names = ("closures", "coroutines", "metamethods")
    alone = [snippets.run(snippets.machine(name)) for name in names]
    together = [snippets.machine(name) for name in names]
    outputs = [b""] * len(names)
    running = set(range(len(names)))
    chance = random.Random(5)
    while running:
        index = chance.choice(sorted(running))
        stop = together[index].run(chance.randrange(1, 300))
        outputs[index] += snippets.outcome(together[index], stop).stdout
        if stop.is_final:
            running.discard(index)
    assert outputs == [each.stdout for each in alone]


def test_a_machine_that_is_put_aside_can_be_closed() -> None:
    first, second = snippets.machine("closures"), snippets.machine("closures")
    second.run(100)
    first.close()
    assert second.run(1 << 30).reason is StopReason.HALT
