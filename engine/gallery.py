"""What the front page shows of each example: its run from afar, read from `examples/gallery.json`.

The file is made by `python -m engine.gallerygen`; the web process runs nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from engine.examples import FOLDER

FILE = FOLDER / "gallery.json"


@dataclass(frozen=True)
class Picture:
    """One example's run: how many steps, on which line of the main file it opens (0: none), the deepest call, the call
    depth in equal stretches, and for each kind of event the stretches in which there was one and how often it was."""

    steps: int
    line: int
    deepest: int
    depth: tuple[int, ...]
    marks: dict[str, tuple[int, ...]]
    counts: dict[str, int]


def load() -> dict[str, Picture]:
    """The picture of every example, by `ROOM/NAME`."""
    rows = json.loads(FILE.read_text(encoding="utf-8"))["examples"]
    return {
        name: Picture(
            steps=row["steps"],
            line=row["line"],
            deepest=row["deepest"],
            depth=tuple(row["depth"]),
            marks={kind: tuple(where) for kind, where in row["marks"].items()},
            counts=row["counts"],
        )
        for name, row in rows.items()
    }
