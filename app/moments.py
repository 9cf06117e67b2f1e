"""Moments for pictures: a worker session goes to a step and says what is there, as plain rows.

The worker runs the program; this process only asks, and takes from the answer what it can draw: short texts and
numbers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.sessions import Worker
from engine.errors import GlassboxError
from engine.wire import VERSION
from engine.worker.client import Closed
from engine.worker.frames import JSON

#: Seconds that a moment may take in all, and of them, that the rest of the run is recorded for its outline.
DEADLINE_S = 12.0
OUTLINE_S = 1.5
#: Steps beyond the moment that the outline shows at most, and its stretches.
OUTLINE_STEPS = 1_000_000
STRETCHES = 240
CHARACTERS = 80
ROWS, GROUPS, FACTS = 24, 8, 16


class NotDrawable(GlassboxError):
    """The program does not come to a step that could be drawn: it does not compile, or takes too long."""

    kind = "picture"


@dataclass(frozen=True)
class Row:
    """A row of the listing. `now`: it ran last; `next`: it runs next."""

    number: str
    line: int | None
    op: str
    args: str
    comment: str
    now: bool
    next: bool


@dataclass(frozen=True)
class Fact:
    """Something that the machine holds. `old`: None if this step did not change it; empty if it was not there."""

    name: str
    label: str
    cue: str
    value: str
    old: str | None


@dataclass(frozen=True)
class Group:
    """Facts under a heading."""

    title: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True)
class Moment:
    """What a picture shows. `depth` and `flags`: the run in stretches of `width` steps, from step 1 on."""

    tick: int
    frontier: int
    ended: str | None
    function: str
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    depth: tuple[int, ...]
    flags: tuple[int, ...]
    width: int


class Asking:
    """One worker, asked one thing after the other. NotDrawable when it answers with an error or not in time."""

    def __init__(self, worker: Worker, deadline: float) -> None:
        self._worker = worker
        self._deadline = deadline
        self._count = 0

    def ask(self, do: str, pause_after_s: float | None = None, **arguments: object) -> Mapping[str, Any]:
        """The event that answers a command; after `pause_after_s` it is asked to come to an end."""
        self._count += 1
        number = self._count
        self._send(number, do, arguments)
        pause_at = time.monotonic() + pause_after_s if pause_after_s is not None else self._deadline
        while True:
            now = time.monotonic()
            if now >= self._deadline:
                raise NotDrawable("this moment takes too long to draw")
            frame = self._worker.receive(max(0.01, min(pause_at, self._deadline) - now))
            if isinstance(frame, Closed):
                raise NotDrawable(frame.message)
            if frame is None:
                if time.monotonic() >= pause_at:
                    self._send(-number, "pause", {})
                    pause_at = self._deadline
                continue
            if frame.kind != JSON:
                continue
            event = json.loads(frame.payload)
            if isinstance(event, dict) and event.get("re") == number:
                if event.get("event") == "failed":
                    raise NotDrawable(_text(_part(event, "error", dict).get("message"), 400))
                if event.get("event") not in ("progress", "output", "exit", "grew", "branches"):
                    return event

    def _send(self, number: int, do: str, arguments: Mapping[str, object]) -> None:
        self._worker.send(json.dumps({"v": VERSION, "id": number, "do": do, **arguments}).encode())


def look(worker: Worker, payload: Mapping[str, Any]) -> Moment:
    """The moment of a link's payload (app/links.py): its tick, or how far the program comes."""
    asking = Asking(worker, time.monotonic() + DEADLINE_S)
    asking.ask("open", room=payload["room"], files=payload["files"], options=payload.get("options", {}))
    given = iter(payload.get("input", ()))
    tick = payload["tick"]
    reached = _arrive(asking, tick, given, None)
    _arrive(asking, reached + OUTLINE_STEPS, given, OUTLINE_S)
    asking.ask("seek", tick=min(tick, reached))
    seen = asking.ask("moment")
    outline = asking.ask("summary", buckets=STRETCHES) if _number(seen.get("frontier")) else {}
    return _moment(seen, outline)


def _arrive(asking: Asking, tick: int, given: Iterator[Mapping[str, Any]], pause_after_s: float | None) -> int:
    """Record up to `tick`, giving the program its input; answers the tick that was reached."""
    while True:
        stopped = asking.ask("seek", pause_after_s, tick=tick)
        reached = _number(stopped.get("tick"))
        if stopped.get("reason") != "input":
            return reached
        piece = next(given, None)
        if piece is None:
            return reached
        asking.ask("input", text=piece["text"], end=piece.get("end", False))


def _moment(seen: Mapping[str, Any], outline: Mapping[str, Any]) -> Moment:
    groups = [
        Group(_text(group.get("title")), tuple(_fact(fact) for fact in _dicts(group.get("facts"), FACTS)))
        for group in _dicts(seen.get("groups"), GROUPS)
    ]
    ended = seen.get("ended")
    return Moment(
        tick=_number(seen.get("tick")),
        frontier=_number(seen.get("frontier")),
        ended=None if ended is None else _text(ended),
        function=_text(seen.get("function")),
        rows=tuple(_row(row) for row in _dicts(seen.get("rows"), ROWS)),
        groups=tuple(groups),
        depth=_numbers(outline.get("high")),
        flags=_numbers(outline.get("flags")),
        width=max(1, _number(outline.get("width", 1))),
    )


def _row(row: Mapping[str, Any]) -> Row:
    line = row.get("line")
    return Row(
        number=_text(row.get("number")),
        line=line if type(line) is int else None,
        op=_text(row.get("op")),
        args=_text(row.get("args")),
        comment=_text(row.get("comment")),
        now=row.get("now") is True,
        next=row.get("next") is True,
    )


def _fact(fact: Mapping[str, Any]) -> Fact:
    old = fact.get("old")
    return Fact(
        name=_text(fact.get("name")),
        label=_text(fact.get("label")),
        cue=_text(fact.get("cue")),
        value=_text(fact.get("value")),
        old=None if old is None else _text(old),
    )


def _part(value: Mapping[str, Any], key: str, kind: type) -> Any:  # noqa: ANN401 - JSON data
    part = value.get(key)
    return part if isinstance(part, kind) else kind()


def _text(value: object, most: int = CHARACTERS) -> str:
    return value[:most] if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if type(value) is int and 0 <= value < 1 << 53 else 0


def _numbers(value: object) -> tuple[int, ...]:
    return tuple(_number(n) for n in value[: 2 * STRETCHES]) if isinstance(value, list) else ()


def _dicts(value: object, most: int) -> Sequence[Mapping[str, Any]]:
    return [one for one in value[:most] if isinstance(one, dict)] if isinstance(value, list) else []
