"""What a share link holds, and the rules for it: checked strictly, because it will be opened by somebody else."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any

from engine.errors import CommandError, LimitExceeded
from engine.rooms import Room, room
from engine.tours import PANES

VERSION = 1
MAX_FILES = 16
MAX_BREAKPOINTS = 256
MAX_PANES = 32
MAX_INPUTS = 1024
#: Notes of a visitor, and characters of one; the page asks for no more (static/js/notes.js).
MAX_NOTES = 64
MAX_NOTE = 500
#: Characters of a focus window's name (static/js/focus.js).
MAX_FOCUS_NAME = 40
#: The largest whole number that every JavaScript engine counts exactly.
MAX_TICK = (1 << 53) - 1

FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}")
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
PANE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
FIELDS = {"v", "room", "files", "options", "tick", "panes", "breakpoints", "input", "notes", "focus"}


def validate_payload(data: object) -> dict[str, Any]:
    """The payload with nothing left out or added, or CommandError naming the field that is wrong.

    Shape: `{v: 1, room, files: [{name, text, base64?}], options: {name: value}, tick, panes?: [name],
    breakpoints?: [{line, file?} or {where}], input?: [{text, end?}], notes?: [{tick, text, pane?}],
    focus?: {from, to, name}}`; `input` is what the program was given so far, `notes` are a visitor's, by tick, one a
    step, `focus` is the stretch of steps that they marked.
    """
    if not isinstance(data, Mapping):
        raise CommandError("a link is a JSON object")
    extra = sorted(str(key)[:40] for key in data if key not in FIELDS)
    if extra:
        raise CommandError(f"a link has no field {extra[0]!r}")
    if type(data.get("v")) is not int or data["v"] != VERSION:
        raise CommandError(f"`v` must be {VERSION}", hint="reload the page")
    name = data.get("room")
    if not isinstance(name, str):
        raise CommandError("`room` must be the name of a machine")
    machine = room(name)
    payload: dict[str, Any] = {
        "v": VERSION,
        "room": machine.name,
        "files": _files(data.get("files")),
        "options": _options(data.get("options", {}), machine),
        "tick": _count(data.get("tick", 0), "tick", MAX_TICK),
    }
    if data.get("panes") is not None:
        payload["panes"] = _panes(data["panes"])
    if data.get("breakpoints") is not None:
        payload["breakpoints"] = _breakpoints(data["breakpoints"])
    if data.get("input") is not None:
        payload["input"] = _input(data["input"])
    if data.get("notes") is not None:
        payload["notes"] = _notes(data["notes"])
    if data.get("focus") is not None:
        payload["focus"] = _focus(data["focus"])
    return payload


def canonical(payload: Mapping[str, Any], limit_bytes: int) -> bytes:
    """The one JSON text of a payload: what is stored and hashed. LimitExceeded when it is too long."""
    try:
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise CommandError("a text holds half a character (a lone surrogate)") from None
    if len(body) > limit_bytes:
        raise LimitExceeded(
            "link_bytes",
            f"this program is too long for a link: {len(body):,} bytes, and the limit is {limit_bytes:,}",
            hint="shorten the source text",
        )
    return body


def _files(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_FILES:
        raise CommandError(f"`files` must be a list of 1 to {MAX_FILES} files")
    files: list[dict[str, str]] = []
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) - {"base64"} != {"name", "text"}:
            raise CommandError("each of `files` must be {name, text}, with `base64` if it is no text")
        name, text = entry["name"], entry["text"]
        if not isinstance(name, str) or not FILE_NAME.fullmatch(name):
            raise CommandError(
                "a file's name has 1 to 64 letters, digits, `_`, `-` and `.`, and does not begin with `.`"
            )
        if not isinstance(text, str):
            raise CommandError("a file's `text` must be a text")
        if any(file["name"] == name for file in files):
            raise CommandError(f"two files are called {name!r}")
        content = entry.get("base64")
        if content is not None and not (isinstance(content, str) and BASE64.fullmatch(content)):
            raise CommandError(f"the content of {name!r} is not base64")
        files.append({"name": name, "text": text, **({"base64": content} if content else {})})
    return files


def _options(value: object, machine: Room) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise CommandError("`options` must be an object")
    values = {option.name: option.values for option in machine.options}
    for name, choice in value.items():
        if name not in values:
            raise CommandError(f"{machine.title} has no option {str(name)[:40]!r}")
        if choice not in values[name]:
            raise CommandError(f"`{name}` must be one of {', '.join(values[name])}")
    return dict(value)


def _count(value: object, name: str, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise CommandError(f"`{name}` must be a whole number from 0 to {most}")
    return value


def _panes(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_PANES:
        raise CommandError(f"`panes` must be a list of at most {MAX_PANES} names")
    for name in value:
        if not isinstance(name, str) or not PANE_NAME.fullmatch(name):
            raise CommandError("a pane's name has 1 to 40 small letters, digits and `-`")
    return list(value)


def _breakpoints(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_BREAKPOINTS:
        raise CommandError(f"`breakpoints` must be a list of at most {MAX_BREAKPOINTS} places")
    places: list[dict[str, Any]] = []
    for entry in value:
        keys = set(entry) if isinstance(entry, Mapping) else set()
        if keys == {"where"}:
            places.append({"where": _count(entry["where"], "where", MAX_TICK)})
        elif keys in ({"line"}, {"line", "file"}):
            place: dict[str, Any] = {"line": _count(entry["line"], "line", 1 << 31)}
            if "file" in keys:
                if not isinstance(entry["file"], str) or not FILE_NAME.fullmatch(entry["file"]):
                    raise CommandError("a breakpoint's `file` must be the name of a file")
                place["file"] = entry["file"]
            places.append(place)
        else:
            raise CommandError("each of `breakpoints` must be {line, file?} or {where}")
    return places


def _input(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_INPUTS:
        raise CommandError(f"`input` must be a list of at most {MAX_INPUTS} pieces")
    for entry in value:
        if not isinstance(entry, Mapping) or not {"text"} <= set(entry) <= {"text", "end"}:
            raise CommandError("each of `input` must be {text, end?}")
        if not isinstance(entry["text"], str) or not isinstance(entry.get("end", False), bool):
            raise CommandError("in `input`, `text` must be a text and `end` true or false")
    return [{"text": entry["text"], "end": bool(entry.get("end", False))} for entry in value]


def _notes(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > MAX_NOTES:
        raise CommandError(f"`notes` must be a list of at most {MAX_NOTES} notes")
    notes: list[dict[str, Any]] = []
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) - {"pane"} != {"tick", "text"}:
            raise CommandError("each of `notes` must be {tick, text, pane?}")
        text, pane = entry["text"], entry.get("pane")
        if pane is not None and not (isinstance(pane, str) and pane in PANES):
            raise CommandError(f"a note's `pane` is one of {', '.join(sorted(PANES))}")
        if not isinstance(text, str) or not 0 < len(text) <= MAX_NOTE:
            raise CommandError(f"a note has 1 to {MAX_NOTE} characters")
        notes.append(
            {"tick": _count(entry["tick"], "tick", MAX_TICK), "text": text, **({"pane": pane} if pane else {})}
        )
    if any(after["tick"] <= before["tick"] for before, after in itertools.pairwise(notes)):
        raise CommandError("`notes` go by their ticks, one for each")
    return notes


def _focus(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != {"from", "to", "name"}:
        raise CommandError("`focus` must be {from, to, name}")
    first, last = (_count(value[name], name, MAX_TICK) for name in ("from", "to"))
    if last <= first:
        raise CommandError("`focus` must end after the step that it begins at")
    if not isinstance(value["name"], str) or len(value["name"]) > MAX_FOCUS_NAME:
        raise CommandError(f"the name of `focus` has at most {MAX_FOCUS_NAME} characters")
    return {"from": first, "to": last, "name": value["name"]}
