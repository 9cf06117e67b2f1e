"""Port 0xE9, known from Bochs and QEMU: a byte written to it is printed, at once and without any set-up.

Here it reads as well: the next byte of input, and all ones after the end of the input.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.x86.devices.serial_input import SerialInput


@dataclass(frozen=True)
class DebugPortState:
    """It has none."""


class DebugPort:
    """The simplest way for a program to say something."""

    name = "debug"

    def __init__(self, source: SerialInput) -> None:
        self.source = source
        self.state = DebugPortState()

    def read(self, offset: int) -> int:
        """The next byte of input."""
        byte = self.source.take()
        return 0xFF if byte is None else byte

    def write(self, offset: int, value: int) -> bytes:
        """Print a byte."""
        return bytes([value])
