"""The functions of a running program by number: their listing, their names, what a row means."""

from __future__ import annotations

import json
import struct
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.lua.listing import listing_json
from engine.lua.proto import Constant, LocalInfo, Proto, UpvalueInfo
from engine.lua.symbolic import register_names

#: A program that loads more instructions than this goes on, but the listing does not grow any more.
MAX_ROWS = 400_000
#: Which registers have a value before each instruction of a function: their numbers as bits, and the register from
#: which on everything up to the top of the stack has one, or None.
RegistersInUse = Callable[[Proto], Sequence[tuple[int, int | None]]]


class Functions:
    """Grows while the program loads code. Numbers and rows are those of docs/views.md (`proto`, `where`)."""

    def __init__(self, natives: Sequence[str], registers_in_use: RegistersInUse | None = None) -> None:
        self.natives = list(natives)
        self._registers_in_use = registers_in_use
        self._functions: dict[int, dict[str, Any]] = {}
        self._protos: dict[int, Proto] = {}
        self._firsts: list[int] = []  # first row of each function, ascending: functions come in order of their rows
        self._by_first: list[int] = []  # and their numbers
        self._rows = 0
        self._register_names: dict[tuple[int, int], list[str | None]] = {}
        self._c_names: tuple[int, Any, list[Any]] | None = None
        self.count = 0

    def add(self, main: Proto, first_id: int) -> bool:
        """Take in a chunk whose main function gets number `first_id`. False if it is known already, or too much."""
        if first_id < self.count:
            if self._protos.get(first_id) == main or first_id not in self._protos:
                return False
            self._forget_from(first_id)  # the run took another way than the one that was known
        protos = list(main.preorder())
        if first_id > self.count or self._rows > MAX_ROWS:
            self.count = first_id + len(protos)
            self._rows += sum(len(p.code) for p in protos)
            return False
        for proto, function in zip(protos, listing_json(main, first_id, self._rows), strict=True):
            number = function["id"]
            if self._registers_in_use is not None:
                add_live(function["rows"], self._registers_in_use(proto))
            self._functions[number] = function
            self._protos[number] = proto
            self._firsts.append(self._rows)
            self._by_first.append(number)
            self._rows += len(proto.code)
        self.count = first_id + len(protos)
        return True

    def _forget_from(self, number: int) -> None:
        keep = bisect_right(self._by_first, number - 1)
        if keep < len(self._firsts):
            self._rows = self._firsts[keep]
        del self._firsts[keep:], self._by_first[keep:]
        for gone in [n for n in self._functions if n >= number]:
            del self._functions[gone], self._protos[gone]
        self._register_names.clear()
        self._c_names = None
        self.count = number

    def add_raw(self, raw: Sequence[Mapping[str, Any]]) -> None:
        """Take in functions as `inspect_functions` describes them; what a refused chunk used up stays empty."""
        by_id = {f["id"]: f for f in raw}
        nested = {child for f in raw for child in f["protos"]}
        for number in sorted(by_id):
            if number >= self.count and number not in nested:
                proto = _proto(by_id[number], by_id)
                if number > self.count and self._rows <= MAX_ROWS:
                    self.count, self._rows = number, by_id[number]["where"]
                if proto is None or not self.add(proto, number):
                    return

    def function(self, number: int) -> dict[str, Any] | None:
        """The listing of one function, None if it is not known."""
        return self._functions.get(number)

    def name(self, number: int) -> str:
        """What a function is called."""
        function = self._functions.get(number)
        return function["name"] if function else "function"

    def locals_at(self, number: int, pc: int) -> list[str | None]:
        """The variable in each register of function `number` before instruction `pc` (from 1)."""
        key = (number, pc)
        names = self._register_names.get(key)
        if names is None:
            proto = self._protos.get(number)
            names = register_names(proto, pc - 1) if proto else []
            if len(self._register_names) > 4096:
                self._register_names.clear()
            self._register_names[key] = names
        return names

    def row(self, where: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """(function, row) of a `where`; None if it is not in the listing."""
        at = bisect_right(self._firsts, where) - 1
        if at < 0:
            return None
        function = self._functions[self._by_first[at]]
        index = where - self._firsts[at]
        return (function, function["rows"][index]) if index < len(function["rows"]) else None

    def listing(self) -> dict[str, Any]:
        """The whole listing; docs/views.md, "Lua"."""
        functions = [self._functions[n] for n in self._by_first]
        return {"machine": "lua", "natives": self.natives, "functions": functions}

    def c_names(self, ffi: Any) -> tuple[Any, int]:  # noqa: ANN401 - cffi
        """(`const char *const *`, count): the functions' names as the C side puts them between JSON quotes."""
        if self._c_names is None or self._c_names[0] != len(self._functions):
            texts = []
            for number in range(max(self._functions, default=-1) + 1):
                texts.append(ffi.new("char[]", json.dumps(self.name(number))[1:-1].encode()))
            self._c_names = (len(self._functions), ffi.new("const char *[]", texts), texts)
        return self._c_names[1], len(self._c_names[2])


def _constant(raw: Any) -> Constant:  # noqa: ANN401 - JSON data
    if not isinstance(raw, list):
        return raw  # type: ignore[no-any-return]
    kind, text = raw
    if kind == "s":
        return bytes.fromhex(text)
    return int(text) if kind == "i" else float(struct.unpack("<d", struct.pack("<q", int(text)))[0])


def _bytes(raw: str | None) -> bytes | None:
    return None if raw is None else bytes.fromhex(raw)


def _proto(raw: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> Proto | None:
    """A function with its nested ones out of `inspect_functions`; None if one of them is missing."""
    nested = [_proto(by_id[n], by_id) if n in by_id else None for n in raw["protos"]]
    if None in nested:
        return None
    return Proto(
        source=_bytes(raw["source"]),
        line_defined=raw["line_defined"],
        last_line=raw["last_line"],
        parameters=raw["parameters"],
        is_vararg=raw["is_vararg"],
        max_stack=raw["max_stack"],
        code=raw["code"],
        constants=[_constant(c) for c in raw["constants"]],
        upvalues=[UpvalueInfo(_bytes(u["name"]), u["in_stack"], u["index"], u["kind"]) for u in raw["upvalues"]],
        protos=[p for p in nested if p is not None],
        line_info=raw["line_info"],
        absolute_lines=[(pc, line) for pc, line in raw["absolute_lines"]],
        locals=[LocalInfo(_bytes(v["name"]), v["start"], v["end"]) for v in raw["locals"]],
    )


def add_live(rows: Sequence[dict[str, Any]], in_use: Sequence[tuple[int, int | None]]) -> None:
    """Give rows of a listing `live` (where it differs from the row before) and `open` of docs/views.md."""
    before = -1
    for row, (bits, first_open) in zip(rows, in_use, strict=True):
        if bits != before:
            row["live"] = bit_ranges(bits)
        if first_open is not None:
            row["open"] = first_open
        before = bits


def bit_ranges(bits: int) -> str:
    """The set bits as ranges: `0-3 7`."""
    parts, at = [], 0
    while bits >> at:
        if bits >> at & 1:
            end = at
            while bits >> end + 1 & 1:
                end += 1
            parts.append(str(at) if end == at else f"{at}-{end}")
            at = end
        at += 1
    return " ".join(parts)
