"""From what a visitor points at (a source line, a row) to the rows that a machine stops before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import CommandError

MAX_PLACES = 1000


@dataclass(frozen=True)
class Place:
    """One breakpoint as asked for: a row, or a line of a file (None = the main file)."""

    where: int | None
    line: int | None = None
    file: str | None = None

    @classmethod
    def parse(cls, data: object) -> Place:
        """From a command's data, `{where}` or `{line, file?}`; CommandError otherwise."""
        if isinstance(data, Mapping) and set(data) <= {"where", "line", "file"}:
            where, line, file = data.get("where"), data.get("line"), data.get("file")
            if type(where) is int and line is None and file is None:
                return cls(where)
            if type(line) is int and where is None and (file is None or isinstance(file, str)):
                return cls(None, line, file)
        raise CommandError("a breakpoint's place is {line, file?} or {where}")


@dataclass(frozen=True)
class _Row:
    """A row that begins a run of rows of its line."""

    where: int
    line: int | None
    file: str | None


def _rows(listing: Mapping[str, Any]) -> Iterator[tuple[_Row, bool]]:
    """Every row that can be executed, and whether it begins a run of rows of one line in its function."""
    for function in listing["functions"]:
        line = None
        for row in function["rows"]:
            if not row.get("data"):
                place = _Row(row["where"], row["line"], row.get("file") or function.get("file"))
                yield place, row["line"] is not None and row["line"] != line
                line = row["line"]


def resolve(places: Sequence[Place], listing: Mapping[str, Any], main_file: str) -> list[dict[str, Any]]:
    """`[{where, line, file}]`, sorted and each row once.

    A line stands for the first row of each run of its rows, in every function; a line without rows for the next line
    of its file that has some. Places that name nothing are left out.
    """
    rows = list(_rows(listing))
    by_where = {row.where: row for row, _ in rows}
    starts = [row for row, begins in rows if begins]
    found: dict[int, _Row] = {}
    for place in places:
        if place.where is not None:
            if place.where in by_where:
                found[place.where] = by_where[place.where]
            continue
        file = place.file or main_file
        candidates = [r for r in starts if (r.file or main_file) == file and (r.line or 0) >= (place.line or 0)]
        nearest = min((r.line or 0 for r in candidates), default=None)
        found.update((r.where, r) for r in candidates if r.line == nearest)
    return [{"where": r.where, "line": r.line, "file": r.file} for _, r in sorted(found.items())]
