"""From what a visitor points at (a line, a row, an address, a function, an opcode) to the rows to stop before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.conditions import Condition, named_values
from engine.errors import CommandError

MAX_PLACES = 1000
MAX_NAME = 200


@dataclass(frozen=True)
class Place:
    """One breakpoint as asked for: a row, a line of a file (None = the main file), an address, a function's start, an
    opcode.

    It stops where `condition` holds, and of those times at the `hits`-th.
    """

    where: int | None
    line: int | None = None
    file: str | None = None
    function: str | None = None
    op: str | None = None
    address: int | None = None
    hits: int = 1
    condition: Condition | None = None

    @classmethod
    def parse(cls, data: object) -> Place:
        """From a command's data; CommandError if it is no place."""
        if not isinstance(data, Mapping):
            raise CommandError(PLACE)
        place = {name: value for name, value in data.items() if value is not None}
        hits, condition = place.pop("hits", 1), place.pop("condition", "")
        if type(hits) is not int or not 1 <= hits < 1 << 53:
            raise CommandError("`hits` of a breakpoint is 1 or more")
        if not isinstance(condition, str):
            raise CommandError("the `condition` of a breakpoint is a text")
        rest = {"hits": hits, "condition": Condition(condition) if condition.strip() else None}
        names, numbers = {"file", "function", "op"} & set(place), {"where", "line", "address"} & set(place)
        is_fit = all(isinstance(place[n], str) and len(place[n]) <= MAX_NAME for n in names)
        is_fit = is_fit and all(type(place[n]) is int for n in numbers)
        if is_fit and set(place) in ({"where"}, {"line"}, {"line", "file"}, {"address"}, {"function"}, {"op"}):
            fields: dict[str, Any] = {"where": None, **place, **rest}
            return cls(**fields)
        raise CommandError(PLACE)


PLACE = (
    "a breakpoint's place is {line, file?}, {where}, {address}, {function} or {op}, with `condition` and `hits` if you "
    "like"
)


@dataclass(frozen=True)
class _Row:
    """A row that can be executed. `begins`: it begins a run of rows of its line; `is_entry`: its function."""

    where: int
    line: int | None
    file: str | None
    function: str | None
    op: str
    begins: bool
    is_entry: bool
    address: int | None = None


def _rows(listing: Mapping[str, Any]) -> Iterator[_Row]:
    for function in listing["functions"]:
        line, is_entry = None, True
        for row in function["rows"]:
            if not row.get("data"):
                file = row.get("file") or function.get("file")
                begins = row["line"] is not None and row["line"] != line
                name, address = function.get("name"), row.get("address")
                yield _Row(row["where"], row["line"], file, name, row["op"], begins, is_entry, address)
                line, is_entry = row["line"], False


def find_rows(places: Sequence[Place], listing: Mapping[str, Any], main_file: str) -> dict[int, list[int]]:
    """Which places each row belongs to: `{where: [numbers of places]}`.

    A line stands for the first row of each run of its rows, in every function; a line without rows for the next line
    of its file that has some. A function stands for its first row, an opcode for all of its rows. Places that name
    nothing have no rows.
    """
    rows = list(_rows(listing))
    found: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        for row in _rows_of(place, rows, main_file):
            found.setdefault(row.where, []).append(number)
    return found


def _rows_of(place: Place, rows: Sequence[_Row], main_file: str) -> list[_Row]:
    if place.where is not None:
        return [row for row in rows if row.where == place.where]
    if place.address is not None:
        return [row for row in rows if row.address == place.address]
    if place.function is not None:
        return [row for row in rows if row.is_entry and row.function == place.function]
    if place.op is not None:
        return [row for row in rows if row.op.lower() == place.op.lower()]
    file = place.file or main_file
    candidates = [r for r in rows if r.begins and (r.file or main_file) == file and (r.line or 0) >= (place.line or 0)]
    nearest = min((r.line or 0 for r in candidates), default=None)
    return [r for r in candidates if r.line == nearest]


def resolve(places: Sequence[Place], listing: Mapping[str, Any], main_file: str) -> list[dict[str, Any]]:
    """`[{where, line, file}]`, sorted and each row once; see `find_rows`."""
    found = find_rows(places, listing, main_file)
    rows = sorted((row for row in _rows(listing) if row.where in found), key=lambda row: row.where)
    return [{"where": r.where, "line": r.line, "file": r.file} for r in rows]


class Passing:
    """One motion past breakpoints: says at which of the places that it meets it stops."""

    def __init__(self, places: Sequence[Place], rows: Mapping[int, Sequence[int]]) -> None:
        self._places = places
        self._rows = rows
        self._met: dict[int, int] = {}

    def stops(self, where: int | None, view: Callable[[], Mapping[str, Any]]) -> bool:
        """Does the motion stop before row `where`? `view()` answers what is there to see; asked for if needed.

        Every place counts how often it was met; it stops from its `hits`-th time on.
        """
        names, is_stop = None, False
        for number in self._rows.get(-1 if where is None else where, ()):
            place = self._places[number]
            if place.condition is not None:
                names = named_values(view()) if names is None else names
                if not place.condition.holds(names):
                    continue
            self._met[number] = self._met.get(number, 0) + 1
            is_stop = is_stop or self._met[number] >= place.hits
        return is_stop
