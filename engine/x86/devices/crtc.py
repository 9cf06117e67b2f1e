"""The display's CRT controller as far as text needs it: the cursor. Ports 0x3D4 (index), 0x3D5 (data), 0x3DA (status).

Facts: IBM's VGA reference: registers 0x0A and 0x0B the cursor's shape (bit 5 of 0x0A hides it), 0x0E and 0x0F its place
in characters from the screen's start.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_START, _END, _HIGH, _LOW = 0x0A, 0x0B, 0x0E, 0x0F


@dataclass(frozen=True)
class CrtcState:
    """The chosen register, the cursor, and how often the status was read (its retrace bits come and go)."""

    index: int = 0
    cursor: int = 0
    shape_start: int = 0x0D
    shape_end: int = 0x0E
    reads: int = 0


class Crtc:
    """Offsets 0, 1 and 6."""

    name = "crtc"

    def __init__(self) -> None:
        self.state = CrtcState()

    @property
    def is_cursor_visible(self) -> bool:
        """False when bit 5 of register 0x0A hides it."""
        return not self.state.shape_start & 0x20

    def move(self, cursor: int) -> None:
        """Put the cursor at a character, counted from the screen's start."""
        self.state = replace(self.state, cursor=cursor & 0xFFFF)

    def read(self, offset: int) -> int:
        """A register, or the status: in retrace at every other look."""
        state = self.state
        if offset == 0:
            return state.index
        if offset == 6:
            self.state = replace(state, reads=state.reads ^ 1)
            return 9 if state.reads else 0
        registers = {_START: state.shape_start, _END: state.shape_end, _HIGH: state.cursor >> 8}
        return registers.get(state.index, state.cursor & 0xFF if state.index == _LOW else 0)

    def write(self, offset: int, value: int) -> bytes:
        """Choose a register, or write it."""
        state = self.state
        if offset == 0:
            self.state = replace(state, index=value)
        elif offset == 1 and state.index == _HIGH:
            self.move(value << 8 | state.cursor & 0xFF)
        elif offset == 1 and state.index == _LOW:
            self.move(state.cursor & 0xFF00 | value)
        elif offset == 1 and state.index in (_START, _END):
            field = "shape_start" if state.index == _START else "shape_end"
            self.state = replace(state, **{field: value})
        return b""
