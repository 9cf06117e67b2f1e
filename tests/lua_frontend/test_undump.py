"""Hostile binary chunks are refused with a ProgramError, whatever is wrong with them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from engine.errors import ProgramError
from engine.lua import opnumbers as op
from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import HEADER, dump
from engine.lua.proto import LocalInfo, Proto, UpvalueInfo
from engine.lua.undump import undump
from tests.fuzz.lua_programs import program
from tests.reference.puc import PucCompiler, puc_lua, suite_dir

SOURCE = b"""
local a, b = ...
local t = {1, 2, x = a, [b] = 3}
for i = 1, 3 do t[i] = i * 2 + (a or b) end
for k, v in pairs(t) do print(k .. v, function() return a, v, t.x end) end
local function f(...) return ..., a < 1 and t:m(...) or f(...) end
return f(t.a.b, f())
"""


def test_every_chunk_of_the_reference_is_accepted(puc: PucCompiler) -> None:
    for path in sorted(suite_dir().glob("*.lua")):
        if path.name != "heavy.lua":
            for strip in (False, True):
                ok, chunk = puc.compile(file_text(path.read_bytes()), b"@" + path.name.encode(), strip=strip)
                assert ok
                assert dump(undump(chunk), strip) == chunk, path.name


def test_a_method_whose_name_is_a_far_constant_is_accepted() -> None:
    names = "".join(f"x = 'c{i}'\n" for i in range(300))
    main = compile_source(f"local a {names} a:method(1)".encode(), b"@x")
    assert any(word & 0x7F == op.SELF and not word >> 15 & 1 for word in main.code)
    assert undump(dump(main)) == main


def test_every_prefix_of_a_chunk_is_refused() -> None:
    chunk = dump(compile_source(SOURCE, b"@x"))
    for size in range(len(chunk)):
        with pytest.raises(ProgramError, match=r"truncated chunk|not a binary chunk"):
            undump(chunk[:size])
    with pytest.raises(ProgramError, match="trailing"):
        undump(chunk + b"x")


@pytest.mark.parametrize("offset", range(len(HEADER)))
def test_a_foreign_header_is_refused(offset: int) -> None:
    chunk = bytearray(dump(compile_source(SOURCE, b"@x")))
    chunk[offset] ^= 1
    with pytest.raises(ProgramError, match=r"mismatch|corrupted|not a binary chunk"):
        undump(bytes(chunk))


def test_damaged_chunks_are_refused_or_still_safe() -> None:
    rng = random.Random(3)
    chunks = [dump(compile_source(text, b"@x")) for text in (SOURCE, program(1).encode(), program(2).encode())]
    refused = 0
    for _ in range(1200):
        chunk = bytearray(rng.choice(chunks))
        for _ in range(rng.choice((1, 1, 2, 5))):
            chunk[rng.randrange(len(HEADER), len(chunk))] = rng.choice((rng.randrange(256), 0x80, 0xFF, 0))
        try:
            main = undump(bytes(chunk))
        except ProgramError:
            refused += 1
        else:
            again = dump(main)
            assert dump(undump(again)) == again
    assert refused > 400


def test_a_chunk_cannot_ask_for_more_memory_than_it_has_bytes() -> None:
    head = dump(Proto(b"@x", code=[op.RETURN0]))[: len(HEADER) + 1]
    huge = b"\x7f\x7f\x7f\xff"
    for body in (b"\x80\x80\x80\0\0\2" + huge, b"\x80\x80\x80\0\0\2\x80" + huge, huge + b"\x80"):
        with pytest.raises(ProgramError, match=r"truncated|overflow"):
            undump(head + body)


def test_functions_nested_without_end_are_refused() -> None:
    main = innermost = Proto(b"@x", code=[op.RETURN0])
    for _ in range(5000):
        nested = Proto(b"@x", code=[op.RETURN0])
        innermost.protos.append(nested)
        innermost = nested
    with pytest.raises(ProgramError, match="nested too deep"):
        undump(dump(main))


def _abc(opcode: int, a: int = 0, b: int = 0, c: int = 0, k: int = 0) -> int:
    return opcode | a << 7 | k << 15 | b << 16 | c << 24


END = op.RETURN0
BAD_CODE = {
    "no code": [],
    "no return": [_abc(op.MOVE)],
    "unknown opcode": [0x7F, END],
    "register": [_abc(op.MOVE, 3), END],
    "source register": [_abc(op.MOVE, 0, 3), END],
    "constant": [op.LOADK | 5 << 15, END],
    "constant operand": [_abc(op.SETTABLE, 0, 0, 5, 1), END],
    "upvalue": [_abc(op.GETUPVAL, 0, 1), END],
    "nested function": [op.CLOSURE | 1 << 15, END],
    "key that is no name": [_abc(op.GETFIELD, 0, 0, 1), END],
    "method that is no name": [_abc(op.SELF, 0, 0, 1, 1), END],
    "range of nil": [_abc(op.LOADNIL, 1, 2), END],
    "range of values": [_abc(op.CONCAT, 1, 3), END],
    "concatenation of nothing": [_abc(op.CONCAT, 0, 0), END],
    "arguments": [_abc(op.CALL, 0, 9, 1), END],
    "results": [_abc(op.CALL, 0, 1, 9), END],
    "open results": [_abc(op.CALL, 0, 1, 0), END],
    "open arguments": [_abc(op.CALL, 0, 0, 1), END],
    "open list": [_abc(op.SETLIST, 0, 0, 0), END],
    "open return": [_abc(op.RETURN, 0, 0)],
    "jump ahead": [op.JMP | (((1 << 24) - 1) + 100) << 7, END],
    "jump back": [op.JMP | 0 << 7, END],
    "loop": [op.FORLOOP | 100 << 15, END],
    "loop start": [op.FORPREP | 100 << 15, END],
    "loop registers": [op.FORLOOP | 1 << 7 | 1 << 15, END],
    "loop without its call": [op.TFORPREP | 0 << 15, END],
    "loop call without its loop": [_abc(op.TFORCALL, 0, 0, 1), END],
    "test without jump": [_abc(op.TEST), END],
    "missing extra word": [_abc(op.NEWTABLE), END],
    "extra constant": [_abc(op.LOADKX), op.EXTRAARG | 9 << 7, END],
    "operation without fallback": [_abc(op.ADD), END],
    "fallback without operation": [_abc(op.MMBIN, 0, 0, op.EVENT_ADD), END],
    "fallback of a strange event": [_abc(op.ADD), _abc(op.MMBIN, 0, 0, op.EVENT_INDEX), END],
    "skip over the end": [_abc(op.LFALSESKIP), END],
    "arguments of no vararg function": [_abc(op.VARARG, 0, 0, 2), END],
    "vararg preparation": [_abc(op.VARARGPREP), END],
    "concatenation of one": [_abc(op.CONCAT, 0, 1), END],
    "open result below its user": [_abc(op.CALL, 0, 1, 0), _abc(op.CALL, 0, 0, 1), END],
    "stray extra word": [op.EXTRAARG, END],
    "jump to an extra word": [op.JMP | (1 << 24) << 7, _abc(op.NEWTABLE), op.EXTRAARG, END],
    "return for a vararg function": [_abc(op.RETURN, 0, 1, 5)],
    "huge hash part": [_abc(op.NEWTABLE, 0, 40), op.EXTRAARG, END],
    "huge array part": [_abc(op.NEWTABLE), op.EXTRAARG | (1 << 24) << 7, END],
    "huge list": [_abc(op.SETLIST, 0, 1, 0, 1), op.EXTRAARG | (1 << 24) << 7, END],
    "method name in a register": [_abc(op.SELF, 0, 0, 2), END],
    "method name that is no string": [op.LOADK | 2 << 7 | 1 << 15, _abc(op.SELF, 0, 0, 2), END],
    "method name elsewhere": [op.LOADK | 1 << 7, _abc(op.SELF, 0, 0, 2), END],
    "method name jumped over": [op.JMP | (1 << 24) << 7, op.LOADK | 2 << 7, _abc(op.SELF, 0, 0, 2), END],
    "skip": [_abc(op.LFALSESKIP), _abc(op.LOADFALSE), END],
    "long key": [_abc(op.GETFIELD, 0, 0, 2), END],
}


@pytest.mark.parametrize("what", BAD_CODE)
def test_code_that_reaches_outside_is_refused(what: str) -> None:
    main = Proto(b"@x", code=BAD_CODE[what], constants=[b"name", 1.5, b"n" * 41], max_stack=3)
    main.upvalues = [UpvalueInfo(b"_ENV", True, 0)]
    main.protos = [Proto(b"@x", code=[END])]
    with pytest.raises(ProgramError):
        undump(dump(main))


def test_a_function_whose_variables_are_captured_must_close_them() -> None:
    captures = Proto(b"@x", code=[END], upvalues=[UpvalueInfo(None, True, 0)])
    for last, accepted in ((_abc(op.RETURN, 0, 1, 0, 1), True), (_abc(op.RETURN, 0, 1), False), (END, False)):
        main = Proto(b"@x", code=[last], protos=[captures])
        if accepted:
            assert undump(dump(main)) == main
        else:
            with pytest.raises(ProgramError, match="closes nothing"):
                undump(dump(main))


def test_a_vararg_function_must_return_as_one() -> None:
    prepare = _abc(op.VARARGPREP, 2)
    for code in (
        [prepare, END],
        [prepare, _abc(op.RETURN, 0, 1, 2)],
        [_abc(op.VARARGPREP, 1), _abc(op.RETURN, 0, 1, 3)],
    ):
        with pytest.raises(ProgramError, match="wrong number of parameters"):
            undump(dump(Proto(b"@x", parameters=2, is_vararg=True, code=code)))
    good = Proto(b"@x", parameters=2, is_vararg=True, code=[prepare, _abc(op.RETURN, 0, 1, 3)])
    assert undump(dump(good)) == good


def test_tables_that_disagree_are_refused() -> None:
    good = Proto(b"@x", code=[END, END], line_info=[0, 0], locals=[LocalInfo(b"a", 0, 1)])
    assert undump(dump(good)) == good
    for change in (
        {"line_info": [0]},
        {"line_info": [0, -128]},
        {"absolute_lines": [(0, 5)]},
        {"max_stack": 0},
        {"parameters": 9},
        {"is_vararg": True},
        {"protos": [Proto(b"@x", code=[END], upvalues=[UpvalueInfo(None, True, 7)])]},
        {"protos": [Proto(b"@x", code=[END], upvalues=[UpvalueInfo(None, False, 0)])]},
    ):
        bad = Proto(b"@x", code=[END, END], line_info=[0, 0])
        for name, value in change.items():
            setattr(bad, name, value)
        with pytest.raises(ProgramError):
            undump(dump(bad))


def test_the_reference_runs_our_chunks(tmp_path: Path) -> None:
    for seed in range(5):
        source = program(seed).encode()
        text, chunk = tmp_path / "p.lua", tmp_path / "p.luac"
        text.write_bytes(source)
        chunk.write_bytes(dump(compile_source(source, b"@" + str(text).encode())))
        outputs = [subprocess.run([puc_lua(), path], capture_output=True, check=True).stdout for path in (text, chunk)]
        assert outputs[0] == outputs[1] != b""
