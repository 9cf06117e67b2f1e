"""Programs that do not compile: the reference's message, letter for letter, and a span that points at the culprit."""

from __future__ import annotations

import random

import pytest

from engine.errors import Span
from engine.lua.compiler import compile_source, file_text
from engine.lua.diagnostics import LuaSourceError, chunk_id
from engine.lua.lexer import tokenize
from tests.fuzz.lua_programs import program
from tests.lua_frontend.compare import assert_same
from tests.reference.puc import PucCompiler, suite_dir

BAD = r"""
x
x =
x = = 1
x = 1 1
= 1
local
local 1
local x y
local x =
local x <
local x <const
local x <constant> = 1
local x <const> = 1; x = 2
local x <close>, y <close> = 1
local x <const> = f(); x = 2
local x <const> = f(); function g() x = 2 end
local x <close> = f(); x = nil
local function
local function f
local function f(
local function f(a
local function f(a,
local function f(a,) end
local function f(..., a) end
local function f(1) end
local function f()
function
function f
function 1() end
function a.b:c.d() end
function f() return end end
function f() return 1 2 end
f(
f(1
f(1,
f(1,)
f()()
f().x
f() = 1
(f) = 1
(a)
a.b
a:b
a:b = 1
a.1
a.
a[
a[]
a[1
a, b
a, b =
a, f() = 1
a, 1 = 2
if
if x
if x then
if x then else
if x then else elseif
if x then elseif
if x then elseif y
if x do end
while
while x
while x then end
while x do
for
for i
for 1
for i =
for i = 1
for i = 1 do end
for i = 1,
for i = 1, 2
for i = 1, 2, 3, 4 do end
for i, = 1
for i, j = 1, 2 do end
for i in
for i in x
for i.j = 1, 2 do end
repeat
repeat until
repeat end
do
do do end
end
until x
else
then
break
break break
do break end
function f() break end
goto
goto 1
goto x
goto break
do goto x end do ::x:: end
goto x; local a; ::x:: print(a)
do goto x; local a; ::x:: ; print(a) end
repeat goto x; local a; ::x:: until a
::x:: ::x::
::x:: do ::x:: end
::x
::1::
::
return return
return 1,
return 1 2
return ...,
function f() return ... end
x = ...
x = function() return function(...) return function() return ... end end end
x = {
x = {1
x = {1,
x = {1 2}
x = {,}
x = {x = }
x = {x = 1
x = {[1}
x = {[1] 2}
x = {[1] =}
x = (1
x = ()
x = 1 +
x = + 1
x = 1 + + 1
x = not
x = #
x = a b
x = a.b.1
x = "abc
x = 'abc
x = "abc\
x = "a\qb"
x = "\x"
x = "\x1"
x = "\xg1"
x = "\x1g"
x = "\u"
x = "\u{"
x = "\u{}"
x = "\u{1"
x = "\u{1g}"
x = "\u{80000000}"
x = "\u{110000}" +
x = "\300"
x = "\999"
x = "\25
x = "a\z   b
x = "a\tb\65\u{48}\x41" "c"
x = 'tab	in string' 5
x = [[abc
x = [==[abc]]
x = [=abc
x = [=
--[[ comment
--[==[ comment ]]
x = 1..2
x = 1...2
x = 0x
x = 0xg
x = 0x.p1
x = 0x1p
x = 0x1p+
x = 1e
x = 1e+
x = 1ea
x = 1.2.3
x = 12a
x = 3_000
x = .5.
x = 0xep-1-
x = @
x = $
x = !a
x = a ! b
x = a != b
x = a ? b : c
x += 1
x++
x = `a`
x = a \ b
x = é
x = a::b
x = <const>
x = [
x = ]
x = }
x = 5 "s"
x = "long string that goes on" [[another
x = nil nil
nil = 1
true()
"s":len()
("s"):len() = 1
{}.x = 1
...
and
x = and
local and = 1
local x = local
x.end = 1
x = {end = 1}
x:end()
goto end
::end::
local x <const> = 1; x, y = 1, 2
local t <const> = {}; t = 1
local x <const> = 1; for i = 1, x do x = i end
for i = 1, 2 do i = 3 end local y <const> = 1; y = y
function f(a) local a <const> = a; a = 1 end
local f <const> = 1; function f() end
local f <const> = {}; function f.a() end f = 1
""".strip("\n").split("\n")  # fmt: skip


@pytest.mark.parametrize("source", BAD)
def test_a_bad_program_gets_the_reference_message(source: str, puc: PucCompiler) -> None:
    text = source.encode()
    assert_same(puc, text, b"@bad.lua")
    assert_same(puc, text.replace(b" ", b"\n"), b"=bad")
    assert_same(puc, b"local a, b\n\n" + text + b"\n-- the end", text)


