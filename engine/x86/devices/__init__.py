"""Devices: they know offsets inside their own range of ports, never addresses; the board decides where they are.

A device's whole state is one frozen dataclass in its attribute `state`, so that saving and restoring it is one
assignment. What it learns from
outside comes through `SerialInput`, which asks the machine's journal.
"""

from __future__ import annotations

from typing import Any, Protocol


class Device(Protocol):
    """Something on the port bus, one byte wide."""

    @property
    def name(self) -> str:
        """What exit events call it."""
        ...

    def read(self, offset: int) -> int:
        """The byte that an `in` gets; raises NeedInput when the program has to wait for input."""
        ...

    def write(self, offset: int, value: int) -> bytes:
        """Take a byte from an `out`; answers what the program printed by it (mostly nothing)."""
        ...


class NeedInput(Exception):
    """The journal does not hold yet what a device wants to read from `channel`.

    `polls`: the program only looked. It goes on without input when it is given a NUL: nobody typed for a moment.
    """

    def __init__(self, channel: str, *, polls: bool = False) -> None:
        super().__init__(channel)
        self.channel = channel
        self.polls = polls

    @property
    def detail(self) -> dict[str, Any]:
        """The detail of the Stop that it becomes."""
        return {"channel": self.channel, "polls": True} if self.polls else {"channel": self.channel}
