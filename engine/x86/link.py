"""An assembler's object file to an executable: what `ld -o program program.o` makes of it, laid out as ld does.

One object, no libraries. Relocations: AMD64 ABI, 4.4.1.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, replace

from engine.errors import Diagnostic, SourceError
from engine.x86 import gas
from engine.x86.assembler import ADDRESS_LIMIT, Assembly, SourceRow, rows_of, run_nasm
from engine.x86.elf import ElfFile, Section
from engine.x86.executable import EXECUTE, READ, TEXT_BASE, WRITE, Executable, Segment, Symbol

PAGE = 4096
#: Bytes of code that are decoded before the program runs.
MAX_LISTED = 64 << 10
_RELA, _NOBITS = 4, 8
_ALLOCATE, _WRITABLE, _CODE = 2, 1, 4
_UNDEFINED, _ABSOLUTE, _COMMON = 0, 0xFFF1, 0xFFF2
_SECTION_SYMBOL, _FILE_SYMBOL, _FUNCTION = 3, 4, 2
#: type -> (bytes, relative to the place, signed: None takes either).
_RELOCATIONS: dict[int, tuple[int, bool, bool | None]] = {
    1: (8, False, None),
    2: (4, True, True),
    4: (4, True, True),
    10: (4, False, False),
    11: (4, False, True),
    12: (2, False, None),
    13: (2, True, True),
    14: (1, False, None),
    15: (1, True, True),
    24: (8, True, None),
}
_RELOCATION = struct.Struct("<QQq")


@dataclass(frozen=True)
class _Placed:
    """A section with its final address."""

    section: Section
    address: int
    data: bytearray


def link_source(text: str, file: str, syntax: str) -> tuple[Assembly, Executable]:
    """Assemble a source for Linux, in nasm's or one of gas.py's syntaxes, and link it. SourceError with all errors."""
    is_gas = syntax in (gas.ATT, gas.INTEL)
    run = gas.run(text, file, syntax, 64) if is_gas else run_nasm(text, file, "nasm-object")
    placed, symbols, entry = _link(ElfFile(run.image, file))
    sections = {p.section.name: (p.address, p.section.size) for p in placed.values()}
    name = file.rsplit("/", 1)[-1].removesuffix(".asm") or "program"
    executable = Executable(_segments(placed), entry, tuple(s for s in symbols if s.name), name)
    if not executable.segments:
        raise SourceError([Diagnostic("the program is empty", file, hint="write at least one instruction")])
    labels = tuple(sorted(((s.name, s.address) for s in executable.symbols), key=lambda label: label[1]))
    rows: tuple[SourceRow, ...]
    if is_gas:
        rows = gas.rows_of(run, sections, 64)
    else:
        rows = rows_of(run.listing, {section: at for section, (at, _) in sections.items()}, text, 64)
    return Assembly(executable.image(), executable.start, rows, labels, file), executable


def bare_executable(assembly: Assembly) -> tuple[Assembly, Executable]:
    """Bytes without sections: code where ld would put it, which may be read and executed."""
    moved = tuple(replace(row, address=row.address + TEXT_BASE) for row in assembly.rows)
    segment = Segment(TEXT_BASE, assembly.image, len(assembly.image), READ | EXECUTE)
    name = assembly.file.rsplit("/", 1)[-1].removesuffix(".hex") or "program"
    executable = Executable((segment,), TEXT_BASE, (Symbol("_start", TEXT_BASE),), name)
    return Assembly(assembly.image, TEXT_BASE, moved, (("_start", TEXT_BASE),), assembly.file), executable


def _flags(section: Section) -> int:
    return READ | (WRITE if section.flags & _WRITABLE else 0) | (EXECUTE if section.flags & _CODE else 0)


def _rank(section: Section) -> tuple[int, bool]:
    """Code first, then what is only read, then data, with the sections of zeros last."""
    order = {READ | EXECUTE: 0, READ: 1, READ | WRITE: 2, READ | WRITE | EXECUTE: 2}
    return order[_flags(section)], section.kind == _NOBITS


def _place(elf: ElfFile, sections: list[Section]) -> dict[int, _Placed]:
    """Addresses from TEXT_BASE on; what has other rights begins on a page of its own."""
    wanted = [(i, s) for i, s in enumerate(sections) if s.flags & _ALLOCATE and s.size]
    address, placed, rights = TEXT_BASE, {}, -1
    for index, section in sorted(wanted, key=lambda item: _rank(item[1])):
        if rights not in (-1, _flags(section)):
            address = -(-address // PAGE) * PAGE
        rights = _flags(section)
        alignment = max(1, section.alignment)
        address = -(-address // alignment) * alignment
        if section.size > ADDRESS_LIMIT * 4 or address + section.size - TEXT_BASE > ADDRESS_LIMIT * 4:
            raise elf.refuse(f"section {section.name} makes the program larger than {ADDRESS_LIMIT * 4 >> 20} MiB")
        data = bytearray() if section.kind == _NOBITS else elf.piece(section.offset, section.size, section.name)
        placed[index] = _Placed(section, address, bytearray(data))
        address += section.size
    return placed


def _segments(placed: dict[int, _Placed]) -> tuple[Segment, ...]:
    return tuple(Segment(p.address, bytes(p.data), p.section.size, _flags(p.section)) for p in placed.values())


def _link(elf: ElfFile) -> tuple[dict[int, _Placed], list[Symbol], int]:
    """(sections, symbols, entry point) with every relocation done."""
    sections = elf.sections()
    placed = _place(elf, sections)
    values: list[int | None] = []
    symbols, missing = [], []
    for name, info, index, value, size in elf.symbols(sections):
        kind = info & 15
        if index == _UNDEFINED:
            values.append(None)
            missing += [name] if name else []
        elif index == _ABSOLUTE:
            values.append(value)
        elif index == _COMMON:  # `value` is its alignment
            raise elf.refuse(f"`common {name}` is not supported", f"write `{name}: resb {size}` in section .bss")
        else:
            address = placed[index].address + value if index in placed else value
            values.append(address)
            if kind not in (_SECTION_SYMBOL, _FILE_SYMBOL):
                symbols.append(Symbol(name, address, size, kind == _FUNCTION))
    if missing:
        raise SourceError([_undefined(elf, name) for name in dict.fromkeys(missing)])
    for section in sections:
        if section.kind == _RELA and section.info in placed:
            _relocate(elf, section, placed[section.info], values)
    return placed, symbols, _entry(symbols, placed)


def _undefined(elf: ElfFile, name: str) -> Diagnostic:
    hint = "there is no C library here: use system calls" if not name.startswith("_") else None
    return Diagnostic(f"`{name}` is declared extern, and nothing defines it", elf.file, hint=hint)


def _entry(symbols: list[Symbol], placed: dict[int, _Placed]) -> int:
    """`_start`; without one the beginning of the code, as ld warns and does."""
    found = next((s.address for s in symbols if s.name == "_start"), None)
    if found is not None:
        return found
    return min((p.address for p in placed.values() if p.section.flags & _CODE), default=TEXT_BASE)


def _relocate(elf: ElfFile, table: Section, target: _Placed, values: list[int | None]) -> None:
    content = elf.piece(table.offset, table.size, table.name)
    for offset, info, addend in _RELOCATION.iter_unpack(content[: len(content) // 24 * 24]):
        kind, number = info & 0xFFFFFFFF, info >> 32
        known = _RELOCATIONS.get(kind)
        if known is None:
            raise elf.refuse(f"relocation type {kind} needs a real linker", "build the program with ld and upload it")
        size, is_relative, is_signed = known
        value = (values[number] or 0) + addend - (target.address + offset if is_relative else 0)
        if not _fits(value, size, is_signed):
            raise elf.refuse(f"an address does not fit into {size} bytes in section {target.section.name}")
        target.data[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def _fits(value: int, size: int, is_signed: bool | None) -> bool:
    bits = 8 * size
    low = 0 if is_signed is False else -(1 << bits - 1)
    high = 1 << bits - 1 if is_signed else 1 << bits
    return low <= value < high


def listed(executable: Executable, file: str) -> Assembly:
    """An executable without source as a program to show: its symbols are labels, its code is decoded.

    Of one with much code (a C library) only where it begins, and `main`; the rest becomes rows as it runs.
    """
    functions = [s for s in executable.symbols if s.is_function and executable.is_inside(s.address)]
    best: dict[int, str] = {}
    for symbol in sorted(executable.symbols, key=lambda s: (s.is_function, s.name)):
        if executable.is_inside(symbol.address):
            best[symbol.address] = symbol.name
    labels = sorted((name, address) for address, name in best.items())
    labels.sort(key=lambda label: label[1])
    ranges = [r for r in executable.code if executable.is_inside(r[0])] or [
        (s.address, s.address + len(s.data)) for s in executable.segments if s.flags & EXECUTE
    ]
    if sum(end - start for start, end in ranges) > MAX_LISTED:
        chosen = [s for s in functions if s.name in ("main", "_start") or s.address == executable.entry]
        ranges = [(s.address, s.address + min(s.size, MAX_LISTED)) for s in chosen]
    starts = {s.address for s in functions}
    rows = [row for start, end in sorted(set(ranges)) for row in _pieces(start, end, starts)]
    return Assembly(executable.image(), executable.start, tuple(rows), tuple(labels), file, is_file=True)


def _pieces(start: int, end: int, starts: set[int]) -> list[SourceRow]:
    """A range cut where functions begin, so that decoding begins afresh there."""
    cuts = [start, *sorted(s for s in starts if start < s < end), end]
    return [SourceRow(a, b - a, None, False, 64) for a, b in itertools.pairwise(cuts) if b > a]
