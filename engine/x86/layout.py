"""Where the modes that start protected have their tables and their stack, and what those contain."""

from __future__ import annotations

import struct

from engine.errors import Diagnostic, SourceError
from engine.x86.assembler import Assembly

#: The stack grows down from here; page tables and the GDT lie above it.
STACK_TOP = 0x80000
PAGE_TABLES = 0x90000
GDT = 0x9F000
CODE_SELECTOR, DATA_SELECTOR = 0x08, 0x10
CODE_32, CODE_64, DATA = 0x00CF9B000000FFFF, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
_PRESENT_WRITABLE, _LARGE = 3, 0x80
_LARGE_PAGE, _ENTRIES = 2 << 20, 512


def gdt(mode: str) -> bytes:
    """Null, code, data."""
    return struct.pack("<QQQ", 0, CODE_64 if mode == "long64" else CODE_32, DATA)


def page_tables() -> bytes:
    """The first GiB mapped to itself, in pages of 2 MiB: a PML4, a page-directory-pointer table, a page directory."""
    tables = bytearray(3 * 4096)
    struct.pack_into("<Q", tables, 0, PAGE_TABLES + 0x1000 | _PRESENT_WRITABLE)
    struct.pack_into("<Q", tables, 0x1000, PAGE_TABLES + 0x2000 | _PRESENT_WRITABLE)
    for i in range(_ENTRIES):
        struct.pack_into("<Q", tables, 0x2000 + 8 * i, i * _LARGE_PAGE | _PRESENT_WRITABLE | _LARGE)
    return bytes(tables)


def refuse_overlap(assembly: Assembly, mode: str) -> None:
    """SourceError when a program that starts protected would lie over its own stack or tables."""
    if mode in ("protected32", "long64") and assembly.origin + len(assembly.image) > STACK_TOP:
        message = f"the program reaches beyond {STACK_TOP:#x}, where its stack begins in mode {mode}"
        raise SourceError([Diagnostic(message, assembly.file, hint="a smaller `org`")])
