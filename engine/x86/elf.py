"""Static ELF64 executables (System V ABI, gABI chapters 4 and 5; AMD64 supplement): checked, nothing trusted.

Every number in a file may be a lie. What is refused is refused with a sentence that says why; nothing else can happen.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import Diagnostic, SourceError
from engine.x86.executable import EXECUTE, PIE_BASE, Executable, ProgramHeaders, Segment, Symbol

MAGIC = b"\x7fELF"
#: The longest file, and the most memory that its segments may ask for; the machine has RAM_BYTES (guest_kernel.py).
MAX_FILE_BYTES = 4 << 20
MAX_MEMORY_BYTES = 6 << 20
MAX_SEGMENTS, MAX_SECTIONS, MAX_SYMBOLS = 64, 256, 50_000
MAX_NAME = 200
#: Linux maps nothing below (vm.mmap_min_addr); and above there must be room for the stack and for mmap.
LOWEST, HIGHEST = 0x10000, 0x7000_0000_0000
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATABLE, _EXECUTABLE, _SHARED, _AMD64 = 1, 2, 3, 62
_LOAD, _DYNAMIC_LINKER, _PHDR, _STACK = 1, 3, 6, 0x6474_E551
SYMTAB = 2
#: Flag of a section (SHF_EXECINSTR).
SECTION_CODE = 4
_NOTYPE, _OBJECT, _FUNCTION, _INDIRECT_FUNCTION = 0, 1, 2, 10
_RESERVED = 0xFF00
#: Sums of addresses wrap, as they do for whoever would use them.
_ADDRESS = (1 << 64) - 1


def is_elf(data: bytes) -> bool:
    """True for what at least begins as an ELF file."""
    return data.startswith(MAGIC)


@dataclass(frozen=True)
class Section:
    """A section header."""

    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class ElfFile:
    """An ELF64 file for AMD64 with a checked header. SourceError for anything else."""

    def __init__(self, data: bytes, file: str) -> None:
        self.data, self.file = data, file
        if len(data) < _HEADER.size or not is_elf(data):
            raise self.refuse("this is no ELF file" if not is_elf(data) else "the file ends inside its ELF header")
        fields = _HEADER.unpack_from(data)
        identity, self.kind, self.machine = fields[0], fields[1], fields[2]
        if identity[4] != 2 or self.machine != _AMD64:
            raise self.refuse("this ELF file is not for x86-64", "build it for x86-64, e.g. gcc -m64")
        if identity[5] != 1 or identity[6] != 1:
            raise self.refuse("the ELF header names an unknown byte order or version")
        self.entry, self.program_offset, self.section_offset = fields[4], fields[5], fields[6]
        self.program_size, self.program_count = fields[9], fields[10]
        self.section_size, self.section_count, self.names_index = fields[11], fields[12], fields[13]

    def refuse(self, message: str, hint: str | None = None) -> SourceError:
        """The error that this file is refused with."""
        return SourceError([Diagnostic(message, self.file, hint=hint)])

    def piece(self, offset: int, size: int, what: str) -> bytes:
        """Bytes of the file. SourceError when they reach past its end."""
        if offset + size > len(self.data):
            raise self.refuse(f"{what} lies beyond the end of the file", "the file is cut off or damaged")
        return self.data[offset : offset + size]

    def program_headers(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(type, flags, offset, address, size in the file, size in memory) of each."""
        if not 1 <= self.program_count <= MAX_SEGMENTS or self.program_size != _PROGRAM_HEADER.size:
            raise self.refuse(
                f"an executable has 1 to {MAX_SEGMENTS} program headers of {_PROGRAM_HEADER.size} bytes; "
                f"this file says {self.program_count} of {self.program_size}"
            )
        table = self.piece(self.program_offset, self.program_count * _PROGRAM_HEADER.size, "the program header table")
        for kind, flags, offset, address, _, in_file, in_memory, _ in _PROGRAM_HEADER.iter_unpack(table):
            yield kind, flags, offset, address, in_file, in_memory

    def sections(self) -> list[Section]:
        """The section headers; none where there is no table, or where it makes no sense (a loader needs none)."""
        count = self.section_count
        end = self.section_offset + count * _SECTION_HEADER.size
        if not 0 < count <= MAX_SECTIONS or self.section_size != _SECTION_HEADER.size or end > len(self.data):
            return []
        rows = list(_SECTION_HEADER.iter_unpack(self.data[self.section_offset : end]))
        names = rows[self.names_index] if self.names_index < count else None
        texts = self.data[names[4] : names[4] + names[5]] if names else b""
        return [Section(text_at(texts, r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]) for r in rows]

    def symbols(self, sections: list[Section]) -> Iterator[tuple[str, int, int, int, int]]:
        """(name, info, section index, value, size) of each entry of the symbol table; nothing without one."""
        table = next((s for s in sections if s.kind == SYMTAB), None)
        if table is None or table.link >= len(sections) or table.offset + table.size > len(self.data):
            return
        names = sections[table.link]
        texts = self.data[names.offset : names.offset + names.size]
        end = table.offset + min(table.size, MAX_SYMBOLS * _SYMBOL.size) // _SYMBOL.size * _SYMBOL.size
        for name, info, _, index, value, size in _SYMBOL.iter_unpack(self.data[table.offset : end]):
            yield text_at(texts, name), info, index, value, size


