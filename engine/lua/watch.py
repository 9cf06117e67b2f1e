"""A `Watch` for the C core: what it is to look out for, as the core's struct, and its notes taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.events import StepFlag
from engine.machine import Watch, WriteTarget
from engine.trace import WriteKind

#: What the core tells a watch of (record_flag, watch.c). No Lua program leaves the machine or is interrupted.
_FLAGS = ~(StepFlag.JUMP | StepFlag.TRUNCATED)
_OBJECT_KINDS = (WriteKind.UPVALUE, WriteKind.FIELD, WriteKind.METATABLE)
_TEXT_BYTES = 60


#: The core looks whether a frame is one of so many outermost ones each time it goes on in another.
MAX_FRAMES = 64


class LuaWatch:
    """Lets the core watch for one stack slot and one thing of an object: an upvalue, a field, a metatable.

    Or for flags and rows, any number of them, and the outermost frames of one thread.
    """

    def __init__(self, lib: Any, ffi: Any) -> None:  # noqa: ANN401 - the extension module's
        self._lib = lib
        self._struct = ffi.new("Watch *")
        self._ffi = ffi
        self._ticks = ffi.new("uint64_t[]", 1)
        self._rows: tuple[frozenset[int], Any] = (frozenset(), ffi.NULL)

    @contextmanager
    def noting(self, machine: Any, watch: Watch, begun: int) -> Iterator[None]:  # noqa: ANN401 - cffi data
        """Runs of `machine` inside, from tick `begun` on, note in `watch`."""
        struct = self._struct
        # SAFETY: the struct is this object's own; zeroes are a valid Watch that looks for nothing.
        self._ffi.memmove(struct, bytes(self._ffi.sizeof("Watch")), self._ffi.sizeof("Watch"))
        struct.after = begun
        if len(self._ticks) < watch.capacity:
            self._ticks = self._ffi.new("uint64_t[]", watch.capacity)
        struct.ticks, struct.capacity, struct.newest = self._ticks, watch.capacity, watch.newest
        if watch.flags & ~_FLAGS or not all(self._take(target) for target in watch.targets):
            watch.is_blind = True
        struct.flags = watch.flags
        if watch.frame is not None:
            struct.has_frame, (struct.frame_thread, struct.frame_depth) = 1, watch.frame
            if watch.frame[1] > MAX_FRAMES:
                watch.is_blind = True
        self._take_rows(watch.rows)
        self._lib.machine_watch(machine, struct)
        try:
            yield
        finally:
            self._lib.machine_watch(machine, self._ffi.NULL)
        if struct.is_blind:
            watch.is_blind = True
        count, begin = int(struct.count), 0
        if watch.newest and count > watch.capacity:
            begin = count % watch.capacity
        held = self._ffi.unpack(self._ticks, min(count, watch.capacity))
        watch.note([*held[begin:], *held[:begin]], count)

    def _take_rows(self, rows: frozenset[int]) -> None:
        if self._rows[0] != rows:
            words = [0] * (max(rows, default=-1) // 64 + 1)
            for row in rows:
                words[row // 64] |= 1 << row % 64
            # SAFETY: kept with the rows that it is made of, as long as runs may read it.
            self._rows = rows, self._ffi.new("uint64_t[]", words)
        if rows:
            self._struct.rows, self._struct.row_count = self._rows[1], 64 * len(self._rows[1])

    def _take(self, target: WriteTarget) -> bool:
        """Put a target into the struct; False if there is no room for it, or the core has no such thing."""
        struct = self._struct
        if target.kind is WriteKind.SLOT and not struct.thread and target.owner:
            struct.thread, struct.slot = target.owner, min(target.key, (1 << 62) - 1)
            return True
        if target.kind not in _OBJECT_KINDS or struct.kind:
            return False
        struct.kind, struct.owner = target.kind, target.owner
        struct.key_tag, struct.key = target.key_tag, target.key
        text = target.text[:_TEXT_BYTES]
        self._ffi.memmove(struct.text, text, len(text))
        struct.text_bytes = len(text)
        struct.text_length = self._lib.WATCH_ANY_LENGTH if target.text_length is None else target.text_length
        return True
