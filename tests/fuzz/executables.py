"""ELF files that lie, for tests/fuzz/outside.py: each is refused with a diagnostic, or runs in mode user64."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from engine.errors import SourceError
from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.trace import TraceBatch
from engine.x86 import room
from tests.x86.elf_files import CODE, Elf

MAX_TICKS = 200
#: Numbers at the edges of what a header's fields mean: sizes, addresses, counts.
EDGES = (
    *(
        0,
        1,
        2,
        6,
        55,
        56,
        64,
        100,
        0xFFF,
        0x1000,
        0xFFFF,
        0x10000,
        0x401000,
        0x401001,
        0x402000,
        6 << 20,
        (6 << 20) + 1,
    ),
    *(
        0x7000_0000_0000,
        0x7FFF_FFFF_FFFF,
        0xFFFF_8000_0000_0000,
        (1 << 63) - 1,
        1 << 63,
        (1 << 64) - 1,
        (1 << 64) - 0x1000,
    ),
)
LOAD, STACK = 1, 0x6474_E551


def _number(chosen: random.Random, bits: int) -> int:
    edge = chosen.choice(EDGES) + (chosen.randrange(-2, 3) if chosen.random() < 0.3 else 0)
    return (edge if chosen.random() < 0.8 else chosen.getrandbits(bits)) & ((1 << bits) - 1)


def _segment(chosen: random.Random) -> tuple[int, ...]:
    """A program header: mostly one that may be loaded, at an address of its own or over another."""
    size = chosen.choice((0, 8, 64, _number(chosen, 64)))
    address = chosen.choice((0x402000, 0x403000, 0x401000, 0x500000, _number(chosen, 64)))
    kind = chosen.choice((LOAD, LOAD, LOAD, 2, 3, 6, STACK, _number(chosen, 32)))
    in_memory = chosen.choice((size, size, 0x3000, _number(chosen, 64)))
    offset = chosen.choice((0, 64, 0x78, _number(chosen, 64)))
    return kind, chosen.randrange(8), offset, address, address, size, in_memory, 0x1000


def elf_bytes(chosen: random.Random) -> bytes:
    """An executable of which a few fields, bytes, or the length are wrong; one of twenty is sound."""
    code = bytearray(CODE)
    for _ in range(chosen.randrange(4)):
        code[chosen.randrange(len(code))] = chosen.getrandbits(8)
    elf = Elf(code=bytes(code), flags=chosen.choice((5, 5, 7, chosen.randrange(16))))
    elf.more = [_segment(chosen) for _ in range(chosen.choice((0, 0, 1, 2, 5)))]
    elf.symbols = [
        (chosen.choice(("_start", "", "\u00e9", "x" * 300)), _number(chosen, 64), _number(chosen, 64))
        for _ in range(chosen.choice((0, 0, 1, 3)))
    ]
    lies: dict[str, Any] = {
        "entry": _number(chosen, 64),
        "kind": chosen.choice((0, 1, 3, 3, 3, 4, _number(chosen, 16))),
        "program_offset": _number(chosen, 64),
        "header_size": _number(chosen, 16),
        "header_count": _number(chosen, 16),
        "address": _number(chosen, 64),
        "in_file": _number(chosen, 64),
        "in_memory": _number(chosen, 64),
        "offset": _number(chosen, 64),
    }
    elf = replace(elf, **{name: lies[name] for name in chosen.sample(sorted(lies), chosen.choice((0, 0, 1, 1, 2, 3)))})
    data = bytearray(elf.bytes())
    for _ in range(chosen.choice((0, 0, 1, 3, 10))):
        at = chosen.randrange(len(data)) if chosen.random() < 0.5 else max(0, len(data) - 1 - chosen.randrange(256))
        data[at] = chosen.choice((0, 1, 0x7F, 0x80, 0xFF, chosen.getrandbits(8)))
    return bytes(data[: chosen.randrange(len(data))] if chosen.random() < 0.1 else data)


@contextmanager
def executables() -> Iterator[Callable[[bytes], None]]:
    """The loader, and a machine for what it takes: some steps, recorded, then the views that show a program."""
    batch = TraceBatch()

    def run(data: bytes) -> None:
        file, refusal = SourceFile("guest", "", data), None
        try:
            program = room.build([file], {"mode": "user64", "cpu": "unicorn"})
            machine = room.start(program, Journal(), Limits(output_bytes=1 << 12))
        except SourceError as error:
            refusal = error
        if refusal is not None:
            assert refusal.diagnostics, "refused without a reason"
            assert all(d.message and d.file == file.name for d in refusal.diagnostics), refusal.diagnostics
            return
        try:
            batch.clear()
            machine.run(MAX_TICKS, batch)
            assert batch.step_count == machine.tick, "steps are missing in the trace"
            machine.view()
            machine.listing()
        finally:
            machine.close()

    yield run
