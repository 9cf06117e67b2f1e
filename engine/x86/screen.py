"""The VGA text screen as the view shows it: 80 columns, 25 rows, two bytes a character at 0xB8000."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

TEXT_BASE, COLUMNS, ROWS = 0xB8000, 80, 25
#: What code page 437 shows for the codes that are control characters elsewhere.
_LOW = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
#: Every byte's glyph. Made at import: a confined process cannot load a codec any more.
_GLYPHS = _LOW + bytes(range(32, 127)).decode("ascii") + "⌂" + bytes(range(128, 255)).decode("cp437") + " "


def character(byte: int) -> str:
    """The glyph of a byte in code page 437."""
    return _GLYPHS[byte]


def picture(machine: X86Machine) -> dict[str, Any] | None:
    """`screen` of docs/views.md; None while a program without a BIOS has not written to it."""
    if machine.is_user:
        return None
    data = machine.vcpu.read_memory(TEXT_BASE, 2 * COLUMNS * ROWS)
    if machine.mode != "boot16" and not any(data):
        return None
    rows, attributes = [], []
    for row in range(ROWS):
        cells = data[2 * row * COLUMNS : 2 * (row + 1) * COLUMNS]
        rows.append("".join(map(_GLYPHS.__getitem__, cells[::2])))
        runs, at = [], 0
        for attribute, group in groupby(cells[1::2]):
            length = len(list(group))
            runs.append([at, length, attribute])
            at += length
        attributes.append(runs)
    crtc = machine.board.crtc
    row, column = divmod(crtc.state.cursor, COLUMNS)
    return {
        "columns": COLUMNS,
        "rows": rows,
        "attributes": attributes,
        "cursor": {"row": row, "column": column, "visible": crtc.is_cursor_visible and row < ROWS},
    }
