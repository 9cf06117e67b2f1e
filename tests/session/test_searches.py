"""The searching commands of a session, on the toy machine and on the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from engine import rooms
from engine.conditions import Condition, compare, named_values
from engine.errors import CommandError
from engine.session import Session
from tests import toy
from tests.session.test_session import Page


class RealPage(Page):
    """A page on a session with the rooms that there really are."""

    def __init__(self, room: str, text: str, cpu: str = "unicorn") -> None:
        super().__init__()
        self.session = Session(self.events.append, self.frames.append, self.next_message)
        options = {"cpu": cpu} if room == "x86" else {}
        self.opened = self.do(
            "open", room=room, files=[{"name": rooms.room(room).main_file, "text": text}], options=options
        )
        assert self.opened["event"] == "opened", self.opened
        self.do("credit", frames=1000)


def opened(text: str) -> Page:
    page = Page()
    page.open(text)
    return page


def test_the_writers_of_a_register_and_a_byte_before_and_after_the_position() -> None:
    page = opened(toy.COUNTDOWN)
    page.do("run")
    page.do("seek", tick=30)
    answer = page.do("writers", target={"kind": "register", "register": 1})
    assert (answer["tick"], answer["complete"]) == (30, True)
    before, after = answer["before"], answer["after"]
    assert (before["tick"], before["where"], before["old"], before["new"]) == (
        26, 7, {"t": "bits", "s": f"{198:016x}"}, {"t": "bits", "s": f"{197:016x}"},
    )  # fmt: skip
    assert after["tick"] == 35
    answer = page.do("writers", target={"kind": "memory", "address": 37 * 2, "length": 4})
    assert (answer["before"]["tick"], answer["after"]) == (13, None)
    assert answer["before"]["new"] == {"t": "bits", "s": f"{199:02x}"}
    assert page.do("seek", tick=30)["tick"] == 30


def test_writes_come_in_pages_from_both_ends() -> None:
    page = opened(toy.COUNTDOWN)
    page.do("run")
    target = {"kind": "register", "register": 2}
    truth = [1 + 9 * n + 4 for n in range(200)]
    first = page.do("writes", target=target, limit=3)
    assert [hit["tick"] for hit in first["hits"]] == truth[:3]
    second = page.do("writes", target=target, limit=1000, **{"from": first["next"]})
    assert [hit["tick"] for hit in second["hits"]] == truth[3:]
    assert second["next"] is None
    last = page.do("writes", target=target, limit=2, direction=-1)
    assert [hit["tick"] for hit in last["hits"]] == truth[-2:]
    more = page.do("writes", target=target, limit=2, direction=-1, to=last["next"])
    assert [hit["tick"] for hit in more["hits"]] == truth[-4:-2]


def test_executions_of_a_row_a_line_and_an_opcode() -> None:
    page = opened(toy.COUNTDOWN)
    page.do("run")
    assert page.do("executions", place={"where": 10})["ticks"] == [1802]
    line = page.do("executions", place={"line": 2}, limit=4)["ticks"]  # rows 2 and 3
    assert line == [3, 4, 12, 13]
    assert page.do("executions", place={"op": "ret"}, limit=2)["ticks"] == [7, 16]
    assert page.do("executions", place={"op": "none such"})["ticks"] == []


def test_find_and_steps_over_and_out_of_calls_move_the_position() -> None:
    page = opened(toy.COUNTDOWN)
    assert page.do("find", flags=["output"])["tick"] == 6
    assert page.do("find", flags=["output", "return"])["tick"] == 7
    assert page.do("find", flags=["call"], direction=-1)["tick"] == 2
    stopped = page.do("step_out")
    assert (stopped["tick"], stopped["reason"], stopped["view"]["depth"]) == (7, "step", 1)
    assert page.do("step_over", direction=-1)["tick"] == 1
    assert page.do("step_over")["tick"] == 7
    assert page.do("find", flags=["error"], direction=-1)["reason"] == "start"


@pytest.mark.parametrize(
    ("do", "arguments", "message"),
    [
        ("find", {"flags": ["fly"]}, "no step flag 'fly'"),
        ("find", {"flags": []}, "one word or more"),
        ("find", {"flags": ["call"], "direction": 2}, "1 or -1"),
        ("writers", {"target": {"kind": "cloud"}}, "no target of kind 'cloud'"),
        ("writers", {"target": {"kind": "slot", "thread": 1}}, "takes a number `slot`"),
        ("writers", {"target": {"kind": "register", "register": "zz"}}, "no register 'zz'"),
        ("writers", {"target": {"kind": "field", "table": 1, "key": None}}, "a field's `key`"),
        ("writes", {"target": {"kind": "register", "register": 1}, "limit": 0}, "`limit` is 1 to 1000"),
        ("writes", {"target": {"kind": "register", "register": 1}, "from": -1}, "0 or more"),
        ("executions", {"place": {"where": 1, "line": 2}}, "a breakpoint's place is"),
        ("breakpoints", {"places": [{"where": 1, "hits": 0}]}, "`hits`"),
        ("breakpoints", {"places": [{"where": 1, "condition": "a ="}]}, "cannot have '='"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(do: str, arguments: dict[str, Any], message: str) -> None:
    page = opened(toy.COUNTDOWN)
    event = page.do(do, **arguments)
    assert event["event"] == "failed"
    assert message in event["error"]["message"]


def test_breakpoints_stand_for_opcodes_and_count_their_hits_in_both_directions() -> None:
    page = opened(toy.COUNTDOWN)
    assert [p["where"] for p in page.do("breakpoints", places=[{"op": "STORE"}])["places"]] == [3]
    page.do("breakpoints", places=[{"op": "out", "hits": 3}])
    assert page.do("continue")["tick"] == 1 + 2 * 9 + 4
    assert page.do("continue")["tick"] == 1 + 5 * 9 + 4
    assert page.do("continue", direction=-1)["tick"] == 1 + 2 * 9 + 4
    assert page.do("continue", direction=-1)["reason"] == "start"


LUA = """local function add(a, b)
  local c = a + b
  return c
