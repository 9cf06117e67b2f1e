"""Thousands of random patterns, format strings and packings: the reference and ours answer the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lua_library.running import on_ours, on_reference

CALLS = 2_500
PATTERN_ITEMS = (
    "a", "b", ".", "%a", "%d", "%s", "%w", "%A", "%.", "[ab]", "[^ab]", "[a-c]", "[%a_]", "[^%d]", "%f[%w]", "%b()",
    "%1", "(", ")", "()", "^", "$", "-", "%",
)  # fmt: skip
PACK_OPTIONS = (
    "b", "B", "h", "H", "i", "I", "l", "L", "j", "J", "T", "f", "d", "n", "s", "z", "x", "X", "<", ">", "=", "!",
    "i1", "i2", "i3", "i7", "i9", "I16", "s1", "s2", "c3", "c0", "!2", "!4", "!8", "!3", "i17", "Xi4", "Xd",
)  # fmt: skip
SHOW = rb"""
local function show(number, ok, ...)
  local line = number .. (ok and " =" or " !")
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    line = line .. " " .. (type(v) == "string" and ("%q"):format(v) or tostring(v))
  end
  print(line)
end
"""


def quoted(text: bytes) -> str:
    """A Lua string literal with exactly these bytes."""
    return '"' + "".join(f"\\{byte:03d}" for byte in text) + '"'


def random_pattern(chance: random.Random) -> bytes:
    """A pattern of a few items, now and then malformed."""
    repeats = ["", "", "", "*", "+", "-", "?"]
    picked = [chance.choice(PATTERN_ITEMS) + chance.choice(repeats) for _ in range(chance.randint(1, 6))]
    if chance.random() < 0.5:
        picked.insert(chance.randrange(len(picked)), "(" + chance.choice(PATTERN_ITEMS) + ")")
    return "".join(picked).encode()


def random_subject(chance: random.Random) -> bytes:
    return bytes(chance.choice(b"aabbc1 ._()\0xA") for _ in range(chance.randint(0, 14)))


def pattern_call(chance: random.Random) -> str:
    subject, pattern = quoted(random_subject(chance)), quoted(random_pattern(chance))
    match chance.randrange(4):
        case 0:
            return f"string.find, {subject}, {pattern}, {chance.randint(-5, 8)}"
        case 1:
            return f"string.match, {subject}, {pattern}"
        case 2:
            replacement = quoted(chance.choice([b"<%0>", b"%1", b"%2%1", b"x", b"", b"%%", b"%"]))
            return f"string.gsub, {subject}, {pattern}, {replacement}, {chance.choice(['nil', '1', '3'])}"
        case _:
            loop = f"for a, b in string.gmatch({subject}, {pattern}) do t[#t + 1] = tostring(a) .. tostring(b) end"
            return f"function() local t = {{}} {loop} return table.concat(t, '|') end"


NUMBERS = [
    "0",
    "1",
    "-1",
    "42",
    "2^53",
    "-0.0",
    "1/0",
    "-(0/0)",
    "3.14159",
    "1e300",
    "-2.5e-7",
    "math.mininteger",
    "'12'",
]
VALUES = [*NUMBERS, "'text'", "'with\\0zero'", "nil", "true", "('long'):rep(40)"]


def format_call(chance: random.Random) -> str:
    flags = "".join(chance.choice("-+ #0") for _ in range(chance.choice([0, 0, 1, 2, 3])))
    width = chance.choice(["", "", "5", "12", "99", "123"])
    precision = chance.choice(["", "", ".", ".0", ".3", ".20", ".123"])
    conversion = chance.choice("ddiuoxXaAeEfFgGcsq%pz")
    value = chance.choice(VALUES if conversion in "sq" else NUMBERS)
    if conversion == "c":
        value = chance.choice(["65", "0", "255", "'66'"])
    text = f"<%{flags}{width}{precision}{conversion}>"
    return f"string.format, {quoted(text.encode())}, {value}"


def pack_call(chance: random.Random) -> str:
    layout = " ".join(chance.choice(PACK_OPTIONS) for _ in range(chance.randint(1, 5)))
    values = ", ".join(chance.choice([*NUMBERS, "'text'", "'a'", "'zero\\0'"]) for _ in range(4))
    if chance.random() < 0.3:
        data = quoted(bytes(chance.choice(b"\0\1\2\x7f\x80\xff") for _ in range(chance.randint(0, 30))))
        return f"string.unpack, {quoted(layout.encode())}, {data}, {chance.randint(-3, 5)}"
    if chance.random() < 0.2:
        return f"string.packsize, {quoted(layout.encode())}"
    return f"string.pack, {quoted(layout.encode())}, {values}"


@pytest.mark.parametrize("make", [pattern_call, format_call, pack_call], ids=["patterns", "formats", "packings"])
def test_random_calls_answer_as_the_reference(make: Callable[[random.Random], str], tmp_path: Path) -> None:
    chance = random.Random(2026)
    calls = [make(chance) for _ in range(CALLS)]
    source = SHOW + b"\n".join(f"show({n}, pcall({call}))".encode() for n, call in enumerate(calls))
    expected, outcome = on_reference(source, "calls.lua", tmp_path), on_ours(source, "calls.lua")
    theirs, ours = expected.stdout.splitlines(), outcome.stdout.splitlines()
    different = [(call, a, b) for call, a, b in zip(calls, theirs, ours, strict=False) if a != b]
    assert different == []
    assert outcome == expected
