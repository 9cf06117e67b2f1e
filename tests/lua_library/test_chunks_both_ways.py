"""`string.dump` gives the reference's bytes, stripped or not; each side loads and runs what the other has dumped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lua_library.running import on_ours, on_reference
from tests.reference.puc import suite_dir

#: Files of the suite that are dumped (the others are larger, and no different).
FILES = ("closure.lua", "coroutine.lua", "goto.lua", "literals.lua", "locals.lua", "strings.lua", "vararg.lua")
DUMPS = b"""
local function hex(s) return (s:gsub(".", function(c) return ("%%02x"):format(c:byte()) end)) end
for _, name in ipairs {%s} do
  local f = loadfile(name)
  for _, strip in ipairs {false, true} do
    local d = string.dump(f, strip)
    print(name, strip, #d, hex(d))
    print(string.dump(load(d, name, "b"), strip) == d, load(d:sub(1, -2), "cut", "b"), load(d, "text", "t"))
  end
end
"""
PROGRAM = b"""
local kept = ...
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
local t = setmetatable({}, {__index = function(_, k) return k .. "!" end, __close = function() print("closed") end})
do local x <close> = t print(x.name, fib(15), #"long" + 0x1p4, 1 // 0.0, kept) end
for k, v in pairs({10, 20, nil, 40}) do print(k, v) end
goto over
print("never")
::over:: print(select("#", ...), pcall(error, {}), ("%d"):format(3), math.mininteger, 2^53)
"""
RUN = b"""
local chunk = ("%s"):gsub("%%x%%x", function(h) return string.char(tonumber(h, 16)) end)
load(chunk, "chunk", "b")("kept", 2)
"""
DUMP_ONE = (
    b"io.write((string.dump(loadfile('program.lua'), %s):gsub('.', function(c) return ('%%02x'):format(c:byte()) end)))"
)


def test_dumps_are_the_references_bytes(tmp_path: Path) -> None:
    files = [(name, (suite_dir() / name).read_bytes()) for name in FILES]
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    source = DUMPS % b", ".join(b"'%s'" % name.encode() for name in FILES)
    assert on_ours(source, "dumps.lua", files=files) == on_reference(source, "dumps.lua", tmp_path)


@pytest.mark.parametrize("strip", [b"false", b"true"])
def test_each_side_runs_what_the_other_has_dumped(strip: bytes, tmp_path: Path) -> None:
    (tmp_path / "program.lua").write_bytes(PROGRAM)
    files = [("program.lua", PROGRAM)]
    ours = on_ours(DUMP_ONE % strip, "dump.lua", files=files).stdout
    theirs = on_reference(DUMP_ONE % strip, "dump.lua", tmp_path).stdout
    assert re.fullmatch(rb"[0-9a-f]{400,}", ours)
    expected = on_reference(RUN % theirs, "run.lua", tmp_path)
    assert on_reference(RUN % ours, "run.lua", tmp_path) == expected
    assert on_ours(RUN % theirs, "run.lua") == expected
    assert b"closed" in expected.stdout
