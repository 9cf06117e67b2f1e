"""Edits, other inputs and branches as a page sees them."""

from __future__ import annotations

from typing import Any

import pytest

from engine.wire import COMMANDS
from tests import toy
from tests.session.test_searches import RealPage
from tests.session.test_session import Page


def last_branches(page: Page) -> dict[str, Any]:
    return [event for event in page.events if event["event"] == "branches"][-1]


def outputs(page: Page, after: int) -> list[int]:
    return [event["tick"] for event in page.events[after:] if event["event"] == "output"]


def test_an_edit_begins_a_branch_and_the_trunk_is_one_command_away() -> None:
    page = Page()
    page.open(toy.COUNTDOWN)
    page.do("run")
    page.do("seek", tick=100)
    stopped = page.do("edit", target={"kind": "register", "register": 1}, value={"t": "bits", "s": "2"})
    assert (stopped["reason"], stopped["tick"], stopped["frontier"], stopped["ended"]) == ("edit", 100, 100, None)
    assert stopped["view"]["registers"][1] == 2
    branches = last_branches(page)
    assert (branches["current"], branches["from"]) == (1, 100)
    trunk, branch = branches["branches"]
    assert (trunk["id"], trunk["name"], trunk["parent"], trunk["frontier"]) == (0, "trunk", None, 1802)
    assert (branch["id"], branch["parent"], branch["tick"]) == (1, 0, 100)
    assert branch["change"]["old"] == {"t": "bits", "s": f"{189:016x}"}
    at = len(page.events)
    end = page.do("run")
    assert end["reason"] == "halt"
    assert all(100 < tick < 130 for tick in outputs(page, at))
    at = len(page.events)
    back = page.do("branch", to=0)
    assert (back["tick"], back["frontier"]) == (end["tick"], 1802)
    assert last_branches(page)["from"] == 100
    assert outputs(page, at) == [1 + 9 * n + 5 for n in range(200) if 1 + 9 * n + 5 > 100]
    assert page.do("branch", to=1, name="two rounds")["frontier"] == end["tick"]
    assert last_branches(page)["branches"][1]["name"] == "two rounds"


def test_who_wrote_a_value_may_be_an_edit() -> None:
    page = Page()
    page.open(toy.COUNTDOWN)
    page.do("run")
    page.do("seek", tick=100)
    target = {"kind": "register", "register": 1}
    trunk = page.do("writers", target=target)["before"]["tick"]
    page.do("edit", target=target, value={"t": "bits", "s": "5"})
    page.do("run", to=120)
    page.do("seek", tick=102)
    edit = page.do("writers", target=target)["before"]
    assert (edit["tick"], edit["where"], edit["new"]["s"]) == (100, None, f"{5:016x}")
    hits = page.do("writes", target=target, **{"from": 90, "to": 110})["hits"]
    assert [hit["tick"] for hit in hits] == [98, 100, 107]
    assert page.do("writes", target=target, limit=2, direction=-1, to=108)["hits"] == hits
    page.do("seek", tick=95)
    assert page.do("writers", target=target)["after"]["tick"] == trunk == 98


def test_another_input_begins_a_branch() -> None:
    page = Page()
    page.open("in 1\nadd 0 1\nin 2\nout 2\nhalt")
    page.do("run")
    page.do("input", text="abc")
    page.do("run")
    page.do("input", text="de")
    assert page.do("run")["reason"] == "halt"
    page.do("seek", tick=1)
    assert page.do("input", text="defg", branch=True)["event"] == "done"
    assert last_branches(page)["branches"][1]["change"] == {"input": "defg"}
    assert page.do("run")["view"]["registers"][2] == 4
    page.do("branch", to=0)
    assert page.do("seek", tick=5)["view"]["registers"][2] == 2
    page.do("seek", tick=4)
    assert "read no input after this tick" in page.do("input", text="x", branch=True)["error"]["message"]


@pytest.mark.parametrize(
    ("do", "arguments", "message"),
    [
        (
            "edit",
            {"target": {"kind": "register", "register": 1}, "value": {"t": "table", "s": "table"}},
            "a new value is",
        ),
        ("edit", {"target": {"kind": "register", "register": 1}, "value": {"t": "bits", "s": "xyz"}}, "a new value is"),
        ("edit", {"target": {"kind": "cloud"}, "value": {"t": "bits", "s": "1"}}, "no such register"),
        ("branch", {"to": 3}, "no branch 3"),
        ("branch", {"to": 0, "name": " "}, "1 to 60 characters"),
    ],
)
def test_what_cannot_be_changed_is_refused_and_nothing_happens(
    do: str, arguments: dict[str, Any], message: str
) -> None:
    page = Page()
    page.open(toy.COUNTDOWN)
    page.do("run")
    page.do("seek", tick=9)
    event = page.do(do, **arguments)
    assert event["event"] == "failed"
    assert message in event["error"]["message"]
    assert page.do("step", count=0)["frontier"] == 1802


