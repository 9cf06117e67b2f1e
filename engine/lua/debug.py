"""The Lua machine as debuggers see it: coroutines, frames with locals, upvalues and registers, tables page by page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.debugview import DebugView, Fact, Facts, Frame, Inside, Scope, Thread, Variable
from engine.errors import CommandError
from engine.lua.machine import LuaMachine

_QUOTED_NAME = re.compile(r'"([A-Za-z_][A-Za-z0-9_]*)"')
#: Most entries of a table that one look into the machine brings.
_PAGE = 4096

Json = Mapping[str, Any]


class LuaDebugView(DebugView):
    """Reads the machine's view once for each tick."""

    machine: LuaMachine

    def __init__(self, machine: LuaMachine) -> None:
        super().__init__(machine)
        self._seen: tuple[tuple[int, int | None], Json] | None = None

    def forget(self) -> None:
        """The machine was changed at its tick: what was seen of it is out of date."""
        self._seen = None

    def _view(self) -> Json:
        now = (self.machine.tick, self.machine.where)
        if self._seen is None or self._seen[0] != now:
            self._seen = (now, self.machine.view())
        return self._seen[1]

    def _thread(self, number: int) -> Json:
        found: Json | None = next((t for t in self._view()["threads"] if t["id"] == number), None)
        if found is None:
            raise CommandError(f"there is no coroutine #{number} at tick {self.machine.tick}")
        return found

    def _page(self, thread: int, level: int) -> Sequence[Json]:
        """Frames of a coroutine, that of `level` among them unless there is none."""
        frames: Sequence[Json] = self._thread(thread)["frames"]
        if any(f["level"] == level for f in frames) or level >= self.depth(thread):
            return frames
        deeper: Sequence[Json] = self.machine.inspect({"kind": "thread", "id": thread, "offset": level})["frames"]
        return deeper

    def _frame(self, thread: int, level: int) -> Json:
        found = next((f for f in self._page(thread, level) if f["level"] == level), None)
        if found is None:
            raise CommandError(f"coroutine #{thread} has no frame {level} at tick {self.machine.tick}")
        return found

    # -- threads, frames, scopes -------------------------------------------------------------------------------------

    def threads(self) -> list[Thread]:
        """The coroutines that live, the running one first."""
        view = self._view()
        threads = sorted(view["threads"], key=lambda t: t["id"] != view["thread"])
        return [
            Thread(t["id"], t["name"] if t["name"] == "main" else f"{t['name']} #{t['id']}", t["status"])
            for t in threads
            if t["status"] != "dead"
        ]

    def depth(self, thread: int) -> int:
        """Calls in progress; the outermost one is always shown, and knows its level."""
        frames: Sequence[Json] = self._thread(thread)["frames"]
        return int(frames[-1]["level"]) + 1 if frames else 0

    def frames(self, thread: int, start: int, count: int) -> list[Frame]:
        """The calls in progress; a built-in function has no row."""
        found: list[Frame] = []
        end = min(start + count, self.depth(thread))
        while start + len(found) < end:
            level = start + len(found)
            by_level = {f["level"]: f for f in self._page(thread, level)}
            while level < end and level in by_level:
                frame = by_level[level]
                found.append(Frame(frame["function"]["name"], self._row(frame)))
                level += 1
        return found

    def _row(self, frame: Json) -> int | None:
        function = self.machine.functions.function(frame["function"]["proto"]) if frame["kind"] == "lua" else None
        rows = function["rows"] if function else []
        pc = frame["pc"]
        return rows[pc - 1]["where"] if pc and pc <= len(rows) else None

    def scopes(self, thread: int, level: int) -> list[Scope]:
        """Locals, varargs, upvalues, constants, registers, globals."""
        frame = self._frame(thread, level)
        if frame["kind"] != "lua":
            return []
        named = sum(1 for r in frame["registers"] if r["name"])
        found = [Scope("Locals", ("locals", thread, level), "locals", named)]
        if frame["varargs"]:
            found.append(Scope("Varargs", ("varargs", thread, level), "", len(frame["varargs"])))
        if frame["upvalues"]:
            found.append(Scope("Upvalues", ("upvalues", thread, level), "", len(frame["upvalues"])))
        world = self._globals(thread, level)
        if world is not None:
            found.append(Scope("Globals", ("table", world), "", self._size(world)))
        constants = self._constants(frame)
        if constants:
            found.append(Scope("Constants", ("constants", thread, level), "", len(constants)))
        found.append(Scope("Registers", ("registers", thread, level), "registers", len(frame["registers"])))
        return found

    def _globals(self, thread: int, level: int) -> int | None:
        """The table that global names are looked up in: that of this function or, if it uses none, of a caller."""
        for frame in (f for f in self._thread(thread)["frames"] if f["level"] >= level):
            for place in (*frame["upvalues"], *reversed(frame["registers"])):
                if place["name"] == "_ENV" and place["value"]["t"] == "table":
                    return int(place["value"]["id"])
        return None

    def _constants(self, frame: Json) -> Sequence[Json]:
        function = self.machine.functions.function(frame["function"]["proto"])
        return function["constants"] if function else ()

    # -- variables ---------------------------------------------------------------------------------------------------

    def variables(self, inside: Inside, start: int = 0, count: int | None = None) -> list[Variable]:
        """The entries of a scope, table or function. A table's array part comes first, then its hash part."""
        match inside:
            case ("table", int(number)):
                return self._entries(number, start, count)
            case ("function", int(number)):
                upvalues = self.machine.inspect({"kind": "function", "id": number})["upvalues"]
                found = [self._variable(u["name"] or "?", u["value"], _upvalue(u)) for u in upvalues]
            case (str(kind), int(thread), int(level)):
                found = self._in_frame(kind, self._frame(thread, level), thread)
            case _:
                raise CommandError(f"there is nothing inside {inside[0]}")
        return found[start:] if count is None else found[start : start + count]

    def facts(self) -> list[Facts]:
        """Registers with the names of locals, upvalues as open or closed; of the innermost Lua function."""
        frames = next((t["frames"] for t in self._view()["threads"] if t["id"] == self._view()["thread"]), ())
        frame = next((f for f in frames if f["kind"] == "lua"), None)
        if frame is None:
            return []
        registers = tuple(
            Fact(f"R{r['index']}", _text(r["value"]), _label(r["name"]), "open" if r["upvalue"] else "")
            for r in frame["registers"]
        )
        upvalues = tuple(
            Fact(u["name"] or f"U{u['index']}", _text(u["value"]), "", "open" if u["open"] else "closed")
            for u in frame["upvalues"]
        )
        return [Facts("Registers", registers), Facts("Upvalues", upvalues)]

    def _in_frame(self, kind: str, frame: Json, thread: int) -> list[Variable]:
        def slot(register: Json) -> Json:
            return {"kind": "slot", "thread": thread, "slot": register["slot"]}

        if kind in ("locals", "registers"):
            call = (thread, self.depth(thread) - frame["level"])
            shown = [r for r in frame["registers"] if r["name"] or kind == "registers"]
            names = [r["name"] if kind == "locals" else f"R{r['index']}" for r in shown]
            found = (self._variable(name, r["value"], slot(r)) for name, r in zip(names, shown, strict=True))
            return [replace(variable, call=call) for variable in found]
        if kind == "upvalues":
            return [self._variable(u["name"] or f"U{u['index']}", u["value"], _upvalue(u)) for u in frame["upvalues"]]
        if kind == "varargs":
            return [self._variable(f"...{n}", value) for n, value in enumerate(frame["varargs"], 1)]
        return [self._variable(f"K{n}", value) for n, value in enumerate(self._constants(frame))]

    def _variable(self, name: str, value: Json, target: Mapping[str, Any] | None = None) -> Variable:
        kind, number, text = value["t"], value.get("id"), _text(value)
        if kind == "table" and number is not None:
            return Variable(name, text, kind, ("table", number), self._size(number), target=target)
        if kind == "function" and number is not None:
            return Variable(name, text, kind, ("function", number), 1, target=target)
        return Variable(name, text, kind, target=target)

    def _table(self, number: int, offset: int, limit: int) -> Json:
        return self.machine.inspect({"kind": "table", "id": number, "offset": offset, "limit": limit})

    def _size(self, number: int) -> int:
        """Variables that `_entries` has for a table: slots of the array part, entries of the hash part, metatable."""
        table = self._table(number, 0, 1)
        in_array = table["array_size"]
        # `entries` leaves out the array's empty slots: this may say a few too many, never too few.
        return int(in_array + min(table["entries"], table["hash_size"]) + (table["metatable"] is not None))

    def _entries(self, number: int, start: int, count: int | None) -> list[Variable]:
        """Empty slots of the array part are shown as nil: numbers of entries must not depend on what is in them."""
        first = self._table(number, 0, 1)
        found: list[Variable] = []
        at, lacks_metatable = start, first["metatable"] is None
        if not lacks_metatable:  # it comes before everything else
            if start == 0:
                found.append(self._variable("(metatable)", {"t": "table", "s": "table", "id": first["metatable"]}))
            at = max(0, start - 1)
        while count is None or len(found) < count:
            limit = _PAGE if count is None else min(_PAGE, count - len(found))
            page = self._table(number, at, limit)
            size = page["array_size"]
            found += [
                self._variable(f"[{at + n}]", value, {"kind": "field", "table": number, "key": at + n})
                for n, value in enumerate(page["array"], 1)
            ]
            found += [
                self._variable(_key(key), value, {"kind": "field", "table": number, "key": dict(key)})
                for key, value in page["hash"]
            ]
            at += len(page["array"]) + len(page["hash"])
            if not page["more"] or (at >= size and not page["hash"] and not page["array"]):
                break
        return found


def _upvalue(shown: Json) -> Json:
    return {"kind": "upvalue", "id": shown["id"]}


def _text(value: Json) -> str:
    """A value ready to show, with the number of what it refers to."""
    number = value.get("id")
    return str(value["s"]) if number is None or value["t"] == "native" else f"{value['s']} #{number}"


def _label(name: str | None) -> str:
    """The name of a local variable; hidden ones have none."""
    return name if name and not name.startswith("(") else ""


def _key(key: Json) -> str:
    """A key as one writes it: a bare name, or in brackets."""
    name = _QUOTED_NAME.fullmatch(key["s"]) if key["t"] == "string" else None
    if name:
        return name.group(1)
    return f"[{key['s']} #{key['id']}]" if "id" in key else f"[{key['s']}]"
