"""Every native called with random arguments of every type: the outcome and the complaint are the reference's."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.lua_library.running import on_ours, on_reference

CALLS = 2_500
#: Left out: what ends or waits (os.exit, io.read), what asks for the world (os.time, math.random), package.loadlib (the
#: reference tries), math.atan (which of its two names a complaint uses depends on the order of a table).
NATIVES = """
assert error getmetatable ipairs load next pairs pcall rawequal rawget rawlen rawset select setmetatable tonumber
tostring type xpcall require loadfile dofile package.searchpath
coroutine.close coroutine.create coroutine.isyieldable coroutine.resume coroutine.status coroutine.wrap
table.concat table.insert table.move table.pack table.remove table.sort table.unpack
math.abs math.acos math.asin math.ceil math.cos math.deg math.exp math.floor math.fmod math.log math.max math.min
math.modf math.rad math.sin math.sqrt math.tan math.tointeger math.type math.ult math.pow math.ldexp math.frexp
string.byte string.char string.find string.format string.gmatch string.gsub string.len string.lower string.match
string.pack string.packsize string.reverse string.sub string.unpack string.upper string.dump
utf8.char utf8.codepoint utf8.codes utf8.len utf8.offset os.difftime os.remove os.rename os.setlocale
io.open io.type files.seek files.read files.write files.lines files.setvbuf files.close
debug.getlocal debug.getinfo debug.getmetatable debug.getupvalue debug.setupvalue debug.setuservalue debug.getuservalue
debug.upvalueid debug.upvaluejoin debug.traceback debug.gethook
"""
VALUES = (
    "nil", "true", "false", "0", "1", "-1", "2", "3", "10", "100", "-5", "2.0", "1.5", "-0.5", "2^40", "2^63",
    "math.mininteger", "1/0", "0/0", "''", "'a'", "'abc'", "'10'", "'0x10'", "'1e1'", "'%d'", "'%s'", "'n'", "'i4'",
    "'*t'", "'a\\0b'", "'\\xff\\xe4'", "{}", "{1,2,3}", "{3,1,2}", "{'b','a'}", "{n=1}", "print", "function() end",
    "function(...) return ... end", "coroutine.create(function() end)", "io.stdout", "io.tmpfile()",
    "setmetatable({}, {__index = function(t, k) return k end, __len = function() return 3 end})",
    "setmetatable({}, {__tostring = function() return 'T' end, __name = 'N'})",
    "setmetatable({}, {__call = function(...) return select('#', ...) end})",
)  # fmt: skip
PRELUDE = rb"""
package.path, package.cpath = "?.lua", "?.so"
local files, out = getmetatable(io.stdout).__index, io.stdout
local gsub, mathtype, format = string.gsub, math.type, string.format
local function opened()
  local f = io.open("data.txt", "w+")
  f:write("12 line\nmore 3.5\n")
  f:seek("set")
  return f
end
local function shown(v)
  local t = type(v)
  if t == "number" then
    return v ~= v and "nan" or mathtype(v) == "float" and format("%.14gf", v) or format("%d", v)
  end
  if t == "string" then return (gsub(format("%q", v), "\n", "n")) end
  return (t == "nil" or t == "boolean") and tostring(v) or t
end
local function show(number, ok, ...)
  local line = number .. (ok and " =" or " !")
  for i = 1, select("#", ...) do line = line .. " " .. shown((select(i, ...))) end
  out:write(line, "\n")
end
"""
OUTCOME = re.compile(rb"^(\d+) [=!].*$", re.MULTILINE)


def random_call(chance: random.Random) -> str:
    name = chance.choice(NATIVES.split())
    arguments = [chance.choice(VALUES) for _ in range(chance.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]))]
    if name.startswith("files."):
        arguments[:1] = ["opened()" if name == "files.write" or chance.random() < 0.8 else "1"]
    if name in ("dofile", "loadfile") and arguments[:1] in ([], ["nil"]):
        arguments[:1] = ["'nofile'"]  # without a name they wait for the standard input
    return ", ".join([name, *arguments])


@pytest.mark.parametrize("seed", [1, 2])
def test_natives_answer_and_complain_as_the_reference(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    calls = [random_call(chance) for _ in range(CALLS)]
    source = PRELUDE + b"\n".join(f"show({n}, pcall({call}))".encode() for n, call in enumerate(calls))
    expected, outcome = on_reference(source, "calls.lua", tmp_path), on_ours(source, "calls.lua")
    theirs, ours = ({int(m[1]): m[0] for m in OUTCOME.finditer(o.stdout)} for o in (expected, outcome))
    different = [(call, theirs.get(n), ours.get(n)) for n, call in enumerate(calls) if theirs.get(n) != ours.get(n)]
    assert different == []
    assert outcome.error == expected.error
