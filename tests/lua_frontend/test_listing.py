"""The listing: luac's text for a program that has everything, and the page's rows."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.listing import constant_value, list_text, listing_json, place
from engine.lua.opcodes import BY_NAME
from engine.lua.proto import Proto
from engine.lua.symbolic import VariableMap, register_names
from engine.lua.undump import undump
from tests.fuzz.lua_programs import program

HERE = Path(__file__).resolve().parent


@pytest.fixture
def everything() -> Proto:
    return compile_source((HERE / "everything.lua").read_bytes(), b"@everything.lua")


def test_the_text_is_what_luac_prints(everything: Proto) -> None:
    """The golden text is luac 5.4's own output for our chunk, addresses replaced."""
    golden = (HERE / "everything.listing").read_text()
    assert re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", list_text(everything)) == golden


def test_the_stripped_text_is_what_luac_prints(everything: Proto) -> None:
    golden = (HERE / "everything.stripped.listing").read_text()
    stripped = undump(dump(everything, strip=True))
    assert re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", list_text(stripped)) == golden


def test_every_function_has_an_address_of_its_own_that_closures_name(everything: Proto) -> None:
    text = list_text(everything)
    own = re.findall(r"instructions? at (0x[0-9a-f]+)\)", text)
    assert len(set(own)) == len(own) == len(list(everything.preorder()))
    assert set(re.findall(r"CLOSURE.*; (0x[0-9a-f]+)", text)) == set(own[1:])


def test_rows_are_numbered_in_the_order_of_the_binary_chunk(everything: Proto) -> None:
    placed = place(everything, first_id=5, first_where=1000)
    assert [p.proto for p in placed] == list(everything.preorder())
    assert [p.id for p in placed] == list(range(5, 5 + len(placed)))
    assert placed[0].where == 1000
    for before, after in pairwise(placed):
        assert after.where == before.where + len(before.proto.code)
    for p in placed[1:]:
        parent = placed[(p.parent or 0) - 5]
        assert any(nested is p.proto for nested in parent.proto.protos)


def test_the_rows_of_the_page_say_the_same_as_the_text(everything: Proto) -> None:
    functions = listing_json(everything)
    rows = [row for function in functions for row in function["rows"]]
    assert [row["where"] for row in rows] == list(range(len(rows)))
    lines = [line.split("\t") for line in list_text(everything).splitlines() if re.match(r"\t\d+\t\[", line)]
    assert len(lines) == len(rows)
    for row, parts in zip(rows, lines, strict=True):
        assert [str(row["pc"]), f"[{row['line']}]", row["op"], row["args"]] == [p.strip() for p in parts[1:5]]
        comment = parts[5].removeprefix("; ") if len(parts) > 5 else ""
        assert row["op"] == "CLOSURE" or row["comment"] == comment
        assert int(row["word"], 16) & 0x7F == BY_NAME[row["op"]].code
        if row["jump"] is not None:
            assert row["comment"].split()[-1] == str(row["jump"])


def test_functions_are_called_by_what_holds_them(everything: Proto) -> None:
    names = {function["line_defined"]: function["name"] for function in listing_json(everything)}
    assert names[0] == "main"
    assert {"counter", "global", "method", "field", "assigned"} <= set(names.values())
    assert any(name.startswith("function <everything.lua:") for name in names.values())


def test_a_map_of_variables_agrees_with_the_search_through_all_of_them() -> None:
    for seed in range(20):
        for proto in compile_source(program(seed).encode(), b"=p").preorder():
            variables = VariableMap(proto)
            for pc in range(len(proto.code)):
                found = [variables.at(register, pc) for register in range(proto.max_stack)]
                names = [None if v is None else v.name for v in found]
                assert names == [proto.local_name(register, pc) for register in range(proto.max_stack)]


def test_constants_are_shown_like_values() -> None:
    assert constant_value(None) == {"t": "nil", "s": "nil"}
    assert constant_value(True) == {"t": "boolean", "s": "true"}
    assert constant_value(7) == {"t": "integer", "s": "7"}
    assert constant_value(2.0) == {"t": "float", "s": "2.0"}
    assert constant_value("é\n中\x01".encode()) == {"t": "string", "s": '"é\\n中\\001"'}
    assert constant_value(b'a"\xff') == {"t": "string", "s": '"a\\"\\255"'}
    long = constant_value(b"x" * 500)["s"]
    assert len(long) == 200
    assert long.endswith("…")


def test_registers_have_the_names_of_the_variables_that_live_there() -> None:
    main = compile_source(b"local a, b = 1, 2\ndo local c = a end\nlocal d = b\nreturn d", b"@x")
    by_line = {line: register_names(main, pc) for pc, line in enumerate(main.lines())}
    assert by_line[1][:2] == [None, None]
    assert by_line[2][:2] == ["a", "b"]
    assert by_line[4] == ["a", "b", "d"]


def test_listing_never_fails_on_what_compiles() -> None:
    for seed in range(40):
        main = compile_source(program(seed).encode(), b"=p")
        for proto in (main, undump(dump(main, strip=True))):
            assert list_text(proto).count("instruction") >= 1
            assert len(listing_json(proto)) == len(list(main.preorder()))
