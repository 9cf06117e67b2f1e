"""The BIOS services of mode boot16: code of a few bytes in ROM, and what it asks the host for.

Every service's vector leads to a stub at `ROM_BASE` + 16 * its number: a `vmcall` and an `iret`. The machine computes
the whole effect of the `vmcall` before the step, so that it is recorded like any other instruction's.
Facts: the services as documented for the IBM PC's BIOS and its successors (Ralf Brown's interrupt list).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.x86.board import Board

#: Linear address of the stubs, at segment F000.
ROM_SEGMENT, ROM_OFFSET = 0xF000, 0xE000
ROM_BASE = ROM_SEGMENT * 16 + ROM_OFFSET
ROM_END = ROM_BASE + 0x1000
#: The BIOS data area.
BDA_EQUIPMENT, BDA_MEMORY, BDA_MODE, BDA_COLUMNS = 0x410, 0x413, 0x449, 0x44A
BDA_CURSOR, BDA_SHAPE, BDA_CRTC, BDA_TICKS, BDA_ROWS = 0x450, 0x460, 0x463, 0x46C, 0x484
BOOT_ADDRESS = 0x7C00
SECTOR = 512
MEMORY_KIB = 639
EQUIPMENT = 0x0021  # 80x25 colour, a disk
FLAG_CARRY, FLAG_ZERO = 0x01, 0x40

_AX, _CX, _DX, _BX, _SP, _BP, _SI, _DI = range(8)
#: Pieces of memory closer than this are one write.
_GAP = 8
_MAX_PIECES = 200


def vector_at(address: int) -> int:
    """The vector whose stub lies at a linear address."""
    return (address - ROM_BASE) // 16


@dataclass
class Call:
    """One service in progress: registers and memory as the program has them, and what is to become of them.

    `stack` is the linear address of what `int` pushed, `image` the disk's contents, `idle` the clocks to let pass.
    """

    board: Board
    read_memory: Callable[[int, int], bytes]
    registers: list[int]
    stack: int
    extra_segment: int
    image: bytes
    printed: str = ""
    idle: int = 0
    name: str = ""
    _changed: dict[int, int] = field(default_factory=dict)

    def get(self, number: int) -> int:
        """The low 16 bits of a register."""
        return self.registers[number] & 0xFFFF

    def set(self, number: int, value: int) -> None:
        """Replace the low 16 bits of a register."""
        self.registers[number] = self.registers[number] & ~0xFFFF | value & 0xFFFF

    ax = property(lambda self: self.get(_AX), lambda self, value: self.set(_AX, value))
    bx = property(lambda self: self.get(_BX), lambda self, value: self.set(_BX, value))
    cx = property(lambda self: self.get(_CX), lambda self, value: self.set(_CX, value))
    dx = property(lambda self: self.get(_DX), lambda self, value: self.set(_DX, value))
    bp = property(lambda self: self.get(_BP))
    di = property(lambda self: self.get(_DI))

    @property
    def ah(self) -> int:
        """The service's function, or its status afterwards."""
        return self.get(_AX) >> 8

    @ah.setter
    def ah(self, value: int) -> None:
        self.set(_AX, value << 8 | self.get(_AX) & 0xFF)

    @property
    def al(self) -> int:
        """The low half of ax."""
        return self.get(_AX) & 0xFF

    @al.setter
    def al(self, value: int) -> None:
        self.set(_AX, self.get(_AX) & 0xFF00 | value & 0xFF)

    def read(self, address: int, length: int) -> bytes:
        """Memory, with what this call has written already."""
        data = bytearray(self.read_memory(address, length).ljust(length, b"\xff"))
        for i in range(length):
            if address + i in self._changed:
                data[i] = self._changed[address + i]
        return bytes(data)

    def word(self, address: int) -> int:
        """A little-endian word."""
        return int.from_bytes(self.read(address, 2), "little")

    def write(self, address: int, data: bytes) -> None:
        """Change memory when the step is done."""
        before = self.read(address, len(data))
        for i, byte in enumerate(data):
            if byte != before[i]:
                self._changed[address + i] = byte

    def write_word(self, address: int, value: int) -> None:
        """A little-endian word."""
        self.write(address, (value & 0xFFFF).to_bytes(2, "little"))

    def flag(self, mask: int, is_set: bool) -> None:
        """Change a flag in the image that `iret` will pop."""
        flags = self.word(self.stack + 4)
        self.write_word(self.stack + 4, flags | mask if is_set else flags & ~mask)

    def pieces(self) -> list[tuple[int, bytes]]:
        """The changed memory as few runs of bytes."""
        gap, places = _GAP, sorted(self._changed)
        while True:
            runs: list[tuple[int, int]] = []
            for place in places:
                if runs and place - runs[-1][1] <= gap:
                    runs[-1] = (runs[-1][0], place + 1)
                else:
                    runs.append((place, place + 1))
            if len(runs) <= _MAX_PIECES:
                return [(start, self.read(start, end - start)) for start, end in runs]
            gap *= 4
