"""The board: how much memory there is, and which device answers at which port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.machine import Journal
from engine.x86.devices import Device, NeedInput
from engine.x86.devices.debug_port import DebugPort
from engine.x86.devices.serial_input import SerialInput
from engine.x86.devices.uart import Uart

#: RAM of the real-mode board: all that real mode can address, except 64 KiB - 16 bytes above it, where nothing is.
RAM_BYTES = 1 << 20
PORT_DEBUG = 0xE9
PORT_COM1 = 0x3F8


@dataclass(frozen=True)
class Claim:
    """`device` answers at the ports base … base + length - 1."""

    base: int
    length: int
    device: Device


class PortBus:
    """Ports to devices. Devices are a byte wide: a wider access is one byte to each of the following ports.

    An unclaimed port reads all ones, and a write to it goes nowhere.
    """

    def __init__(self) -> None:
        self.claims: list[Claim] = []

    def insert(self, base: int, length: int, device: Device) -> None:
        """Give a range of ports to a device. ValueError when another one has it."""
        for claim in self.claims:
            if base < claim.base + claim.length and claim.base < base + length:
                raise ValueError(f"ports {base:#x}+{length} overlap those of {claim.device.name}")
        self.claims.append(Claim(base, length, device))

    def find(self, port: int) -> Claim | None:
        """Who answers at `port`."""
        return next((c for c in self.claims if c.base <= port < c.base + c.length), None)

    def read(self, port: int, size: int) -> int:
        """What an `in` of `size` bytes gets. NeedInput when a device has to wait."""
        value = 0
        for i in range(size):
            claim = self.find(port + i & 0xFFFF)
            byte = claim.device.read(port + i - claim.base) if claim else 0xFF
            value |= byte << 8 * i
        return value

    def write(self, port: int, size: int, value: int) -> bytes:
        """Hand out an `out` of `size` bytes; answers what was printed."""
        printed = b""
        for i in range(size):
            claim = self.find(port + i & 0xFFFF)
            if claim:
                printed += claim.device.write(port + i - claim.base, value >> 8 * i & 0xFF)
        return printed


class Board:
    """Memory size, port bus and every device with state."""

    def __init__(self, journal: Journal) -> None:
        self.input = SerialInput(journal)
        self.ports = PortBus()
        debug, uart = DebugPort(self.input), Uart(self.input)
        self.ports.insert(PORT_DEBUG, 1, debug)
        self.ports.insert(PORT_COM1, 8, uart)
        self._stateful: tuple[Any, ...] = (self.input, debug, uart)

    def save(self) -> tuple[object, ...]:
        """The states of all devices: immutable, comparable, and equal `repr`s exactly when equal."""
        return tuple(device.state for device in self._stateful)

    def restore(self, states: tuple[object, ...]) -> None:
        """Back to what `save` answered."""
        for device, state in zip(self._stateful, states, strict=True):
            device.state = state

    def read_all(self, port: int, size: int, count: int) -> list[int]:
        """`count` reads for one instruction: all of them or, when one has to wait, none (NeedInput)."""
        before = self.save()
        try:
            return [self.ports.read(port, size) for _ in range(count)]
        except NeedInput:
            self.restore(before)
            raise
