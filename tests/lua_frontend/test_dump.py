"""Binary chunks are the reference's, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.undump import undump
from tests.fuzz.lua_programs import program
from tests.lua_frontend.compare import assert_same, compiled
from tests.reference.puc import PucCompiler, puc_dump, suite_dir

ROOT = Path(__file__).resolve().parents[2]
BESIDE = ROOT.parent / "shared" / "bench" / "lua"
"""Further programs that may stand beside the checkout."""

SUITE = [path for path in sorted(suite_dir().glob("**/*.lua")) if path.name != "heavy.lua"]
OWN = [*sorted((ROOT / "examples" / "lua").glob("**/*.lua")), *sorted((ROOT / "tests" / "bench").glob("**/*.lua"))]
FILES = SUITE + OWN + sorted(BESIDE.glob("*.lua"))


def test_the_whole_suite_is_there() -> None:
    assert len(SUITE) >= 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_compiles_to_the_reference_chunk(path: Path, puc: PucCompiler) -> None:
    source = file_text(path.read_bytes())
    name = b"@" + path.name.encode()
    assert assert_same(puc, source, name)
    assert compiled(source, name, strip=True) == puc.compile(source, name, strip=True)


def test_a_file_is_read_as_loadfile_reads_it(tmp_path: Path) -> None:
    for number, data in enumerate((b"#!/usr/bin/lua\nreturn 1", b"\xef\xbb\xbf#x\n\nx = 2", b"\xef\xbb\xbfx=3", b"#")):
        path = tmp_path / f"{number}.lua"
        path.write_bytes(data)
        assert dump(compile_source(file_text(data), b"@" + str(path).encode())) == puc_dump(path)


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_random_programs_compile_to_the_reference_chunk(first: int, puc: PucCompiler) -> None:
    for seed in range(first, first + 50):
        assert assert_same(puc, program(seed).encode()), seed


@pytest.mark.parametrize("newline", [b"\r\n", b"\r", b"\n\r"])
def test_every_kind_of_line_end_counts_once(newline: bytes, puc: PucCompiler) -> None:
    source = suite_dir().joinpath("literals.lua").read_bytes().replace(b"\n", newline)
    assert assert_same(puc, source)
    assert_same(puc, b"x = 1\n\r\r\n\n\ny = '\\\n\r'\r\r z = [[\r\na\n\rb]] + ")


def test_a_chunk_decodes_to_what_was_compiled() -> None:
    for seed in range(30):
        main = compile_source(program(seed).encode(), b"@p.lua")
        chunk = dump(main)
        again = undump(chunk)
        assert again == main
        assert dump(again) == chunk


def test_strings_are_bytes(puc: PucCompiler) -> None:
    every_byte = bytes(range(256))
    quoted = b"'" + b"".join(b"\\%d" % b if b in b"\r\n\\'" else bytes([b]) for b in every_byte) + b"'"
    assert assert_same(puc, b"return " + quoted)
    chunk = compile_source(b"return " + quoted, b"=s")
    assert chunk.constants == [every_byte]


SNIPPETS = """
local a <const> = 1; local b <const> = a + 2; return a, b, a .. b, {a, [b] = a}
local a <const> = "s"; x = a; x[a] = a; a.b = 1; return a.c, (a), -a
local a <const>, b <const> = 1, 2; return b + a
local a <const> = nil; return a == nil, a and 1, not a
local a <const> = true; if a then x() end while a do y() end
local a <const> = -0.0; return a, 0.0, 1/0, -1/0, 0/0, 2^1024, -(2^1024), 2^53, 1e15, 0x1p53
local x <close> = f(); return g()
local a <close>, b <const> = f(); do local c <close> = a end; goto out; ::out::
for i = 1, 10 do local x = function() return i end if x then break end end
for k, v in pairs(t) do local f = function() return k, v end goto continue; ::continue:: end
while a do local b; local f = function() return b end; if b then break end end
repeat local x; f(function() return x end) until x
repeat local x = f() if x then goto done end until x; ::done::
do goto l1 end; ::l1:: goto l2; do local x; f(function() return x end) ::l2:: end
do local x; ::top:: local y; f(function() return x, y end); if x then goto top end end
a, b.c, d[1], e[f], g = g, e[f], d[1], b.c, a
local a, b; a, a.x, a[b], b = b, a, 1, 2
local function f(...) local a, b = ...; return ..., (...), select('#', ...), {...}, {..., 1} end
return (f()), f(), (f())
return f(f(), (f()), f())
return {f(), (f()), f()}, {...}, {f(), [1] = 2, x = f()}
f'str' f"str" f[[str]] f{1, 2} f:m'x' f:m{1} f.a.b.c:d(1, ...)(2)
return a.b.c, a[1], a[255], a[256], a[-1], a[1.0], a["b"], a["not an identifier"], a[b.c], a[a[a]]
a[1] = 2 a[256] = 2 a.b = nil a.c = true a.d = 1.5 a.e = "s" a[b] = false a[1.5] = 2 a[nil] = 1
return 1 + 2 * 3 ^ 4 // 5 % 6, 7 & 8 | 9 ~ 10 << 2 >> 1, ~5, -5, - -5, not not nil, #"abc"
return 1 // 0, 1 % 0, 1.0 // 0, 1 / 0, 5 // -2, -5 // 2, 5 % -3, -5 % 3, 5.5 // -2, -5.5 % 2, 5.5 % -math.huge
return 2^63, 1 << 63, 1 << 64, 1 >> -1, 1 << -1, -1 >> 1, 3.0 | 4, 2.5 | 1, 1e100 & 1, "1" + 1, 1 .. 2
return 9223372036854775807 + 1, -9223372036854775807 - 2, 9223372036854775807 * 2, -(-9223372036854775807 - 1)
return x + 1, x - 1, 1 + x, 1 - x, x + 128, x - 128, x + 129, x - 127, x * 2, 2 * x, x / 2, 2 / x, x + 1.0
return x & 1, 1 & x, x | 1.0, x ~ 300, x << 1, x >> 1, 1 << x, 1 >> x, x << 200, x << -128, x >> 128, x // 3, x ^ 2
return x == 1, 1 == x, x == 1.0, x == 200, x == "s", "s" == x, x == nil, x == true, nil == x, x ~= y, 1.5 == x
return x < 1, 1 < x, x <= 1.0, x > 1, x >= 1, 1 > x, 1 >= x, x < 200, 200.0 < x, x < 1.5, 1 < 2, 300.0 <= 5
return a and b, a or b, a and b or c, not a and b, not (a and b), a and 1, 1 and a, nil or a, false and a, a == b and c
return (a and b) .. c, (a or b) + 1, -(a and b), #(a or b), (a and b)[1], (a or b).c, (a or b)(), {a or b, k = a and b}
local x = a == b; local y = not (a < b); x = a and b; y = x or y; x = x and y; local z = x == y or x
if a == b and (c or d) then e() elseif not f and g < 1 or h then i() else j() end
if a then break end
while not (a and b) or c do d() end repeat e() until (f or g) and not h
if x then break else y() end
for i = 1, 2 do if x then break end if y then break; ; end if z then break w() end end
local t = {1, 2, 3, x = 1, 4, [5] = 6; 7, f()}
local function a() return a end local b = function() return b end function c() return c end
function a.b.c:d(x, y, ...) self.e = x; return self:d(y, ...) end
local a; function a.b() end function a:c() return self end
return function(a, b, ...) local c <const> = 3; return function() return a, b, c end end
x = function() local function f() return x end return f end
local _ENV = {}; x = y; local function f() return z end
local function f(_ENV) return x, function() y = 1 end end
local _ENV <const> = 5; return x
_ENV = nil; _ENV.x = 1; return _ENV
return ...
return 0xffffffffffffffffff, 1e400, 0x.1p-1100, 123456789012345678901234567890, .5, 5., 0x.8, 0X1P+4, 3e-2
goto a; local x; ::a:: ; ; ::b::
do ::a:: goto a end do goto a ::a:: end
local x <const> = 1; local function f() return x end x = nil
""".strip().splitlines()


@pytest.mark.parametrize("source", SNIPPETS)
def test_a_snippet_compiles_as_in_the_reference(source: str, puc: PucCompiler) -> None:
    assert_same(puc, source.encode())
    assert_same(puc, source.replace(" ", "\n").encode())
    assert_same(puc, f"local a, b, c, d, x, y = ...\nlocal function outer()\n{source}\nend".encode())


def test_the_hand_over_format_has_the_standard_header() -> None:
    chunk = dump(compile_source(b"", b"=x"))
    assert chunk.startswith(bytes.fromhex("1b4c7561540019930d0a1a0a04080878560000000000000000000000287740"))
