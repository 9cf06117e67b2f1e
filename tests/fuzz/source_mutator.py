"""Lua source texts from other source texts: tokens replaced, taken away, repeated; lines of one text put into another.

A text is a list of lines, a line a list of tokens (bytes). Most replacements keep a token's class (name, number, text,
operator), so that most results still compile; the others are for the parser.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

Lines = list[list[bytes]]

_TOKEN = re.compile(
    rb"--\[(?P<a>=*)\[.*?\](?P=a)\]|--[^\n]*|\[(?P<b>=*)\[.*?\](?P=b)\]"
    rb"|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|0[xX][0-9a-fA-F.]+(?:[pP][-+]?\d+)?|\d+\.?\d*(?:[eE][-+]?\d+)?"
    rb"|[A-Za-z_]\w*|\.\.\.|\.\.|//|==|~=|<=|>=|<<|>>|::|\n|[^\s]",
    re.DOTALL,
)
KEYWORDS = frozenset(
    (
        b"and break do else elseif end false for function goto if in local nil not or repeat return then true "
        b"until while"
    ).split()
)
BINARY = b"+ - * / // % ^ .. == ~= < <= > >= & | ~ << >> and or".split()
OTHER = b"( ) { } [ ] ; : , . = :: # not ... <const> <close>".split()
NUMBERS = (
    b"0 1 2 3 7 -1 100 255 256 65536 131071 0.5 -0.0 1e308 2^53 0x7fffffffffffffff 9223372036854775807 math.mininteger "
    b"1e15 0x1p-1074 3.0 math.huge (0/0) 200 17 1e400 0xffffffffffffffffff 16777216"
).split()
TEXTS = (
    rb"""'' 'a' "%s" '%d %q' '<i4z' '\0' '\xff\xfe' "\u{7FFFFFFF}" 'kv' 'k' '(.-)%s*' '%b()' '%f[%w]' '()' """
    rb"""'n' 'l' 'a' 'L' '10' '0x10' '1e1' "*t" '!%c' 'crl' 'nSltufrL' '>f' '__gc' '__index' [[long]] """
    rb"""'%99.99f' 's8 !16 Xd' 'set' 'end' """
).split()
VALUES = [
    *b"nil true false ... {} {1,2,3} {n=1,[2]=2} _G _ENV print string table function()end math.huge io.stdout".split(),
    *b"pcall coroutine.running() ('x'):rep(1000) debug.getinfo(1) setmetatable({},{__close=print,__gc=print})".split(),
    b"setmetatable({},{__index=function(t,k)return k end})",
    b"coroutine.wrap(function(...)coroutine.yield(...)end)",
    b"load('return ...')",
]
CALLS = (
    b"pcall error select type tostring tonumber next pairs ipairs rawget rawset rawlen rawequal "
    b"setmetatable getmetatable xpcall assert load collectgarbage warn require dofile string.rep "
    b"string.format string.find string.gsub string.gmatch string.match string.byte string.char string.pack "
    b"string.unpack string.packsize string.dump string.sub string.reverse table.concat table.insert "
    b"table.remove table.sort table.move table.unpack table.pack utf8.char utf8.codepoint utf8.len "
    b"utf8.offset utf8.codes math.random math.floor math.fmod math.tointeger math.ult math.max "
    b"coroutine.wrap coroutine.create coroutine.resume coroutine.yield coroutine.close coroutine.status "
    b"coroutine.isyieldable debug.getinfo debug.getlocal debug.setlocal debug.getupvalue debug.setupvalue "
    b"debug.upvalueid debug.upvaluejoin debug.sethook debug.gethook debug.traceback debug.setmetatable "
    b"debug.getuservalue debug.setuservalue io.open io.lines io.read io.write io.tmpfile io.type os.time "
    b"os.date os.rename os.remove os.tmpname os.getenv os.clock"
).split()
MAX_TOKENS = 400


def split(source: bytes) -> Lines:
    """The text's lines of tokens; comments are left out."""
    lines: Lines = [[]]
    for found in _TOKEN.finditer(source):
        token = found[0]
        if token == b"\n":
            lines.append([])
        elif not token.startswith(b"--"):
            lines[-1].append(token)
    return [line for line in lines if line]


def join(lines: Lines) -> bytes:
    """The text again."""
    return b"\n".join(b" ".join(line) for line in lines)


def _class(token: bytes) -> Sequence[bytes]:
    first = token[:1]
    if first.isdigit():
        return NUMBERS
    if first in (b"'", b'"') or token.startswith((b"[[", b"[=")):
        return TEXTS
    return BINARY if token in BINARY else ()


class Mutator:
    """Makes texts out of those of a corpus; the same seed makes the same texts of the same corpus."""

    def __init__(self, seed: int, corpus: list[Lines]) -> None:
        self.random = random.Random(seed)
        self.corpus = corpus

    def make(self) -> Lines:
        """One new text."""
        pick, below = self.random.choice, self.random.randrange
        lines = [line.copy() for line in pick(self.corpus)]
        for _ in range(1 + below(4)):
            if not lines:
                break
            if below(8) == 0:
                self._splice(lines)
            else:
                self._change(lines)
        while sum(map(len, lines)) > MAX_TOKENS:
            del lines[below(len(lines))]
        return lines or [[b"return"]]

    def _splice(self, lines: Lines) -> None:
        """Lines of another text, a line twice, or one line less."""
        below = self.random.randrange
        kind, at = below(4), below(len(lines))
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[below(len(lines))].copy())
        else:
            other = self.random.choice(self.corpus)
            start = below(len(other))
            lines[at:at] = [line.copy() for line in other[start : start + 1 + below(4)]]

    def _change(self, lines: Lines) -> None:
        """One token, more often into something of its class."""
        pick, below = self.random.choice, self.random.randrange
        line = pick(lines)
        if not line:
            return
        at, kind = below(len(line)), below(24)
        token = line[at]
        same = _class(token)
        is_name = not same and (token[:1].isalpha() or token[:1] == b"_") and token not in KEYWORDS
        if kind > 3 and same:
            line[at] = pick(same)
        elif kind > 3 and is_name:
            line[at] = self._name(lines) if kind < 14 else pick(VALUES) if kind < 18 else pick(CALLS)
        elif kind > 3:
            return
        elif kind == 0:
            line[at] = pick(tuple(KEYWORDS))
        elif kind == 1:
            del line[at]
        else:
            line.insert(at, pick((token, pick(BINARY), pick(OTHER), pick(NUMBERS), pick(VALUES))))

    def _name(self, lines: Lines) -> bytes:
        names = [t for t in self.random.choice(lines) if t[:1].isalpha() and t not in KEYWORDS]
        return self.random.choice(names) if names else b"x"
