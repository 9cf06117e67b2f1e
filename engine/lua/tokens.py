"""The parser's place in the token list, and the errors that quote it."""

from __future__ import annotations

import re

from engine.errors import Span
from engine.lua.codegen import ConstantKey
from engine.lua.diagnostics import LuaSourceError, chunk_id
from engine.lua.lexer import (
    EOF,
    ERROR,
    FLOAT,
    INTEGER,
    NAME,
    STRING,
    LexicalError,
    newline_byte,
    one_kind_of_newline,
    tokenize,
)

MAX_LEVELS = 200
"""How deep constructs may nest, counted as the reference implementation counts levels of C calls."""

_UNQUOTED = frozenset((EOF, NAME, STRING, INTEGER, FLOAT))
_BLANK = re.compile(rb"(?:[ \t\f\v\n]+|--\[(=*)\[.*?\]\1\]|--(?!\[=*\[)[^\n]*)*", re.DOTALL)


def token_text(kind: str) -> str:
    """How messages show a kind of token."""
    return kind if kind in _UNQUOTED else f"'{kind}'"


class TokenStream:
    """Reads tokens one by one, with one of look-ahead; makes every error of the parser."""

    def __init__(self, source: bytes, chunk_name: bytes, levels: int) -> None:
        self._original = source
        self.source = source = one_kind_of_newline(source)
        self.chunk_name = chunk_name
        self.constant_keys: dict[ConstantKey, int] = {}
        self.levels = levels
        self._tokens = tokenize(source)
        self._next = 0
        self.kind = ""
        """Kind of the current token."""
        self.value: bytes | int | float | LexicalError = b""
        self.line = 1
        """The line on which the last token taken from the text ends, be it the current one or the one ahead."""
        self.last_line = 1
        """`line` as it was when the current token became current: where emitted code belongs."""
        self.end = 0

    def advance(self) -> None:
        """Go to the next token. Nobody goes on from the end of the text."""
        self.last_line = self.line
        index = self._next
        self._next = index + 1
        self.kind, self.value, self.line, self.end = self._tokens[index]
        if self.kind == ERROR:
            raise self._lexical_error(self.value, self.line)

    def look_ahead(self) -> str:
        """The kind of the token after the current one."""
        kind, value, line, _ = self._tokens[self._next]
        self.line = line
        if kind == ERROR:
            self.end = self._tokens[self._next][3]
            self._next += 1
            raise self._lexical_error(value, line)
        return kind

    @property
    def is_at_end(self) -> bool:
        """Might more text change the current token? The character behind a token is read with it."""
        return self.end >= len(self.source)

    # What to expect

    def accept(self, kind: str) -> bool:
        """Skip the current token if it is of that kind."""
        if self.kind == kind:
            self.advance()
            return True
        return False

    def expect(self, kind: str) -> None:
        """The current token must be of that kind; skip it."""
        if self.kind != kind:
            raise self.syntax_error(f"{token_text(kind)} expected")
        self.advance()

    def expect_close(self, kind: str, opener: str, line: int) -> None:
        """The current token must be `kind`, which closes the `opener` of that line; skip it."""
        if self.kind == kind:
            self.advance()
        elif line == self.line:
            raise self.syntax_error(f"'{kind}' expected")
        else:
            raise self.syntax_error(f"'{kind}' expected (to close '{opener}' at line {line})")

    def take_name(self) -> bytes:
        """The current token must be a name; skip it."""
        if self.kind != NAME:
            raise self.syntax_error("<name> expected")
        name = self.value
        self.advance()
        return name  # type: ignore[return-value]

    def enter_level(self) -> None:
        """One construct deeper."""
        self.levels += 1
        if self.levels >= MAX_LEVELS:
            raise self.limit_error("C stack overflow")

    # Errors

    def _span(self) -> Span:
        """Where the current token stands."""
        start = min(self._start(), self.end)
        return Span(*self._place(start), *self._place(max(self.end, start)))

    def _place(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, in characters."""
        begin = self.source.rfind(b"\n", 0, offset) + 1
        text = self.source[begin:offset].decode("utf-8", "replace")
        return self.source.count(b"\n", 0, offset) + 1, len(text) + 1

    def _error(self, message: bytes, near: bytes | None, line: int) -> LuaSourceError:
        file = chunk_id(self.chunk_name)
        text = b"%s:%d: %s" % (file, line, message)
        if near is not None:
            text += b" near " + near.split(b"\0", 1)[0]
            if b"\0" in near:
                text += b"'"
        return LuaSourceError(text, file, self._span())

    def _lexical_error(self, error: object, line: int) -> LuaSourceError:
        assert isinstance(error, LexicalError)  # noqa: S101 (the value of an ERROR token)
        if isinstance(error.near, str):
            near = error.near.encode()
        elif error.stops_at_newline:
            near = b"'" + error.near[:-1] + newline_byte(self._original, line) + b"'"
        else:
            near = b"'" + error.near + b"'"
        self.kind = ERROR
        return self._error(error.message.encode(), near, line)

    def syntax_error(self, message: str) -> LuaSourceError:
        """An error at the current token, which the message quotes."""
        return self._error(message.encode(), self._near(), self.line)

    def _near(self) -> bytes | None:
        kind = self.kind
        if kind == STRING:
            return b"'" + self._string_text() + b"'"
        if kind in (NAME, INTEGER, FLOAT):
            return b"'" + self.source[self._start() : self.end] + b"'"
        if kind == "<\\0>" or not kind:
            return None
        return token_text(kind).encode()

    def _start(self) -> int:
        """Offset of the current token."""
        before = self._tokens[self._next - 2][3] if self._next >= 2 else 0
        blank = _BLANK.match(self.source, before)
        return blank.end() if blank else before

    def _string_text(self) -> bytes:
        """The current string between its delimiters, escapes replaced."""
        start = self._start()
        opener = self.source[start : start + 1]
        if opener == b"[":
            opener = self.source[start : self.source.index(b"[", start + 1) + 1]
        assert isinstance(self.value, bytes)  # noqa: S101 (the value of a STRING token)
        return opener + self.value + opener.replace(b"[", b"]")

    def semantic_error(self, message: bytes) -> LuaSourceError:
        """An error that quotes no token."""
        return self._error(message, None, self.line)

    def limit_error(self, message: str) -> LuaSourceError:
        """An error of the implementation: the message has no position, as in the reference implementation."""
        return LuaSourceError(message.encode(), chunk_id(self.chunk_name), self._span(), is_limit=True)
