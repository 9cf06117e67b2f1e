"""Which registers of a function have a value of the present activation, before each of its instructions.

The core knows it (`core/assigned.h`) and shows no others; the page needs it to tell from the trace alone what a frame
holds at a step that it was not sent.
"""

from __future__ import annotations

import struct
from typing import Any

from engine.lua.proto import Proto

_WORDS = 4
_NONE_OPEN = 255


def registers_in_use(core: Any, proto: Proto) -> list[tuple[int, int | None]]:  # noqa: ANN401 - the cffi module
    """For each instruction: the registers as bits, and the one from which on all up to the top count, or None."""
    count = len(proto.code)
    code = core.ffi.new("uint32_t[]", proto.code)
    rows, first_open = core.ffi.new("uint64_t[]", _WORDS * count), core.ffi.new("uint8_t[]", count)
    # SAFETY: all three have room for `count` rows and outlive the call.
    if not core.lib.function_registers(code, count, proto.parameters, proto.max_stack, rows, first_open):
        raise MemoryError
    words = struct.unpack(f"={_WORDS * count}Q", bytes(core.ffi.buffer(rows)))
    return [
        (sum(words[_WORDS * pc + n] << 64 * n for n in range(_WORDS)), None if register == _NONE_OPEN else register)
        for pc, register in enumerate(first_open)
    ]
