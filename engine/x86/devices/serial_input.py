"""The bytes that somebody types to the program: read from the journal, handed out one at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.machine import Journal
from engine.x86.devices import NeedInput

CHANNEL = "serial"


@dataclass(frozen=True)
class SerialInputState:
    """`entries` journal entries are consumed; `pending` bytes of the last one are still to be read."""

    entries: int = 0
    pending: bytes = b""
    has_ended: bool = False


class SerialInput:
    """One stream of input, shared by every device that reads what is typed."""

    name = "serial input"

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.state = SerialInputState()

    def is_ready(self) -> bool:
        """True when a byte can be had now. Asks the journal; an empty entry in it is the end of the input."""
        if self.state.pending:
            return True
        if self.state.has_ended:
            return False
        data = self.journal.read(self.state.entries, CHANNEL)
        if data is None:
            raise NeedInput(CHANNEL)
        self.state = SerialInputState(self.state.entries + 1, data, has_ended=not data)
        return bool(data)

    def ask(self, channel: str) -> bytes:
        """One entry of another channel, in the journal's one order. NeedInput when nobody knows yet."""
        data = self.journal.read(self.state.entries, channel)
        if data is None:
            raise NeedInput(channel)
        self.state = replace(self.state, entries=self.state.entries + 1)
        return data

    def take(self) -> int | None:
        """The next byte, or None after the end of the input. NeedInput when nobody knows yet."""
        if not self.is_ready():
            return None
        byte = self.state.pending[0]
        self.state = replace(self.state, pending=self.state.pending[1:])
        return byte