end
local n, name = 0, "x"
local t = {}
for i = 1, 10 do
  n = add(n, i)
  name = "n" .. n
  t.sum = n
  t[i] = name
end
print(n, name, function() n = n + 1 return n end)
"""


def test_a_condition_on_locals_holds_a_run_in_both_directions() -> None:
    page = RealPage("lua", LUA)
    page.do("breakpoints", places=[{"line": 10, "condition": 'n >= 6 and not (name == "n10") or i == 1'}])
    sums = []
    while (stopped := page.do("continue"))["reason"] == "breakpoint":
        sums.append(named_values(stopped["view"])["n"])
    assert sums == [1, 6, 15, 21, 28, 36, 45, 55]
    back = []
    while (stopped := page.do("continue", direction=-1))["reason"] == "breakpoint":
        back.append(named_values(stopped["view"])["n"])
    assert back == sums[::-1]


def test_a_breakpoint_on_a_function_stops_at_its_first_row() -> None:
    page = RealPage("lua", LUA)
    places = page.do("breakpoints", places=[{"function": "add"}])["places"]
    assert [p["line"] for p in places] == [2]
    assert named_values(page.do("continue")["view"]) == {"a": 0, "b": 1}


def test_who_wrote_a_local_a_field_and_an_upvalue() -> None:
    page = RealPage("lua", LUA)
    page.do("run")
    page.do("breakpoints", places=[{"line": 13}])
    view = page.do("continue", direction=-1)["view"]
    frame = view["threads"][0]["frames"][0]
    n = next(r for r in frame["registers"] if r["name"] == "n")
    answer = page.do("writers", target={"kind": "slot", "thread": 1, "slot": n["slot"]})
    assert (answer["before"]["new"], answer["before"]["old"]) == (
        {"t": "integer", "s": "55"},
        {"t": "integer", "s": "45"},
    )
    table = next(r for r in frame["registers"] if r["name"] == "t")["value"]["id"]
    target = {"kind": "field", "table": table, "key": "sum"}
    hits = page.do("writes", target=target)["hits"]
    assert [hit["new"]["s"] for hit in hits] == [str(i * (i + 1) // 2) for i in range(1, 11)]
    assert [hit["old"] for hit in hits][:2] == [None, {"t": "integer", "s": "1"}]
    shown = {"kind": "field", "table": table, "key": {"t": "string", "s": '"sum"'}}
    assert page.do("writes", target=shown)["hits"] == hits
    assert [h["new"]["s"] for h in page.do("writes", target={**target, "key": 3})["hits"]] == ['"n6"']


UPVALUES = """local function counter()
  local count = 10
  local function next_one() count = count + 1 return count end
  count = 20
  next_one()
  return next_one
