"""Steps end where a slow and simple reading of the whole recording says, on both machines, from every tick."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest

from engine.conditions import Condition
from engine.debug import Debuggee, Wish
from engine.debug.disassembly import disassemble
from engine.debug.stepping import Way
from engine.rooms import Room, SourceFile
from tests import toy

CLOSURES = """\
local function count(n)
  if n == 0 then return 0 end
  return 1 + count(n - 1)
end
local total = 0
for i = 1, 3 do total = total + count(i) end
local t = setmetatable({}, {__index = function(_, key)
  return key .. "!"
end})
print(total, t.hello)
"""
COROUTINES = """\
local function produce(n)
  for i = 1, n do
    coroutine.yield(i)
  end
  return "done"
end
local next_one = coroutine.wrap(produce)
local sum = next_one(2)
sum = sum + next_one()
local last = next_one()
local inner = coroutine.wrap(function()
  local nested = coroutine.wrap(function() coroutine.yield(1) error("lost") end)
  nested()
  print(pcall(nested))
end)
inner()
print(sum, last)
"""
SORTING = """\
local list = {3, 1, 2}
table.sort(list, function(a, b)
  return a < b
end)
local ok, why = pcall(function()
  local x = nil
  return x.y
end)
print(list[1], ok)
"""
FACTORIAL = """\
        mov  sp, 0x200
        mov  ax, 3
        call factorial
        mov  bx, ax
        int  0x20
        hlt
factorial:
        cmp  ax, 1
        jbe  .one
        push ax
        dec  ax
        call factorial
        pop  bx
        mul  bx
        ret
.one:   mov  ax, 1
        ret
