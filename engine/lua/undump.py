"""Binary chunks to prototypes, refusing what would lead the machine outside of its tables.

The machine does not check operands as it runs: one outside of its table would reach outside of its memory. So a chunk
that a Lua program made up is decoded and verified here before the machine sees it.
"""

from __future__ import annotations

import struct

from engine.errors import ProgramError
from engine.lua.dump import (
    HEADER,
    SIGNATURE,
    TYPE_FALSE,
    TYPE_FLOAT,
    TYPE_INTEGER,
    TYPE_LONG,
    TYPE_NIL,
    TYPE_SHORT,
    TYPE_TRUE,
)
from engine.lua.proto import Constant, LocalInfo, Proto, UpvalueInfo
from engine.lua.verify import verify

MAX_INT = (1 << 31) - 1
MAX_DEPTH = 200
"""Functions inside functions inside functions: as many as the parser lets pass."""


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.position = 0

    def fail(self, why: str) -> ProgramError:
        return ProgramError(f"{self.name}: bad binary format ({why})")

    def block(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise self.fail("truncated chunk")
        block = self.data[self.position : end]
        self.position = end
        return block

    def byte(self) -> int:
        return self.block(1)[0]

    def size(self, limit: int = MAX_INT) -> int:
        value = 0
        while True:
            byte = self.byte()
            if value >= limit >> 7:
                raise self.fail("integer overflow")
            value = value << 7 | byte & 0x7F
            if byte & 0x80:
                return value

    def count(self, item_bytes: int) -> int:
        """A number of items, each of which takes at least `item_bytes`: more than are left is a lie."""
        count = self.size()
        if count * item_bytes > len(self.data) - self.position:
            raise self.fail("truncated chunk")
        return count

    def string(self) -> bytes | None:
        size = self.size((1 << 64) - 1)
        return None if size == 0 else self.block(size - 1)


def undump(data: bytes, name: str = "binary string") -> Proto:
    """The main function of a binary chunk, decoded and verified. ProgramError for anything else."""
    reader = _Reader(data, name)
    _check_header(reader)
    upvalues = reader.byte()
    proto = _function(reader, None, 0)
    if upvalues != len(proto.upvalues):
        raise reader.fail("corrupted chunk")
    if reader.position != len(data):
        raise reader.fail("trailing data")
    for nested in proto.preorder():
        problem = verify(nested)
        if problem:
            raise reader.fail(problem)
    return proto


def _check_header(reader: _Reader) -> None:
    data = reader.data
    if data[: len(SIGNATURE)] != SIGNATURE[: len(data)] or not data:
        raise reader.fail("not a binary chunk")
    found = reader.block(len(HEADER))
    for start, end, why in (
        (4, 5, "version mismatch"),
        (5, 6, "format mismatch"),
        (6, 12, "corrupted chunk"),
        (12, 13, "Instruction size mismatch"),
        (13, 14, "lua_Integer size mismatch"),
        (14, 15, "lua_Number size mismatch"),
        (15, 23, "integer format mismatch"),
        (23, 31, "float format mismatch"),
    ):
        if found[start:end] != HEADER[start:end]:
            raise reader.fail(why)


def _function(reader: _Reader, outer_source: bytes | None, depth: int) -> Proto:
    if depth > MAX_DEPTH:
        raise reader.fail("functions nested too deep")
    source = reader.string()
    proto = Proto(source if source is not None else outer_source)
    proto.line_defined = reader.size()
    proto.last_line = reader.size()
    proto.parameters = reader.byte()
    proto.is_vararg = reader.byte() != 0
    proto.max_stack = reader.byte()
    count = reader.count(4)
    proto.code = list(struct.unpack(f"<{count}I", reader.block(count * 4)))
    proto.constants = [_constant(reader) for _ in range(reader.count(1))]
    for _ in range(reader.count(3)):
        in_stack, index, kind = reader.block(3)
        proto.upvalues.append(UpvalueInfo(None, in_stack != 0, index, kind))
    proto.protos = [_function(reader, proto.source, depth + 1) for _ in range(reader.count(1))]
    _debug(reader, proto)
    return proto


def _constant(reader: _Reader) -> Constant:
    kind = reader.byte()
    if kind == TYPE_NIL:
        return None
    if kind in (TYPE_FALSE, TYPE_TRUE):
        return kind == TYPE_TRUE
    if kind == TYPE_INTEGER:
        return int(struct.unpack("<q", reader.block(8))[0])
    if kind == TYPE_FLOAT:
        return float(struct.unpack("<d", reader.block(8))[0])
    if kind not in (TYPE_SHORT, TYPE_LONG):
        raise reader.fail("invalid constant")
    text = reader.string()
    if text is None:
        raise reader.fail("bad format for constant string")
    return text


def _debug(reader: _Reader, proto: Proto) -> None:
    count = reader.count(1)
    proto.line_info = list(struct.unpack(f"<{count}b", reader.block(count)))
    proto.absolute_lines = [(reader.size(), reader.size()) for _ in range(reader.count(2))]
    for _ in range(reader.count(3)):
        name = reader.string()
        start = reader.size()
        proto.locals.append(LocalInfo(name, start, reader.size()))
    if reader.count(1):
        for upvalue in proto.upvalues:
            upvalue.name = reader.string()
