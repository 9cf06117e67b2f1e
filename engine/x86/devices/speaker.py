"""Channel 2 of the 8254, which drives the PC's speaker, and the port that gates it: 0x42 (offset 0), 0x61 (offset 1).

Nothing is heard. Programs use the channel to wait, too: bit 5 of port 0x61 is its output, bit 4 toggles with every
memory refresh, 15 microseconds apart. Facts: Intel's 8254 data sheet; IBM's PC AT reference, "System Control Port".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_GATE, _DRIVEN = 1, 2
_REFRESH, _OUTPUT = 0x10, 0x20
#: Clocks of the 8254 between two memory refreshes.
_REFRESH_CLOCKS = 18


@dataclass(frozen=True)
class SpeakerState:
    """The control bits, the counter as the control word wants it, and the clock at which it began to count."""

    control: int = 0
    mode: int = 3
    access: int = 3
    reload: int = 0x10000
    start: int = 0
    low: int | None = None
    latched: int | None = None
    reads_high: bool = False


class Speaker:
    """`clock` is set by the board before every access."""

    name = "speaker"

    def __init__(self) -> None:
        self.state = SpeakerState()
        self.clock = 0

    def _gone(self) -> int:
        return self.clock - self.state.start if self.state.control & _GATE else 0

    def _count(self) -> int:
        state, gone = self.state, self._gone()
        if state.mode in (2, 3):
            return state.reload - gone % state.reload
        return state.reload - gone & 0xFFFF

    def _output(self) -> bool:
        """The channel's output (data sheet, "Mode Definitions")."""
        state, gone = self.state, self._gone()
        if state.mode in (0, 1):
            return gone >= state.reload
        if state.mode == 3:
            return gone % state.reload < (state.reload + 1) // 2
        return gone % state.reload != state.reload - 1 if state.mode == 2 else gone != state.reload

    def set_mode(self, value: int) -> None:
        """A control word for this channel, or the command to hold its count for reading."""
        if not value & 0x30:
            self.state = replace(self.state, latched=self._count() & 0xFFFF, reads_high=False)
            return
        mode = value >> 1 & 7
        mode, access = (mode - 4 if mode > 5 else mode), value >> 4 & 3
        control, reload = self.state.control, self.state.reload
        self.state = SpeakerState(control, mode, access, reload, self.clock)

    def read(self, offset: int) -> int:
        """The counter, byte by byte; or the control port."""
        state = self.state
        if offset:
            toggle = _REFRESH if self.clock // _REFRESH_CLOCKS & 1 else 0
            return state.control | toggle | (_OUTPUT if self._output() else 0)
        value = self._count() if state.latched is None else state.latched
        high = state.access == 2 or (state.access == 3 and state.reads_high)
        done = state.access != 3 or high
        self.state = replace(state, latched=None if done else value, reads_high=state.access == 3 and not high)
        return value >> 8 & 0xFF if high else value & 0xFF

    def write(self, offset: int, value: int) -> bytes:
        """The counter's bytes; or the gate and whether the speaker is driven."""
        state = self.state
        if offset:
            opens = value & ~state.control & _GATE
            start = self.clock if opens else state.start
            self.state = replace(state, control=value & (_GATE | _DRIVEN), start=start)
        elif state.access == 3 and state.low is None:
            self.state = replace(state, low=value)
        else:
            count = {1: value, 2: value << 8}.get(state.access, value << 8 | (state.low or 0))
            self.state = replace(state, reload=count or 0x10000, low=None, start=self.clock)
        return b""
