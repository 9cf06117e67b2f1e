"""The program as rows to show: first the assembled source in address order, then whatever else gets executed.

A row's number (`where`) stands for one distinct (address, bytes), so self-modifying code gets rows of its own.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

from engine.x86.assembler import Assembly
from engine.x86.decoder import Decoder, Instruction, Trait
from engine.x86.decoder_kinds import Kind
from engine.x86.firmware import ROM_BASE, ROM_END, vector_at

#: More distinct instructions than this that are not in its source or file, and the program rewrites itself without end.
MAX_DISCOVERED = 20_000


@dataclass(frozen=True)
class Row:
    """One row. `instruction` is None for data."""

    where: int
    address: int
    data: bytes
    line: int | None
    instruction: Instruction | None


def _data_text(data: bytes) -> str:
    return ", ".join(f"0x{byte:02x}" for byte in data[:16]) + (", …" if len(data) > 16 else "")


def flag_effect(instruction: Instruction) -> dict[str, list[str]]:
    """What an instruction does with the flags, by effect; only what there is."""
    effect = instruction.flags
    parts = {
        "reads": effect.read,
        "writes": effect.written,
        "clears": effect.cleared,
        "sets": effect.set,
        "undefined": effect.undefined,
    }
    return {name: list(flags) for name, flags in parts.items() if flags}


class Rows:
    """All rows of one program, and the labels."""

    def __init__(self, assembly: Assembly, decoder: Decoder, *, is_user: bool = False) -> None:
        self.assembly = assembly
        self.decoder = decoder
        self.rows: list[Row] = []
        self.by_content: dict[tuple[int, bytes, int], Row] = {}
        self.is_wide = False
        self.is_long = False
        #: Calls by the address after them: what a return address on the stack came from.
        self.calls: dict[int, Row] = {}
        self.made_up_count = 0
        self.decoders = {16: decoder, 32: Decoder(32), 64: Decoder(64, is_user=is_user)}
        self._label_addresses = [address for _, address in assembly.labels]
        self._lines: dict[int, int] = {}
        self._sweep()
        self.source_count = len(self.rows)
        found = [(row, row.instruction) for row in self.rows if row.instruction]
        self.source_uses_avx = any(instruction.traits & Trait.AVX for _, instruction in found)
        self.source_uses_fpu = any(instruction.traits & Trait.FPU for _, instruction in found)
        self._source_starts = [row.address for row in self.rows]
        self._source_where = {row.address: row.where for row in reversed(self.rows)}

    def _sweep(self) -> None:
        """The source's rows. Code is decoded from line to line; an instruction may span lines (a lone `rep`)."""
        origin, image, at = self.assembly.origin, self.assembly.image, 0
        for source in self.assembly.rows:
            start, end = source.address - origin, source.address - origin + source.length
            if source.line is not None:
                self._lines.update(dict.fromkeys(range(source.address, source.address + source.length), source.line))
            if source.is_data:
                self._add(source.address, image[start:end], source.line, None)
                at = max(at, end)
                continue
            at = max(at, start)
            while at < end:
                found = self.decoders[source.bits].decode(image[at : at + 15], origin + at)
                if found is None:
                    self._add(origin + at, image[at:end], source.line, None)
                    at = end
                    break
                self._add(found.address, found.data, source.line, found)
                at += len(found.data)

    def _add(self, address: int, data: bytes, line: int | None, instruction: Instruction | None) -> Row:
        row = Row(len(self.rows), address, data, line, instruction)
        self.rows.append(row)
        if instruction is not None:
            self.by_content[(address, data, instruction.bits)] = row
            self.is_long |= instruction.bits == 64
            self.is_wide |= instruction.is_wide
            if instruction.traits & Trait.CALL or instruction.kind == Kind.INT:
                self.calls[address + len(data)] = row
        return row

    def learn(self, instruction: Instruction) -> tuple[Row, bool]:
        """The row of an instruction that is about to run, and whether it is a new one."""
        known = self.by_content.get((instruction.address, instruction.data, instruction.bits))
        if known:
            return known, False
        line, at = self._lines.get(instruction.address), instruction.address - self.assembly.origin
        if at < 0 or not self.assembly.image.startswith(instruction.data, at):
            self.made_up_count += 1
        return self._add(instruction.address, instruction.data, line, instruction), True

    def label_near(self, address: int) -> str | None:
        """The label at exactly `address`."""
        at = bisect.bisect_left(self._label_addresses, address)
        if at < len(self._label_addresses) and self._label_addresses[at] == address:
            return self.assembly.labels[at][0]
        return None

    def is_data(self, address: int) -> bool:
        """True when the source put data at `address`."""
        at = bisect.bisect_right(self._source_starts, address) - 1
        return at >= 0 and self.rows[at].instruction is None

    def symbol_at(self, address: int) -> dict[str, Any] | None:
        """`{"name", "offset"}`: the last label at or before an address of the source's image; None elsewhere."""
        end = self.assembly.origin + len(self.assembly.image)
        at = bisect.bisect_right(self._label_addresses, address) - 1
        if at < 0 or not self.assembly.origin <= address < end:
            return None
        name, start = self.assembly.labels[at]
        return {"name": name, "offset": address - start}

    def _comment(self, row: Row) -> str:
        found = row.instruction
        if found is None:
            return ""
        if found.mnemonic == "vmcall" and ROM_BASE <= row.address < ROM_END:
            return f"BIOS, int {vector_at(row.address):02x}h"
        if found.jump is not None:
            label = self.label_near(found.jump)
            return f"→ {label}" if label else ""
        for operand in found.memory:
            if operand.base == operand.index == 0xFF:
                label = self.label_near(operand.displacement)
                if label:
                    return label
        return ""

    def to_wire(self, row: Row) -> dict[str, Any]:
        """A row as the listing shows it (docs/views.md)."""
        found = row.instruction
        jump = None
        if found is not None and found.jump is not None:
            jump = self._source_where.get(found.jump)
        return {
            "where": row.where,
            "address": row.address,
            "line": row.line,
            "file": self.assembly.file if row.line is not None else None,
            "bytes": row.data.hex(),
            "op": found.op if found else "db",
            "args": found.args if found else _data_text(row.data),
            "comment": self._comment(row),
            "jump": jump,
            "data": found is None,
            **({"bits": found.bits, "reads": found.reads, "writes": found.writes} if found else {}),
            **({"flags": effect} if found and (effect := flag_effect(found)) else {}),
        }

    def functions(self) -> list[dict[str, Any]]:
        """The source's rows under their labels that are not local (no dot in the name), then everything else."""
        heads = {address: name for name, address in reversed(self.assembly.labels) if "." not in name}
        groups: list[dict[str, Any]] = []
        for row in self.rows[: self.source_count]:
            if not groups or row.address in heads:
                groups.append({"id": len(groups), "name": heads.get(row.address), "rows": []})
            groups[-1]["rows"].append(self.to_wire(row))
        if len(self.rows) > self.source_count:
            groups += self._discovered(len(groups))
        return groups

    def _discovered(self, first: int) -> list[dict[str, Any]]:
        """What ran outside of the rows known from the start. Of a file without source, by its symbols."""
        rest = self.rows[self.source_count :]
        if not self.assembly.is_file:
            return [{"id": first, "name": None, "rows": [self.to_wire(row) for row in rest]}]
        groups: dict[str | None, list[Row]] = {}
        for row in sorted(rest, key=lambda row: (row.address, row.where)):
            symbol = self.symbol_at(row.address)
            groups.setdefault(symbol["name"] if symbol else None, []).append(row)
        return [
            {"id": first + i, "name": name, "rows": [self.to_wire(row) for row in rows]}
            for i, (name, rows) in enumerate(groups.items())
        ]
