"""Limits and nesting: where the reference gives up, with its words, and never a RecursionError."""

from __future__ import annotations

import sys
import threading

import pytest

from engine.lua.compiler import compile_source
from engine.lua.diagnostics import LuaSourceError
from tests.lua_frontend.compare import assert_same
from tests.reference.puc import PucCompiler

# Text before, inside and after one level of nesting.
NESTINGS = {
    "parentheses": ("return ", "(", "1", ")", ""),
    "unary operators": ("return ", "- ", "x", "", ""),
    "not": ("return ", "not ", "x", "", ""),
    "right operators": ("return ", "x .. ", "x", "", ""),
    "powers": ("return ", "x ^ ", "x", "", ""),
    "constructors": ("return ", "{", "", "}", ""),
    "keys": ("return ", "{[", "1", "] = 1}", ""),
    "indices": ("return ", "a[", "1", "]", ""),
    "calls": ("return ", "f(", "1", ")", ""),
    "methods": ("return ", "f:m{", "", "}", ""),
    "functions": ("return ", "function() return ", "1", " end", ""),
    "function statements": ("", "function f() ", "", " end", ""),
    "local functions": ("", "local function f() ", "", " end", ""),
    "do": ("", "do ", "", " end", ""),
    "while": ("", "while x do ", "", " end", ""),
    "repeat": ("", "repeat ", "", " until x", ""),
    "if": ("", "if x then ", "", " end", ""),
    "else": ("", "if x then else ", "", " end", ""),
    "numeric for": ("", "for i = 1, 2 do ", "", " end", ""),
    "generic for": ("", "for k in x do ", "", " end", ""),
    "targets": ("a", ", a", "", "", " = 1"),
    "indexed targets": ("a.b", ", a.b", "", "", " = 1"),
}


def _nested(kind: str, levels: int) -> bytes:
    before, opening, middle, closing, after = NESTINGS[kind]
    return (before + opening * levels + middle + closing * levels + after).encode()


@pytest.mark.parametrize("kind", NESTINGS)
def test_nesting_ends_at_the_same_level(kind: str, puc: PucCompiler) -> None:
    answers = {levels: assert_same(puc, _nested(kind, levels)) for levels in (1, 50, *range(62, 68), *range(94, 102))}
    answers |= {levels: assert_same(puc, _nested(kind, levels)) for levels in (*range(180, 204), 1000)}
    assert answers[1] is True
    assert answers[1000] is False


@pytest.mark.parametrize("kind", NESTINGS)
def test_hopeless_nesting_is_an_ordinary_error(kind: str) -> None:
    with pytest.raises(LuaSourceError, match=r"overflow|too many|needs"):
        compile_source(_nested(kind, 20000), b"=deep")


def test_the_deepest_nesting_fits_python_on_a_fresh_thread() -> None:
    results: list[object] = []
    sys.setrecursionlimit(1000)
    thread = threading.Thread(target=lambda: results.append(compile_source(_nested("functions", 60), b"=t")))
    thread.start()
    thread.join()
    assert len(results) == 1


def test_levels_in_use_count_against_the_limit() -> None:
    compile_source(_nested("parentheses", 190), b"=t", levels=1)
    with pytest.raises(LuaSourceError, match=r"^C stack overflow$"):
        compile_source(_nested("parentheses", 190), b"=t", levels=20)


def _locals(count: int) -> str:
    return "".join(f"local v{i}\n" for i in range(count))


def _upvalues(count: int) -> str:
    """A function with `count` upvalues, taken from two functions around it."""
    first = "".join(f"local a{i}\n" for i in range(min(count, 190)))
    second = "".join(f"local b{i}\n" for i in range(max(0, count - 190)))
    uses = [f"a{i}" for i in range(min(count, 190))] + [f"b{i}" for i in range(max(0, count - 190))]
    body = "".join(f"{name} = 1\n" for name in uses)
    return f"{first} function f() {second}\n function g() {body} end end"


def _constants(count: int) -> str:
    """Named, number and string constants, the later ones beyond what an operand can name."""
    line = "x.k{0} = {0}.25 + y; y = x.k{0} == 's{0}'; z = y & {1}\n"
    return "local x = {}\n" + "".join(line.format(i, i + 1000) for i in range(count))


COUNTED = {
    "locals": (_locals, (199, 200, 201)),
    "locals in a function": (lambda n: "function f()\n" + _locals(n) + "end", (200, 201)),
    "parameters": (lambda n: "function f(" + ", ".join(f"p{i}" for i in range(n)) + ") end", (200, 201)),
    "upvalues": (_upvalues, (254, 255, 256)),
    "arguments": (lambda n: "f(" + ", ".join(["x"] * n) + ")", (250, 252, 253, 254, 255)),
    "concatenated values": (lambda n: "return " + " .. ".join(["x"] * n), (180, 199, 201)),
    "returned values": (lambda n: "return " + ", ".join(["x"] * n), (252, 253, 254, 255)),
    "array items": (lambda n: "return {" + ", ".join(["x"] * n) + "}", (49, 50, 51, 255, 256, 300, 1000)),
    "array items before a call": (lambda n: "return {" + "1, " * n + "f()}", (49, 50, 51, 255, 256, 257, 600)),
    "named items": (lambda n: "return {" + "".join(f"k{i} = {i}," for i in range(n)) + "}", (1, 2, 3, 4, 5, 300)),
    "constants": (_constants, (50, 80, 90, 130)),
    "line distance": (lambda n: "a = 1" + "\n" * n + "b = f(a)" + "\n" * n + "return b", (126, 127, 128, 129)),
    "instructions on one line": (lambda n: "x = 1 " * n, (126, 127, 128, 129, 130, 300)),
    "for variables": (lambda n: "for " + ", ".join(f"a{i}" for i in range(n)) + " in x do end", (195, 196, 197)),
    "elseif": (lambda n: "if x then y() " + "elseif x then y() " * n + "end", (10, 300)),
    "or": (lambda n: "return " + " or ".join(["x"] * n), (10, 190, 400)),
    "statements": (lambda n: "f(x)\n" * n, (1000,)),
    "functions in a function": (lambda n: "f = function() end " * n, (300,)),
    "do blocks": (lambda n: "do local a end " * n, (32767, 32768)),
    "labels": (lambda n: "".join(f"::l{i}:: " for i in range(n)), (150,)),
}  # fmt: skip


@pytest.mark.parametrize(("what", "count"), [(what, n) for what, (_, counts) in COUNTED.items() for n in counts])
def test_counted_things_end_at_the_same_number(what: str, count: int, puc: PucCompiler) -> None:
    assert_same(puc, COUNTED[what][0](count).encode())


def test_more_constants_than_loadk_can_name(puc: PucCompiler) -> None:
    items = ",".join(f"{i}.5" for i in range((1 << 17) + 10))
    assert assert_same(puc, f"return {{{items}}}".encode())


def test_a_loop_longer_than_its_jump(puc: PucCompiler) -> None:
    assert not assert_same(puc, b"for i = 1, 2 do " + b"f()" * 66000 + b" end")
