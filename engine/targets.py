"""What can be written to, as commands name it: from there to the patterns of a search, and from hits back to JSON.

A target is `{"kind": a WriteKind's word, …}`; docs/views.md, "Targets and hits", has the table.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.errors import CommandError
from engine.machine import Machine, Plain
from engine.timeline import Hit, Pattern, Search, Timeline, Value
from engine.timeline.timeline import Poll
from engine.trace import ValueTag, WriteKind

MAX_NUMBER = (1 << 64) - 1
MAX_LENGTH = 1 << 20
#: A string's text in a view is at most so long; a longer one ends with this sign.
CUT = "…"
MAX_TEXT = 60_000
_REFERENCES = {tag.name.lower(): tag for tag in ValueTag if ValueTag.TABLE <= tag <= ValueTag.USERDATA}
_BIT_SIZES = {ValueTag.BITS8: 2, ValueTag.BITS16: 4, ValueTag.BITS32: 8, ValueTag.BITS64: 16}
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|([0-9]{1,3})|u\{([0-9a-fA-F]+)\}|(.))", re.DOTALL)
_SIMPLE = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def number(target: Mapping[str, Any], name: str, most: int = MAX_NUMBER, default: int | None = None) -> int:
    """A whole number of a target; CommandError if it is none."""
    value = target.get(name, default)
    if type(value) is not int or not 0 <= value <= most:
        raise CommandError(f"a target of kind {str(target.get('kind'))[:20]!r} takes a number `{name}`")
    return value


def pattern_of(target: Mapping[str, Any], machine: Machine) -> Pattern:
    """The pattern of every write to `target`; of an upvalue only of those that go through it. CommandError if none."""
    kind = target.get("kind")
    if kind == "slot":
        return Pattern(kind=WriteKind.SLOT, owner=number(target, "thread", 1 << 32), key=number(target, "slot"))
    if kind == "upvalue":
        return Pattern(kind=WriteKind.UPVALUE, owner=number(target, "id", 1 << 32))
    if kind == "metatable":
        return Pattern(kind=WriteKind.METATABLE, owner=number(target, "id", 1 << 32), key_tag=ValueTag.NIL)
    if kind == "field":
        return replace(key_pattern(target.get("key")), kind=WriteKind.FIELD, owner=number(target, "table", 1 << 32))
    if kind == "register":
        key = register_number(target.get("register"), machine)
        return Pattern(kind=WriteKind.REGISTER, key=key, mask=number(target, "mask", default=0))
    if kind == "memory":
        length = number(target, "length", MAX_LENGTH, 1)
        return Pattern(kind=WriteKind.MEMORY, key=number(target, "address", MAX_NUMBER - length), size=length)
    kinds = ", ".join(kind.name.lower() for kind in WriteKind)
    raise CommandError(f"there is no target of kind {str(kind)[:40]!r}", hint=f"one of {kinds}")


def register_number(register: object, machine: Machine) -> int:
    """The number of a register in traces, from its number or its name in the listing."""
    if type(register) is int and 0 <= register < 1 << 16:
        return register
    names = [str(name).lower() for name in machine.listing().get("registers", ())]
    if isinstance(register, str) and register.lower() in names:
        return names.index(register.lower())
    raise CommandError(f"there is no register {str(register)[:40]!r}", hint="one of " + ", ".join(names))


def key_pattern(key: object) -> Pattern:
    """The pattern for a table's key: plain JSON (text, number, true, false), or a value as views show it."""
    if isinstance(key, bool):
        return Pattern(key_tag=ValueTag.TRUE if key else ValueTag.FALSE)
    if isinstance(key, str):
        text = key.encode("utf-8", "surrogatepass")
        return Pattern(key_tag=ValueTag.STRING, text=text[:60], text_length=len(text))
    if isinstance(key, int) and -(1 << 63) <= key < 1 << 63:
        return Pattern(key=key & MAX_NUMBER)
    if isinstance(key, float):
        return float_pattern(key)
    if isinstance(key, Mapping):
        return shown_pattern(str(key.get("t")), str(key.get("s")), key.get("id"))
    raise CommandError("a field's `key` is a text, a number, true, false, or a value {t, s, id}")


def float_pattern(key: float) -> Pattern:
    """A float that is a whole number is the integer's key, as tables have it."""
    if key == int(key) if abs(key) < 1 << 62 else False:
        return Pattern(key=int(key) & MAX_NUMBER)
    return Pattern(key_tag=ValueTag.FLOAT, key=struct.unpack("<Q", struct.pack("<d", key))[0])


def shown_pattern(kind: str, text: str, identity: object) -> Pattern:
    """From a value as views show it."""
    try:
        if kind in _REFERENCES and type(identity) is int and 0 <= identity <= MAX_NUMBER:
            return Pattern(key_tag=_REFERENCES[kind], key=identity)
        if kind == "integer":
            return Pattern(key=int(text) & MAX_NUMBER)
        if kind == "float":
            return Pattern(key_tag=ValueTag.FLOAT, key=struct.unpack("<Q", struct.pack("<d", float(text)))[0])
        if kind == "boolean":
            return Pattern(key_tag=ValueTag.TRUE if text == "true" else ValueTag.FALSE)
        if kind == "string":
            data, is_cut = unquoted(text)
            return Pattern(key_tag=ValueTag.STRING, text=data[:60], text_length=None if is_cut else len(data))
    except ValueError:
        pass
    raise CommandError(f"{text[:40]!r} of type {kind[:20]!r} is no key that can be looked for")


