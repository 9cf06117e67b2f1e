"""Lua source text to a prototype: the front door of the compiler."""

from __future__ import annotations

import sys

from engine.lua.diagnostics import LuaSourceError
from engine.lua.parser import Parser
from engine.lua.proto import Proto
from engine.lua.tokens import MAX_LEVELS

FRAMES_PER_LEVEL = 8
"""More Python frames than any construct takes for one level of nesting."""

_RECURSION = 2000 + MAX_LEVELS * FRAMES_PER_LEVEL


def compile_source(text: bytes, chunk_name: bytes, *, levels: int = 1) -> Proto:
    """Compile a chunk as `load(text, chunk_name)` does; `chunk_name` starts with `@` for a file, `=` for a title.

    `levels`: how many of the 200 levels of C calls are in use (1 as in `lua FILE`, more for a `load` by a program).
    Raises `LuaSourceError` with the reference implementation's message.
    """
    _allow_nesting()
    return Parser(text, chunk_name, levels).chunk()


def check_beginning(text: bytes, chunk_name: bytes, *, levels: int = 1) -> None:
    """Raise the error that is in the beginning of a chunk, whatever follows it; return if there is none yet.

    A `load` with a reader function asks after each piece: it stops reading where a compiler that reads along does.
    """
    _allow_nesting()
    parser = Parser(text, chunk_name, levels)
    try:
        parser.chunk()
    except LuaSourceError:
        if not parser.is_at_end:
            raise


def _allow_nesting() -> None:
    if sys.getrecursionlimit() < _RECURSION:
        # Raised for good: lowering it again could hit another thread that is compiling. Python frames need no C stack.
        sys.setrecursionlimit(_RECURSION)


def file_text(data: bytes) -> bytes:
    """What of a file is compiled: no byte order mark, and a first line that starts with `#` is blank."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.startswith(b"#"):
        end = data.find(b"\n")
        return data[end:] if end >= 0 else b"\n"
    return data
