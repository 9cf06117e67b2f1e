"""What to look for in recorded steps, and the trace sink that looks (in C, a batch at a time)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from typing import Any

from engine import cbuild
from engine.machine import WriteTarget
from engine.trace import COLUMNS, TraceBatch, ValueTag, WriteKind

#: A batch that the scanner fills: large, because it costs nothing to send.
BATCH_STEPS, BATCH_WRITES, BATCH_TEXT = 8192, 20_000, 512 << 10
#: Ticks and addresses are below this.
FAR = 1 << 63
TEXT_BYTES = 60


@cache
def core() -> Any:  # noqa: ANN401 - the extension module
    """The C core; on first use, because the build imports this package before the core exists."""
    return cbuild.load("engine.timeline._scan")


@dataclass(frozen=True)
class Pattern:
    """A wish: steps that meet everything that is set, or with `kind` the writes of such steps.

    `rows`: executed there. `flags`: any of these StepFlag bits. `frame`: (thread, depth): in that thread, at most so
    deep; depth 0: in any other thread. A write: its kind and owner; its key, by tag and payload (a string's by its
    first 60 bytes and, unless `text_length` is None, its length); MEMORY: what touches `size` bytes from address
    `key` on. `mask`: writes that change one of these bits.
    """

    rows: frozenset[int] | None = None
    flags: int = 0
    frame: tuple[int, int] | None = None
    kind: WriteKind | None = None
    owner: int = 0
    key_tag: int = ValueTag.INTEGER
    key: int = 0
    size: int = 1
    text: bytes = b""
    text_length: int | None = None
    mask: int = 0
    first: int = 0
    last: int = FAR

    @property
    def target(self) -> WriteTarget | None:
        """What a write of this pattern goes to; None when steps are looked for."""
        if self.kind is None:
            return None
        return WriteTarget(self.kind, self.owner, self.key_tag, self.key, self.size, self.text, self.text_length)


@dataclass(frozen=True)
class Value:
    """A value of the trace: its ValueTag and payload; of a string its first bytes and its true length."""

    tag: int
    payload: int
    text: bytes = b""
    length: int = 0


@dataclass(frozen=True)
class Write:
    """One write: where it went (a WriteKind, owner, key), and the values before and after."""

    kind: int
    owner: int
    key: Value
    old: Value
    new: Value


@dataclass(frozen=True)
class Hit:
    """A step that was found, as the trace has it; with `write` when a write was looked for.

    `where` None: no instruction did it, but somebody who changed the past.
    """

    tick: int
    where: int | None
    thread: int
    depth: int
    flags: int
    write: Write | None = None


def touches(pattern: Pattern, write: Write) -> bool:
    """Is that a write to what the pattern looks for, whenever it was?"""
    if pattern.kind != write.kind or pattern.owner != write.owner:
        return False
    if pattern.kind is WriteKind.UPVALUE:
        return True
    key = write.key
    if pattern.kind is WriteKind.MEMORY:
        return pattern.key - 8 < key.payload < pattern.key + pattern.size
    if pattern.mask and not (write.old.payload ^ write.new.payload) & pattern.mask:
        return False
    if pattern.key_tag == ValueTag.STRING:
        is_long = pattern.text_length in (None, key.length)
        return key.tag == ValueTag.STRING and is_long and key.text.startswith(pattern.text)
    return (key.tag, key.payload) == (pattern.key_tag, pattern.key)


class Scanner:
    """A TraceSink that keeps the hits among the steps it is given: the first `limit` ones, or with `newest` the last.

    With `is_whole` there are a few more, so that all hits of the step that the last one belongs to are there.
    """

    def __init__(
        self, patterns: Sequence[Pattern], limit: int, *, newest: bool = False, is_whole: bool = False
    ) -> None:
        self._ffi, self._lib = core().ffi, core().lib
        self._batch = TraceBatch(BATCH_STEPS, BATCH_WRITES, BATCH_TEXT)
        self._newest = newest
        self._limit = limit
        # One step has this many writes at most.
        self._capacity = limit + (TraceBatch.write_margin if is_whole else 0)
        self._hits = self._ffi.new("Hit[]", self._capacity)
        self._seen = self._ffi.new("uint32_t *")
        self._kept: list[Any] = []
        self._count = len(patterns)
        #: What a watch has to look out for.
        self.targets = tuple(pattern.target for pattern in patterns if pattern.target is not None)
        steps = [pattern for pattern in patterns if pattern.target is None]
        self.rows = frozenset().union(*(pattern.rows or () for pattern in steps))
        #: Of a pattern with rows and flags the rows alone: they are seldom many.
        self.flags = reduce(or_, (pattern.flags for pattern in steps if pattern.rows is None), 0)
        frames = {pattern.frame for pattern in steps if pattern.rows is None and not pattern.flags}
        self.frame = next(iter(frames), None)
        #: False when a watch could miss a hit: with patterns that name nothing, or frames of several threads or depths.
        self.is_watchable = bool(patterns) and None not in frames and len(frames) <= 1
        self._patterns = self._ffi.new("Pattern[]", max(1, len(patterns)))
        for to, pattern in zip(self._patterns, patterns, strict=False):
            self._fill(to, pattern)
        self._columns = bound(self._batch, self._kept)
        self.found: deque[Hit] = deque(maxlen=self._capacity if newest else None)
        #: True when enough hits were found, or more than there is room for.
        self.is_full = False

    def _fill(self, to: Any, pattern: Pattern) -> None:  # noqa: ANN401 - cffi data
        to.first, to.last, to.flags, to.mask = pattern.first, pattern.last, pattern.flags, pattern.mask
        to.key, to.key_tag = pattern.key, pattern.key_tag
        to.key_end = min(pattern.key + pattern.size, (1 << 64) - 1)
        to.kind, to.owner = pattern.kind or 0, pattern.owner
        if pattern.frame is not None:
            to.thread, to.depth = pattern.frame
            to.frame = self._lib.SCAN_FRAME_UP_TO if to.depth else self._lib.SCAN_FRAME_ELSEWHERE
        if pattern.rows is not None:
            words = [0] * (max(pattern.rows, default=-1) // 64 + 1)
            for row in pattern.rows:
                words[row // 64] |= 1 << row % 64
            # SAFETY: kept alive with the patterns that point to it.
            rows = self._ffi.new("uint64_t[]", words or [0])
            self._kept.append(rows)
            to.rows, to.row_count = rows, 64 * len(words)
        text = pattern.text[:TEXT_BYTES]
        self._ffi.memmove(to.text, text, len(text))
        to.text_bytes = len(text)
        to.text_length = 0xFFFFFFFF if pattern.text_length is None else pattern.text_length

    def batch(self) -> TraceBatch | None:
        """The batch to fill; None once the page is full."""
        return None if self.is_full and not self._newest else self._batch

    def deliver(self, batch: TraceBatch) -> None:
        """Look through the steps."""
        columns = self._columns
        columns.step_count, columns.write_count = batch.step_count, batch.write_count
        columns.text_bytes, columns.first_tick = batch.text_bytes, batch.first_tick
        room = self._capacity if self._newest else self._capacity - len(self.found)
        count = int(
            self._lib.scan_batch(columns, self._patterns, self._count, self._hits, room, self._newest, self._seen)
        )
        seen = int(self._seen[0])
        begin = seen % room if self._newest and seen > room else 0
        for n in range(count):
            hit = self._hits[(begin + n) % room]
            self.found.append(hit_at(batch, int(hit.step), int(hit.write)))
        if seen > count or len(self.found) >= (self._capacity if self._newest else self._limit):
            self.is_full = True

    def clear(self) -> None:
        """Forget what was found."""
        self.found.clear()
        self.is_full = False


def bound(batch: TraceBatch, keep: list[Any]) -> Any:  # noqa: ANN401 - cffi data
    """The C struct over a batch's buffers, which `keep` holds on to."""
    ffi = core().ffi
    columns = ffi.new("TraceBatch *")
    for column in COLUMNS:
        # SAFETY: from_buffer keeps the bytearray from being resized while `keep` lives.
        buffer = ffi.from_buffer(f"{column.c_type}[]", batch.columns[column.name])
        keep.append(buffer)
        setattr(columns, column.name, buffer)
    text = ffi.from_buffer("uint8_t[]", batch.text)
    keep.append(text)
    columns.text = text
    return columns


def value_at(batch: TraceBatch, what: str, write: int) -> Value:
    """The key, old or new value of a write."""
    tag, payload = batch.column(f"w_{what}_tag")[write], batch.column(f"w_{what}")[write]
    text, length = batch.text_at(payload) if tag == ValueTag.STRING else (b"", 0)
    return Value(tag, payload, text, length)


def hit_at(batch: TraceBatch, step: int, write: int) -> Hit:
    """One entry of a batch, taken out of it; `write` SCAN_NO_WRITE: the step alone."""
    found = None
    if write != 0xFFFFFFFF:
        key, old, new = (value_at(batch, what, write) for what in ("key", "old", "new"))
        found = Write(batch.column("w_kind")[write], batch.column("w_owner")[write], key, old, new)
    where, thread, depth, flags = (batch.column(name)[step] for name in ("where", "thread", "depth", "flags"))
    return Hit(batch.first_tick + step, where, thread, depth, flags, found)
