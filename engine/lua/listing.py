"""Prototypes as listings: the text of `luac -l -l` byte for byte, and the rows that the page shows.

Functions are numbered in the order in which a loaded chunk's functions meet the machine: the main function, then each
nested one before its own nested ones. Instructions are numbered through the whole program (`where`): those of
function 0, then those of function 1, and so on; chunks that a program loads later go on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.lua.diagnostics import chunk_id
from engine.lua.numbers import to_text
from engine.lua.opcodes import EVENTS, OPCODES, Opcode
from engine.lua.proto import Constant, Proto
from engine.lua.symbolic import function_names
from engine.lua.verify import jump_target, operands

MAX_SHOWN = 200
"""Characters of a string constant that the page gets."""

_ESCAPES = {ord(c): f"\\{e}" for c, e in zip('"\\\a\b\f\n\r\t\v', '"\\abfnrtv', strict=True)}
_TYPE_LETTERS = {type(None): "N", bool: "B", int: "I", float: "F", bytes: "S"}
_CONSTANT_COMMENTS = {
    "LOADK": "Bx",
    "GETFIELD": "C",
    "EQK": "B",
    **{f"{name}K": "C" for name in ("ADD", "SUB", "MUL", "MOD", "POW", "DIV", "IDIV", "BAND", "BOR", "BXOR")},
}
_SUFFIXED_K = frozenset(("SETTABUP", "SETTABLE", "SETI", "SETFIELD", "SELF", "TAILCALL", "RETURN"))


@dataclass(frozen=True)
class PlacedProto:
    """A function with its number in the program, that of the function around it, and its first `where`."""

    proto: Proto
    id: int
    parent: int | None
    where: int


def place(main: Proto, first_id: int = 0, first_where: int = 0) -> list[PlacedProto]:
    """Number the functions of a chunk, in the order of the module's text."""
    placed: list[PlacedProto] = []
    where = first_where
    pending: list[tuple[Proto, int | None]] = [(main, None)]
    while pending:
        proto, parent = pending.pop()
        number = first_id + len(placed)
        placed.append(PlacedProto(proto, number, parent, where))
        where += len(proto.code)
        pending.extend((nested, number) for nested in reversed(proto.protos))
    return placed


# Text


def quote(text: bytes) -> str:
    """A string as luac shows it: quoted, everything that is not printable ASCII escaped."""
    return '"' + "".join(_ESCAPES.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03d}") for b in text) + '"'


