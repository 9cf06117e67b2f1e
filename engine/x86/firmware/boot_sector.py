"""A boot sector as the BIOS wants it: 512 bytes that end with 55 AA, loaded to 0x7C00."""

from __future__ import annotations

from dataclasses import replace

from engine.errors import Diagnostic, SourceError
from engine.x86.assembler import Assembly
from engine.x86.firmware import BOOT_ADDRESS, SECTOR, disk

_SIGNATURE = b"\x55\xaa"
_HINT = "end the source with: times 510 - ($ - $$) db 0, and: dw 0xaa55"


def as_boot_sector(assembly: Assembly) -> Assembly:
    """The program as a disk's image whose first sector is loaded. SourceError when that is no boot sector."""
    image = assembly.image
    if len(image) < SECTOR:
        message = f"a boot sector has {SECTOR} bytes and ends with 55 AA; this program has {len(image)} bytes"
        raise SourceError([Diagnostic(message, assembly.file, hint=_HINT)])
    found = image[SECTOR - 2 : SECTOR]
    if found != _SIGNATURE:
        message = f"the boot sector's last two bytes are {found.hex(' ').upper()}, not 55 AA: no BIOS would start it"
        raise SourceError([Diagnostic(message, assembly.file, hint=_HINT)])
    moved = BOOT_ADDRESS - assembly.origin
    return replace(
        assembly,
        image=image + bytes(-len(image) % SECTOR),
        origin=BOOT_ADDRESS,
        rows=tuple(replace(row, address=row.address + moved) for row in assembly.rows),
        labels=tuple((name, address + moved) for name, address in assembly.labels),
    )


def as_disk(data: bytes, file: str) -> Assembly:
    """A disk's image without source: its code becomes rows as it runs. SourceError when nothing starts from it."""
    most = disk.CYLINDERS * disk.HEADS * disk.SECTORS * SECTOR
    if len(data) > most:
        message = f"the disk's image has {len(data):,} bytes; the disk has {most:,}"
        raise SourceError([Diagnostic(message, file)])
    return as_boot_sector(Assembly(data, BOOT_ADDRESS, (), (), file, is_file=True))
