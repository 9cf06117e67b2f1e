"""A client of the protocol watches what writes to a value, forwards and backwards, and changes the past."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.debuggers.dap_client import Client, RequestFailed

Write = Callable[[str, str], Path]

LUA = """\
local total, t = 0, { n = 1, list = { 10, 20 } }
local function add(k) total = total + k; t.n = t.n * 2 end
for i = 1, 4 do
  add(i)
  t.list[1] = i
end
print("total", total, t.n, t.list[1])
"""
X86 = """\
mov ax, 1
mov cx, 3
again: add ax, ax
mov [0x500], ax
dec cx
jnz again
mov dx, 0xe9
mov al, 'A'
add al, cl
out dx, al
hlt
"""


def reference(client: Client, scope: str) -> int:
    return int(client.scope(scope)["variablesReference"])


def watch(client: Client, *asked: dict, **more: object) -> list[dict]:
    """Data breakpoints for what is asked for; the answers."""
    ids = [client.request("dataBreakpointInfo", **one)["dataId"] for one in asked]
    assert all(ids)
    found = client.request("setDataBreakpoints", breakpoints=[{"dataId": one, **more} for one in ids])["breakpoints"]
    assert all(point["verified"] for point in found), found
    return found


def at_the_loop(client: Client, program: Write, **arguments: object) -> None:
    path = program("main.lua", LUA)
    client.launch(path, **arguments)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 4}])
    client.request("configurationDone")
    assert client.event("stopped")["body"]["reason"] == "breakpoint"
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[])


@pytest.mark.parametrize("what", ["total", "t.n", "t.list[1]"])
def test_writes_to_a_local_an_upvalue_and_fields_stop_runs_in_both_directions(
    client: Client, program: Write, what: str
) -> None:
    at_the_loop(client, program, stopAtEnd=True)
    (point,) = watch(client, {"name": what})
    ticks = []
    for _ in range(4):
        body = client.move("continue")
        assert (body["reason"], body["hitBreakpointIds"]) == ("data breakpoint", [point["id"]])
        ticks.append(client.tick())
    assert ticks == sorted(set(ticks))
    assert client.move("continue")["reason"] == "pause"  # the end
    for tick in reversed(ticks):
        assert client.move("reverseContinue")["reason"] == "data breakpoint"
        assert client.tick() == tick - 1


def test_a_condition_of_a_data_breakpoint(client: Client, program: Write) -> None:
    at_the_loop(client, program, stopAtEnd=True)
    watch(client, {"name": "t.list[1]"}, condition="total >= 6")
    seen = []
    while client.move("continue")["reason"] == "data breakpoint":
        seen.append(client.request("evaluate", expression="total")["result"])
    assert seen == ["6", "10"]


@pytest.mark.parametrize(("hits", "seen"), [("1", ["1", "3", "6", "10"]), ("2", ["3", "10"]), ("3", ["6"])])
def test_a_hit_count_stops_each_run_at_the_nth_write(
    client: Client, program: Write, hits: str, seen: list[str]
) -> None:
    at_the_loop(client, program, stopAtEnd=True)
    watch(client, {"name": "total"}, hitCondition=hits)
    found = []
    while client.move("continue")["reason"] == "data breakpoint":
        found.append(client.request("evaluate", expression="total")["result"])
    assert found == seen
    before = ["6", "3", "1", "0"]  # backwards it counts from the end, and stops before the write
    for expected in before[int(hits) - 1 :: int(hits)]:
        assert client.move("reverseContinue")["reason"] == "data breakpoint"
        assert client.request("evaluate", expression="total")["result"] == expected


def test_a_hit_count_of_a_line_counts_within_one_run(client: Client, program: Write) -> None:
    path = program("main.lua", LUA)
    client.launch(path, stopAtEnd=True)
    assert client.request("initialize", adapterID="glassbox")["supportsHitConditionalBreakpoints"]
    client.request(
        "setBreakpoints",
        source={"path": str(path)},
        breakpoints=[{"line": 4, "hitCondition": "2", "condition": "i > 1"}],
    )
    client.request("configurationDone")
    assert client.event("stopped")["body"]["reason"] == "breakpoint"
    assert client.request("evaluate", expression="i")["result"] == "3"
    with pytest.raises(RequestFailed, match="no count"):
        client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 4, "hitCondition": "often"}])


CALLS = """\
local function inner(n) local a, b, c = n, n, n; return a + b + c end
local function outer(n)
  local mine = n
  mine = mine + inner(n)
  if n > 1 then outer(n - 1) end
  mine = mine + 1
  return mine
end
for round = 1, 3 do
  outer(2)
  inner(round)
end
"""


@pytest.mark.parametrize("level", [0, 1])
def test_a_local_is_watched_in_the_call_that_was_looked_at(client: Client, program: Write, level: int) -> None:
    path = program("main.lua", CALLS)
    client.launch(path, stopAtEnd=True)
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 4, "condition": "n == 1"}])
    client.request("configurationDone")
    assert client.event("stopped")["body"]["reason"] == "breakpoint"
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[])
    start = client.tick()
    frame = client.stack()[level]["id"]
    answer = client.request("dataBreakpointInfo", name="mine", frameId=frame)
    assert answer["description"] == "mine in this call"
    watch(client, {"name": "mine", "frameId": frame})
    lines = []
    while client.move("continue")["reason"] == "data breakpoint":
        lines.append(client.stack()[0]["line"])
    # The outer call has the addition of line 4 behind it; each has that of line 6, and nobody else's writes count.
    assert len(lines) == (2 if level == 0 else 1), lines
    ticks = []
    while client.move("reverseContinue")["reason"] == "data breakpoint":
        ticks.append(client.tick())
    assert len([tick for tick in ticks if tick >= start]) == len(lines)
    assert 1 <= len([tick for tick in ticks if tick < start]) <= 4
    # The same with the end of the call already known, and found again from the start.
    again = []
    while client.move("continue")["reason"] == "data breakpoint":
        again.append(client.tick() - 1)
    assert sorted(ticks) == again


def test_a_watched_call_may_end_by_an_error_or_wait_in_a_coroutine(client: Client, program: Write) -> None:
    text = """\