def constant_text(value: Constant) -> str:
    """A constant as luac shows it."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quote(value) if isinstance(value, bytes) else to_text(value)


def _upvalue_name(proto: Proto, index: int) -> str:
    name = proto.upvalues[index].name
    return "-" if name is None else name.decode("utf-8", "surrogateescape")


def _arguments(row: Opcode, v: dict[str, int]) -> str:
    """The operands as luac prints them: a `k` behind the last one where it only marks a constant."""
    if row.name in _SUFFIXED_K:
        return f"{v['A']} {v['B']} {v['C']}" + "k" * v["k"]
    hidden = {"NEWTABLE": "k", "SETLIST": "k", "EQI": "C", "LTI": "C", "LEI": "C", "GTI": "C", "GEI": "C"}.get(row.name)
    return " ".join(str(value) for field, value in v.items() if field != hidden)


def _count(value: int) -> str:
    return "all" if value == 0 else str(value - 1)


def _comment(proto: Proto, pc: int, row: Opcode, v: dict[str, int], nested: Sequence[str]) -> str:
    """What luac prints behind the semicolon; empty for nothing. `nested`: what to call the nested functions."""
    name = row.name
    constants = proto.constants
    field = _CONSTANT_COMMENTS.get(name)
    if field:
        return constant_text(constants[v[field]])
    if name in ("GETUPVAL", "SETUPVAL"):
        return _upvalue_name(proto, v["B"])
    if name == "GETTABUP":
        return f"{_upvalue_name(proto, v['B'])} {constant_text(constants[v['C']])}"
    if name in ("SETTABUP", "SETFIELD", "SETTABLE", "SETI", "SELF"):
        parts = [_upvalue_name(proto, v["A"])] if name == "SETTABUP" else []
        if name in ("SETTABUP", "SETFIELD"):
            parts.append(constant_text(constants[v["B"]]))
        if v["k"]:
            parts.append(constant_text(constants[v["C"]]))
        return " ".join(parts)
    if row.is_fallback:
        parts = [f"__{EVENTS[v['C']]}"]
        if name == "MMBINK":
            parts.append(constant_text(constants[v["B"]]))
        if v.get("k"):
            parts.append("flip")
        return " ".join(parts)
    target = jump_target(pc, proto.code[pc], row)
    if target is not None:
        return f"{'exit to' if name == 'FORPREP' else 'to'} {target + 1}"
    return _call_comment(proto, pc, name, v, nested)


def _call_comment(proto: Proto, pc: int, name: str, v: dict[str, int], nested: Sequence[str]) -> str:
    """`_comment` for what deals in numbers of values, and the rest."""
    if name == "CALL":
        return f"{_count(v['B'])} in {_count(v['C'])} out"
    if name == "TAILCALL":
        return f"{v['B'] - 1} in"
    if name == "RETURN":
        return f"{_count(v['B'])} out"
    if name == "VARARG":
        return f"{_count(v['C'])} out"
    if name == "LOADNIL":
        return f"{v['B'] + 1} out"
    if name == "LOADKX":
        return constant_text(proto.constants[proto.code[pc + 1] >> 7])
    if name == "NEWTABLE" or (name == "SETLIST" and v["k"]):
        return str(v["C"] + (proto.code[pc + 1] >> 7) * 256)
    return nested[v["Bx"]] if name == "CLOSURE" else ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _header(placed: PlacedProto, address: str) -> list[str]:
    proto = placed.proto
    source = b"=?" if proto.source is None else proto.source
    if source[:1] in (b"@", b"="):
        shown = source[1:].decode("utf-8", "surrogateescape")
    else:
        shown = "(bstring)" if source[:1] == b"\x1b" else "(string)"
    kind = "function" if proto.line_defined else "main"
    instructions = _plural(len(proto.code), "instruction")
    parameters = f"{proto.parameters}{'+' if proto.is_vararg else ''} param{'' if proto.parameters == 1 else 's'}"
    counts = (
        (proto.max_stack, "slot"),
        (len(proto.upvalues), "upvalue"),
        (len(proto.locals), "local"),
        (len(proto.constants), "constant"),
        (len(proto.protos), "function"),
    )
    return [
        "",
        f"{kind} <{shown}:{proto.line_defined},{proto.last_line}> ({instructions} at {address})",
        ", ".join([parameters, *(_plural(count, noun) for count, noun in counts)]),
    ]


def _code_lines(proto: Proto, nested: Sequence[str]) -> Iterable[str]:
    for pc, (word, line) in enumerate(zip(proto.code, proto.lines(), strict=True)):
        row = OPCODES[word & 0x7F]
        v = operands(word, row)
        comment = _comment(proto, pc, row, v, nested)
        text = f"\t{pc + 1}\t[{line if line and line > 0 else '-'}]\t{row.name:<9}\t{_arguments(row, v)}"
        yield f"{text}\t; {comment}" if comment or _always_comments(row) else text


def _always_comments(row: Opcode) -> bool:
    """An upvalue without a name leaves an empty comment behind, but a comment."""
    return row.name in ("GETUPVAL", "SETUPVAL")


def _debug_lines(proto: Proto, address: str) -> Iterable[str]:
    yield f"constants ({len(proto.constants)}) for {address}:"
    for number, value in enumerate(proto.constants):
        yield f"\t{number}\t{_TYPE_LETTERS[type(value)]}\t{constant_text(value)}"
    yield f"locals ({len(proto.locals)}) for {address}:"
    for number, local in enumerate(proto.locals):
        name = (local.name or b"").decode("utf-8", "surrogateescape")
        yield f"\t{number}\t{name}\t{local.start + 1}\t{local.end + 1}"
    yield f"upvalues ({len(proto.upvalues)}) for {address}:"
    for number, upvalue in enumerate(proto.upvalues):
        yield f"\t{number}\t{_upvalue_name(proto, number)}\t{int(upvalue.in_stack)}\t{upvalue.index}"


def list_text(main: Proto) -> str:
    """What `luac -l -l` prints. Addresses are made up from the functions' numbers, so the text is always the same.

    Bytes of names and file names that are not UTF-8 come out as surrogates: write it with `errors="surrogateescape"`.
    """
    placed = place(main)
    addresses = {id(p.proto): f"0x{0x1000 + 0x100 * p.id:012x}" for p in placed}
    lines: list[str] = []
    for p in placed:
        address = addresses[id(p.proto)]
        lines += _header(p, address)
        lines += _code_lines(p.proto, [addresses[id(nested)] for nested in p.proto.protos])
        lines += _debug_lines(p.proto, address)
    return "\n".join(lines) + "\n"


# Rows for the page


def constant_value(value: Constant) -> dict[str, str]:
    """A constant as the value shape of docs/views.md."""
    kinds = {type(None): "nil", bool: "boolean", int: "integer", float: "float", bytes: "string"}
    if not isinstance(value, bytes):
        return {"t": kinds[type(value)], "s": constant_text(value)}
    try:
        text = value.decode()
    except UnicodeDecodeError:
        shown = quote(value)
    else:
        shown = '"' + "".join(_ESCAPES.get(ord(c)) or (c if c.isprintable() else _escaped(c)) for c in text) + '"'
    return {"t": "string", "s": shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"}


def _escaped(character: str) -> str:
    return "".join(f"\\{b:03d}" for b in character.encode())


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def listing_json(main: Proto, first_id: int = 0, first_where: int = 0) -> list[dict[str, Any]]:
    """The functions of one chunk as docs/views.md has them (Lua listing, `functions`), in order of their numbers."""
    placed = place(main, first_id, first_where)
    names = {placed[0].id: "main"}
    ids = {id(p.proto): p.id for p in placed}
    rows = []
    for p in placed:
        children = [name or _anonymous(c) for c, name in zip(p.proto.protos, function_names(p.proto), strict=True)]
        names |= {ids[id(child)]: name for child, name in zip(p.proto.protos, children, strict=True)}
        rows.append(_function_json(p, names[p.id], children))
    return rows


def _file(proto: Proto) -> str:
    return chunk_id(b"=?" if proto.source is None else proto.source).decode("utf-8", "replace")


def _anonymous(proto: Proto) -> str:
    return f"function <{_file(proto)}:{proto.line_defined}>"


def _function_json(placed: PlacedProto, name: str, children: Sequence[str]) -> dict[str, Any]:
    proto = placed.proto
    rows = []
    for pc, (word, line) in enumerate(zip(proto.code, proto.lines(), strict=True)):
        row = OPCODES[word & 0x7F]
        values = operands(word, row)
        target = jump_target(pc, word, row)
        rows.append(
            {
                "where": placed.where + pc,
                "pc": pc + 1,
                "line": line,
                "op": row.name,
                "args": _arguments(row, values),
                "comment": _comment(proto, pc, row, values, children),
                "word": f"0x{word:08x}",
                "jump": None if target is None else target + 1,
            }
        )
    return {
        "id": placed.id,
        "name": name,
        # As the program's files are named: package.path finds `greet.lua` as `./greet.lua`.
        "file": _file(proto).removeprefix("./"),
        "line_defined": proto.line_defined,
        "last_line": proto.last_line,
        "params": proto.parameters,
        "vararg": proto.is_vararg,
        "slots": proto.max_stack,
        "parent": placed.parent,
        "upvalues": [{"name": _text(u.name), "instack": u.in_stack, "idx": u.index} for u in proto.upvalues],
        "locals": [{"name": _text(v.name), "start": v.start + 1, "end": v.end + 1} for v in proto.locals],
        "constants": [constant_value(value) for value in proto.constants],
        "rows": rows,
    }
