"""Conditions of breakpoints: comparisons of named values, with `and`, `or`, `not` and parentheses.

    i >= 10 and name ~= "x" or not (ax == 0x1f)

Names are those of the view at the breakpoint: locals and upvalues of the innermost frame, or registers and flags.
A name that is not there is nil. What cannot be compared (a text with a number) is not equal, less or greater.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import CommandError
from engine.targets import unquoted

MAX_CHARACTERS = 500
MAX_NESTING = 50

_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<sign>==|~=|!=|<=|>=|<|>|\(|\)))"
)
_WORDS = {"nil": None, "true": True, "false": False}
_LOGIC = ("and", "or", "not")
_EQUALITY = {"==": True, "~=": False, "!=": False}
_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Names = Mapping[str, Any]
Term = Callable[[Names], Any]


@dataclass(frozen=True)
class Reference:
    """A value that only equals itself: a table, a function."""

    kind: str
    identity: int


class Condition:
    """A condition, read once; `holds(names)` evaluates it. CommandError for what cannot be read."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_CHARACTERS:
            raise CommandError(f"a condition is at most {MAX_CHARACTERS} characters long")
        self._tokens = list(_tokens(text))
        self._at = self._nesting = 0
        self._term = self._either()
        if self._at < len(self._tokens):
            raise CommandError(f"a condition should end before {self._tokens[self._at][1]!r}")

    def holds(self, names: Names) -> bool:
        """Is it true for these values?"""
        return self._term(names) not in (None, False)

    def _next(self, *wanted: str) -> str | None:
        """Take the next token if it is one of these names or signs."""
        if self._at < len(self._tokens):
            kind, text = self._tokens[self._at]
            if kind in ("name", "sign") and text in wanted:
                self._at += 1
                return text
        return None

    def _either(self) -> Term:
        left = self._both()
        while self._next("or"):
            left = _either(left, self._both())
        return left

    def _both(self) -> Term:
        left = self._not()
        while self._next("and"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Term:
        if self._next("not"):
            self._deeper()
            term = self._not()
            return lambda names: term(names) in (None, False)
        return self._comparison()

    def _comparison(self) -> Term:
        left = self._value()
        sign = self._next("==", "~=", "!=", "<=", ">=", "<", ">")
        return _compared(sign, left, self._value()) if sign else left

    def _deeper(self) -> None:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise CommandError("a condition is nested too deeply")

    def _value(self) -> Term:
        if self._next("("):
            self._deeper()
            term = self._either()
            if not self._next(")"):
                raise CommandError("a condition lacks ')'")
            return term
        if self._at >= len(self._tokens):
            raise CommandError("a condition ends where a value should stand")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "sign" or text in _LOGIC:
            raise CommandError(f"a condition has {text!r} where a value should stand")
        if kind == "name" and text not in _WORDS:
            return lambda names: names.get(text)
        value = _literal(kind, text)
        return lambda names: value


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise CommandError(f"a condition cannot have {text[at:].strip()[:20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


def _literal(kind: str, text: str) -> object:
    if kind == "name":
        return _WORDS[text]
    if kind == "text":
        return unquoted('"' + text[1:-1] + '"')[0].decode("utf-8", "backslashreplace")
    if text[:2].lower() == "0x":
        return int(text, 16)
    return float(text) if re.search(r"[.eE]", text) else int(text)


def _either(left: Term, right: Term) -> Term:
    return lambda names: value if (value := left(names)) not in (None, False) else right(names)


def _both(left: Term, right: Term) -> Term:
    return lambda names: value if (value := left(names)) in (None, False) else right(names)


def _compared(sign: str, left: Term, right: Term) -> Term:
    return lambda names: compare(sign, left(names), right(names))


def compare(sign: str, a: object, b: object) -> bool:
    """`a sign b`; a boolean is no number."""
    is_same_kind = isinstance(a, bool) == isinstance(b, bool)
    if sign in _EQUALITY:
        return (is_same_kind and a == b) is _EQUALITY[sign]
    if not (isinstance(a, str) and isinstance(b, str)) and not (_is_number(a) and _is_number(b)):
        return False
    return bool(_ORDER[sign](a, b))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def named_values(view: Mapping[str, Any]) -> dict[str, Any]:
    """The values that have names in a view: registers and flags, or the innermost frame's upvalues and locals."""
    found: dict[str, Any] = {}
    for register in view.get("registers", ()):
        if isinstance(register, Mapping) and isinstance(register.get("value"), str):
            found[register["name"]] = int(register["value"], 16)
    for bit in view.get("flags", {}).get("bits", ()):
        found[bit["name"]] = int(bit["set"])
    frames: list[Any] = next((t["frames"] for t in view.get("threads", ()) if t["id"] == view.get("thread")), [])
    for part in ("upvalues", "registers") if frames else ():
        for item in frames[0].get(part) or ():
            if item.get("name"):
                found[item["name"]] = _plain(item["value"])
    return found


def _plain(value: Mapping[str, Any]) -> object:
    kind, text = value["t"], value["s"]
    if kind == "nil":
        return None
    if kind == "boolean":
        return bool(text == "true")
    if kind == "integer":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "string":
        return unquoted(text)[0].decode("utf-8", "backslashreplace")
    return Reference(kind, int(value.get("id", 0)))
