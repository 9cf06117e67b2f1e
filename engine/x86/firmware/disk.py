"""int 13h: a small disk, number 0x80, that holds the program's image and zeros after it. It cannot be written."""

from __future__ import annotations

from engine.x86.firmware import FLAG_CARRY, SECTOR, Call

DRIVE = 0x80
CYLINDERS, HEADS, SECTORS = 20, 4, 36  # 2,880 sectors
_OK, _BAD_COMMAND, _NOT_FOUND, _DRIVE_FAILED, _BOUNDARY = 0x00, 0x01, 0x04, 0xAA, 0x09
MAX_SECTORS = 128


def serve(call: Call) -> None:
    """One function of int 13h."""
    found = _FUNCTIONS.get(call.ah)
    call.name = found[0] if found else "not here"
    status = _DRIVE_FAILED if call.dx & 0xFF != DRIVE else found[1](call) if found else _BAD_COMMAND
    call.flag(FLAG_CARRY, status != _OK)
    if found is None or found[1] is not _parameters or status:
        call.ah = status


def _reset(call: Call) -> int:
    return _OK


def _read(call: Call) -> int:
    count, sector = call.al, call.cx & 0x3F
    cylinder, head = call.cx >> 8 | (call.cx & 0xC0) << 2, call.dx >> 8
    first = (cylinder * HEADS + head) * SECTORS + sector - 1
    if not 1 <= sector <= SECTORS or head >= HEADS or first + count > CYLINDERS * HEADS * SECTORS:
        call.al = 0
        return _NOT_FOUND
    if not count or count > MAX_SECTORS:
        return _BAD_COMMAND
    if call.bx + count * SECTOR > 0x10000:
        call.al = 0
        return _BOUNDARY
    data = call.image[first * SECTOR : (first + count) * SECTOR].ljust(count * SECTOR, b"\0")
    call.write(call.extra_segment + call.bx, data)
    return _OK


def _parameters(call: Call) -> int:
    call.ax = 0
    call.cx = (CYLINDERS - 1 & 0xFF) << 8 | (CYLINDERS - 1 >> 8) << 6 | SECTORS
    call.dx = HEADS - 1 << 8 | 1
    return _OK


_FUNCTIONS = {0x00: ("reset disk", _reset), 0x02: ("read sectors", _read), 0x08: ("get disk parameters", _parameters)}
