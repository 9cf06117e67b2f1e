"""The page's words: one catalogue, both languages, every key that the page asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import live
from engine.events import StepFlag
from engine.machine import StopReason
from engine.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "static" / "js").rglob("*.js"))
CATALOGUE: dict[str, dict[str, str]] = json.loads((ROOT / "static" / "i18n" / "catalogue.json").read_text())
PLACEHOLDER = re.compile(r"\{(\w+)(?::[^}]*)?\}")

#: What stands in for the variable part of a key that a script puts together, by the key's fixed beginning.
VARIANTS = {
    "column.": [
        *("pc", "address", "line", "op", "args", "operands", "comment", "bytes", "register", "name", "value", "writer"),
        *("decimal", "parts", "step", "reason", "detail", "data"),
    ],
    "ended.": [str(reason) for reason in (StopReason.HALT, StopReason.FAULT, StopReason.LIMIT)],
    "line.": ["source", "listing", "state", "foot", "upper"],
    "thread.": ["running", "suspended", "normal", "dead"],
    "theme.": ["system", "light", "dark", "contrast"],
    "transport.": [
        "first",
        "backContinue",
        "back",
        "play",
        "pause",
        "step",
        "over",
        "out",
        "continue",
        "last",
        "zoomIn",
        "zoomOut",
        "zoomAll",
        "focus",
    ],
    "key.": [
        "first",
        "backContinue",
        "back",
        "play",
        "step",
        "over",
        "out",
        "continue",
        "last",
        "run",
        "zoomIn",
        "zoomOut",
        "zoomAll",
        "focus",
    ],
    "mark.": ["note", "branch"],
    "front.count.": ["collection", "coroutine", "error", "exit"],
    "front.room.": [room.name for room in ROOMS],
    "x86.colour.": [str(number) for number in range(16)],
    "x86.key.": ["back", "down", "enter", "escape", "left", "right", "space", "tab", "up"],
    "type.": [
        *("nil", "boolean", "integer", "float", "string", "table", "function", "native", "thread", "userdata", "bits"),
        "upvalue",
    ],
    "heap.": ["added", "changed", "removed"],
    "diff.": ["path", "value"],
    # Of every machine that has families of instructions.
    "family.": sorted({name for room in ROOMS for name in getattr(room.module, "FAMILIES", ())}),
}


def asked_keys() -> Iterator[str]:
    """Every whole key that a script or template names: t("…"), …Key: "…", data-words and data-label, tables of keys."""
    for path in SCRIPTS:
        if path.parent.name == "gen":
            continue
        text = path.read_text()
        yield from re.findall(r"""\bt\(\s*(?:\w+\s*\?\s*)?["'`]([\w.-]+)["'`]""", text)
        yield from re.findall(rf"""["'`]((?:{"|".join(families())})\.[\w.]+)["'`]""", text)
    for path in (ROOT / "templates").glob("*.html"):
        yield from re.findall(r"""(?:data-(?:words|label)="|\bsay\(["'])([\w.]+\w)["']""", path.read_text())


def families() -> list[str]:
    """The words before the first dot of the catalogue's keys, without the ones that scripts use for other things."""
    return sorted({key.split(".")[0] for key in CATALOGUE})


def composed_keys() -> Iterator[str]:
    """The keys that scripts put together from a fixed beginning and a value."""
    for prefix, endings in VARIANTS.items():
        yield from (prefix + ending for ending in endings)
    text = (ROOT / "static" / "js" / "keys.js").read_text()
    yield from ("keys." + name for name in re.findall(r'name: "(\w+)", keys:', text))
    text = (ROOT / "static" / "js" / "track.js").read_text()
    yield from ("mark." + (a or b) for a, b in re.findall(r'\["(\w+)", Flag\.|unshift\("(\w+)"', text))


def test_every_key_has_text_in_english_and_chinese() -> None:
    wrong = {key: entry for key, entry in CATALOGUE.items() if set(entry) != {"en", "zh"} or not all(entry.values())}
    assert wrong == {}


def test_both_languages_use_the_same_placeholders() -> None:
    def names(text: str) -> set[str]:
        # Chinese has no plural: a placeholder that only chooses a word form may be missing there.
        return set(re.findall(r"\{(\w+)\}", text))

    assert {key for key, entry in CATALOGUE.items() if names(entry["en"]) != names(entry["zh"])} == set()


def test_every_key_that_the_page_asks_for_is_in_the_catalogue() -> None:
    asked = set(asked_keys()) | set(composed_keys())
    assert len(asked) > 200
    assert sorted(asked - set(CATALOGUE)) == []


def machine_prefixes() -> set[str]:
    """Beginnings of the keys that a machine's panes put together: their endings are names of the machine's own."""
    panes = [path for path in SCRIPTS if path.parent.name in ("panes", "rooms")]
    return {
        found for path in panes for found in re.findall(r"[`\"']((?:x86)\.[\w.]+\.)(?:\$\{|[\"'`])", path.read_text())
    }


def test_the_catalogue_has_no_key_that_nobody_asks_for() -> None:
    asked = set(asked_keys()) | set(composed_keys())
    #: Asked for by has(), by the server, or with a value of the machine in the key.
    open_ended = (
        "x86.op.",
        "option.",
        "memory.window.",
        "goodbye.",
        "error.",
        "notice.",
        "count.",
        "picture.",
        "x86.option.",
    )
    open_ended += tuple(machine_prefixes())
    assert sorted(key for key in CATALOGUE if key not in asked and not key.startswith(open_ended)) == []


def test_every_way_a_session_can_end_is_said_in_the_catalogue() -> None:
    source = Path(live.__file__).read_text()
    reasons = set(re.findall(r'Ending\(\s*"(\w+)"', source))
    assert "idle" in reasons
    assert sorted(reason for reason in reasons if f"goodbye.{reason}" not in CATALOGUE) == []


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_every_choice_of_a_room_has_words(room: object) -> None:
    missing = [
        f"option.{option.name}.{value}"
        for option in room.options  # type: ignore[attr-defined]
        if len(option.values) > 1
        for value in option.values
        if f"option.{option.name}.{value}" not in CATALOGUE
    ]
    assert missing == []


def test_the_narration_knows_every_step_event_or_leaves_it_to_the_instruction() -> None:
    told = set(re.findall(r"Flag\.(\w+)", (ROOT / "static/js/panes/narration.js").read_text()))
    by_the_instruction = {"CALL", "RETURN", "JUMP", "INPUT", "COMPILE"}
    assert told | by_the_instruction == {flag.name for flag in StepFlag}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_build_the_page_without_html_strings(path: Path) -> None:
    text = path.read_text()
    found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert found == []
    assert text.startswith("// @ts-check") or "@ts-check" in "\n".join(text.splitlines()[:2])
