"""From the core's raw facts to the view of docs/views.md: local names, function names, where an open upvalue lives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engine.lua.functions import Functions

Json = dict[str, Any]


def parse(text: bytes) -> Any:  # noqa: ANN401 - JSON data
    """The JSON that the C side wrote."""
    return json.loads(text)


def view(raw: Json, functions: Functions, *, tick: int, last: int | None, where: int | None) -> Json:
    """The whole view. `last`: row of the last executed instruction; `where`: row of the next one."""
    threads = [_thread(t, functions) for t in raw["threads"]]
    _place_upvalues(threads)
    running = next(t for t in threads if t["id"] == raw["thread"])
    heap = raw["heap"]
    names = _table_names(running)
    for table in heap["tables"]:
        table["name"] = names.get(table["id"])
    for function in heap["functions"]:
        function["name"] = functions.name(function["proto"])
    return {
        "tick": tick,
        "last": None if last is None else {"where": last},
        "next": None if where is None else {"where": where},
        "depth": next(t["depth"] for t in raw["threads"] if t["id"] == raw["thread"]),
        "thread": raw["thread"],
        "threads": threads,
        "heap": heap,
        "memory": raw["memory"],
    }


def inspected(kind: str, raw: Json, functions: Functions) -> Json:
    """The answer to an `inspect` query."""
    if kind == "thread":
        thread = _thread(raw, functions)
        _place_upvalues([thread])
        return thread
    if kind == "function":
        raw["name"] = functions.name(raw["proto"])
    return raw


def _thread(raw: Json, functions: Functions) -> Json:
    body = raw["body"]
    name = "main" if raw["main"] else body["s"] if body else "coroutine"
    frames = [_frame(f, functions) for f in raw["frames"]]
    if raw["main"] and frames and frames[-1]["kind"] == "native":
        frames[-1]["kind"] = "host"
    return {"id": raw["id"], "status": raw["status"], "name": name, "frames": frames}


def _call_name(raw: Json) -> str | None:
    """What the calling instruction calls the function."""
    name: str | None = raw.get("called")
    if name and raw.get("calledwhat") == "metamethod":
        return f"__{name}"
    return name


def _frame(raw: Json, functions: Functions) -> Json:
    if raw["kind"] == "native":
        native = raw["native"]
        return {
            "level": raw["level"],
            "kind": "native",
            "function": {"id": native.get("id"), "name": native["s"], "proto": None},
            "base": raw["base"],
            "pc": None,
            "line": None,
            "wants": raw["wants"],
            "tail": raw["tail"],
            "varargs": [],
            "registers": [],
            "upvalues": [],
        }
    number, pc = raw["proto"], raw["pc"]
    function = functions.function(number)
    names = functions.locals_at(number, pc)
    registers = raw["registers"]
    for register in registers:
        index = register["index"]
        register["name"] = names[index] if index < len(names) else None
    upvalues = raw["upvalues"]
    for upvalue in upvalues:
        upvalue["frame"] = upvalue["register"] = None
    rows = function["rows"] if function else []
    return {
        "level": raw["level"],
        "kind": "lua",
        "function": {"id": raw["id"], "name": _function_name(raw, function), "proto": number},
        "base": raw["base"],
        "pc": pc,
        "line": rows[pc - 1]["line"] if 0 < pc <= len(rows) else None,
        "wants": raw["wants"],
        "tail": raw["tail"],
        "varargs": raw["varargs"],
        "registers": registers,
        "upvalues": upvalues,
    }


def _function_name(raw: Json, function: Json | None) -> str:
    """The name it was declared with; for one without a name, what its caller calls it."""
    declared = function["name"] if function else "function"
    if declared.startswith("function <"):
        return _call_name(raw) or declared
    return str(declared)


def _place_upvalues(threads: Iterable[Json]) -> None:
    """Say of each open upvalue in which frame and register it lives."""
    places: dict[int, list[tuple[int, int]]] = {}
    for thread in threads:
        # Innermost first: where frames overlap, a slot belongs to the inner one.
        places[thread["id"]] = [(f["base"], f["level"]) for f in thread["frames"] if f["kind"] == "lua"]
    for thread in threads:
        for frame in thread["frames"]:
            for upvalue in frame["upvalues"]:
                if not upvalue["open"]:
                    continue
                for base, level in places.get(upvalue["thread"], ()):
                    if base <= upvalue["slot"]:
                        upvalue["frame"], upvalue["register"] = level, upvalue["slot"] - base
                        break


def _table_names(thread: Json) -> dict[int, str]:
    """Names of tables: of the local variable or upvalue through which the thread's frames reach them."""
    names: dict[int, str] = {}
    for frame in thread["frames"]:
        for upvalue in frame["upvalues"]:
            value = upvalue["value"]
            if value["t"] == "table" and upvalue["name"]:
                names.setdefault(value["id"], "_G" if upvalue["name"] == "_ENV" else upvalue["name"])
        for register in frame["registers"]:
            value, name = register["value"], register["name"]
            if value["t"] == "table" and name and not name.startswith("("):
                names.setdefault(value["id"], name)
    return names
