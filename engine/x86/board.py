"""The board: how much memory there is, and which device answers at which port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.machine import Journal
from engine.x86.devices import Device, NeedInput
from engine.x86.devices.cmos import Cmos
from engine.x86.devices.crtc import Crtc
from engine.x86.devices.debug_exit import DebugExit
from engine.x86.devices.debug_port import DebugPort
from engine.x86.devices.keyboard import Keyboard
from engine.x86.devices.pic import Pic, PicPort
from engine.x86.devices.pit import Pit
from engine.x86.devices.serial_input import SerialInput
from engine.x86.devices.speaker import Speaker
from engine.x86.devices.uart import Uart

#: RAM of the real-mode board: all that real mode can address, except 64 KiB - 16 bytes above it, where nothing is.
RAM_BYTES = 1 << 20
PORT_DEBUG = 0xE9
PORT_COM1 = 0x3F8
PORT_PIC, PORT_SECOND_PIC = 0x20, 0xA0
PORT_PIT, PORT_PIT_CONTROL = 0x40, 0x43
PORT_SPEAKER_COUNT, PORT_SPEAKER = 0x42, 0x61
PORT_KEYBOARD, PORT_KEYBOARD_STATUS = 0x60, 0x64
PORT_CMOS = 0x70
PORT_EXIT = 0xF4
PORT_CRTC, PORT_CRTC_STATUS = 0x3D4, 0x3DA
IRQ_TIMER, IRQ_KEYBOARD, IRQ_UART = 0, 1, 4


@dataclass(frozen=True)
class Claim:
    """`device` answers at the ports base … base + length - 1, which are its offsets from `first` on."""

    base: int
    length: int
    device: Device
    first: int = 0

    def offset(self, port: int) -> int:
        """Which of the device's offsets a port is."""
        return port - self.base + self.first


class PortBus:
    """Ports to devices. Devices are a byte wide: a wider access is one byte to each of the following ports.

    An unclaimed port reads all ones, and a write to it goes nowhere.
    """

    def __init__(self) -> None:
        self.claims: list[Claim] = []

    def insert(self, base: int, length: int, device: Device, first: int = 0) -> None:
        """Give a range of ports to a device. ValueError when another one has it."""
        for claim in self.claims:
            if base < claim.base + claim.length and claim.base < base + length:
                raise ValueError(f"ports {base:#x}+{length} overlap those of {claim.device.name}")
        self.claims.append(Claim(base, length, device, first))

    def find(self, port: int) -> Claim | None:
        """Who answers at `port`."""
        return next((c for c in self.claims if c.base <= port < c.base + c.length), None)

    def read(self, port: int, size: int) -> int:
        """What an `in` of `size` bytes gets. NeedInput when a device has to wait."""
        value = 0
        for i in range(size):
            claim = self.find(port + i & 0xFFFF)
            byte = claim.device.read(claim.offset(port + i)) if claim else 0xFF
            value |= byte << 8 * i
        return value

    def write(self, port: int, size: int, value: int) -> bytes:
        """Hand out an `out` of `size` bytes; answers what was printed."""
        printed = b""
        for i in range(size):
            claim = self.find(port + i & 0xFFFF)
            if claim:
                printed += claim.device.write(claim.offset(port + i), value >> 8 * i & 0xFF)
        return printed


class Board:
    """Memory size, port bus, every device with state, and the interrupt lines between them."""

    def __init__(self, journal: Journal) -> None:
        self.input = SerialInput(journal)
        self.ports = PortBus()
        debug, self.uart = DebugPort(self.input), Uart(self.input)
        self.speaker = Speaker()
        self.pic, self.pit, self.crtc, self.debug_exit = Pic(), Pit(self.speaker), Crtc(), DebugExit()
        self.keyboard, self.cmos = Keyboard(self.input), Cmos(self.input)
        self.ports.insert(PORT_DEBUG, 1, debug)
        self.ports.insert(PORT_COM1, 8, self.uart)
        self.ports.insert(PORT_PIC, 2, PicPort(self.pic, is_first=True))
        self.ports.insert(PORT_SECOND_PIC, 2, PicPort(self.pic, is_first=False))
        self.ports.insert(PORT_PIT, 1, self.pit)
        self.ports.insert(PORT_PIT_CONTROL, 1, self.pit, 3)
        self.ports.insert(PORT_SPEAKER_COUNT, 1, self.speaker)
        self.ports.insert(PORT_SPEAKER, 1, self.speaker, 1)
        self.ports.insert(PORT_KEYBOARD, 1, self.keyboard)
        self.ports.insert(PORT_KEYBOARD_STATUS, 1, self.keyboard, 4)
        self.ports.insert(PORT_CMOS, 2, self.cmos)
        self.ports.insert(PORT_EXIT, 1, self.debug_exit)
        self.ports.insert(PORT_CRTC, 2, self.crtc)
        self.ports.insert(PORT_CRTC_STATUS, 1, self.crtc, 6)
        self._stateful: tuple[Any, ...] = (
            self.input,
            debug,
            self.uart,
            self.pic,
            self.pit,
            self.speaker,
            self.crtc,
            self.debug_exit,
            self.keyboard,
            self.cmos,
        )

    def insert(self, device: Any) -> None:  # noqa: ANN401 - whatever has a `state`
        """One more thing whose state is the machine's."""
        self._stateful = (*self._stateful, device)

    def advance(self, clock: int, *, wants_keys: bool = False) -> None:
        """Bring the devices to the machine's clock; what became due asks the interrupt controller.

        `wants_keys`: the program serves IRQ 1 itself, so a timer tick counts as a look for a key (NeedInput).
        """
        before = self.save()
        self.pit.clock = self.speaker.clock = self.cmos.clock = self.keyboard.clock = clock
        if self.pit.edges():
            self.pic.request(IRQ_TIMER)
            try:
                if wants_keys:
                    self.keyboard.offer(counts=True)
            except NeedInput:
                self.restore(before)
                raise
        if self.keyboard.announces():
            self.pic.request(IRQ_KEYBOARD)
        self.announce()

    def announce(self) -> None:
        """Take up what the program's last access made the serial port ask for."""
        if self.uart.announces():
            self.pic.request(IRQ_UART)

    @property
    def next_event(self) -> int | None:
        """The clock at which `advance` has something to do next."""
        return self.pit.state.next_edge

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
