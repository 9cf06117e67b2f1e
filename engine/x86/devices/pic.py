"""Two 8259A interrupt controllers, cascaded as in the PC: IRQ 0-7 on the first, 8-15 through its input 2.

Facts: Intel's 8259A data sheet. Offset 0 is the command port, 1 the data port; edge-triggered, fully nested; neither
rotation nor special mask mode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

CASCADE = 2
SPURIOUS = 7


@dataclass(frozen=True)
class ChipState:
    """One chip. `awaited` is which initialisation word comes next at the data port (0: none)."""

    base: int = 0
    mask: int = 0xFF
    requested: int = 0
    in_service: int = 0
    awaited: int = 0
    wants_fourth: bool = False
    reads_service: bool = False
    ends_itself: bool = False


@dataclass(frozen=True)
class PicState:
    """Both chips."""

    first: ChipState = ChipState()
    second: ChipState = ChipState()


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _asks(chip: ChipState, requested: int) -> int | None:
    """The input that the chip asks for: unmasked, and of a higher priority than what is in service."""
    wanted = requested & ~chip.mask
    if not wanted:
        return None
    line = _lowest(wanted)
    return line if not chip.in_service or line < _lowest(chip.in_service) else None


class Pic:
    """The pair. `PicPort` makes one of them a device on the bus."""

    def __init__(self) -> None:
        self.state = PicState()

    def request(self, irq: int) -> None:
        """An edge on an interrupt line."""
        chip = self.state.first if irq < 8 else self.state.second
        self._put(irq < 8, replace(chip, requested=chip.requested | 1 << (irq & 7)))

    def is_masked(self, irq: int) -> bool:
        """True when nothing comes of that line now."""
        first, second = self.state.first, self.state.second
        if irq < 8:
            return bool(first.mask >> irq & 1)
        return bool(second.mask >> (irq - 8) & 1 or first.mask >> CASCADE & 1)

    def pending(self) -> tuple[int, int] | None:
        """(irq, vector) that the CPU would be given now; None when INTR is low."""
        first, second = self.state.first, self.state.second
        behind = _asks(second, second.requested)
        line = _asks(first, first.requested | (1 << CASCADE if behind is not None else 0))
        if line is None:
            return None
        if line == CASCADE and behind is not None:
            return 8 + behind, second.base + behind
        return line, first.base + line

    def acknowledge(self) -> int:
        """The CPU takes what is pending; its number."""
        found = self.pending()
        if found is None:
            return SPURIOUS
        irq = found[0]
        if irq >= 8:
            self._take(False, irq - 8)
            self._take(True, CASCADE)
        else:
            self._take(True, irq)
        return irq

    def end(self, irq: int) -> None:
        """What a handler of the firmware writes as non-specific ends of interrupt."""
        if irq >= 8:
            self.write(False, 0, 0x20)
        self.write(True, 0, 0x20)

    def _take(self, is_first: bool, line: int) -> None:
        chip = self.state.first if is_first else self.state.second
        served = chip.in_service if chip.ends_itself else chip.in_service | 1 << line
        self._put(is_first, replace(chip, requested=chip.requested & ~(1 << line), in_service=served))

    def _put(self, is_first: bool, chip: ChipState) -> None:
        self.state = replace(self.state, **{"first" if is_first else "second": chip})

    def read(self, is_first: bool, offset: int) -> int:
        """IRR or ISR at the command port, the mask at the data port."""
        chip = self.state.first if is_first else self.state.second
        if offset:
            return chip.mask
        return chip.in_service if chip.reads_service else chip.requested

    def write(self, is_first: bool, offset: int, value: int) -> None:
        """ICW1-4 and OCW1-3."""
        chip = self.state.first if is_first else self.state.second
        self._put(is_first, _data(chip, value) if offset else _command(chip, value))


def _command(chip: ChipState, value: int) -> ChipState:
    if value & 0x10:  # ICW1
        return ChipState(base=chip.base, mask=0, awaited=2, wants_fourth=bool(value & 1))
    if value & 0x08:  # OCW3
        return replace(chip, reads_service=bool(value & 1)) if value & 2 else chip
    if not value & 0x20 or not chip.in_service:
        return chip
    line = value & 7 if value & 0x40 else _lowest(chip.in_service)
    return replace(chip, in_service=chip.in_service & ~(1 << line))


def _data(chip: ChipState, value: int) -> ChipState:
    if chip.awaited == 2:
        return replace(chip, base=value & 0xF8, awaited=3)
    if chip.awaited == 3:
        return replace(chip, awaited=4 if chip.wants_fourth else 0)
    if chip.awaited == 4:
        return replace(chip, awaited=0, ends_itself=bool(value & 2))
    return replace(chip, mask=value)


class PicPort:
    """One chip of the pair on the bus."""

    name = "pic"

    def __init__(self, pic: Pic, *, is_first: bool) -> None:
        self.pic = pic
        self.is_first = is_first

    def read(self, offset: int) -> int:
        """One register."""
        return self.pic.read(self.is_first, offset)

    def write(self, offset: int, value: int) -> bytes:
        """One register."""
        self.pic.write(self.is_first, offset, value)
        return b""