def test_bytes_that_no_program_has(puc: PucCompiler) -> None:
    for byte in range(256):
        for text in (b"x = %c", b"x %c", b"%c", b"x = 'a' %c", b"x = 1%c", b"x = '\\%c'", b"x = '\\u{%c}'", b"a.%c"):
            if not (text % byte).startswith(b"\x1b"):  # that is where a binary chunk starts
                assert_same(puc, text % byte)


def _mutated(rng: random.Random, sources: list[bytes]) -> bytes:
    """A stretch of a source between two tokens, mostly from the start of a statement, with small accidents."""
    source = rng.choice(sources)
    tokens = tokenize(source)
    starts = [i for i, token in enumerate(tokens) if token[0] in ("local", "if", "for", "while", "function", "do")]
    first = rng.choice(starts) if rng.random() < 0.8 else rng.randrange(len(tokens))
    last = min(len(tokens) - 1, first + rng.randrange(3, 300))
    text = source[tokens[first - 1][3] if first else 0 : tokens[last][3]]
    words = [token[0].encode() for token in tokens if not token[0].startswith("<")]
    extra = [
        b"'",
        b'"',
        b"[[",
        b"]]",
        b"[=",
        b"\\",
        b"\n",
        b"\r\n",
        b"0x",
        b"1e",
        b"\0",
        b"\xff",
        b"@",
        b"--[[",
        b"\\u{",
    ]
    for _ in range(rng.randrange(3)):
        place = rng.randrange(len(text) + 1)
        roll = rng.random()
        if roll < 0.5:
            text = text[:place] + b" " + rng.choice(words) + b" " + text[place:]
        elif roll < 0.75:
            text = text[:place] + rng.choice(extra) + text[place:]
        else:
            text = text[:place] + text[place + rng.randrange(1, 6) :]
    return text


@pytest.mark.parametrize("seed", range(8))
def test_damaged_programs_get_the_reference_answer(seed: int, puc: PucCompiler) -> None:
    rng = random.Random(seed)
    sources = [file_text(p.read_bytes()) for p in sorted(suite_dir().glob("*.lua")) if p.name != "heavy.lua"]
    sources += [program(n).encode() for n in range(10)]
    failed = 0
    for _ in range(150):
        text = _mutated(rng, sources)
        name = rng.choice((b"@file.lua", b"=stdin", b"@" + b"folder/" * 12 + b"f.lua", text.split(b"\0")[0] or b"=x"))
        failed += not assert_same(puc, text, name)
    assert failed > 75


@pytest.mark.parametrize(
    "name",
    [
        b"=stdin",
        b"=" + b"t" * 58,
        b"=" + b"t" * 59,
        b"=" + b"t" * 60,
        b"=" + b"t" * 100,
        b"@f.lua",
        b"@" + b"f" * 58,
        b"@" + b"f" * 59,
        b"@" + b"f" * 60,
        b"@" + b"f" * 200,
        b"x = = 1",
        b"first line\nsecond",
        b"\nsecond",
        b"x" * 44,
        b"x" * 45,
        b"x" * 46,
        b"x" * 100,
        b"x" * 100 + b"\n",
        b"=",
        b"@",
        b"",
    ],
)
def test_chunk_names_are_shown_as_the_reference_shows_them(name: bytes, puc: PucCompiler) -> None:
    assert not assert_same(puc, b"x = = 1", name)
    assert len(chunk_id(name)) < 60


@pytest.mark.parametrize(
    ("source", "span"),
    [
        ("x = = 1", (1, 5, 1, 6)),
        ("local x =\n  5 5", (2, 5, 2, 6)),
        ("x = 'é' 'ü' y", (1, 9, 1, 12)),
        ("x = 'abc", (1, 5, 1, 9)),
        ("x = 3x", (1, 5, 1, 7)),
        ("f(", (1, 3, 1, 3)),
        ("--[[ long\ncomment ]] x = )", (2, 16, 2, 17)),
        ("x = [[a\nb]] [[c]]", (2, 5, 2, 10)),
        ("x = {a b}", (1, 8, 1, 9)),
        ("\n\n  @", (3, 3, 3, 4)),
        ("return 'a\\qb'", (1, 8, 1, 12)),
        ("local x <const> = 1\nx = 2", (2, 3, 2, 4)),
    ],
)
def test_the_span_marks_the_culprit(source: str, span: tuple[int, int, int, int]) -> None:
    with pytest.raises(LuaSourceError) as caught:
        compile_source(source.encode(), b"@f.lua")
    assert caught.value.diagnostics[0].span == Span(*span)
    assert caught.value.to_wire()["diagnostics"][0]["file"] == "f.lua"


def test_the_message_is_readable_text_and_exact_bytes() -> None:
    with pytest.raises(LuaSourceError) as caught:
        compile_source("x = 'é' 'ü\xff'".encode("latin-1"), b"=t")
    assert caught.value.raw == b"t:1: unexpected symbol near ''\xfc\xff''"
    assert caught.value.message == "t:1: unexpected symbol near ''\ufffd\ufffd''"
