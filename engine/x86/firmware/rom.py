"""What the BIOS leaves behind in memory before a boot sector runs, and who serves which vector."""

from __future__ import annotations

import struct
from collections.abc import Callable

from engine.x86.firmware import (
    BDA_COLUMNS,
    BDA_CRTC,
    BDA_EQUIPMENT,
    BDA_MEMORY,
    BDA_MODE,
    BDA_ROWS,
    BDA_SHAPE,
    EQUIPMENT,
    MEMORY_KIB,
    ROM_BASE,
    ROM_OFFSET,
    ROM_SEGMENT,
    Call,
    disk,
    system,
    video,
)
from engine.x86.screen import COLUMNS, ROWS, TEXT_BASE

TIMER_VECTOR, KEYBOARD_VECTOR, USER_TIMER_VECTOR = 0x08, 0x09, 0x1C

SERVICES: dict[int, Callable[[Call], None]] = {
    TIMER_VECTOR: system.timer,
    KEYBOARD_VECTOR: system.keyboard,
    0x10: video.serve,
    0x11: system.equipment,
    0x12: system.memory,
    0x13: disk.serve,
    0x15: system.system,
    0x16: system.keys,
    0x19: system.boot,
    0x1A: system.time,
}
_VMCALL, _IRET, _INT = bytes.fromhex("0f01c1"), b"\xcf", b"\xcd"
#: Where the vectors lead that nobody serves: a lone iret.
_NOTHING = ROM_OFFSET + 0xF00


def offset_of(vector: int) -> int:
    """Where a vector of the BIOS leads, in segment F000."""
    return ROM_OFFSET + 16 * vector if vector in SERVICES else _NOTHING


def contents() -> list[tuple[int, bytes]]:
    """(address, bytes): vectors, data area, screen and stubs."""
    vectors = b"".join(struct.pack("<HH", offset_of(vector), ROM_SEGMENT) for vector in range(256))
    found = [
        (0, vectors),
        (BDA_EQUIPMENT, struct.pack("<H", EQUIPMENT)),
        (BDA_MEMORY, struct.pack("<H", MEMORY_KIB)),
        (BDA_MODE, bytes([3])),
        (BDA_COLUMNS, struct.pack("<H", COLUMNS)),
        (BDA_SHAPE, struct.pack("<H", 0x0D0E)),
        (BDA_CRTC, struct.pack("<H", 0x3D4)),
        (BDA_ROWS, bytes([ROWS - 1])),
        (TEXT_BASE, bytes((0x20, video.NORMAL)) * (COLUMNS * ROWS)),
        (ROM_SEGMENT * 16 + _NOTHING, _IRET),
    ]
    for vector in SERVICES:
        tail = _INT + bytes([USER_TIMER_VECTOR]) + _IRET if vector == TIMER_VECTOR else _IRET
        found.append((ROM_BASE + 16 * vector, _VMCALL + tail))
    return found
