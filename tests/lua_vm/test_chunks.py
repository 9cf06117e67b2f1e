"""Binary chunks that are cut, damaged or foreign are refused with a message; the machine stays whole."""

from __future__ import annotations

import pytest

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.machine import core

SOURCE = (
    b"local a <const>, s = 1.5, ('x'):rep(50)\n"
    b"return function(...) local t = {...}; return #t, s, 'long" + b"g" * 60 + b"' end"
)
CHUNK = dump(compile_source(SOURCE, b"@chunk.lua"))


def _load(chunk: bytes) -> str | None:
    """The message of a refusal, None when the chunk is taken."""
    lib, ffi = core().lib, core().ffi
    machine = lib.machine_new(1 << 24, 1 << 16)
    try:
        if not lib.machine_load(machine, chunk, len(chunk), b"=chunk"):
            return None
        size = ffi.new("size_t *")
        text = lib.machine_request(machine, 0, size)
        return bytes(ffi.buffer(text, size[0])).decode("latin-1")
    finally:
        lib.machine_free(machine)


def test_the_whole_chunk_is_taken() -> None:
    assert _load(CHUNK) is None


@pytest.mark.parametrize("step", [1])
def test_every_cut_chunk_is_refused_as_truncated(step: int) -> None:
    for length in range(0, len(CHUNK), step):
        assert _load(CHUNK[:length]) == "chunk: bad binary format (truncated chunk)"


@pytest.mark.parametrize(
    ("at", "byte", "why"),
    [
        (0, 0x1A, "not a binary chunk"),
        (4, 0x53, "version mismatch"),
        (5, 1, "format mismatch"),
        (7, 0, "corrupted chunk"),
        (12, 8, "Instruction size mismatch"),
        (13, 4, "lua_Integer size mismatch"),
        (14, 4, "lua_Number size mismatch"),
        (15, 0, "integer format mismatch"),
        (30, 0, "float format mismatch"),
    ],
)
def test_a_foreign_header_is_named(at: int, byte: int, why: str) -> None:
    assert _load(CHUNK[:at] + bytes([byte]) + CHUNK[at + 1 :]) == f"chunk: bad binary format ({why})"


def test_damaged_bytes_never_harm_the_machine() -> None:
    for at in range(31, len(CHUNK)):
        for byte in (0x00, 0x7F, 0x80, 0xFF):
            message = _load(CHUNK[:at] + bytes([byte]) + CHUNK[at + 1 :])
            assert message is None or "bad binary format" in message or message == "not enough memory"