def text_at(texts: bytes, at: int) -> str:
    """The string that begins at an offset of a string table; empty beyond its end."""
    if at >= len(texts):
        return ""
    end = texts.find(b"\0", at, at + MAX_NAME)
    return texts[at : end if end >= 0 else at + MAX_NAME].decode("utf-8", "replace")


def load_elf(data: bytes, file: str) -> Executable:
    """A static executable. SourceError for one that this machine cannot run, or that is damaged."""
    if len(data) > MAX_FILE_BYTES:
        message = f"the file has {len(data):,} bytes; {MAX_FILE_BYTES:,} are the most"
        raise SourceError([Diagnostic(message, file, hint="strip it, or link less into it")])
    elf = ElfFile(data, file)
    if elf.kind == _RELOCATABLE:
        raise elf.refuse("this is an object file, not an executable", "link it: ld -o program program.o")
    if elf.kind not in (_EXECUTABLE, _SHARED):
        raise elf.refuse("this ELF file is no executable")
    base = PIE_BASE if elf.kind == _SHARED else 0
    segments, executable_stack, headers = _segments(elf, base)
    entry = elf.entry + base
    if not any(s.flags & EXECUTE and s.address <= entry < s.address + s.size for s in segments):
        raise elf.refuse(f"the entry point {entry:#x} lies in no segment that may be executed")
    name = file.rsplit("/", 1)[-1] or "program"
    sections = elf.sections()
    code = tuple(
        (s.address + base, s.address + base + s.size)
        for s in sections
        if s.flags & SECTION_CODE and 0 < s.size <= MAX_MEMORY_BYTES
    )
    symbols = _symbols(elf, sections, base)
    return Executable(tuple(segments), entry, symbols, name, headers, base, executable_stack, code)


def _segments(elf: ElfFile, base: int) -> tuple[list[Segment], bool, ProgramHeaders]:
    segments: list[Segment] = []
    executable_stack, total, headers_at = False, 0, 0
    for kind, flags, offset, address, in_file, in_memory in elf.program_headers():
        if kind == _DYNAMIC_LINKER:
            raise elf.refuse(
                "this program is linked dynamically; there are no shared libraries here", "link with -static"
            )
        if kind == _STACK:
            executable_stack = bool(flags & EXECUTE)
        if kind == _PHDR:
            headers_at = (address + base) & _ADDRESS
        if kind != _LOAD or not in_memory:
            continue
        if in_file > in_memory:
            raise elf.refuse(f"the segment at {address:#x} has more bytes in the file than in memory")
        start = address + base
        if not LOWEST <= start <= HIGHEST or in_memory > HIGHEST - start:
            raise elf.refuse(f"the segment at {start:#x} lies outside of {LOWEST:#x}…{HIGHEST:#x}")
        total += in_memory
        if total > MAX_MEMORY_BYTES:
            raise elf.refuse(f"the program needs more than {MAX_MEMORY_BYTES >> 20} MiB of memory")
        content = elf.piece(offset, in_file, f"the segment at {address:#x}")
        segments.append(Segment(start, content, in_memory, flags & 7))
        if not headers_at and offset <= elf.program_offset < offset + in_file:
            headers_at = elf.program_offset - offset + start
    if not segments:
        raise elf.refuse("the file has no segment to load")
    span = max(s.address + s.size for s in segments) - min(s.address for s in segments)
    if span > MAX_MEMORY_BYTES * 2:
        raise elf.refuse(f"the segments lie {span:#x} bytes apart; that is more than this machine's memory")
    return segments, executable_stack, ProgramHeaders(headers_at, _PROGRAM_HEADER.size, elf.program_count)


def _symbols(elf: ElfFile, sections: list[Section], base: int) -> tuple[Symbol, ...]:
    found = []
    for name, info, index, value, size in elf.symbols(sections):
        kind = info & 15
        if not name or not 0 < index < _RESERVED or kind not in (_NOTYPE, _OBJECT, _FUNCTION, _INDIRECT_FUNCTION):
            continue
        is_function = kind in (_FUNCTION, _INDIRECT_FUNCTION)
        found.append(Symbol(name, (value + base) & _ADDRESS, min(size, MAX_MEMORY_BYTES), is_function))
    return tuple(found)
