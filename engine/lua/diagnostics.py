"""Errors of the Lua front end: the reference implementation's words, and where to put the squiggle."""

from __future__ import annotations

from engine.errors import Diagnostic, SourceError, Span

ID_SIZE = 60
"""Room for a chunk's displayed name, with the terminating zero of the C implementation."""


def chunk_id(name: bytes) -> bytes:
    """How messages name a chunk: `=text` as text, `@file` as file, source text as `[string "first line..."]`."""
    kind, rest = name[:1], name[1:]
    if kind == b"=":
        return rest[: ID_SIZE - 1]
    if kind == b"@":
        return rest if len(rest) < ID_SIZE else b"..." + rest[len(rest) - (ID_SIZE - 4) :]
    room = ID_SIZE - len(b'[string "..."]') - 1
    name = name.split(b"\0", 1)[0]
    first, newline, _ = name.partition(b"\n")
    if not newline and len(first) < room:
        return b'[string "' + first + b'"]'
    return b'[string "' + first[:room] + b'..."]'


class LuaSourceError(SourceError):
    """A Lua text that does not compile. `raw` is the message as the bytes that a Lua program sees.

    `is_limit`: nested too deep, which the reference implementation raises as an error of the program that loads.
    """

    def __init__(self, raw: bytes, file: bytes, span: Span | None, *, is_limit: bool = False) -> None:
        text = raw.decode("utf-8", "replace")
        super().__init__([Diagnostic(text, file.decode("utf-8", "replace"), span)])
        self.raw = raw
        self.is_limit = is_limit
