"""The playground's examples: files under `examples/`, each with its title and its expectations inside.

The marks are described in docs/examples.md. The page's menu and the tests read the same files through `load_examples`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.machine import Journal, Limits, Machine
from engine.rooms import ROOMS, Room, SourceFile, room

FOLDER = Path(__file__).resolve().parent.parent / "examples"


@dataclass(frozen=True)
class Expectation:
    """What the program must do, given these lines of input: its output lines, the error that ends it (None: it ends
    well), final registers. `plays`: it looks for keys as time goes by, and ends if nobody types for long enough."""

    output: tuple[str, ...] = ()
    input: tuple[str, ...] = ()
    error: str | None = None
    registers: tuple[tuple[str, str], ...] = ()
    plays: bool = False


@dataclass(frozen=True)
class Example:
    """One example. `title` and `about` map a language (`en`, `zh`) to a text; `tick` is where the page opens."""

    name: str
    room: str
    files: tuple[SourceFile, ...]
    title: dict[str, str] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    order: int = 1000
    tick: int = 0
    expectation: Expectation = Expectation()

    def to_wire(self) -> dict[str, object]:
        """What the page needs to list and open it."""
        return {
            "name": self.name,
            "room": self.room,
            "title": self.title,
            "about": self.about,
            "order": self.order,
            "files": [{"name": f.name, "text": without_marks(f.text, room(self.room).comment)} for f in self.files],
            "options": self.options,
            "tick": self.tick,
        }


def start_example(example: Example, *, is_waiting: bool = False) -> Machine:
    """The example at its first instruction, as the page starts it, with somebody who types what it expects.

    Behind that the input ends, or nobody types: with `is_waiting` nobody does in front of a game, and time goes by.
    """
    module, comment = room(example.room).module, room(example.room).comment
    typed = iter([f"{line}\n".encode() for line in example.expectation.input])
    plays = is_waiting and example.expectation.plays
    rest = b"\0" if plays else b"" if example.expectation.input else None
    files = [SourceFile(each.name, without_marks(each.text, comment)) for each in example.files]
    machine: Machine = module.start(
        module.build(files, example.options), Journal(source=lambda _: next(typed, rest)), Limits()
    )
    return machine


def without_marks(text: str, comment: str) -> str:
    """The program without the marked lines at its beginning and end: they are for the menu and the tests."""

    def is_dispensable(line: str) -> bool:
        return not line.strip() or next(_marks(line, comment), None) is not None

    lines = text.splitlines(keepends=True)
    while lines and is_dispensable(lines[0]):
        del lines[0]
    while lines and is_dispensable(lines[-1]):
        del lines[-1]
    return "".join(lines)


def _marks(text: str, comment: str) -> Iterator[tuple[str, str]]:
    """The marked lines of a program as (mark, rest), in order. One space after the mark is part of it."""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(comment) and stripped[len(comment) : len(comment) + 1] in ("@", "<", ">", "!", "="):
            mark, rest = stripped[len(comment)], stripped[len(comment) + 1 :]
            yield mark, rest.removeprefix(" ")


def parse(name: str, machine: Room, text: str) -> Example:
    """The example that `text` is. ValueError for a mark that nobody knows or a missing title."""
    info: dict[str, str] = {}
    output: list[str] = []
    typed: list[str] = []
    registers: list[tuple[str, str]] = []
    error = None
    for mark, rest in _marks(text, machine.comment):
        if mark == ">":
            output.append(rest)
        elif mark == "<":
            typed.append(rest)
        elif mark == "!":
            error = rest
        elif mark == "=":
            register, value = rest.split()
            registers.append((register, value))
        else:
            key, _, value = rest.partition(":")
            info[key.strip()] = value.strip()
    texts: dict[str, dict[str, str]] = {"title": {}, "about": {}, "option": {}}
    for key in list(info):
        kind, _, which = key.partition(".")
        if kind in texts:
            texts[kind][which or "en"] = info.pop(key)
    plays = info.pop("plays", "no") == "yes"
    order, tick = int(info.pop("order", "1000")), int(info.pop("tick", "0"))
    if info:
        raise ValueError(f"{name}: unknown mark `{next(iter(info))}`")
    if "en" not in texts["title"]:
        raise ValueError(f"{name}: an example needs a title")
    return Example(
        name=name,
        room=machine.name,
        files=(SourceFile(machine.main_file, text),),
        title=texts["title"],
        about=texts["about"],
        options=texts["option"],
        order=order,
        tick=tick,
        expectation=Expectation(tuple(output), tuple(typed), error, tuple(registers), plays),
    )


def load_examples(folder: Path = FOLDER) -> list[Example]:
    """Every example, by room in the order of `ROOMS`, then by `order` and name."""
    found: list[Example] = []
    for each in ROOMS:
        suffix = Path(each.main_file).suffix
        paths = sorted((folder / each.name).glob(f"*{suffix}"))
        examples = [parse(p.stem, each, p.read_text(encoding="utf-8")) for p in paths]
        found += sorted(examples, key=lambda e: (e.order, e.name))
    return found
