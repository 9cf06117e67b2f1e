"""The MC146818 real-time clock with its CMOS memory: ports 0x70 (index) and 0x71 (data).

The time at which the machine was switched on comes from the journal, once; from then on the clock follows the
machine's own. Facts: Motorola's MC146818 data sheet; memory size registers as PC firmware uses them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from engine.x86.devices.pit import HERTZ
from engine.x86.devices.serial_input import SerialInput

CHANNEL = "clock"
_TIME = (0, 2, 4, 6, 7, 8, 9, 0x32)
_STATUS_A, _STATUS_B, _STATUS_D = 0x0A, 0x0B, 0x0D
_BINARY, _HOURS_24, _VALID = 4, 2, 0x80
#: Base memory in KiB (registers 0x15, 0x16).
_FIXED = {_STATUS_A: 0x26, _STATUS_D: _VALID, 0x15: 640 & 0xFF, 0x16: 640 >> 8}


@dataclass(frozen=True)
class CmosState:
    """The chosen register, what was written, and the seconds since 1970 at power-on, once they are known."""

    index: int = 0
    written: tuple[tuple[int, int], ...] = ()
    status_b: int = _HOURS_24
    started: int | None = None


class Cmos:
    """`clock` is set by the board before every access."""

    name = "cmos"

    def __init__(self, source: SerialInput) -> None:
        self.source = source
        self.state = CmosState()
        self.clock = 0

    def now(self) -> datetime:
        """The time of day. NeedInput while nobody has said when the machine was switched on."""
        if self.state.started is None:
            text = self.source.ask(CHANNEL).strip()
            started = int(text) if text.isdigit() and len(text) <= 12 else 0
            self.state = replace(self.state, started=min(started, 4_102_444_799))  # the year 2099
        return datetime.fromtimestamp(self.state.started or 0, UTC) + timedelta(seconds=self.clock // HERTZ)

    def _time(self, register: int) -> int:
        now = self.now()
        hour = now.hour
        if register == 4 and not self.state.status_b & _HOURS_24:
            hour = (now.hour % 12 or 12) + (0x80 if now.hour >= 12 and self.state.status_b & _BINARY else 0)
        parts = {0: now.second, 2: now.minute, 4: hour, 6: now.isoweekday() % 7 + 1, 7: now.day, 8: now.month}
        value = parts.get(register, now.year // 100 if register == 0x32 else now.year % 100)
        return value if self.state.status_b & _BINARY else value // 10 << 4 | value % 10

    def read(self, offset: int) -> int:
        """The chosen register; the index itself cannot be read."""
        register = self.state.index
        if not offset:
            return 0xFF
        if register in _TIME:
            return self._time(register)
        if register == _STATUS_B:
            return self.state.status_b
        return dict(self.state.written).get(register, _FIXED.get(register, 0))

    def write(self, offset: int, value: int) -> bytes:
        """Choose a register, or write it; the time itself stays."""
        state = self.state
        if not offset:
            self.state = replace(state, index=value & 0x7F)
        elif state.index == _STATUS_B:
            self.state = replace(state, status_b=value & 0x7F)
        elif state.index not in (*_TIME, _STATUS_D):
            written = {**dict(state.written), state.index: value}
            self.state = replace(state, written=tuple(sorted(written.items())))
        return b""
