"""Small ELF files for the tests, made by hand."""

import struct
from dataclasses import dataclass, field

#: write(1, "elf\n", 4), exit(3), with the text behind the code at 0x401000.
CODE = bytes.fromhex("b801000000 bf01000000 be22104000 ba04000000 0f05 b83c000000 bf03000000 0f05") + b"elf\n"


@dataclass
class Elf:
    """A static executable of one segment; every field can be made a lie."""

    code: bytes = CODE
    entry: int = 0x401000
    identity: bytes = b"\x7fELF\x02\x01\x01" + bytes(9)
    kind: int = 2
    machine: int = 62
    program_offset: int = 64
    header_size: int = 56
    header_count: int | None = None
    address: int = 0x401000
    flags: int = 5
    in_file: int | None = None
    in_memory: int | None = None
    offset: int | None = None
    more: list[tuple[int, ...]] = field(default_factory=list)
    symbols: list[tuple[str, int, int]] = field(default_factory=list)

    def bytes(self) -> bytes:
        """The file: header, program headers, code, then a symbol table if there are symbols."""
        size = len(self.code)
        count = 1 + len(self.more)
        at = 64 + 56 * count
        load = (
            *(1, self.flags, at if self.offset is None else self.offset, self.address, 0),
            *(
                size if self.in_file is None else self.in_file,
                size if self.in_memory is None else self.in_memory,
                0x1000,
            ),
        )
        headers = b"".join(struct.pack("<IIQQQQQQ", *row) for row in (load, *self.more))
        tail, sections_at, section_count = self._tail(at + size)
        header = struct.pack(
            "<16sHHIQQQIHHHHHH",
            *(self.identity, self.kind, self.machine, 1, self.entry, self.program_offset, sections_at, 0, 64),
            *(self.header_size, count if self.header_count is None else self.header_count, 64, section_count, 0),
        )
        return header + headers + self.code + tail

    def _tail(self, at: int) -> tuple[bytes, int, int]:
        if not self.symbols:
            return b"", 0, 0
        names, table = b"\0", bytes(24)
        for name, address, size in self.symbols:
            table += struct.pack("<IBBHQQ", len(names), 0x12, 0, 1, address, size)
            names += name.encode() + b"\0"
        rows = [
            (0,) * 10,
            (0, 1, 6, self.address, at, 0, 0, 0, 1, 0),
            (0, 2, 0, 0, at, len(table), 3, 1, 8, 24),
            (0, 3, 0, 0, at + len(table), len(names), 0, 0, 1, 0),
        ]
        content = table + names
        return content + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows), at + len(content), len(rows)
