"""Page tables of mode user64, edited by the host on behalf of the guest kernel (SDM vol. 3, 4.5: four levels, 4 KiB).

Entries are made with their accessed and dirty bits set, so that running a program changes none of them on any CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.x86.core.vcpu import lib

PAGE = 4096
PRESENT, WRITABLE, USER, ACCESSED, DIRTY = 1, 2, 4, 0x20, 0x40
NO_EXECUTE = 1 << 63
FRAME_MASK = 0x000F_FFFF_FFFF_F000
#: End of the program's half of the address space; the last page of it is never given out (as on Linux).
USER_END = (1 << 47) - PAGE
#: PROT_READ, PROT_WRITE, PROT_EXEC of mmap and mprotect.
READ, WRITE, EXECUTE = 1, 2, 4
_TABLE = PRESENT | WRITABLE | USER | ACCESSED
_LEVELS = (39, 30, 21, 12)


class OutOfMemory(Exception):
    """No frame is left, for a page or for a page table."""


@dataclass(frozen=True)
class Frames:
    """What of RAM is in use: the next frame never used, frames given back, and the next page of the tables' pool."""

    fresh: int
    free: tuple[int, ...]
    table: int
    end: int

    @staticmethod
    def all(ram_bytes: int) -> Frames:
        """Nothing in use but the root table."""
        return Frames(lib.GUEST_FRAMES, (), lib.GUEST_TABLES + PAGE, ram_bytes)

    @property
    def count_left(self) -> int:
        """Pages that a program can still get."""
        return len(self.free) + (self.end - self.fresh) // PAGE


def protection_bits(protection: int) -> int:
    """The bits of an entry for PROT_x. A page that nobody may touch keeps its frame, without PRESENT."""
    if not protection & (READ | WRITE | EXECUTE):
        return USER | ACCESSED | DIRTY
    bits = PRESENT | USER | ACCESSED | DIRTY
    bits |= WRITABLE if protection & WRITE else 0
    return bits if protection & EXECUTE else bits | NO_EXECUTE


class AddressSpace:
    """The tables as they are in memory with the changes made so far; the caller puts these into effect."""

    def __init__(self, read: Callable[[int, int], bytes], frames: Frames) -> None:
        self.read = read
        self.frames = frames
        self._entries: dict[int, int] = {}
        self.zeros: list[int] = []

    def _entry(self, at: int) -> int:
        found = self._entries.get(at)
        return int.from_bytes(self.read(at, 8), "little") if found is None else found

    def _new_table(self) -> int:
        table = self.frames.table
        if table >= lib.GUEST_FRAMES:
            raise OutOfMemory
        self.frames = Frames(self.frames.fresh, self.frames.free, table + PAGE, self.frames.end)
        return table

    def new_frame(self) -> int:
        """A frame of zeros."""
        now = self.frames
        if now.free:
            self.frames = Frames(now.fresh, now.free[1:], now.table, now.end)
            self.zeros.append(now.free[0])
            return now.free[0]
        if now.fresh + PAGE > now.end:
            raise OutOfMemory
        self.frames = Frames(now.fresh + PAGE, (), now.table, now.end)
        return now.fresh

    def _slot(self, page: int, *, make: bool) -> int | None:
        """Physical address of the page's entry in the last table; None where there is no such table."""
        table = int(lib.GUEST_TABLES)
        for shift in _LEVELS[:-1]:
            at = table + 8 * (page >> shift & 511)
            entry = self._entry(at)
            if not entry & PRESENT:
                if not make:
                    return None
                entry = self._entries[at] = self._new_table() | _TABLE
            table = entry & FRAME_MASK
        return table + 8 * (page >> 12 & 511)

    def entry(self, address: int) -> int:
        """The entry of the page around `address`; 0 where none is mapped."""
        slot = self._slot(address & ~(PAGE - 1), make=False)
        return 0 if slot is None else self._entry(slot)

    def put(self, page: int, frame: int, bits: int) -> None:
        """Map one page. OutOfMemory without room for a table."""
        slot = self._slot(page, make=True)
        assert slot is not None  # noqa: S101 - it was to be made
        self._entries[slot] = frame | bits

    def map(self, page: int, count: int, protection: int) -> None:
        """Map `count` pages of zeros. OutOfMemory, and then the caller forgets this object."""
        for i in range(count):
            self.put(page + i * PAGE, self.new_frame(), protection_bits(protection))

    def unmap(self, page: int, count: int) -> None:
        """Take pages away; those that were not there are no error. Their frames are used again."""
        freed = []
        for slot, entry in self._present(page, count):
            freed.append(entry & FRAME_MASK)
            self._entries[slot] = 0
        now = self.frames
        self.frames = Frames(now.fresh, (*now.free, *freed), now.table, now.end)

    def protect(self, page: int, count: int, protection: int) -> None:
        """Change what may be done with pages that are mapped."""
        for slot, entry in self._present(page, count):
            self._entries[slot] = entry & FRAME_MASK | protection_bits(protection)

    def _present(self, page: int, count: int) -> Iterator[tuple[int, int]]:
        for i in range(count):
            slot = self._slot(page + i * PAGE, make=False)
            entry = self._entry(slot) if slot is not None else 0
            if slot is not None and entry:
                yield slot, entry

    def has_all(self, page: int, count: int) -> bool:
        """True when each of the pages is mapped."""
        return all(self.entry(page + i * PAGE) for i in range(count))

    def reach(self, address: int, length: int, *, writes: bool) -> list[tuple[int, int]] | None:
        """(physical address, length) of the pieces of a range that the program may read (or write); None: not all."""
        if length < 0 or not 0 <= address <= USER_END - length:
            return None
        pieces = []
        at, end = address, address + length
        while at < end:
            entry, here = self.entry(at), min(end, (at | (PAGE - 1)) + 1) - at
            if not entry & PRESENT or (writes and not entry & WRITABLE):
                return None
            pieces.append(((entry & FRAME_MASK) | (at & (PAGE - 1)), here))
            at += here
        return pieces

    def writes(self) -> list[tuple[int, bytes]]:
        """The changed entries as (physical address, bytes), neighbours in one piece."""
        runs: list[tuple[int, bytearray]] = []
        for at in sorted(self._entries):
            data = self._entries[at].to_bytes(8, "little")
            if runs and runs[-1][0] + len(runs[-1][1]) == at:
                runs[-1][1].extend(data)
            else:
                runs.append((at, bytearray(data)))
        return [(at, bytes(data)) for at, data in runs]
