"""Makes a warm process cheap to fork: little that a child writes on lies scattered among what it shares.

A child shares its parent's pages until one of them writes. CPython writes on every object that it so much as looks at
(its reference count), and puts new objects into whatever gaps the warm-up left, so a child that does little still comes
to own a quarter of the heap. Four things help, each measured by `make soak` (private memory of a worker):

- The interpreter rewrites code as it runs it for the first times (PEP 659): `settle` has it do so before the fork.
- `move_together`: the code of the functions that run is copied side by side.
- `fill_gaps`: the gaps are filled, so that what a child allocates lies close together in pages of its own.
- `fork`: the bare system call. `os.fork` also has locks and random numbers made anew that nobody holds or uses here.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import Any

#: CPython 3.11's small-object allocator (Objects/obmalloc.c): pools of this size hold objects of one size class.
POOL_BYTES = 1 << 14
POOL_HEADER_BYTES = 48
SIZE_STEP, LARGEST_SMALL = 16, 512
#: More gaps of one size than this are not filled: then this allocator is not the one that is described here.
MAX_GAPS = 20_000
#: What `bytes` needs beside its content.
BYTES_HEADER = sys.getsizeof(b"")
#: Sizes that the C allocator is asked for to fill its gaps, and how often in vain before it has no more of that size.
LARGE_SIZES = (8000, 4000, 2000, 1500, 1000, 800, 650, 560)
IN_VAIN = 8

_python = ctypes.PyDLL(None, use_errno=True)


def settle(practise: Callable[[], None]) -> object:
    """Arrange the heap for children that do what `practise` does; it stays so while the result is kept."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:  # noqa: ANN401 - what sys.setprofile calls
        if event == "call":
            codes.add(frame.f_code)

    gaps = [fill_gaps()]
    sys.setprofile(note)
    practise()
    sys.setprofile(None)
    gaps.append(fill_gaps())
    move_together(codes)
    codes.clear()  # with it goes the old code, before the last gaps are filled
    practise()
    gaps.append(fill_gaps())
    gc.collect()
    gc.freeze()
    return gaps


def move_together(codes: set[CodeType]) -> None:
    """Give the functions that have these codes copies of them, allocated one after another."""
    copies: dict[CodeType, CodeType] = {}

    def copy(code: CodeType) -> CodeType:
        if code not in codes:
            return code
        if code not in copies:
            # The codes of the functions inside it are among its constants.
            constants = tuple(copy(const) if isinstance(const, CodeType) else const for const in code.co_consts)
            copies[code] = code.replace(co_consts=constants)
        return copies[code]

    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__ in codes:
            thing.__code__ = copy(thing.__code__)


def fill_gaps() -> list[list[bytes]]:
    """Fill the gaps of the heap; they stay filled while the result is kept."""
    gc.collect()
    kept = [_fill_pools(size) for size in range(3 * SIZE_STEP, LARGEST_SMALL + 1, SIZE_STEP)]
    kept += [_fill_heap(size) for size in LARGE_SIZES]
    return kept


def _fill_pools(size: int) -> list[bytes]:
    """Allocate objects of `size` bytes until one whole pool was empty; that pool is given back."""
    places = (POOL_BYTES - POOL_HEADER_BYTES) // size
    length = size - BYTES_HEADER
    kept: list[bytes] = [b""] * MAX_GAPS
    run = count = 0
    while count < MAX_GAPS:
        kept[count] = bytes(length)
        at = id(kept[count]) % POOL_BYTES
        count += 1
        run = run + 1 if at == POOL_HEADER_BYTES + size * run else int(at == POOL_HEADER_BYTES)
        if run == places:
            return kept[: count - run]
    return []


def _fill_heap(size: int) -> list[bytes]:
    """Allocate objects of `size` bytes until they come from the heap's end."""
    kept: list[bytes] = []
    top = in_vain = 0
    while in_vain < IN_VAIN and len(kept) < MAX_GAPS:
        kept.append(bytes(size - BYTES_HEADER))
        in_vain = in_vain + 1 if id(kept[-1]) > top else 0
        top = max(top, id(kept[-1]))
    return kept


def fork() -> int:
    """As `os.fork`, from a process that has one thread only. OSError when there can be no further process."""
    if len(os.listdir("/proc/self/task")) != 1:
        return os.fork()
    # SAFETY: the only thread of the process calls, and holds the interpreter's lock on both sides of it.
    pid: int = _python.fork()
    if pid < 0:
        raise OSError(ctypes.get_errno(), "fork failed")
    return pid
