"""int 10h: text on the VGA screen in mode 3, 80 columns and 25 rows; one page."""

from __future__ import annotations

from engine.x86.firmware import BDA_COLUMNS, BDA_CURSOR, BDA_MODE, BDA_SHAPE, Call
from engine.x86.screen import COLUMNS, ROWS, TEXT_BASE, character

NORMAL = 0x07
_BELL, _BACKSPACE, _LINE_FEED, _RETURN = 7, 8, 10, 13


def serve(call: Call) -> None:
    """One function of int 10h; those that are not here change nothing."""
    found = _FUNCTIONS.get(call.ah)
    call.name = found[0] if found else "not here"
    if found:
        found[1](call)


def _cursor(call: Call) -> tuple[int, int]:
    column, row = call.read(BDA_CURSOR, 2)
    return min(row, ROWS - 1), min(column, COLUMNS - 1)


def _move(call: Call, row: int, column: int) -> None:
    call.write(BDA_CURSOR, bytes((column & 0xFF, row & 0xFF)))
    call.board.crtc.move(row * COLUMNS + column)


def _set_mode(call: Call) -> None:
    call.write(BDA_MODE, bytes([call.al & 0x7F]))
    if not call.al & 0x80:
        call.write(TEXT_BASE, bytes((0x20, NORMAL)) * (COLUMNS * ROWS))
    _move(call, 0, 0)


def _set_shape(call: Call) -> None:
    call.write_word(BDA_SHAPE, call.cx)
    crtc = call.board.crtc
    index = crtc.state.index
    for register, value in ((0x0A, call.cx >> 8), (0x0B, call.cx & 0xFF), (None, index)):
        crtc.write(0, index if register is None else register)
        if register is not None:
            crtc.write(1, value)


def _set_cursor(call: Call) -> None:
    _move(call, call.dx >> 8, call.dx & 0xFF)


def _get_cursor(call: Call) -> None:
    row, column = _cursor(call)
    call.dx, call.cx = row << 8 | column, call.word(BDA_SHAPE)


def _scroll(call: Call, *, up: bool) -> None:
    top, left, bottom, right = call.cx >> 8, call.cx & 0xFF, call.dx >> 8, call.dx & 0xFF
    _scroll_window(call, (top, left, min(bottom, ROWS - 1), min(right, COLUMNS - 1)), call.al, call.bx >> 8, up=up)


def _scroll_window(call: Call, window: tuple[int, int, int, int], lines: int, attribute: int, *, up: bool) -> None:
    top, left, bottom, right = window
    if top > bottom or left > right:
        return
    width, height = right - left + 1, bottom - top + 1
    lines = lines if 0 < lines < height else height
    blank = bytes((0x20, attribute)) * width
    old = [call.read(TEXT_BASE + 2 * (row * COLUMNS + left), 2 * width) for row in range(top, bottom + 1)]
    new = [*old[lines:], *[blank] * lines] if up else [*[blank] * lines, *old[: height - lines]]
    for i, line in enumerate(new):
        call.write(TEXT_BASE + 2 * ((top + i) * COLUMNS + left), line)


def _write_cells(call: Call) -> None:
    row, column = _cursor(call)
    count = min(call.cx, COLUMNS * ROWS - row * COLUMNS - column)
    call.write(TEXT_BASE + 2 * (row * COLUMNS + column), bytes((call.al, call.bx & 0xFF)) * count)


def _read_cell(call: Call) -> None:
    row, column = _cursor(call)
    call.ax = call.word(TEXT_BASE + 2 * (row * COLUMNS + column))


def _type(call: Call, byte: int, attribute: int | None) -> None:
    """One character at the cursor as a teletype would; None keeps the cell's attribute."""
    row, column = _cursor(call)
    if byte == _BACKSPACE:
        column = max(0, column - 1)
    elif byte == _RETURN:
        column = 0
    elif byte == _LINE_FEED:
        row += 1
    elif byte != _BELL:
        cell = TEXT_BASE + 2 * (row * COLUMNS + column)
        call.write(cell, bytes([byte] if attribute is None else [byte, attribute]))
        column += 1
    call.printed += chr(byte) if byte in (_BACKSPACE, _RETURN, _LINE_FEED) else "" if byte == _BELL else character(byte)
    if column == COLUMNS:
        row, column = row + 1, 0
    if row == ROWS:
        row -= 1
        last = call.read(TEXT_BASE + 2 * (row * COLUMNS) + 1, 1)[0]
        _scroll_window(call, (0, 0, ROWS - 1, COLUMNS - 1), 1, last, up=True)
    _move(call, row, column)


def _teletype(call: Call) -> None:
    _type(call, call.al, None)


def _get_mode(call: Call) -> None:
    call.ax = call.word(BDA_COLUMNS) << 8 | call.read(BDA_MODE, 1)[0]
    call.bx = call.bx & 0xFF


def _write_string(call: Call) -> None:
    """al: bit 0 moves the cursor, bit 1 means that every character is followed by its attribute."""
    kept = _cursor(call)
    _move(call, min(call.dx >> 8, ROWS - 1), min(call.dx & 0xFF, COLUMNS - 1))
    size = 2 if call.al & 2 else 1
    count = min(call.cx, 4096)
    text = call.read(call.extra_segment + call.bp, count * size)
    for i in range(count):
        _type(call, text[i * size], text[i * size + 1] if size == 2 else call.bx & 0xFF)
    if not call.al & 1:
        _move(call, *kept)


_FUNCTIONS = {
    0x00: ("set video mode", _set_mode),
    0x01: ("set cursor shape", _set_shape),
    0x02: ("set cursor position", _set_cursor),
    0x03: ("get cursor position", _get_cursor),
    0x06: ("scroll up", lambda call: _scroll(call, up=True)),
    0x07: ("scroll down", lambda call: _scroll(call, up=False)),
    0x08: ("read character and attribute", _read_cell),
    0x09: ("write character and attribute", _write_cells),
    0x0E: ("teletype output", _teletype),
    0x0F: ("get video mode", _get_mode),
    0x13: ("write string", _write_string),
}
