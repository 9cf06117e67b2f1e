"""Instructions around an address, as debuggers ask for them: a number of instructions before it and after it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.debug.debuggee import Debuggee, RowInfo


@dataclass(frozen=True)
class Line:
    """One line of a disassembly. `row`: the listing's row, if it is one; without `is_valid` there is no instruction."""

    address: int
    bytes_text: str
    text: str
    row: RowInfo | None = None
    is_valid: bool = True


def _nothing(address: int) -> Line:
    return Line(address, "", "??", is_valid=False)


def disassemble(debuggee: Debuggee, address: int, offset: int, count: int) -> list[Line]:
    """Exactly `count` lines, the first being `offset` instructions after (negative: before) the one at `address`."""
    before = _before(debuggee, address, -offset) if offset < 0 else []
    lines = [*before, *_from(debuggee, address, max(0, offset + count))]
    return (lines if offset < 0 else lines[offset:])[:count]


def _from(debuggee: Debuggee, address: int, count: int) -> list[Line]:
    """`count` lines from `address` on; where decoding ends, lines that say so."""
    decoded = debuggee.view.decode(address, count)
    if decoded is None:
        rows = [row for row in debuggee.rows() if row.address >= address][:count]
        lines = [_line(row) for row in rows]
    else:
        lines = []
        for found in decoded:
            comment = f"  ; {found['comment']}" if found["comment"] else ""
            text = f"{found['op']} {found['args']}".strip() + comment
            row = debuggee.row(found["where"])
            lines.append(Line(found["address"], found["bytes"], text, row))
    last = lines[-1] if lines else None
    end = address if last is None else last.address + (len(last.bytes_text) // 2 or 1)
    return [*lines, *(_nothing(end + n) for n in range(count - len(lines)))]


def _line(row: RowInfo) -> Line:
    return Line(row.address, row.bytes_text, row.text, row)


def _before(debuggee: Debuggee, address: int, count: int) -> list[Line]:
    """`count` lines that end at `address`: rows of the listing, because instructions cannot be decoded backwards."""
    ending: dict[int, RowInfo] = {}
    for row in debuggee.rows():
        if row.address + row.size_bytes <= address and _is_there(debuggee, row):
            ending[row.address + row.size_bytes] = row
    lines: list[Line] = []
    at = address
    while len(lines) < count:
        row_or_none = ending.get(at)
        lines.append(_nothing(at - 1) if row_or_none is None else _line(row_or_none))
        at = lines[-1].address
    return lines[::-1]


def _is_there(debuggee: Debuggee, row: RowInfo) -> bool:
    """False for a row whose bytes the program has overwritten."""
    if not row.bytes_text or debuggee.view.decode(row.address, 0) is None:
        return True
    return debuggee.view.read_memory(row.address, row.size_bytes).hex() == row.bytes_text
