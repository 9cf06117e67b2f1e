"""Page images copy memory exactly, share what is equal, and free what nobody holds."""

from __future__ import annotations

import random

import cffi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.pages import PageImage, capture, restore

PAGE = 4096
FFI = cffi.FFI()


class Memory:
    """Some bytes of this process with a known address, `shift` bytes off a page boundary's alignment of 16."""

    def __init__(self, length: int, shift: int = 0) -> None:
        self.whole = FFI.new("uint8_t[]", length + shift + 1)
        self.address = int(FFI.cast("uintptr_t", self.whole)) + shift
        self.length = length
        self.view = FFI.buffer(self.whole + shift, length)

    @property
    def region(self) -> tuple[int, int]:
        return self.address, self.length

    def bytes(self) -> bytes:
        return bytes(self.view[:])


def test_restore_brings_back_every_byte_of_every_region() -> None:
    source = random.Random(1)
    first, second = Memory(10 * PAGE + 17, shift=5), Memory(300 * PAGE)
    first.view[:] = source.randbytes(first.length)
    second.view[PAGE : 2 * PAGE] = source.randbytes(PAGE)
    before = first.bytes(), second.bytes()
    image = capture([first.region, second.region], extra=b"registers")
    first.view[:] = source.randbytes(first.length)
    second.view[:] = source.randbytes(second.length)
    restore(image, [first.region, second.region])
    assert (first.bytes(), second.bytes()) == before
    assert image.extra == b"registers"


def test_a_page_that_did_not_change_is_not_written_again() -> None:
    memory = Memory(200 * PAGE)
    memory.view[:] = random.Random(2).randbytes(memory.length)
    image = capture([memory.region])
    memory.view[150 * PAGE] = bytes([memory.bytes()[150 * PAGE] ^ 1])
    assert restore(image, [memory.region]) == PAGE
    assert restore(image, [memory.region]) == 0


def test_equal_pages_are_shared_and_freed_with_their_last_image() -> None:
    memory = Memory(128 * PAGE)
    memory.view[:] = random.Random(3).randbytes(memory.length)
    first = capture([memory.region])
    assert first.copied_bytes == 128 * PAGE
    alone = first.size_bytes
    memory.view[:PAGE] = random.Random(5).randbytes(PAGE)
    second = capture([memory.region], first)
    assert second.copied_bytes == PAGE
    together = first.size_bytes + second.size_bytes
    assert alone + PAGE <= together <= alone + 2 * PAGE
    assert first.size_bytes < 0.6 * alone
    del second
    assert first.size_bytes == alone


def test_a_page_that_changed_a_little_holds_only_what_differs() -> None:
    memory = Memory(64 * PAGE)
    memory.view[:] = random.Random(6).randbytes(memory.length)
    images = [capture([memory.region])]
    contents = [memory.bytes()]
    alone = images[0].size_bytes
    for n in range(40):
        for page in range(64):
            at = page * PAGE + (n * 97 + page) % PAGE
            memory.view[at] = bytes([memory.bytes()[at] ^ (n + 1)])
        images.append(capture([memory.region], images[-1]))
        contents.append(memory.bytes())
    assert images[-1].copied_bytes == 64 * PAGE
    assert sum(image.size_bytes for image in images) < 3 * alone
    del images[0], contents[0]  # the rest is packed against its pages
    for image, content in zip(images, contents, strict=True):
        restore(image, [memory.region])
        assert memory.bytes() == content


def test_a_page_that_is_again_what_it_was_is_shared_again() -> None:
    memory = Memory(PAGE)
    memory.view[:] = random.Random(7).randbytes(PAGE)
    first = capture([memory.region])
    memory.view[9] = bytes([memory.bytes()[9] ^ 255])
    second = capture([memory.region], first)
    memory.view[9] = bytes([memory.bytes()[9] ^ 255])
    third = capture([memory.region], second)
    assert (second.copied_bytes, third.copied_bytes) == (PAGE, 0)
    assert third.read(0, 0, PAGE) == first.read(0, 0, PAGE) != second.read(0, 0, PAGE)