"""
PROGRAMS = [
    pytest.param("main.lua", CLOSURES, {}, id="closures"),
    pytest.param("main.lua", COROUTINES, {}, id="coroutines"),
    pytest.param("main.lua", SORTING, {}, id="sorting"),
    pytest.param("main.asm", FACTORIAL, {"cpu": "unicorn"}, id="factorial"),
]
MOST_TICKS = 120


@dataclass
class State:
    thread: int
    depth: int
    statement: object
    resumers: set[int]


def states_of(one: Debuggee) -> list[State]:
    """The state at every tick, one instruction at a time."""
    found = []
    while one.machine.where is not None and len(found) < MOST_TICKS:
        threads, row = one.view.threads(), one.row(one.machine.where)
        assert row is not None
        resumers = {t.number for t in threads if t.status == "normal"}
        found.append(State(threads[0].number, one.machine.depth, row.statement, resumers))
        one.step_row()
    return found


def forward(states: list[State], tick: int, way: Way) -> int | None:
    """Where a step ends; None when it does not end among these states."""
    at = states[tick]
    for n in range(tick + 1, len(states)):
        s = states[n]
        is_back = s.thread in at.resumers or (s.thread == at.thread and s.depth < at.depth)
        is_same = s.thread == at.thread and s.depth == at.depth
        if way is Way.INTO and not (is_same and s.statement == at.statement):
            return n
        if way is not Way.INTO and is_back:
            return n
        if way is Way.ROW and is_same:
            return n
        if way is Way.OVER and is_same and s.statement != at.statement:
            return n
    return None


def backward(states: list[State], tick: int) -> int:
    """The beginning of the statement around or before a tick, of the same call or of one outside of it."""
    thread, depth, resumers = states[tick].thread, states[tick].depth, set(states[tick].resumers)
    outer: list[tuple[int, tuple[int, int, object]]] = []
    for n in range(tick - 1, -1, -1):
        s = states[n]
        if (s.thread == thread and s.depth <= depth) or s.thread in resumers:
            thread, depth = s.thread, s.depth
            resumers -= {thread}
            outer.append((n, (s.thread, s.depth, s.statement)))
    for (n, here), (_, before) in pairwise(outer):
        if here != before:
            return n
    return outer[-1][0] if outer else 0


@pytest.mark.parametrize(("name", "text", "options"), PROGRAMS)
@pytest.mark.parametrize("way", list(Way), ids=lambda way: way.value)
def test_a_step_forward_ends_where_the_recording_says(
    debuggee: Callable[..., Debuggee], name: str, text: str, options: dict[str, str], way: Way
) -> None:
    one = debuggee(name, text, **options)
    states = states_of(one)
    for tick in range(len(states)):
        expected = forward(states, tick, way)
        if expected is None and len(states) == MOST_TICKS:
            continue
        one.seek(tick)
        arrival = one.step(way)
        assert (arrival.tick, arrival.tick) == (
            expected if expected is not None else len(states),
            one.timeline.position,
        )
        assert (arrival.reason == "step") == (expected is not None)


@pytest.mark.parametrize(("name", "text", "options"), PROGRAMS)
def test_a_step_back_ends_where_the_recording_says(
    debuggee: Callable[..., Debuggee], name: str, text: str, options: dict[str, str]
) -> None:
    one = debuggee(name, text, **options)
    states = states_of(one)
    for tick in range(1, len(states)):
        one.seek(tick)
        assert one.step_back().tick == backward(states, tick), tick


def test_a_step_back_from_an_uncaught_error_goes_to_the_statement_that_raised_it(
    debuggee: Callable[..., Debuggee],
) -> None:
    one = debuggee("main.lua", "local function f(x)\n  local y = 1\n  return x.y\nend\nlocal t = 1\nf(nil)\n")
    assert one.go_on().reason == "fault"
    one.step_back()
    assert (one.row(one.machine.where).line, one.machine.depth) == (3, 2)


def test_steps_over_lines_are_undone_by_steps_back(debuggee: Callable[..., Debuggee]) -> None:
    one = debuggee("main.lua", CLOSURES)
    visited = [0]
    while one.step(Way.OVER).reason == "step":
        visited.append(one.timeline.position)
    assert len(visited) >= 8
    back = []
    while one.timeline.position:
        back.append(one.step_back().tick)
    assert back == visited[::-1]
    assert one.step_back().reason == "start"


def test_a_step_over_a_deep_recursion_ends_behind_it_and_back_before_it(debuggee: Callable[..., Debuggee]) -> None:
    text = "local function deep(n) if n > 0 then deep(n - 1) end end\nfor _ = 1, 40 do\n  deep(700)\nend\nlocal x = 1\n"
    one = debuggee("main.lua", text)
    one.set_lines("main.lua", [3])
    assert one.go_on().reason == "breakpoint"
    begun = one.timeline.position
    over = one.step(Way.OVER)
    assert over.tick - begun > 4 * 700
    assert one.row(one.machine.where).line == 2
    one.step_back()
    assert one.timeline.position == begun
    one.set_lines("main.lua", [5])
    far = one.go_on()
    assert far.tick > 100_000
    one.set_lines("main.lua", [])
    one.step_back()
    assert one.row(one.machine.where).line == 2
    one.set_lines("main.lua", [1])
    one.step_back()
    assert one.machine.depth == 702


@pytest.mark.parametrize("way", [Way.OVER, Way.OUT])
def test_a_breakpoint_inside_a_call_ends_a_step_over_it(debuggee: Callable[..., Debuggee], way: Way) -> None:
    one = debuggee("main.lua", "local function f()\n  local x = 1\n  return x\nend\nf()\nf()\nprint(1)\n")
    one.set_lines("main.lua", [3])
    one.set_lines("other.lua", [1])
    one.seek(2)
    assert (one.step(way).reason, one.row(one.machine.where).line) == ("breakpoint", 3)
    one.set_lines("main.lua", [7])
    one.go_on()
    one.set_lines("main.lua", [2])
    arrival = one.step_back()
    assert (arrival.reason, one.row(one.machine.where).line) == ("breakpoint", 2)
    one.set_lines("main.lua", [7])
    assert one.go_on().reason == "breakpoint"
    one.set_lines("main.lua", [Wish(2, Condition("x == 1")), Wish(3, Condition("x == 2"))])
    assert (one.step_back().reason, one.row(one.machine.where).line) == ("step", 6)
    one.set_lines("main.lua", [Wish(3, Condition("x == 1"))])
    assert (one.step(way).reason, one.row(one.machine.where).line) == ("breakpoint", 3)


@pytest.mark.parametrize("motion", ["go_on", "step"])
def test_a_breakpoint_in_code_that_is_loaded_later_is_not_missed(
    debuggee: Callable[..., Debuggee], motion: str
) -> None:
    text = 'local chunk = "local a = 1\\nreturn a + 1\\n"\nlocal f = load(chunk, "@late.lua")\nprint(f())\nprint(2)\n'
    one = debuggee("main.lua", text)
    assert one.set_lines("late.lua", [2]) == [None]
    if motion == "step":
        one.set_lines("main.lua", [2])
        one.go_on()
        one.step(Way.OVER)
    arrival = one.go_on() if motion == "go_on" else one.step(Way.OVER)
    row = one.row(one.machine.where)
    assert (arrival.reason, row.file, row.line) == ("breakpoint", "late.lua", 2)
    assert one.lines_of("late.lua") == [2]
    assert b"".join(one.printed) == b""
    assert one.go_on().reason == "halt"
    assert b"".join(one.printed) == b"2\n2\n"
    assert one.run_back().reason == "breakpoint"


def test_a_breakpoint_by_address_waits_for_code_that_the_program_writes(
    debuggee: Callable[..., Debuggee], cpu: str
) -> None:
    text = "mov word [0x600], 0x4040\nmov byte [0x602], 0xf4\nmov cx, 20000\nx: loop x\njmp 0:0x600\n"
    one = debuggee("main.asm", text, cpu=cpu)
    one.set_addresses([0x601])
    assert one.wheres_at(0x601) == []
    arrival = one.go_on()
    assert (arrival.reason, one.row(one.machine.where).address) == ("breakpoint", 0x601)
    assert one.go_on().reason == "halt"
    assert one.run_back().tick == arrival.tick


def test_a_machine_without_a_view_of_its_own_is_debugged_by_the_contract_alone() -> None:
    printed: list[bytes] = []
    room = Room("toy", "tests.toy", "Toy", "toy", "main.toy", "#", ())
    files = [SourceFile("main.toy", toy.COUNTDOWN)]
    one = Debuggee(room, files, {}, on_output=lambda _, data: printed.append(data), hear=lambda: False)
    one.set_lines("main.toy", [3])  # `add 2 3` and `out 2`, inside a call
    first = one.go_on()
    assert (first.reason, one.machine.where, one.machine.depth) == ("breakpoint", 4, 2)
    one.set_lines("main.toy", [])
    assert one.step(Way.OUT).tick == first.tick + 3
    assert b"".join(printed) == b"D"
    one.step_back()
    assert (one.timeline.position, one.machine.where) == (0, 0)  # the line that called
    one.step_row()
    assert one.view.frames(0, 0, 9)[0].where == one.machine.where
    assert [line.text for line in disassemble(one, one.machine.where, -1, 2)] == ["add 1 200", "call"]
    one.close()


def test_output_is_shown_when_the_position_gets_there(debuggee: Callable[..., Debuggee]) -> None:
    one = debuggee("main.lua", "print(1)\nprint(2)\nprint(3)\n")
    one.step(Way.OVER)
    assert b"".join(one.printed) == b"1\n"
    assert one.timeline.frontier > one.timeline.position
    one.step_back()
    one.step(Way.OVER)
    assert b"".join(one.printed) == b"1\n"
    one.go_on()
    assert b"".join(one.printed) == b"1\n2\n3\n"
