"""Page images: copies of memory ranges that share every page which did not change. The stuff checkpoints are made of.

A machine captures its memory with the image of an earlier checkpoint as `previous`; equal pages (4 KiB) are shared,
pages of zeros cost nothing, and a page is freed when the last image that holds it is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from engine import cbuild

#: A range of this process's memory: (address, length in bytes). Neither needs to be aligned.
MemoryRegion = tuple[int, int]


@cache
def _core() -> Any:  # noqa: ANN401 - the extension module
    """The C core; on first use, because the build imports this package before the core exists."""
    return cbuild.load("engine.pages._pages")


class PageImage:
    """A copy of some memory ranges at one moment; immutable. Made by `capture`.

    `extra` carries the small state of a machine that lies outside the ranges (registers, counters).
    """

    __slots__ = ("_image", "extra", "lengths")

    def __init__(self, image: Any, extra: bytes, lengths: tuple[int, ...]) -> None:  # noqa: ANN401 - cffi data
        self._image = image
        self.extra = extra
        #: The lengths of the ranges at the time of the capture.
        self.lengths = lengths

    @property
    def size_bytes(self) -> int:
        """This image's share of what images hold in memory: a page shared by n of them counts 1/n for each.

        So the sum over all images is what they really hold, and a page that nobody else holds counts in full.
        """
        return int(_core().lib.pages_size(self._image)) + len(self.extra)

    @property
    def copied_bytes(self) -> int:
        """How much the capture had to copy because `previous` did not have it."""
        return int(_core().lib.pages_copied(self._image))

    def read(self, region: int, offset: int, length: int) -> bytes:
        """Bytes out of the copy of range number `region`; ValueError if they are not all inside it."""
        lengths = self.lengths
        if not 0 <= region < len(lengths) or offset < 0 or length < 0 or offset + length > lengths[region]:
            raise ValueError(f"bytes {offset}+{length} of region {region} are not inside the image")
        out = bytearray(length)
        _core().lib.pages_read(self._image, region, offset, length, _core().ffi.from_buffer(out))
        return bytes(out)


def _columns(regions: Sequence[MemoryRegion]) -> tuple[list[int], list[int]]:
    for address, length in regions:
        if address < 0 or length < 0 or (length and not address):
            raise ValueError(f"no such memory: {length} bytes at {address:#x}")
    return [address for address, _ in regions], [length for _, length in regions]


def capture(regions: Sequence[MemoryRegion], previous: PageImage | None = None, extra: bytes = b"") -> PageImage:
    """Copy the ranges out, sharing pages with `previous` where they are equal. MemoryError when memory is short.

    Range number i is compared with range number i of `previous`; their lengths may differ (a heap that grew).
    The ranges must be readable and must not change during the call.
    """
    addresses, lengths = _columns(regions)
    image = _core().lib.pages_capture(
        addresses, lengths, len(lengths), previous._image if previous else _core().ffi.NULL
    )
    if image == _core().ffi.NULL:
        raise MemoryError("no memory for a checkpoint")
    return PageImage(_core().ffi.gc(image, _core().lib.pages_free), extra, tuple(lengths))


def restore(image: PageImage, regions: Sequence[MemoryRegion]) -> int:
    """Make the ranges hold what they held at the capture; answers how many bytes had to be written.

    Only pages that differ are written. What the image does not cover, up to a range's length now, becomes zeros.
    ValueError if there are other ranges than captured, or one is shorter than it was.
    """
    addresses, lengths = _columns(regions)
    captured = image.lengths
    if len(captured) != len(lengths) or any(now < then for now, then in zip(lengths, captured, strict=True)):
        raise ValueError(f"an image of ranges {list(captured)} does not fit into ranges {lengths}")
    return int(_core().lib.pages_restore(image._image, addresses, lengths, len(lengths)))