LUA = """local function add(a, b)
  local c = a + b
  return c
end
local n = 1
local f = function() n = n + 1 return n end
for i = 1, 3 do n = add(n, i) f() end
print(n)
"""


def local(view: dict[str, Any], level: int, name: str) -> dict[str, Any]:
    frame = view["threads"][0]["frames"][level]
    return next(register for register in frame["registers"] if register["name"] == name)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ({"t": "integer", "s": "40"}, "49\n"),
        ({"t": "float", "s": "0.5"}, "9.5\n"),
        ({"t": "string", "s": '"30"'}, "39\n"),
        ({"t": "integer", "s": "-9223372036854775808"}, "-9223372036854775799\n"),
    ],
)
def test_a_local_gets_another_value_and_the_program_goes_on_with_it(value: dict[str, str], printed: str) -> None:
    page = RealPage("lua", LUA)
    page.do("breakpoints", places=[{"line": 7}])
    view = page.do("continue")["view"]
    n = local(view, 0, "n")
    stopped = page.do("edit", target={"kind": "slot", "thread": 1, "slot": n["slot"]}, value=value)
    assert local(stopped["view"], 0, "n")["value"] == value
    at = len(page.events)
    assert page.do("run")["reason"] == "halt"
    assert [event["text"] for event in page.events[at:] if event["event"] == "output"] == [printed]
    at = len(page.events)
    assert page.do("branch", to=0)["frontier"] >= 1


def test_an_upvalue_gets_another_value_and_what_fails_afterwards_is_an_error_of_the_branch() -> None:
    page = RealPage("lua", LUA)
    page.do("run")
    page.do("breakpoints", places=[{"function": "f"}])
    view = page.do("continue", direction=-1)["view"]
    upvalue = view["threads"][0]["frames"][0]["upvalues"][0]
    stopped = page.do("edit", target={"kind": "upvalue", "id": upvalue["id"]}, value={"t": "nil"})
    assert stopped["view"]["threads"][0]["frames"][0]["upvalues"][0]["value"]["t"] == "nil"
    end = page.do("run")
    assert end["reason"] == "fault"
    assert "arithmetic on a nil value (upvalue 'n')" in end["detail"]["message"]
    page.do("branch", to=0)
    assert page.do("seek", tick=1 << 40)["ended"]["reason"] == "halt"


def test_what_the_machine_relies_on_cannot_be_changed() -> None:
    page = RealPage("lua", LUA)
    page.do("breakpoints", places=[{"line": 3}])
    view = page.do("continue")["view"]
    base = view["threads"][0]["frames"][0]["base"]
    value = {"t": "integer", "s": "1"}
    for slot in (base - 1, 0, base + 200, 1 << 40):
        refused = page.do("edit", target={"kind": "slot", "thread": 1, "slot": slot}, value=value)
        assert refused["event"] == "failed", slot
    for target in ({"kind": "slot", "thread": 99, "slot": base}, {"kind": "upvalue", "id": 4_000_000}):
        assert page.do("edit", target=target, value=value)["event"] == "failed"


X86 = """
    mov cx, 3
again:
    add ax, cx
    loop again
    mov [0x300], ax
    hlt
"""


@pytest.mark.parametrize("cpu", ["unicorn", pytest.param("kvm", marks=pytest.mark.kvm)])
def test_registers_flags_and_memory_of_a_cpu_can_be_changed(cpu: str) -> None:
    page = RealPage("x86", X86, cpu=cpu)
    page.do("run")
    page.do("seek", tick=2)
    page.do("edit", target={"kind": "register", "register": "cx"}, value={"t": "bits", "s": "2"})
    end = page.do("run")
    assert end["reason"] == "halt"
    ax = {r["name"]: r["value"] for r in end["view"]["registers"]}["ax"]
    assert ax == f"{3 + 1:04x}"
    page.do("seek", tick=1)
    code = {"kind": "memory", "address": 3, "length": 2}
    assert page.do("edit", target=code, value={"t": "bits", "s": "c829"})["event"] == "stopped"  # sub ax, cx
    end = page.do("run")
    assert {r["name"]: r["value"] for r in end["view"]["registers"]}["ax"] == f"{-6 & 0xFFFF:04x}"
    flags = {"kind": "register", "register": "flags"}
    stopped = page.do("seek", tick=3)
    stopped = page.do("edit", target=flags, value={"t": "bits", "s": "1"})
    assert [bit["set"] for bit in stopped["view"]["flags"]["bits"] if bit["name"] == "CF"] == [True]
    assert page.do("edit", target=flags, value={"t": "bits", "s": "fffffff"})["event"] == "failed"
    assert (
        page.do("edit", target={"kind": "register", "register": "cr0"}, value={"t": "bits", "s": "1"})["event"]
        == "failed"
    )


def test_no_argument_has_the_name_of_a_field_that_every_command_has() -> None:
    taken = {"v", "id", "do"}
    assert [(c.name, a.name) for c in COMMANDS for a in c.args if a.name in taken] == []