local function work(fails)
  local mine = 1
  coroutine.yield()
  mine = 2
  if fails then error("over") end
  mine = 3
end
local function user() local a, b, c, d = 7, 7, 7, 7; return a + b + c + d end
for round = 1, 2 do
  local thread = coroutine.create(function() print(pcall(work, round == 1)); user() end)
  coroutine.resume(thread)
  user()
  coroutine.resume(thread)
end
"""
    path = program("main.lua", text)
    client.launch(path, stopAtEnd=True)
    lines = []
    client.request("setBreakpoints", source={"path": str(path)}, breakpoints=[{"line": 3}])
    client.request("configurationDone")
    assert client.event("stopped")["body"]["reason"] == "breakpoint"
    for _ in range(2):
        watch(client, {"name": "mine"})
        while client.move("continue")["reason"] == "data breakpoint":
            lines.append(client.stack()[0]["line"])
    assert lines == [5, 5, 7]


def test_what_cannot_be_watched_is_said(client: Client, program: Write) -> None:
    at_the_loop(client, program)
    assert client.request("dataBreakpointInfo", name="tick")["dataId"] is None
    good = client.request("dataBreakpointInfo", name="total")["dataId"]
    found = client.request(
        "setDataBreakpoints",
        breakpoints=[
            {"dataId": good, "accessType": "read"},
            {"dataId": "x"},
            {"dataId": '{"kind": "moon"}'},
            {"dataId": '{"kind": "slot", "thread": 1, "slot": 1, "call": {"thread": 1}}'},
            {"dataId": good, "hitCondition": ">= 3"},
        ],
    )["breakpoints"]
    assert [point["verified"] for point in found] == [False] * 5
    assert "none of ours" in found[3]["message"]
    assert "no count" in found[4]["message"]
    assert "reads are not recorded" in found[0]["message"]
    assert "no target of kind" in found[2]["message"]


@pytest.mark.parametrize("how", ["setVariable", "setExpression"])
def test_a_changed_value_begins_a_branch_and_the_program_runs_on_with_it(
    client: Client, program: Write, how: str
) -> None:
    capabilities = client.request("initialize", adapterID="glassbox")
    assert capabilities["supportsSetVariable"]
    assert capabilities["supportsSetExpression"]
    assert capabilities["supportsDataBreakpoints"]
    at_the_loop(client, program)
    if how == "setVariable":
        client.stack()
        changed = client.request(how, variablesReference=reference(client, "Locals"), name="total", value="100")
    else:
        changed = client.request(how, expression="total", value="100")
    assert changed == {"value": "100", "type": "integer"}
    assert client.event("invalidated")["body"]["areas"] == ["variables"]
    assert "the past is changed at tick" in client.printed("console")
    assert client.request("evaluate", expression="total")["result"] == "100"
    client.request("continue", threadId=client.thread())
    assert client.event("exited")["body"] == {"exitCode": 0}
    assert client.printed() == "total\t110\t16\t4\n"


def test_what_cannot_be_changed_is_said_and_changes_nothing(client: Client, program: Write) -> None:
    at_the_loop(client, program)
    for name, value, sentence in (
        ("tick", "1", "cannot be changed"),
        ("total", "what?", "is no value"),
        ("t.n", "5", "only registers and upvalues"),
        ("nothing", "1", "cannot be changed"),
    ):
        with pytest.raises(RequestFailed, match=sentence):
            client.request("setExpression", expression=name, value=value)
    client.request("continue", threadId=client.thread())
    assert client.event("exited")["body"] == {"exitCode": 0}
    assert client.printed() == "total\t10\t16\t4\n"


def test_registers_flags_and_memory_of_a_cpu_are_watched_and_changed(client: Client, program: Write, cpu: str) -> None:
    client.begin(program("main.asm", X86 + "word1: dw 0\n"), options={"cpu": cpu}, stopAtEnd=True)
    client.stack()
    watch(client, {"variablesReference": reference(client, "Registers"), "name": "cx"})
    ticks = []
    for _ in range(4):
        assert client.move("continue")["reason"] == "data breakpoint"
        ticks.append(client.tick())
    assert ticks == [2, 5, 9, 13]
    assert client.move("reverseContinue")["reason"] == "data breakpoint"
    assert client.tick() == 12
    client.stack()
    watch(client, {"variablesReference": reference(client, "Flags"), "name": "ZF"})
    assert client.move("continue")["reason"] == "data breakpoint"
    assert client.tick() == 13
    assert client.request("setExpression", expression="cx", value="0x5")["value"] == "0005"
    client.request("setDataBreakpoints", breakpoints=[])
    client.move("continue")
    assert client.printed() == "F"