@pytest.mark.parametrize("changed", [1, 196, 197, 198, 199, 200, 512])
@pytest.mark.parametrize("difference", ["random", "some", "equal"])
def test_a_page_is_packed_as_long_as_that_saves_half(changed: int, difference: str) -> None:
    source = random.Random(changed)
    memory = Memory(PAGE, shift=3)
    memory.view[:] = source.randbytes(PAGE)
    first = capture([memory.region])
    alone = first.size_bytes
    some = [source.getrandbits(64) for _ in range(12)]
    for word in range(changed):
        at = slice(8 * word, 8 * word + 8)
        by = {"random": source.getrandbits(64), "some": source.choice(some[: 1 + word // 20]), "equal": some[0]}
        number = int.from_bytes(memory.view[at], "little") + by[difference]
        memory.view[at] = (number % (1 << 64)).to_bytes(8, "little")
    second = capture([memory.region], first)
    content = memory.bytes()
    is_packed = second.size_bytes + first.size_bytes < 1.6 * alone
    assert is_packed == (difference != "random" or changed < 200)
    memory.view[:] = b"\x33" * PAGE
    restore(second, [memory.region])
    assert memory.bytes() == content
    assert second.read(0, 5, 100) == content[5:105]


def test_an_unchanged_range_costs_next_to_nothing() -> None:
    memory = Memory(1024 * PAGE)
    memory.view[:] = random.Random(4).randbytes(memory.length)
    images = [capture([memory.region])]
    alone = images[0].size_bytes
    for _ in range(99):
        images.append(capture([memory.region], images[-1]))
    assert images[-1].copied_bytes == 0
    assert sum(image.size_bytes for image in images) < alone + 100 * 512


def test_pages_of_zeros_hold_no_memory() -> None:
    memory = Memory(4096 * PAGE)
    image = capture([memory.region])
    assert image.copied_bytes == 0
    assert image.size_bytes < 2048
    memory.view[5] = b"x"
    restore(image, [memory.region])
    assert not any(memory.bytes()[:PAGE])


def test_what_an_image_does_not_cover_becomes_zeros() -> None:
    memory = Memory(80 * PAGE)
    memory.view[:] = b"\x55" * memory.length
    image = capture([(memory.address, PAGE + 100)])
    restore(image, [memory.region])
    assert memory.bytes() == b"\x55" * (PAGE + 100) + bytes(79 * PAGE - 100)


def test_a_range_that_shrank_and_grew_keeps_no_stale_bytes() -> None:
    memory = Memory(2 * PAGE)
    memory.view[:] = b"\x77" * memory.length
    whole = capture([memory.region])
    short = capture([(memory.address, 10)], whole)
    restore(short, [memory.region])
    assert memory.bytes() == b"\x77" * 10 + bytes(2 * PAGE - 10)
    restore(whole, [memory.region])
    assert memory.bytes() == b"\x77" * memory.length


def test_an_image_does_not_fit_into_a_shorter_range() -> None:
    memory = Memory(2 * PAGE)
    image = capture([memory.region])
    with pytest.raises(ValueError, match="does not fit"):
        restore(image, [(memory.address, PAGE)])
    with pytest.raises(ValueError, match="does not fit"):
        restore(image, [])


def test_the_null_address_is_refused() -> None:
    with pytest.raises(ValueError, match="no such memory"):
        capture([(0, 16)])


def test_bytes_can_be_read_out_of_an_image() -> None:
    memory = Memory(70 * PAGE)
    memory.view[64 * PAGE - 2 : 64 * PAGE + 2] = b"abcd"
    image = capture([memory.region])
    assert image.read(0, 64 * PAGE - 4, 8) == b"\0\0abcd\0\0"
    with pytest.raises(ValueError, match="not inside"):
        image.read(0, 70 * PAGE - 1, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 299), st.binary(max_size=9), st.integers(1, 300), st.integers(0, 3))))
def test_any_history_of_captures_restores_exactly(steps: list[tuple[int, bytes, int, int]]) -> None:
    memory = Memory(300 * PAGE)
    saved: list[tuple[PageImage, bytes]] = []
    for page, data, pages, drop in steps:
        memory.view[page * PAGE : page * PAGE + len(data)] = data
        length = pages * PAGE - 3
        previous = saved[-1][0] if saved else None
        saved.append((capture([(memory.address, length)], previous), memory.bytes()[:length]))
        if drop == 0:
            del saved[len(saved) // 2]
    for image, content in saved:
        restore(image, [memory.region])
        assert memory.bytes() == content + bytes(memory.length - len(content))
