"""Port 0xF4, known from QEMU's isa-debug-exit: a program that writes to it ends, with a status that it chooses."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DebugExitState:
    """The status once the program has ended, as QEMU makes it of the value: twice the value and one."""

    status: int | None = None


class DebugExit:
    """Ends the program."""

    name = "debug-exit"

    def __init__(self) -> None:
        self.state = DebugExitState()

    def read(self, offset: int) -> int:
        """Nothing is there to read."""
        return 0xFF

    def write(self, offset: int, value: int) -> bytes:
        """End with this value."""
        if self.state.status is None:
            self.state = DebugExitState(value << 1 | 1)
        return b""
