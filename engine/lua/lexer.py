"""Source bytes to tokens, all at once, by one regular expression.

A token is the tuple `(kind, value, line, end)`: `kind` is the token's own text for reserved words and symbols, else one
of NAME, STRING, INTEGER, FLOAT, EOF, ERROR; `value` the name's or string's bytes, the number, or the `LexicalError`;
`line` the line on which it ends; `end` the offset behind it. The list ends with EOF, or with ERROR where the text stops
making sense: the parser raises that error only when it gets there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.lua.numbers import to_number

NAME, STRING, INTEGER, FLOAT, EOF, ERROR = "<name>", "<string>", "<integer>", "<number>", "<eof>", "<error>"
RESERVED = (
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"
)
SYMBOLS = "// .. ... == >= <= ~= << >> :: + - * / % ^ # & ~ | < > = ( ) { } [ ] ; : , ."


@dataclass(frozen=True, slots=True)
class LexicalError:
    """What is wrong with the characters. `near` is the text to quote: bytes, or EOF for the end of the text."""

    message: str
    near: bytes | str
    stops_at_newline: bool = False
    """The last quoted byte is a line end (an escape sequence breaks off there)."""


Token = tuple[str, "bytes | int | float | LexicalError", int, int]

_KINDS = {text.encode(): text for text in (RESERVED + " " + SYMBOLS).split()}
_TOKEN = re.compile(
    rb"""[\ \t\f\v]*(?:
     ( [A-Za-z_][A-Za-z0-9_]*                                           # 1 name, reserved word or symbol
     | \.\.\.? | \.(?![0-9]) | -(?!-) | \[(?![=\[])
     | [=<>~]=? (?:(?<=<)<|(?<=>)>)? | //? | ::? | [+*%^\#&|(){}\];,] )
   | ( \n[\ \t\f\v\n]* )                                                # 2 ends of lines
   | ( --(?!\[=*\[)[^\n]* )                                             # 3 short comment
   | ( "[^"\\\n]*" | '[^'\\\n]*' )                                      # 4 string without escapes
   | ( \.?0[xX](?:[pP][-+]?|[0-9a-fA-F.])*[A-Za-z_]?                    # 5 numeral, well formed or not
     | \.?[0-9](?:[eE][-+]?|[0-9a-fA-F.])*[A-Za-z_]? )
   | ( ["'] )                                                           # 6 any other string
   | ( (?:--)?\[(=*)\[ )                                                # 7 long string or comment
   | ( \[=* )                                                           # 9 broken long bracket
   | ( \Z )                                                             # 10 end
   | ( [\x00-\xff] )                                                    # 11 any other byte
   )""",
    re.VERBOSE,
)
_NEWLINE = re.compile(rb"\r\n|\n\r|\r")
_ANY_NEWLINE = re.compile(rb"\r\n|\n\r|\r|\n")
_PLAIN = re.compile(rb"[^\\\n\"']*")
_SPACE = re.compile(rb"[ \f\n\t\v]*")
_DIGITS = re.compile(rb"[0-9]{1,3}")
_HEX = b"0123456789abcdefABCDEF"
_ESCAPES = {
    **{ord("a"): b"\a", ord("b"): b"\b", ord("f"): b"\f", ord("n"): b"\n", ord("r"): b"\r", ord("t"): b"\t"},
    **{ord("v"): b"\v", ord("\\"): b"\\", ord('"'): b'"', ord("'"): b"'", ord("\n"): b"\n"},
}


def one_kind_of_newline(source: bytes) -> bytes:
    r"""`source` with every line end (`\r\n`, `\n\r`, `\r`) as `\n`, which is all that the rest of the lexer knows."""
    return _NEWLINE.sub(b"\n", source) if b"\r" in source else source


def newline_byte(source: bytes, line: int) -> bytes:
    """The first byte of the line end that ends `line` in the source as it was before `one_kind_of_newline`."""
    for number, found in enumerate(_ANY_NEWLINE.finditer(source), 1):
        if number == line:
            return found[0][:1]
    return b"\n"


def tokenize(source: bytes) -> list[Token]:
    """Every token of `source` (line ends already unified). Never raises: see ERROR in the module's text."""
    tokens: list[Token] = []
    add, match, kinds = tokens.append, _TOKEN.match, _KINDS
    position, line = 0, 1
    while True:
        found = match(source, position)
        assert found is not None  # noqa: S101 (the last alternative takes any byte)
        group = found.lastindex
        position = found.end()
        if group == 1:
            text = found[1]
            add((kinds.get(text, NAME), text, line, position))
        elif group == 2:
            line += found[2].count(b"\n")
        elif group == 3:
            continue
        elif group == 4:
            add((STRING, found[4][1:-1], line, position))
        elif group == 5:
            number = to_number(found[5])
            if number is None:
                add((ERROR, LexicalError("malformed number", found[5]), line, position))
                return tokens
            add((INTEGER if type(number) is int else FLOAT, number, line, position))
        elif group == 10:
            add((EOF, b"", line, position))
            return tokens
        else:
            position, line = _rare(found, source, line, tokens)
            if tokens and tokens[-1][0] == ERROR:
                return tokens


def _rare(found: re.Match[bytes], source: bytes, line: int, tokens: list[Token]) -> tuple[int, int]:
    """Strings with escapes, long brackets, stray bytes: appends a token (or none); position and line behind it."""
    position = found.end()
    if found[6]:
        value, position, line = _escaped_string(source, position, line)
        if isinstance(value, LexicalError):
            tokens.append((ERROR, value, line, position))
        else:
            tokens.append((STRING, value, line, position))
    elif found[7]:
        is_comment = found[7].startswith(b"--")
        close = b"]" + found[8] + b"]"
        end = source.find(close, position)
        if end < 0:
            what = "comment" if is_comment else "string"
            message = f"unfinished long {what} (starting at line {line})"
            line += source.count(b"\n", position)
            tokens.append((ERROR, LexicalError(message, EOF), line, len(source)))
            return len(source), line
        start = position + 1 if source[position : position + 1] == b"\n" else position
        line += source.count(b"\n", position, end)
        position = end + len(close)
        if not is_comment:
            tokens.append((STRING, source[start:end], line, position))
    elif found[9]:
        tokens.append((ERROR, LexicalError("invalid long string delimiter", found[9]), line, position))
    else:
        byte = found[11]
        kind = byte.decode() if byte.isascii() and 32 <= byte[0] < 127 else f"<\\{byte[0]}>"
        tokens.append((kind, byte, line, position))
    return position, line


def _escaped_string(source: bytes, start: int, line: int) -> tuple[bytes | LexicalError, int, int]:
    """The string whose opening quote stands before `start`: its value or what is wrong, the offset behind, the line.

    An error quotes the string as read so far, escapes already replaced, up to the offending byte.
    """
    quote = source[start - 1 : start]
    done = [quote]
    position = start
    size = len(source)
    while True:
        found = _PLAIN.match(source, position)
        assert found is not None  # noqa: S101 (matches the empty text too)
        done.append(found[0])
        position = found.end()
        if position >= size:
            return LexicalError("unfinished string", EOF), position, line
        byte = source[position : position + 1]
        if byte == quote:
            return b"".join(done)[1:], position + 1, line
        if byte == b"\n":
            return LexicalError("unfinished string", b"".join(done)), position, line
        if byte != b"\\":
            done.append(byte)
            position += 1
            continue
        escape = _escape(source, position + 1)
        if isinstance(escape, _BadEscape):
            text = b"".join(done) + source[position : escape.end]
            return LexicalError(escape.message, text, source[escape.end - 1] == ord("\n")), escape.end, line
        value, end = escape
        line += source.count(b"\n", position, end)
        done.append(value)
        position = end


@dataclass(frozen=True, slots=True)
class _BadEscape:
    message: str
    end: int


def _escape(source: bytes, position: int) -> tuple[bytes, int] | _BadEscape:
    """The bytes that an escape stands for and the offset behind it; `position` is just behind the backslash."""
    size = len(source)
    if position >= size:
        return b"", position
    byte = source[position]
    if byte in _ESCAPES:
        return _ESCAPES[byte], position + 1
    if byte == ord("x"):
        for place in (position + 1, position + 2):
            if place >= size or source[place] not in _HEX:
                return _BadEscape("hexadecimal digit expected", min(place + 1, size))
        return bytes([int(source[position + 1 : position + 3], 16)]), position + 3
    if byte == ord("u"):
        return _unicode_escape(source, position + 1)
    if byte == ord("z"):
        found = _SPACE.match(source, position + 1)
        return b"", found.end() if found else position + 1
    digits = _DIGITS.match(source, position)
    if digits is None:
        return _BadEscape("invalid escape sequence", position + 1)
    if int(digits[0]) > 255:
        return _BadEscape("decimal escape too large", min(digits.end() + 1, size))
    return bytes([int(digits[0])]), digits.end()


def _unicode_escape(source: bytes, position: int) -> tuple[bytes, int] | _BadEscape:
    r"""As `_escape`, for what follows `\u`: `{`, hexadecimal digits up to 7FFFFFFF, `}`."""
    size = len(source)
    if source[position : position + 1] != b"{":
        return _BadEscape("missing '{'", min(position + 1, size))
    position += 1
    if position >= size or source[position] not in _HEX:
        return _BadEscape("hexadecimal digit expected", min(position + 1, size))
    value = 0
    while position < size and source[position] in _HEX:
        if value > 0x7FFFFFFF >> 4:
            return _BadEscape("UTF-8 value too large", position + 1)
        value = value << 4 | int(source[position : position + 1], 16)
        position += 1
    if source[position : position + 1] != b"}":
        return _BadEscape("missing '}'", min(position + 1, size))
    return utf8(value), position + 1


def utf8(value: int) -> bytes:
    """`value` (up to 2^31 - 1, more than Unicode has) in the original UTF-8 of up to six bytes."""
    if value < 0x80:
        return bytes([value])
    tail: list[int] = []
    limit = 0x3F
    while True:
        tail.append(0x80 | value & 0x3F)
        value >>= 6
        limit >>= 1
        if value <= limit:
            return bytes([(~limit << 1 & 0xFF) | value, *reversed(tail)])
