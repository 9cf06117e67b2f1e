"""Finds the ticks of the guided tours' notes: `python -m engine.tourpins` runs the examples, rewrites the tour files.

A note says which step it is about by what runs there: `op` on `line` for the `nth` time. The tick is stored beside it,
so that showing a tour runs nothing; after a change of an example this command puts the ticks right again.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.examples import Example, load_examples, start_example
from engine.machine import StopReason
from engine.tours import FOLDER, Note, Tour, parse
from engine.trace import TraceBatch

#: No example of a tour is longer than this.
MAX_STEPS = 100_000


@dataclass(frozen=True)
class Step:
    """One executed instruction: its words in the listing, its source line (0: none), the instruction behind it."""

    op: str
    args: str
    line: int
    following: str

    def is_op(self, name: str) -> bool:
        """Whether a note's `op` means this instruction: by its name, or spelled out with its operands."""
        return name in (self.op, f"{self.op} {self.args}".strip())


def executed(example: Example) -> list[Step]:
    """Every step of an example, the first one at index 1 (index 0 is nothing: the state before it)."""
    machine = start_example(example)
    try:
        wheres: list[int] = []
        while len(wheres) < MAX_STEPS:
            batch = TraceBatch()
            stop = machine.run(batch.step_capacity, batch)
            wheres += batch.column("where")
            if stop.is_final or stop.reason is StopReason.INPUT:
                break
        rows = {}
        for routine in machine.listing()["functions"]:
            following = [row["op"] for row in routine["rows"][1:]] + [""]
            for row, after in zip(routine["rows"], following, strict=True):
                rows[row["where"]] = Step(row["op"], row["args"], row["line"] or 0, after)
        return [Step("", "", 0, ""), *(rows[where] for where in wheres)]
    finally:
        machine.close()


def tick_of(note: Note, steps: list[Step]) -> int:
    """The tick at which the note's instruction runs on its line for the nth time. ValueError if it never does."""
    if not note.op:
        return 0
    found = [tick for tick, step in enumerate(steps) if tick and step.line == note.line and step.is_op(note.op)]
    if len(found) < note.nth:
        raise ValueError(f"{note.example}: `{note.op}` runs {len(found)} times on line {note.line}, not {note.nth}")
    return found[note.nth - 1]


def pinned(text: str, tour: Tour, steps: dict[str, list[Step]]) -> str:
    """The tour's text with the right ticks."""
    ticks = iter([tick_of(note, steps[note.example]) for note in tour.notes])
    return re.sub(r"^tick = \d+$", lambda _match: f"tick = {next(ticks)}", text, flags=re.MULTILINE)


def main() -> int:
    """Rewrite every tour file whose ticks are wrong."""
    examples = {example.name: example for example in load_examples()}
    steps: dict[str, list[Step]] = {}
    for path in sorted(Path(FOLDER).glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        tour = parse(path.stem, text, examples)
        for note in tour.notes:
            if note.example not in steps:
                steps[note.example] = executed(examples[note.example])
        right = pinned(text, tour, steps)
        if right != text:
            path.write_text(right, encoding="utf-8")
            sys.stdout.write(f"{path.name}: ticks put right\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
