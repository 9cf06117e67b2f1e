"""Reads the arguments of requests: what a client may leave out, and a sentence about what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import CommandError

Arguments = Mapping[str, Any]


def text(arguments: Arguments, name: str, default: str | None = None) -> str:
    """A text; CommandError for another type, or when it is missing and has no default."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise CommandError(f"`{name}` must be a text")
    return value


def number(arguments: Arguments, name: str, default: int | None = None) -> int:
    """A whole number; CommandError as `text`."""
    value = arguments.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int:
        raise CommandError(f"`{name}` must be a whole number")
    return value


def hits(arguments: Arguments) -> int:
    """The `hitCondition` of a breakpoint: of the times that a motion meets it, from which one on it stops; else 1."""
    condition = text(arguments, "hitCondition", "").strip()
    if not condition:
        return 1
    if not condition.isascii() or not condition.isdecimal() or len(condition) > 15 or not int(condition):
        hint = "a number: 3 stops each run at the third time, 1 at every one"
        raise CommandError(f"`hitCondition` {condition[:40]!r} is no count", hint=hint)
    return int(condition)


def flag(arguments: Arguments, name: str) -> bool:
    """A truth value; false when it is missing."""
    value = arguments.get(name)
    if value is not None and not isinstance(value, bool):
        raise CommandError(f"`{name}` must be true or false")
    return bool(value)


def items(arguments: Arguments, name: str) -> list[Arguments]:
    """A list of objects; empty when it is missing."""
    value = arguments.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise CommandError(f"`{name}` must be a list of objects")
    return value


def mapping(arguments: Arguments, name: str) -> Arguments:
    """An object; empty when it is missing."""
    value = arguments.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise CommandError(f"`{name}` must be an object")
    return value


def texts(arguments: Arguments, name: str) -> list[str]:
    """A list of texts; empty when it is missing."""
    value = arguments.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CommandError(f"`{name}` must be a list of texts")
    return value


def address(reference: str, offset: int = 0) -> int:
    """A memory reference (a number as text) plus an offset."""
    try:
        value = int(reference, 0) + offset
    except ValueError:
        raise CommandError(f"{reference[:40]!r} is no address") from None
    if not 0 <= value < 1 << 64:
        raise CommandError(f"there is nothing at {value:#x}")
    return value
