"""The view has the shape of docs/views.md and says what is true."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import CommandError
from engine.lua.machine import LuaMachine
from tests.lua_machine.programs import EXAMPLES, NESTED

Make = Callable[..., LuaMachine]
CLOSURE = next(p for p in EXAMPLES if p.stem == "closure").read_text(encoding="utf-8")
KINDS = {"nil", "boolean", "integer", "float", "string", "table", "function", "native", "thread", "userdata"}
REFERENCES = {"table", "function", "thread"}
FRAME = {"level", "kind", "function", "base", "pc", "line", "wants", "tail", "varargs", "registers", "upvalues"}
REGISTER = {"index", "slot", "name", "value", "upvalue"}
UPVALUE = {"index", "name", "id", "open", "thread", "slot", "frame", "register", "value"}
TABLE = {"id", "name", "array", "array_size", "hash", "hash_size", "entries", "metatable", "more"}


def check_value(value: dict[str, Any]) -> None:
    assert value["t"] in KINDS
    assert isinstance(value["s"], str)
    assert len(value["s"]) <= 203 * 4
    assert ("id" in value) == (value["t"] in REFERENCES) or value["t"] in ("native", "userdata")


def check_frame(frame: dict[str, Any]) -> None:
    assert set(frame) == FRAME
    assert frame["kind"] in ("lua", "native", "host")
    assert set(frame["function"]) == {"id", "name", "proto"}
    for register in frame["registers"]:
        assert set(register) == REGISTER
        assert register["slot"] == frame["base"] + register["index"]
        check_value(register["value"])
    for upvalue in frame["upvalues"]:
        assert set(upvalue) == UPVALUE
        assert (upvalue["slot"] is None) == (not upvalue["open"])
        check_value(upvalue["value"])


@pytest.mark.parametrize("name", NESTED)
def test_a_view_has_its_shape_at_every_tick(name: str, machine: Make) -> None:
    subject = machine(NESTED[name])
    rows = {r["where"]: r for f in subject.listing()["functions"] for r in f["rows"]}
    previous = None
    while True:
        view = subject.view()
        assert view["tick"] == subject.tick
        assert view["depth"] == subject.depth
        assert view["last"] == (None if view["tick"] == 0 else {"where": previous})
        assert view["next"] == (None if subject.where is None else {"where": subject.where})
        assert set(view["memory"]) == {"bytes", "objects", "collections"}
        running = [t for t in view["threads"] if t["status"] == "running"]
        assert [t["id"] for t in running] == [view["thread"]]
        for thread in view["threads"]:
            assert thread["status"] in ("running", "suspended", "normal", "dead")
            for level, frame in enumerate(thread["frames"]):
                assert frame["level"] == level
                check_frame(frame)
        inner = running[0]["frames"][0]
        if subject.where in rows:
            assert (inner["pc"], inner["line"]) == (rows[subject.where]["pc"], rows[subject.where]["line"])
        for table in view["heap"]["tables"]:
            assert set(table) == TABLE
        previous = subject.where
        if subject.run(1).is_final:
            break
        rows = {r["where"]: r for f in subject.listing()["functions"] for r in f["rows"]}
    view = subject.view()
    assert view["next"] is None
    assert view["last"] == {"where": previous}


def registers(frame: dict[str, Any]) -> dict[str, str]:
    return {r["name"] or f"R{r['index']}": r["value"]["s"] for r in frame["registers"]}


def test_the_closure_example_looks_as_in_the_picture(machine: Make) -> None:
    subject = machine(CLOSURE)
    subject.run(124)
    view = subject.view()
    (thread,) = [t for t in view["threads"] if t["id"] == view["thread"]]
    down, main = thread["frames"][:2]
    assert (down["function"]["name"], down["pc"], down["line"], down["wants"]) == ("down", 9, 12, 1)
    assert (main["function"]["name"], main["pc"], main["line"]) == ("main", 20, 22)
    assert registers(down) == {"by": "6", "R1": "13"}
    expected = {"calls": "6", "counter": "counter", "up": "up", "down": "down", "log": "table", "i": "6", "R9": "down"}
    assert expected.items() <= registers(main).items()
    assert [r["index"] for r in main["registers"]] == list(range(10))
    calls, n = down["upvalues"]
    assert (calls["name"], calls["open"], calls["frame"], calls["register"]) == ("calls", True, 1, 0)
    assert (calls["value"]["s"], n["value"]["s"]) == ("6", "13")
    assert (n["name"], n["open"], n["slot"]) == ("n", False, None)
    assert main["registers"][0]["upvalue"] == calls["id"]
    up, other = (f for f in view["heap"]["functions"] if f["name"] in ("up", "down"))
    assert [u["id"] for u in up["upvalues"]] == [u["id"] for u in other["upvalues"]] == [calls["id"], n["id"]]
    (log,) = [t for t in view["heap"]["tables"] if t["name"] == "log"]
    assert [v["s"] for v in log["array"]] == ["11", "13", "10", "14", "19", "nil", "nil", "nil"]
    assert [[k["s"], v["s"]] for k, v in log["hash"]] == [['"unit"', '"pt"']]
    assert (log["array_size"], log["hash_size"], log["entries"]) == (8, 1, 6)


def test_going_back_shows_the_upvalue_open_again(machine: Make) -> None:
    subject = machine(CLOSURE)
    subject.run(10)
    before = subject.save()
    subject.run(1)

    def cells() -> dict[str, tuple[bool, str]]:
        view = subject.view()
        frames = [f for t in view["threads"] for f in t["frames"]]
        heap = {u["id"]: u for u in view["heap"]["upvalues"]}
        values = {r["value"].get("id") for f in frames for r in f["registers"]}
        functions = [f for f in view["heap"]["functions"] if f["id"] in values]
        return {
            u["name"]: (heap[u["id"]]["open"], heap[u["id"]]["value"]["s"]) for f in functions for u in f["upvalues"]
        }

    assert cells()["n"] == (False, "10")
    subject.restore(before)
    assert cells()["n"] == (True, "10")


def test_frames_name_native_functions_and_the_comparator_below_them(machine: Make) -> None:
    subject = machine(NESTED["sort"])
    while subject.depth < 3:
        subject.run(1)
    view = subject.view()
    frames = view["threads"][0]["frames"]
    assert [f["kind"] for f in frames][:3] == ["lua", "native", "lua"]
    assert frames[1]["function"]["name"] == "table.sort"
    assert set(registers(frames[0])) == {"a", "b"}


def test_a_suspended_coroutine_shows_its_frames_and_its_resumer_is_normal(machine: Make) -> None:
    subject = machine(
        "local co = coroutine.wrap(function(a) local b = a + coroutine.yield(a); return b end)\nco(1) co(2)"
    )
    seen = set()
    while not subject.run(1).is_final:
        view = subject.view()
        seen |= {(t["name"], t["status"]) for t in view["threads"]}
    assert ("main", "running") in seen
    assert ("main", "normal") in seen
    assert {s for name, s in seen if name != "main"} == {"suspended", "running", "dead"}


def test_values_are_written_as_lua_writes_them(machine: Make) -> None:
    numbers = "local a, b, c, d = 1.0, 1e100, 2^53, 0/0\n"
    strings = 'local s, l = "q\\"\\n\\200é", ("x"):rep(300)\n'
    subject = machine(numbers + strings + "local t = print\nlocal z = nil")
    while subject.view()["threads"][0]["frames"][0]["line"] != 4:
        subject.run(1)
    subject.run(1)
    shown = registers(subject.view()["threads"][0]["frames"][0])
    assert (shown["a"], shown["b"], shown["c"]) == ("1.0", "1e+100", "9.007199254741e+15")
    assert shown["d"] in ("nan", "-nan")
    assert shown["s"] == '"q\\"\\n\\xC8é"'
    assert shown["l"] == '"' + "x" * 200 + "…"
    assert shown["t"] == "print"
    assert shown["z"] == "nil"


def test_varargs_are_shown_beside_the_registers(machine: Make) -> None:
    subject = machine("local function f(a, ...) local x = 1; return x end\nf(7, 8, 'nine')")
    while subject.depth < 2 or subject.view()["threads"][0]["frames"][0]["pc"] == 1:
        subject.run(1)
    frame = subject.view()["threads"][0]["frames"][0]
    assert [v["s"] for v in frame["varargs"]] == ["8", '"nine"']
    assert registers(frame) == {"a": "7"}


def test_inspecting_pages_through_a_table(machine: Make) -> None:
    subject = machine("local t = {}\nfor i = 1, 1000 do t[i] = i end\nt.x = 1\nt.y = 2\nprint(1)\nreturn t")
    while subject.view()["threads"][0]["frames"][0]["line"] != 5:
        subject.run(1 if subject.tick > 1500 else 300)
    (table,) = [t for t in subject.view()["heap"]["tables"] if t["name"] == "t"]
    assert table["entries"] == 1002
    assert table["more"]
    first = subject.inspect({"kind": "table", "id": table["id"], "offset": 990, "limit": 40})
    assert [v["s"] for v in first["array"]][:10] == [str(n) for n in range(991, 1001)]
    assert sorted(k["s"] for k, _ in first["hash"]) == ['"x"', '"y"']
    assert not first["more"]
    with pytest.raises(CommandError):
        subject.inspect({"kind": "table", "id": 999_999})
    with pytest.raises(CommandError):
        subject.inspect({"kind": "soul", "id": 1})


def test_inspecting_follows_references(machine: Make) -> None:
    subject = machine(CLOSURE)
    subject.run(124)
    frame = subject.view()["threads"][0]["frames"][0]
    function = subject.inspect({"kind": "function", "id": frame["function"]["id"]})
    assert function["name"] == "down"
    assert [u["name"] for u in function["upvalues"]] == ["calls", "n"]
    cell = subject.inspect({"kind": "upvalue", "id": function["upvalues"][1]["id"]})
    assert (cell["open"], cell["value"]["s"]) == (False, "13")
    thread = subject.inspect({"kind": "thread", "id": 1})
    assert [f["function"]["name"] for f in thread["frames"]][:2] == ["down", "main"]


def test_the_listing_grows_when_code_is_loaded(machine: Make) -> None:
    subject = machine('local f = load("local a = ...; return function() return a end", "=piece")\nprint(f(3)())')
    before = len(subject.listing()["functions"])
    begin = subject.save()
    stop = subject.run(10_000)
    kinds = [e.kind for e in subject.drain_events()]
    assert stop.reason == "halt"
    assert kinds.count("program_grew") == 1
    functions = subject.listing()["functions"]
    assert [f["file"] for f in functions[before:]] == ["piece", "piece"]
    wheres = [r["where"] for f in functions for r in f["rows"]]
    assert wheres == list(range(len(wheres)))
    subject.restore(begin)
    subject.run(10_000)
    assert [e.kind for e in subject.drain_events()].count("program_grew") == 0
    assert subject.listing()["functions"] == functions


def test_the_last_step_is_known_however_the_machine_came_there(machine: Make) -> None:
    source = "local s = 0\nfor i = 1, 50 do s = s + i end\nprint(s)"
    stepped, jumping = machine(source), machine(source)
    lasts = {0: stepped.view()["last"]}
    while not stepped.run(1).is_final:
        lasts[stepped.tick] = stepped.view()["last"]
    lasts[stepped.tick] = stepped.view()["last"]
    loop = next(r["where"] for f in jumping.listing()["functions"] for r in f["rows"] if r["op"] == "FORLOOP")
    jumping.set_breakpoints([loop])
    while True:
        stop = jumping.run(1000, breakpoints=True)
        assert jumping.view()["last"] == lasts[jumping.tick]
        if stop.is_final:
            break
        assert stop.reason == "breakpoint"
        assert jumping.where == loop
    assert jumping.tick == stepped.tick
    assert [e.kind for e in jumping.drain_events()] == ["output"]


def test_a_view_does_not_grow_with_the_heap(machine: Make) -> None:
    small, big = machine(CLOSURE), machine("local t = {} for i = 1, 20000 do t[i] = { i } end " + CLOSURE)
    small.run(150)
    big.run(120_000)
    assert len(json.dumps(big.view())) < 2 * len(json.dumps(small.view()))


def test_a_breakpoint_right_behind_a_call_that_waits_for_its_host_is_kept(machine: Make) -> None:
    subject = machine('local f = load("return 1")\nlocal g = f\nlocal s = ("x"):rep(100000)\nprint(s)\nlocal done = 1')
    rows = subject.listing()["functions"][0]["rows"]
    calls = [r["where"] + 1 for r in rows if r["op"] == "CALL"]
    subject.set_breakpoints(calls)
    met = []
    while not subject.run(1000, breakpoints=True).is_final:
        met.append(subject.where)
    assert met == calls


def test_after_an_uncaught_error_the_view_shows_what_it_unwound(machine: Make) -> None:
    text = "local t = {}\nlocal function f(n)\n  local m = n + 1\n  return t.x.y + m\nend\nf(41)\n"
    subject = machine(text)
    end = subject.run(1 << 30)
    assert end.reason == "fault"
    view = subject.view()
    inner, outer = view["threads"][0]["frames"][:2]
    assert view["unwound"] is True
    assert (view["tick"], view["next"]) == (end.tick, None)
    assert (inner["function"]["name"], inner["line"], outer["function"]["name"]) == ("f", 4, "main")
    assert [r["value"]["s"] for r in inner["registers"] if r["name"] in ("n", "m")] == ["41", "42"]
    # A checkpoint of this moment keeps it: from there nobody could go one step back.
    saved = subject.save()
    subject.restore(saved)
    assert subject.view() == view
    assert subject.tick == end.tick
    assert "unwound" not in machine(text).view()


DEEP = """local outer = 1
local function go(n)
  local mine = n
  local function inner() return mine + outer end
  if n == 0 then return inner() end
  return (go(n - 1)) + inner()
end
print(go(100))
"""


def test_an_open_upvalue_of_a_deep_stack_is_placed_in_the_frame_that_it_belongs_to(machine: Make) -> None:
    m = machine(DEEP)
    while m.depth < 90:
        m.run(1)
    view = m.view()
    frames = {frame["level"]: frame for frame in view["threads"][0]["frames"]}
    assert len(frames) < view["depth"]  # some in the middle are not shown
    found = set()
    for frame in frames.values():
        for upvalue in frame["upvalues"]:
            if upvalue["frame"] is not None:
                home = frames[upvalue["frame"]]
                assert upvalue["slot"] == home["base"] + upvalue["register"]
                assert home["registers"][upvalue["register"]]["name"] == upvalue["name"]
                found.add((upvalue["name"], upvalue["frame"]))
    assert ("outer", view["depth"] - 1) in found


def test_the_view_as_text_is_the_view(machine: Make) -> None:
    m = machine(DEEP)
    for _ in range(30):
        m.run(7)
        assert json.loads(m.view_json()) == m.view()