end
local c = counter()
c()
c()
"""


def test_an_upvalue_is_written_through_its_slot_while_it_is_open_and_by_itself_afterwards() -> None:
    page = RealPage("lua", UPVALUES)
    page.do("run")
    closed = page.do("find", flags=["upvalue_close"], direction=-1)
    view = closed["view"]
    upvalue = next(u["id"] for u in view["heap"]["upvalues"] if not u["open"] and u["value"]["s"] == "21")
    target = {"kind": "upvalue", "id": upvalue}
    late = page.do("writes", target=target)["hits"]
    assert [hit["new"]["s"] for hit in late][-5:] == ["20", "21", "21", "22", "23"]
    assert [hit["kind"] for hit in late][-5:] == ["slot", "upvalue", "upvalue", "upvalue", "upvalue"]
    assert late[-3]["old"] is None
    page.do("seek", tick=late[-4]["tick"])
    assert page.do("writes", target=target)["hits"] == late
    answer = page.do("writers", target=target)
    assert (answer["before"]["new"]["s"], answer["after"]["tick"]) == ("21", late[-3]["tick"])


X86 = """
    mov cx, 5
again:
    mov [0x200], cx
    add al, 0x60
    loop again
    hlt
"""


def test_who_wrote_a_cpu_register_a_flag_and_a_byte_of_memory() -> None:
    page = RealPage("x86", X86)
    page.do("run")
    hits = page.do("writes", target={"kind": "memory", "address": 0x201})["hits"]
    assert [hit["new"]["s"] for hit in hits] == ["0005", "0004", "0003", "0002", "0001"]
    assert page.do("writes", target={"kind": "memory", "address": 0x202})["hits"] == []
    assert len(page.do("writes", target={"kind": "register", "register": "ax"})["hits"]) == 5
    carry = {"kind": "register", "register": "flags", "mask": 1}
    assert [hit["tick"] for hit in page.do("writes", target=carry)["hits"]] == [9, 12]
    page.do("breakpoints", places=[{"op": "add", "condition": "cx == 0x3 and CF == 0"}])
    assert page.do("continue", direction=-1)["tick"] == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a == 1", True), ("a ~= 1", False), ("a != 2", True), ("a < 1.5 and a >= 1", True), ("(a == 2) or b", True),
        ("not b", False), ("name == 'x\\n'", True), ('name < "y"', True), ("name < 3", False), ("none", False),
        ("none == nil", True), ("b == true", True), ("a == true", False), ("a == 0x1", True), ("-1 < a", True),
        ("not not a", True), ("a == 1 or nonsense < 3", True), ("t == nil", False), ("a == 1e0", True),
    ],
)  # fmt: skip
def test_conditions_mean_what_they_say(text: str, expected: bool) -> None:
    assert Condition(text).holds({"a": 1, "b": True, "name": "x\n", "t": object()}) is expected


@pytest.mark.parametrize(
    "text", ["", "a ==", "== 1", "(a", "a b", "a + 1", "and", "a == 1)", "(" * 200 + "a", "not " * 200 + "a", "a" * 999]
)
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        Condition(text)


def test_what_cannot_be_compared_is_not_in_any_order() -> None:
    assert not any(compare(sign, None, 1) for sign in ("<", "<=", ">", ">=", "=="))
    assert compare("~=", None, 1)


def test_a_breakpoint_by_address_and_the_executions_of_an_address() -> None:
    page = RealPage("x86", "mov cx, 3\nagain: nop\nloop again\nhlt\n")
    page.do("run")
    page.do("seek", tick=0)
    assert [place["where"] for place in page.do("breakpoints", places=[{"address": 3}])["places"]] == [1]
    ticks = [page.do("continue")["tick"] for _ in range(3)]
    assert ticks == [1, 3, 5]
    assert page.do("continue", direction=-1)["tick"] == 3
    assert page.do("executions", place={"address": 3})["ticks"] == [2, 4, 6]
    assert page.do("breakpoints", places=[{"address": "3"}])["event"] == "failed"
    assert page.do("breakpoints", places=[{"address": 999}])["places"] == []
    page.session.close()
