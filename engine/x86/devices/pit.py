"""Channel 0 of the 8254 interval timer, on the machine's own clock: one instruction takes one of its clocks.

So the machine has the speed of an early PC: 1,193,182 instructions are a second, and the BIOS's timer ticks every
65,536. Facts: Intel's 8254 data sheet. Offsets: 0 channel 0's counter, 3 the control word; binary counting only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.x86.devices.speaker import Speaker

#: Clocks a second.
HERTZ = 1_193_182
#: Counts below this are taken for it: a machine that only serves its timer shows nothing.
LEAST_COUNT = 16


@dataclass(frozen=True)
class PitState:
    """`next_edge` is the clock of the next interrupt, None when none comes; `low` a counter's first byte."""

    reload: int = 0x10000
    mode: int = 3
    access: int = 3
    start: int = 0
    next_edge: int | None = None
    low: int | None = None
    latched: int | None = None
    reads_high: bool = False
    is_programmed: bool = False


class Pit:
    """The timer. `clock` is set by the board before every access."""

    name = "pit"

    def __init__(self, speaker: Speaker | None = None) -> None:
        self.speaker = speaker or Speaker()
        self.state = PitState()
        self.clock = 0

    def start(self) -> None:
        """As a BIOS leaves it: 18.2 ticks a second."""
        self.state = PitState(next_edge=0x10000)

    def edges(self) -> bool:
        """Whether the output rose since it was last asked; moves on to the next edge."""
        state = self.state
        if state.next_edge is None or self.clock < state.next_edge:
            return False
        if state.mode == 0:
            self.state = replace(state, next_edge=None)
        else:
            passed = (self.clock - state.next_edge) // state.reload + 1
            self.state = replace(state, next_edge=state.next_edge + passed * state.reload)
        return True

    def _count(self) -> int:
        gone = self.clock - self.state.start
        if self.state.mode == 0:
            return max(0, self.state.reload - gone)
        return self.state.reload - gone % self.state.reload

    def read(self, offset: int) -> int:
        """The counter, byte by byte as the control word wanted it."""
        state = self.state
        if offset:
            return 0xFF
        value = self._count() if state.latched is None else state.latched
        high = state.access == 2 or (state.access == 3 and state.reads_high)
        done = state.access != 3 or high
        self.state = replace(state, latched=None if done else value, reads_high=state.access == 3 and not high)
        return value >> 8 & 0xFF if high else value & 0xFF

    def write(self, offset: int, value: int) -> bytes:
        """The control word, or a counter's byte."""
        state = self.state
        if offset == 3:
            self._control(value)
        elif state.access == 3 and state.low is None:
            self.state = replace(state, low=value)
        else:
            count = {1: value, 2: value << 8}.get(state.access, value << 8 | (state.low or 0))
            self._load(max(count or 0x10000, LEAST_COUNT))
        return b""

    def _control(self, value: int) -> None:
        if value >> 6 == 2:
            self.speaker.set_mode(value)
        if value >> 6:
            return  # channel 1 drives nothing here; reading back is the 8254's own and rare
        if not value & 0x30:
            self.state = replace(self.state, latched=self._count(), reads_high=False)
            return
        mode = value >> 1 & 7
        mode = mode - 4 if mode > 5 else mode
        self.state = replace(
            self.state, mode=mode, access=value >> 4 & 3, low=None, latched=None, reads_high=False, next_edge=None
        )

    def _load(self, count: int) -> None:
        """A new count starts now. Modes 1 and 5 wait for a gate that channel 0 does not have."""
        is_running = self.state.mode not in (1, 5)
        self.state = replace(
            self.state,
            reload=count,
            start=self.clock,
            low=None,
            next_edge=self.clock + count if is_running else None,
            is_programmed=is_running,
        )
