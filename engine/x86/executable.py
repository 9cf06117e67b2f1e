"""A program of mode user64 as the loader needs it, wherever it came from: an ELF file, linked source, or bare bytes."""

from __future__ import annotations

from dataclasses import dataclass

#: Flags of a segment (elf.h, PF_x).
EXECUTE, WRITE, READ = 1, 2, 4
#: Where a position-independent executable is loaded: as Linux does without randomisation.
PIE_BASE = 0x5555_5555_4000
#: Where `ld` puts code, and where bare bytes go.
TEXT_BASE = 0x401000
MAX_ZEROS = 64 << 10


@dataclass(frozen=True)
class Segment:
    """`data` at `address`, zeros up to `size`; `flags` of READ, WRITE, EXECUTE."""

    address: int
    data: bytes
    size: int
    flags: int


@dataclass(frozen=True)
class Symbol:
    """A name for an address. `size` is 0 where it is not known."""

    name: str
    address: int
    size: int = 0
    is_function: bool = False


@dataclass(frozen=True)
class ProgramHeaders:
    """Where the file's program headers are in memory: what Linux tells the program as AT_PHDR and so on."""

    address: int = 0
    size: int = 56
    count: int = 0


@dataclass(frozen=True)
class Executable:
    """Segments, entry point and symbols. `name` is argv[0]; `code`: (start, end) of the sections with instructions."""

    segments: tuple[Segment, ...]
    entry: int
    symbols: tuple[Symbol, ...]
    name: str
    headers: ProgramHeaders = ProgramHeaders()
    base: int = 0
    executable_stack: bool = False
    code: tuple[tuple[int, int], ...] = ()

    @property
    def start(self) -> int:
        """The lowest address."""
        return min(segment.address for segment in self.segments)

    @property
    def end(self) -> int:
        """One past the highest address."""
        return max(segment.address + segment.size for segment in self.segments)

    def is_inside(self, address: int) -> bool:
        """True for an address of one of the segments."""
        return any(s.address <= address < s.address + s.size for s in self.segments)

    def image(self) -> bytes:
        """Everything from `start` on, with the first zeros behind the last byte of the file (MAX_ZEROS)."""
        end = max(s.address + min(s.size, len(s.data) + MAX_ZEROS) for s in self.segments)
        image = bytearray(max(0, end - self.start))
        for segment in self.segments:
            at = segment.address - self.start
            image[at : at + len(segment.data)] = segment.data
        return bytes(image)
