"""Guided tours: files under `examples/tours/`, each a list of notes pinned to steps of examples.

The format is described in docs/tours.md. The page, the article and the tests read the same files through `load_tours`.
A tour names a step by what is executed there (`op`, `line`, `nth`) and stores the tick, so that nothing has to run to
show it; `tests/tours` proves that the stored ticks are those steps.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.examples import Example, load_examples, without_marks
from engine.rooms import room

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "tours"
LANGUAGES = ("en", "zh")
#: Parts of the page that a note may point at; the words for them stand in the page's catalogue as `pane.NAME`.
PANES = frozenset(
    {
        "source",
        "listing",
        "disassembly",
        "registers",
        "upvalues",
        "calls",
        "threads",
        "heap",
        "constants",
        "flags",
        "segments",
        "control",
        "memory",
        "exits",
        "output",
    }
)

Texts = dict[str, str]
"""A text in each language."""


@dataclass(frozen=True)
class Note:
    """One stop of a tour: a step of an example and what to know about it.

    `tick` 0 is the state before the first instruction; then `op` is empty. `line` is where the instruction stands,
    `shown` the line of the example to show: the same, but for code that the program loads at run time. `also` names
    instructions that the machine carries out within the same step. In texts, words between backquotes are code.
    """

    title: Texts
    text: Texts
    example: str
    room: str
    tick: int
    op: str
    line: int
    shown: int
    nth: int
    also: tuple[str, ...]
    pane: str
    code: str
    """The line of the example that the note shows, without the blanks around it; empty if it shows none."""

    def to_wire(self) -> dict[str, object]:
        """What the page needs to play the note."""
        return {
            "title": self.title,
            "text": self.text,
            "example": self.example,
            "room": self.room,
            "tick": self.tick,
            "pane": self.pane,
        }


@dataclass(frozen=True)
class Part:
    """Some notes under one heading."""

    title: Texts
    text: Texts
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Tour:
    """One tour. `name` is its address; `order` its place in the list."""

    name: str
    title: Texts
    about: Texts
    order: int
    parts: tuple[Part, ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes in order."""
        return tuple(note for part in self.parts for note in part.notes)

    def to_wire(self) -> dict[str, object]:
        """What the page needs to play the tour."""
        return {"name": self.name, "title": self.title, "notes": [note.to_wire() for note in self.notes]}


class _Reader:
    """Checks a tour's tables while it turns them into a Tour; every complaint names the file and the place."""

    def __init__(self, name: str, examples: Mapping[str, Example]) -> None:
        self.name = name
        self.examples = examples

    def fail(self, place: str, message: str) -> ValueError:
        return ValueError(f"tour {self.name}, {place}: {message}")

    def known(self, table: Mapping[str, Any], place: str, *keys: str) -> None:
        """ValueError for a key that no reader asks for: it would be a silent misspelling."""
        for key in table:
            if key not in keys:
                raise self.fail(place, f"unknown key `{key}`")

    def texts(self, table: Mapping[str, Any], key: str, place: str) -> Texts:
        """A text in every language. A plain string is the same in all (the name of an opcode)."""
        value = table.get(key)
        found = dict.fromkeys(LANGUAGES, value) if isinstance(value, str) else value
        if not isinstance(found, dict) or set(found) != set(LANGUAGES):
            raise self.fail(place, f"`{key}` needs a text in each of {', '.join(LANGUAGES)}")
        cleaned = {language: " ".join(str(text).split()) for language, text in found.items()}
        for language, text in cleaned.items():
            if not text or text.count("`") % 2:
                raise self.fail(place, f"`{key}` in {language} is empty or has a lone backquote")
        return cleaned

    def note(self, table: Mapping[str, Any], example_name: str, place: str) -> Note:
        self.known(table, place, "title", "en", "zh", "tick", "op", "line", "shown", "nth", "also", "pane", "example")
        example = self.examples.get(str(table.get("example", example_name)))
        if example is None:
            raise self.fail(place, f"there is no example `{table.get('example', example_name)}`")
        lines = without_marks(example.files[0].text, room(example.room).comment).splitlines()
        line = int(table.get("line", 0))
        shown = int(table.get("shown", line))
        if not 0 <= shown <= len(lines):
            raise self.fail(place, f"{example.name} has no line {shown}")
        if table.get("pane") not in PANES:
            raise self.fail(place, f"`pane` is one of {', '.join(sorted(PANES))}")
        tick = int(table["tick"])
        if (tick == 0) != (not table.get("op")):
            raise self.fail(place, "a note has an `op`, or stands at tick 0")
        return Note(
            title=self.texts(table, "title", place),
            text=self.texts({"text": {key: table.get(key, "") for key in LANGUAGES}}, "text", place),
            example=example.name,
            room=example.room,
            tick=tick,
            op=str(table.get("op", "")),
            line=line,
            shown=shown,
            nth=int(table.get("nth", 1)),
            also=tuple(table.get("also", ())),
            pane=str(table["pane"]),
            code=lines[shown - 1].strip() if shown else "",
        )

    def tour(self, table: Mapping[str, Any]) -> Tour:
        self.known(table, "top", "title", "about", "order", "part")
        parts = []
        count = 0
        for number, part in enumerate(table.get("part", ()), 1):
            self.known(part, f"part {number}", "title", "text", "example", "note")
            notes = []
            for note in part.get("note", ()):
                count += 1
                notes.append(self.note(note, str(part.get("example", "")), f"note {count}"))
            place = f"part {number}"
            parts.append(Part(self.texts(part, "title", place), self.texts(part, "text", place), tuple(notes)))
        if not count:
            raise self.fail("top", "a tour without notes")
        return Tour(
            name=self.name,
            title=self.texts(table, "title", "top"),
            about=self.texts(table, "about", "top"),
            order=int(table.get("order", 1000)),
            parts=tuple(parts),
        )


def parse(name: str, text: str, examples: Mapping[str, Example]) -> Tour:
    """The tour that `text` is. ValueError, with the place, for what it must not say or fails to say."""
    try:
        return _Reader(name, examples).tour(tomllib.loads(text))
    except (KeyError, TypeError) as error:
        raise ValueError(f"tour {name}: {error}") from error


def load_tours(folder: Path = FOLDER) -> list[Tour]:
    """Every tour, by `order` and name."""

    def read() -> Iterator[Tour]:
        examples = {example.name: example for example in load_examples()}
        for path in sorted(folder.glob("*.toml")):
            yield parse(path.stem, path.read_text(encoding="utf-8"), examples)

    return sorted(read(), key=lambda tour: (tour.order, tour.name))
