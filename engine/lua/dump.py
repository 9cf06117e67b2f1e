"""Prototypes to binary chunks, byte for byte as `string.dump` writes them: what the machine loads."""

from __future__ import annotations

import struct
from array import array

from engine.lua.expressions import MAX_SHORT_STRING
from engine.lua.proto import Constant, Proto

SIGNATURE = b"\x1bLua"
HEADER = SIGNATURE + b"\x54\x00\x19\x93\r\n\x1a\n\x04\x08\x08" + struct.pack("<qd", 0x5678, 370.5)
"""Magic, version 5.4, format 0, a text that shows damage in transfer, sizes, a known integer and float."""

TYPE_NIL, TYPE_FALSE, TYPE_TRUE, TYPE_INTEGER, TYPE_FLOAT, TYPE_SHORT, TYPE_LONG = (
    0x00,
    0x01,
    0x11,
    0x03,
    0x13,
    0x04,
    0x14,
)


def dump(proto: Proto, strip: bool = False) -> bytes:
    """The binary chunk of a main function. `strip` leaves out names, lines and the source's name."""
    out = bytearray(HEADER)
    out.append(len(proto.upvalues))
    # An explicit stack instead of recursion: nesting is limited by the parser, not by Python.
    pending: list[tuple[Proto, bytes | None, bool]] = [(proto, None, False)]
    while pending:
        current, outer_source, is_done = pending.pop()
        if is_done:
            _debug(out, current, strip)
            continue
        _body(out, current, outer_source, strip)
        pending.append((current, None, True))
        pending.extend((inner, current.source, False) for inner in reversed(current.protos))
    return bytes(out)


def _size(out: bytearray, value: int) -> None:
    """A number in groups of seven bits, the highest first, the last one marked."""
    groups = bytearray([value & 0x7F | 0x80])
    value >>= 7
    while value:
        groups.append(value & 0x7F)
        value >>= 7
    groups.reverse()
    out += groups


def _string(out: bytearray, value: bytes | None) -> None:
    if value is None:
        _size(out, 0)
    else:
        _size(out, len(value) + 1)
        out += value


def _constant(out: bytearray, value: Constant) -> None:
    if value is None:
        out.append(TYPE_NIL)
    elif value is True or value is False:
        out.append(TYPE_TRUE if value else TYPE_FALSE)
    elif isinstance(value, int):
        out.append(TYPE_INTEGER)
        out += struct.pack("<q", value)
    elif isinstance(value, float):
        out.append(TYPE_FLOAT)
        out += struct.pack("<d", value)
    else:
        out.append(TYPE_SHORT if len(value) <= MAX_SHORT_STRING else TYPE_LONG)
        _string(out, value)


def _body(out: bytearray, proto: Proto, outer_source: bytes | None, strip: bool) -> None:
    """Everything before the nested functions."""
    _string(out, None if strip or proto.source == outer_source else proto.source)
    _size(out, proto.line_defined)
    _size(out, proto.last_line)
    out += bytes((proto.parameters, proto.is_vararg, proto.max_stack))
    _size(out, len(proto.code))
    out += struct.pack(f"<{len(proto.code)}I", *proto.code)
    _size(out, len(proto.constants))
    for constant in proto.constants:
        _constant(out, constant)
    _size(out, len(proto.upvalues))
    for upvalue in proto.upvalues:
        out += bytes((upvalue.in_stack, upvalue.index, upvalue.kind))
    _size(out, len(proto.protos))


def _debug(out: bytearray, proto: Proto, strip: bool) -> None:
    """What stands behind the nested functions: lines and names."""
    if strip:
        out += b"\x80\x80\x80\x80"
        return
    _size(out, len(proto.line_info))
    out += array("b", proto.line_info).tobytes()
    _size(out, len(proto.absolute_lines))
    for pc, line in proto.absolute_lines:
        _size(out, pc)
        _size(out, line)
    _size(out, len(proto.locals))
    for local in proto.locals:
        _string(out, local.name)
        _size(out, local.start)
        _size(out, local.end)
    _size(out, len(proto.upvalues))
    for upvalue in proto.upvalues:
        _string(out, upvalue.name)
