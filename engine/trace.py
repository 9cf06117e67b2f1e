"""The trace: one table of columns from which the C header, the wire encoder, the page's decoder and the docs are made.

A `TraceBatch` is a run of consecutive executed steps as columns. The C cores fill it; `encode` turns it into one
binary frame, in which a column is cut into planes: all lowest bytes, then all second bytes, and so on. A plane whose
bytes are all the same takes one byte, so most of a trace (high halves, owners, tags) costs nothing on its way; `decode`
and the page put the columns together again.

Step columns have one entry a step, write columns one entry a write; the writes of step i are the next
`writes[i]` entries of the write columns. Step number i of a batch is the step with tick `first_tick + i`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

VERSION = 2


class ValueTag(IntEnum):
    """What a 64-bit payload means. References hold the object's identity number; it is never used again in a run.

    STRING payload: low half = offset of its bytes in the batch's text, high half = the string's true length.
    The text holds, at that offset, one byte n and then the first n bytes of the string (n <= 60).
    """

    ABSENT = 0  # there was nothing before (a new stack slot, a new table field)
    NIL = 1
    FALSE = 2
    TRUE = 3
    INTEGER = 4  # two's complement
    FLOAT = 5  # IEEE 754 double bits
    STRING = 6
    TABLE = 7
    FUNCTION = 8  # a Lua closure
    NATIVE = 9  # a built-in function: payload = its number in the listing's `natives`
    THREAD = 10
    USERDATA = 11
    BITS8 = 16
    BITS16 = 17
    BITS32 = 18
    BITS64 = 19


class WriteKind(IntEnum):
    """Where a write went. `owner` and `key` per kind."""

    SLOT = 1  # stack slot: owner = thread, key INTEGER = absolute slot; register = slot - base of the step's frame
    UPVALUE = 2  # owner = UpVal, key INTEGER = its index in the running closure (-1 if not one of its own)
    FIELD = 3  # owner = table, key = the key's tag and payload
    METATABLE = 4  # owner = table or userdata, key NIL
    REGISTER = 5  # CPU register: owner 0, key INTEGER = its number in the listing's `registers`
    MEMORY = 6  # owner 0, key INTEGER = physical address, values BITSn


@dataclass(frozen=True)
class Column:
    """One column: its name (also the C field's), C type, struct code, whether it counts steps or writes, meaning."""

    name: str
    c_type: str
    code: str
    per: str
    help: str


COLUMNS: tuple[Column, ...] = (
    Column("where", "uint32_t", "I", "step", "row of the executed instruction in the listing"),
    Column("base", "uint32_t", "I", "step", "absolute slot of R[0] of the executing frame; 0 for a CPU"),
    Column("thread", "uint32_t", "I", "step", "identity of the running coroutine; 0 for a CPU"),
    Column("flags", "uint32_t", "I", "step", "bits of StepFlag"),
    Column("depth", "uint16_t", "H", "step", "call depth of the executing frame, main = 1; caps at 65535"),
    Column("writes", "uint16_t", "H", "step", "number of this step's entries in the write columns"),
    Column("w_key", "uint64_t", "Q", "write", "payload of the key"),
    Column("w_old", "uint64_t", "Q", "write", "payload of the value before"),
    Column("w_new", "uint64_t", "Q", "write", "payload of the value after"),
    Column("w_owner", "uint32_t", "I", "write", "identity of what was written to"),
    Column("w_kind", "uint8_t", "B", "write", "WriteKind"),
    Column("w_key_tag", "uint8_t", "B", "write", "ValueTag of the key"),
    Column("w_old_tag", "uint8_t", "B", "write", "ValueTag of the value before"),
    Column("w_new_tag", "uint8_t", "B", "write", "ValueTag of the value after"),
)

COLUMN_BY_NAME = {column.name: column for column in COLUMNS}

#: version u8, frame kind u8 (1 = trace), reserved u16, steps u32, writes u32, text bytes u32, first tick u64
HEADER = struct.Struct("<BBHIIIQ")
FRAME_TRACE = 1
_U32 = struct.Struct("=I")


class TraceBatch:
    """Column buffers that a core fills in place, reused from batch to batch.

    Each column is a bytearray of `capacity * item size`; cores get their addresses through cffi's `from_buffer`.
    A core stops with BUDGET before a step that might not fit: it keeps `write_margin` entries and `text_margin`
    bytes free for one step, and marks a step whose writes exceed even those with StepFlag.TRUNCATED.
    """

    write_margin = 256
    text_margin = 256 * 61

    def __init__(self, step_capacity: int = 512, write_capacity: int = 2048, text_capacity: int = 32768) -> None:
        self.step_capacity = step_capacity
        self.write_capacity = write_capacity
        self.text_capacity = text_capacity
        self.columns: dict[str, bytearray] = {
            c.name: bytearray(struct.calcsize(c.code) * (step_capacity if c.per == "step" else write_capacity))
            for c in COLUMNS
        }
        self.text = bytearray(text_capacity)
        self.first_tick = 0
        self.step_count = 0
        self.write_count = 0
        self.text_bytes = 0

    def clear(self) -> None:
        """Empty the batch; the next step that a core records sets `first_tick`."""
        self.first_tick = self.step_count = self.write_count = self.text_bytes = 0

    def column(self, name: str) -> memoryview[int]:
        """The used part of one column as a typed memoryview."""
        spec = COLUMN_BY_NAME[name]
        count = self.step_count if spec.per == "step" else self.write_count
        return memoryview(self.columns[name]).cast(spec.code)[:count]  # type: ignore[call-overload, no-any-return]

    def last(self, name: str) -> int:
        """What a step column of 32 bits says of the last step; there must be one."""
        entry: int = _U32.unpack_from(self.columns[name], _U32.size * (self.step_count - 1))[0]
        return entry

    def encode(self) -> bytes:
        """The batch as one binary frame (layout in docs/protocol.md)."""
        return self._encode(0, self.step_count, 0, self.write_count)

    def frames(self, most_bytes: int) -> Iterator[bytes]:
        """The batch as one frame, or cut into more of them of at most so many bytes besides their text."""
        yield from self._frames(0, self.step_count, 0, self.write_count, most_bytes)

    def _frames(self, first: int, last: int, first_write: int, last_write: int, most_bytes: int) -> Iterator[bytes]:
        frame = self._encode(first, last, first_write, last_write)
        if len(frame) - self.text_bytes <= most_bytes or last - first < 2:
            yield frame
            return
        half = (first + last) // 2
        between = first_write + sum(self.column("writes")[first:half])
        yield from self._frames(first, half, first_write, between, most_bytes)
        yield from self._frames(half, last, between, last_write, most_bytes)

    def _encode(self, first: int, last: int, first_write: int, last_write: int) -> bytes:
        """The steps `first` … `last` - 1 of the batch, whose writes are those in between, as a frame."""
        steps, writes = last - first, last_write - first_write
        head = HEADER.pack(VERSION, FRAME_TRACE, 0, steps, writes, self.text_bytes, self.first_tick + first)
        masks = bytearray()
        planes = []
        for spec in COLUMNS:
            size = struct.calcsize(spec.code)
            begin, end = (first, last) if spec.per == "step" else (first_write, last_write)
            used = bytes(memoryview(self.columns[spec.name])[begin * size : end * size])
            mask = 0
            for place in range(size):
                plane = used[place::size]
                if plane.count(plane[:1]) == len(plane):
                    planes.append(plane[:1] or b"\0")
                else:
                    mask |= 1 << place
                    planes.append(plane)
            masks.append(mask)
        return b"".join((head, masks, *planes, memoryview(self.text)[: self.text_bytes]))

    def text_at(self, payload: int) -> tuple[bytes, int]:
        """(first bytes, true length) of the string that a STRING payload stands for."""
        offset, length = payload & 0xFFFFFFFF, payload >> 32
        count = self.text[offset]
        return bytes(self.text[offset + 1 : offset + 1 + count]), length


def decode(frame: bytes) -> TraceBatch:
    """The batch that a frame was made of; ValueError if it is none of this version."""
    version, kind, _, steps, writes, text_bytes, first = HEADER.unpack_from(frame)
    if (version, kind) != (VERSION, FRAME_TRACE):
        raise ValueError(f"a frame of version {version} and kind {kind}; this is version {VERSION}, kind {FRAME_TRACE}")
    batch = TraceBatch(steps, writes, text_bytes)
    batch.first_tick, batch.step_count, batch.write_count, batch.text_bytes = first, steps, writes, text_bytes
    at = HEADER.size + len(COLUMNS)
    for spec, mask in zip(COLUMNS, frame[HEADER.size :], strict=False):
        size = struct.calcsize(spec.code)
        count = steps if spec.per == "step" else writes
        for place in range(size):
            varies = mask >> place & 1
            batch.columns[spec.name][place::size] = frame[at : at + count] if varies else frame[at : at + 1] * count
            at += count if varies else 1
    if len(frame) != at + text_bytes:
        raise ValueError(f"a frame of {len(frame)} bytes, of which {at + text_bytes} are expected")
    batch.text[:] = frame[at:]
    return batch


def value_text(batch: TraceBatch, tag: int, payload: int) -> Any:  # noqa: ANN401 - JSON data
    """A value of the trace as JSON: numbers as numbers, strings as text, references as `{type: id}`; ABSENT as None."""
    if tag in (ValueTag.ABSENT, ValueTag.NIL):
        return None
    if tag in (ValueTag.FALSE, ValueTag.TRUE):
        return tag == ValueTag.TRUE
    if tag == ValueTag.INTEGER:
        return payload - (1 << 64) if payload >> 63 else payload
    if tag == ValueTag.FLOAT:
        return struct.unpack("<d", struct.pack("<Q", payload))[0]
    if tag == ValueTag.STRING:
        return batch.text_at(payload)[0].decode("utf-8", "backslashreplace")
    if tag >= ValueTag.BITS8:
        return payload
    return {ValueTag(tag).name.lower(): payload}
