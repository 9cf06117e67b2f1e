"""A moment of a recording as plain rows, the same for every machine: what a picture of it is drawn from.

    moment(room, machine, timeline)

answers `{"tick", "frontier", "ended", "function", "rows", "groups"}`; docs/protocol.md, event `moment`. Nothing in
it is markup, and every text and list is short: whoever draws it needs to trust nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.debugview import DebugView, Facts
from engine.machine import Machine
from engine.rooms import Room
from engine.timeline import Timeline
from engine.timeline.timeline import Poll, never

#: Rows of the listing before and after the one that ran last, facts of a group, characters of a text.
ROWS_BEFORE, ROWS_AFTER = 7, 10
FACTS = 16
CHARACTERS = 80

Json = dict[str, Any]


def moment(room: Room, machine: Machine, timeline: Timeline, poll: Poll = never) -> Json:
    """The moment at the timeline's position; the position is there again afterwards."""
    tick = timeline.position
    now = _facts(room, machine)
    depth_now = machine.view()["depth"]
    before: dict[tuple[str, str], str] = {}
    if tick > 0:
        timeline.seek(tick - 1, poll)
        if machine.view()["depth"] == depth_now:
            before = {(group.title, fact.name): fact.value for group in _facts(room, machine) for fact in group.facts}
        timeline.seek(tick, poll)
    view, ended = machine.view(), timeline.ended
    function, rows = _rows(machine.listing()["functions"], view)
    return {
        "tick": tick,
        "frontier": timeline.frontier,
        "ended": str(ended.reason) if ended else None,
        "function": function,
        "rows": rows,
        "groups": [
            {
                "title": group.title,
                "facts": [
                    {
                        "name": _cut(fact.name),
                        "label": _cut(fact.label),
                        "cue": fact.cue,
                        "value": _cut(fact.value),
                        "old": _old(before, tick, (group.title, fact.name), fact.value),
                    }
                    for fact in group.facts[:FACTS]
                ],
            }
            for group in now
        ],
    }


def _facts(room: Room, machine: Machine) -> list[Facts]:
    make = getattr(room.module, "debug_view", DebugView)
    found: list[Facts] = make(machine).facts()
    return found


def _old(before: dict[tuple[str, str], str], tick: int, name: tuple[str, str], value: str) -> str | None:
    """What the step changed this from: None if it did not, an empty text where nothing was before."""
    if not tick or not before or before.get(name) == value:
        return None
    return _cut(before.get(name, ""))


def _rows(functions: Sequence[Json], view: Json) -> tuple[str, list[Json]]:
    """The function that the last instruction belongs to (at the start: the next one), and its rows around it."""
    last = (view["last"] or {}).get("where")
    following = (view["next"] or {}).get("where")
    wanted = last if last is not None else following
    for function in functions:
        at = next((n for n, row in enumerate(function["rows"]) if row["where"] == wanted), None)
        if at is None:
            continue
        first = max(0, min(at - ROWS_BEFORE, len(function["rows"]) - ROWS_BEFORE - ROWS_AFTER - 1))
        shown = function["rows"][first : first + ROWS_BEFORE + ROWS_AFTER + 1]
        return _cut(function["name"] or ""), [
            {
                "number": str(row.get("pc") or f"{row.get('address') or 0:x}"),
                "line": row["line"],
                "op": _cut(row["op"]),
                "args": _cut(row["args"]),
                "comment": _cut(row["comment"]),
                "now": row["where"] == last,
                "next": row["where"] == following,
            }
            for row in shown
        ]
    return "", []


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1] + "…"
