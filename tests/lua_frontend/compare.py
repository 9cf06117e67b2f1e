"""Our compiler in the form that the reference answers in."""

from __future__ import annotations

from engine.lua.compiler import compile_source
from engine.lua.diagnostics import LuaSourceError
from engine.lua.dump import dump
from tests.reference.puc import PucCompiler


def compiled(source: bytes, chunk_name: bytes, *, strip: bool = False) -> tuple[bool, bytes]:
    """(True, binary chunk) or (False, error message), as `PucCompiler.compile` gives."""
    try:
        return True, dump(compile_source(source, chunk_name, levels=0), strip)
    except LuaSourceError as error:
        return False, error.raw


def assert_same(puc: PucCompiler, source: bytes, chunk_name: bytes = b"=program") -> bool:
    """Our answer must be the reference's; answers whether the source compiles."""
    expected = puc.compile(source, chunk_name)
    assert compiled(source, chunk_name) == expected, source
    return expected[0]