def unquoted(text: str) -> tuple[bytes, bool]:
    """(the bytes of a string shown in quotes, whether it was cut)."""
    is_cut = text.rstrip('"').endswith(CUT)
    inner = text.rstrip('"').removesuffix(CUT) if is_cut else text[:-1] if text.endswith('"') else text
    data = inner.removeprefix('"').encode("utf-8", "surrogatepass")

    def plain(found: re.Match[bytes]) -> bytes:
        code, decimal, point, sign = found.groups()
        if code:
            return bytes([int(code, 16)])
        if decimal:
            return bytes([int(decimal) & 255])
        return chr(int(point, 16)).encode("utf-8", "surrogatepass") if point else _SIMPLE.get(sign, sign)

    return _ESCAPE.sub(plain, data), is_cut


def patterns_of(
    target: Mapping[str, Any], machine: Machine, timeline: Timeline, search: Search, last: int, poll: Poll
) -> list[Pattern] | None:
    """The patterns of every write to `target` up to step `last`; None when paused on the way.

    While an upvalue is open, its value is a stack slot's: then writes to that slot are writes to it.
    """
    pattern = pattern_of(target, machine)
    if pattern.kind is not WriteKind.UPVALUE:
        return [pattern]
    now = machine.inspect({"kind": "upvalue", "id": pattern.owner})
    closing, is_complete = _closing(pattern, search, timeline.position, last, now["open"], poll)
    if not is_complete:
        return None
    if not now["open"] and closing is not None:
        with timeline.excursion():
            timeline.seek(closing - 1)
            now = machine.inspect({"kind": "upvalue", "id": pattern.owner})
    if not now["open"]:
        return [pattern]
    end = last if closing is None else closing - 1
    return [pattern, Pattern(kind=WriteKind.SLOT, owner=now["thread"], key=now["slot"], last=end)]


def _closing(
    pattern: Pattern, search: Search, position: int, last: int, is_open: bool, poll: Poll
) -> tuple[int | None, bool]:
    """(the tick at which the upvalue is closed, None if not up to `last`; False when paused)."""
    at: int | None = position + 1 if is_open else 1
    while at is not None and at <= (last if is_open else position):
        page = search.page([pattern], at, last if is_open else position, 200, poll=poll)
        if not page.is_complete:
            return None, False
        for hit in page.hits:
            if hit.write is not None and hit.write.old.tag == ValueTag.ABSENT:
                return hit.tick, True
        at = page.next
    return None, True


def plain_value(value: Mapping[str, Any]) -> Plain:
    """What somebody wants to put into a machine, `{t, s}` as views show it; CommandError if it is no plain value."""
    kind, text = value.get("t"), value.get("s")
    if kind == "nil":
        return None
    if isinstance(text, str) and len(text) <= MAX_TEXT:
        try:
            if kind == "boolean" and text in ("true", "false"):
                return text == "true"
            if kind == "integer":
                return int(text, 0)
            if kind == "float":
                return float(text)
            if kind == "bits":
                return int(text, 16)
            if kind == "string":
                return unquoted(text)[0] if text.startswith('"') else text.encode("utf-8", "surrogatepass")
        except ValueError:
            pass
    raise CommandError("a new value is {t, s}: nil, boolean, integer, float, string or bits")


def is_same_target(a: Pattern, b: Pattern) -> bool:
    """Does a write to what one names touch what the other names?"""
    if a.kind != b.kind or a.owner != b.owner:
        return False
    if a.kind is WriteKind.MEMORY:
        return a.key < b.key + b.size and b.key < a.key + a.size
    return a.kind is WriteKind.UPVALUE or (a.key_tag, a.key, a.text) == (b.key_tag, b.key, b.text)


def value_json(value: Value, natives: Sequence[str] = ()) -> dict[str, Any] | None:
    """A value of the trace as views show values; None: there was nothing."""
    tag, payload = ValueTag(value.tag), value.payload
    if tag is ValueTag.ABSENT:
        return None
    if tag is ValueTag.NIL:
        return {"t": "nil", "s": "nil"}
    if tag in (ValueTag.FALSE, ValueTag.TRUE):
        return {"t": "boolean", "s": tag.name.lower()}
    if tag is ValueTag.INTEGER:
        return {"t": "integer", "s": str(payload - (1 << 64) if payload >> 63 else payload)}
    if tag is ValueTag.FLOAT:
        return {"t": "float", "s": float_text(struct.unpack("<d", struct.pack("<Q", payload))[0])}
    if tag is ValueTag.STRING:
        return {"t": "string", "s": quoted(value.text, value.length)}
    if tag in _BIT_SIZES:
        return {"t": "bits", "s": f"{payload:0{_BIT_SIZES[tag]}x}"}
    name = tag.name.lower()
    if tag is ValueTag.NATIVE and payload < len(natives):
        return {"t": name, "s": natives[payload], "id": payload}
    return {"t": name, "s": name, "id": payload}


def float_text(number_: float) -> str:
    """A float as C's %.14g prints it, with `.0` where it would look like an integer."""
    text = f"{number_:.14g}"
    return text + ".0" if text.lstrip("-").isdigit() else text


def quoted(data: bytes, length: int) -> str:
    """A string in quotes, bytes that are no text as escapes."""
    text = data.decode("utf-8", "backslashreplace") if length == len(data) else data.decode("utf-8", "ignore")
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{text}{CUT if length > len(data) else ""}"'


def hit_json(hit: Hit, natives: Sequence[str] = ()) -> dict[str, Any]:
    """A hit as JSON: the step, and the write if one was looked for."""
    step = {"tick": hit.tick, "where": hit.where, "thread": hit.thread, "depth": hit.depth, "flags": hit.flags}
    if hit.write is None:
        return step
    write = hit.write
    return {
        **step,
        "kind": WriteKind(write.kind).name.lower(),
        "owner": write.owner,
        "key": value_json(write.key, natives),
        "old": value_json(write.old, natives),
        "new": value_json(write.new, natives),
    }
