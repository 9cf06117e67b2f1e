"""The opcode table against the reference's own tables, and against itself."""

from __future__ import annotations

import re

import pytest

from engine.lua import opcodes, opnumbers
from engine.lua.opcodes import BY_NAME, EVENTS, OPCODES, Opcode
from tests.reference.puc import source_dir

PLACEHOLDERS = {"target", "K", "count", "args", "results", "size", "first", "range", "way", "bits"}


def test_names_and_numbers_are_the_reference_ones() -> None:
    names = re.findall(r'^  "(\w+)",$', (source_dir() / "lopnames.h").read_text(), re.MULTILINE)
    assert [row.name for row in OPCODES] == names
    assert [row.code for row in OPCODES] == list(range(83))
    assert {name: getattr(opnumbers, name) for name in names} == {name: row.code for name, row in BY_NAME.items()}


def test_formats_and_flags_are_the_reference_ones() -> None:
    text = (source_dir() / "lopcodes.c").read_text()
    modes = re.findall(r"opmode\((\d), (\d), (\d), (\d), (\d), (\w+)\)\s*/\*\s*OP_(\w+)\s*\*/", text)
    assert len(modes) == 83
    for (fallback, top_out, top_in, test, sets_a, fmt, name), row in zip(modes, OPCODES, strict=True):
        assert name == row.name
        found = (row.is_fallback, row.top_out, row.top_in, row.is_test, row.sets_a, row.format.value)
        assert found == (fallback == "1", top_out == "1", top_in == "1", test == "1", sets_a == "1", fmt), name


def test_events_are_the_reference_ones() -> None:
    text = (source_dir() / "ltm.h").read_text()
    names = re.findall(r"TM_(\w+),", text[text.index("typedef enum") : text.index("TM_N\t")])
    assert [name.lower() for name in names] == list(EVENTS)


def test_fields_tile_the_word() -> None:
    for names, bits in (
        (("op", "A", "k", "B", "C"), 32),
        (("op", "A", "Bx"), 32),
        (("op", "Ax"), 32),
        (("op", "sJ"), 32),
    ):
        position = 0
        for name in names:
            assert getattr(opcodes, f"POS_{name.upper()}") == position
            position += getattr(opcodes, f"SIZE_{name.upper()}")
        assert position == bits


@pytest.mark.parametrize("row", OPCODES, ids=lambda row: row.name)
def test_a_row_is_complete_and_consistent(row: Opcode) -> None:
    fields_of = {"iABC": set("ABCk"), "iABx": {"A", "Bx"}, "iAsBx": {"A", "sBx"}, "iAx": {"Ax"}, "isJ": {"sJ"}}
    assert set(row.fields) <= fields_of[row.format.value]
    assert row.effect
    assert row.en.endswith(".")
    assert row.zh.endswith("。")
    for text in (row.en, row.zh):
        used = set(re.findall(r"\{(\w+)\}", text))
        assert used <= set(row.fields) | PLACEHOLDERS
    assert set(re.findall(r"\{(\w+)\}", row.en)) == set(re.findall(r"\{(\w+)\}", row.zh))
    for entry in (*row.reads, *row.writes):
        assert re.fullmatch(r"[ABC](\+[\dABC+-]+)?\??(\.\.[ABC][\dABC+-]*)?", entry), entry
    if row.sets_a and row.name not in ("VARARGPREP", "TAILCALL", "TFORLOOP"):
        assert any(entry.split("..")[0] == "A" for entry in row.writes)
    assert ("RK" in row.fields.values()) <= ("k" in row.fields)


def test_every_row_names_a_section_of_the_manual() -> None:
    assert {row.name for row in OPCODES if not re.fullmatch(r"[23]\.\d+(\.\d+)?", row.manual)} == set()
    expected = {"GETUPVAL": "3.5", "GETTABUP": "2.2", "CONCAT": "3.4.6", "FORLOOP": "3.3.5", "TBC": "3.3.8"}
    assert {name: BY_NAME[name].manual for name in expected} == expected
