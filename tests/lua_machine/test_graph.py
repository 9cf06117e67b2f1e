"""The heap around an object: what it refers to and what refers to it, in pages, with bounds."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import CommandError
from engine.lua.machine import LuaMachine
from tests.lua_machine.programs import machine_for

PROGRAM = """
local center, other = {}, {}
local meta = {__index = other}
center[1], center.name, center.self = other, {}, center
center[other] = true
setmetatable(center, meta)
other.back = center
local function reader() return center, other end
local co = coroutine.create(function(...) local mine = center; coroutine.yield(mine) end)
coroutine.resume(co)
center.reader, center.co, center.print = reader, co, print
"""


def ended(text: str) -> LuaMachine:
    """Just before the program's last instruction, so that its frame is there."""
    machine = machine_for(text)
    while machine.where is not None:
        machine.run(1)
    end = machine.tick
    machine = machine_for(text)
    machine.run(end - 1)
    return machine


def local(machine: LuaMachine, name: str) -> int:
    registers = machine.view()["threads"][0]["frames"][0]["registers"]
    return int(next(r["value"]["id"] for r in registers if r["name"] == name))


def edges(graph: dict[str, Any]) -> set[tuple[str, str, str, Any]]:
    def named(node: dict[str, Any]) -> str:
        return f"{node['kind']} {node['id']}"

    nodes = graph["nodes"]
    found = set()
    for edge in graph["edges"]:
        what = edge.get("key", {}).get("s") or edge.get("name") or edge.get("level", edge.get("slot"))
        found.add((named(nodes[edge["from"]]), named(nodes[edge["to"]]), edge["role"], what))
    return found


def test_a_graph_has_every_reference_from_and_to_the_object() -> None:
    machine = ended(PROGRAM)
    ids = {name: local(machine, name) for name in ("center", "other", "meta", "reader", "co")}
    center, other = f"table {ids['center']}", f"table {ids['other']}"
    graph = machine.inspect({"kind": "graph", "of": "table", "id": ids["center"]})
    assert (graph["nodes"][0]["kind"], graph["nodes"][0]["distance"]) == ("table", 0)
    assert (graph["next"], graph["more_referrers"]) == (None, False)
    found = edges(graph)
    name = next(to for _, to, role, what in found if (role, what) == ("field", '"name"'))
    outgoing = {
        (center, f"table {ids['meta']}", "metatable", None),
        (center, other, "field", "1"),
        (center, name, "field", '"name"'),
        (center, center, "field", '"self"'),
        (center, other, "key", None),
        (center, f"function {ids['reader']}", "field", '"reader"'),
        (center, f"thread {ids['co']}", "field", '"co"'),
    }
    assert {edge for edge in found if edge[0] == center} == outgoing
    incoming = {(owner, role, what) for owner, to, role, what in found if to == center and owner != center}
    assert (other, "field", '"back"') in incoming
    roles = {(owner.split()[0], role) for owner, role, _ in incoming}
    assert roles == {("table", "field"), ("thread", "register"), ("upvalue", "value")}
    assert all(node["distance"] in (-1, 0, 1) for node in graph["nodes"])
    machine.close()


def test_farther_objects_come_with_depth_and_functions_with_names() -> None:
    machine = ended(PROGRAM)
    center = local(machine, "center")
    graph = machine.inspect({"kind": "graph", "of": "table", "id": center, "depth": 3, "referrers": 0})
    assert min(node["distance"] for node in graph["nodes"] if node["kind"] == "upvalue") == 2
    assert max(node["distance"] for node in graph["nodes"]) == 3
    assert {n["name"] for n in graph["nodes"] if n["kind"] == "function"} >= {"reader"}
    assert ("upvalue", "center") in {(role, what) for _, _, role, what in edges(graph)}
    assert not any(node["distance"] < 0 for node in graph["nodes"])
    function = local(machine, "reader")
    graph = machine.inspect({"kind": "graph", "of": "function", "id": function})
    assert {(role, what) for owner, _, role, what in edges(graph) if owner == f"function {function}"} == {
        ("upvalue", "center"),
        ("upvalue", "other"),
    }
    machine.close()


def test_many_references_come_in_pages_and_within_bounds() -> None:
    machine = ended("local center, shared = {}, {}; for i = 1, 1000 do center[i] = {shared} end; local last = 1")
    center, shared = local(machine, "center"), local(machine, "shared")
    query = {"kind": "graph", "of": "table", "id": center, "limit": 100, "referrers": 0}
    offset: int | None = 0
    keys: list[int] = []
    while offset is not None:
        graph = machine.inspect({**query, "offset": offset, "depth": 2})
        assert len(graph["nodes"]) <= 100
        assert len(graph["edges"]) <= 400
        keys += [int(edge["key"]["s"]) for edge in graph["edges"] if edge["from"] == 0]
        assert offset in (0, *range(99, 1000, 99))
        offset = graph["next"]
    assert keys == list(range(1, 1001))
    graph = machine.inspect({"kind": "graph", "of": "table", "id": shared, "referrers": 20})
    assert graph["more_referrers"]
    assert len(graph["edges"]) == 20
    assert {node["distance"] for node in graph["nodes"][1:]} == {-1}
    machine.close()


def test_a_referrer_that_is_near_is_one_node_with_each_of_its_references_once() -> None:
    machine = ended("local a = {}; local b = {a, a, x = a}; a.b = b; for i = 4, 60 do b[i] = a end; local last = 1")
    a = local(machine, "a")
    for depth in (1, 2, 3):
        graph = machine.inspect({"kind": "graph", "of": "table", "id": a, "depth": depth, "referrers": 256})
        back = [(edge["role"], edge["key"]["s"]) for edge in graph["edges"] if edge["to"] == 0 and "key" in edge]
        assert len(back) == len(set(back)) == 60, depth
        assert len({(node["kind"], node["id"]) for node in graph["nodes"]}) == len(graph["nodes"])
    machine.close()


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "graph", "of": "graph", "id": 1},
        {"kind": "graph", "of": "table", "id": 99_999},
        {"kind": "graph", "of": "table", "id": 1, "depth": 0},
        {"kind": "graph", "of": "table", "id": 1, "limit": 100_000},
        {"kind": "graph", "of": "table", "id": 1, "offset": -1},
        {"kind": "graph", "of": "table", "id": 1, "referrers": "all"},
        {"kind": "graph", "of": "table"},
    ],
)
def test_a_bad_query_is_refused(query: dict[str, Any]) -> None:
    machine = machine_for("local t = {}")
    with pytest.raises(CommandError):
        machine.inspect(query)
    machine.close()
