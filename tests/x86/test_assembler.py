"""The front end: every error with its place, no file of the host, and an end to everything."""

import os
from pathlib import Path

import pytest

from engine.errors import HostUnavailable, SourceError
from engine.x86 import assembler
from engine.x86.assembler import assemble, parse_hex, strip_comment
from engine.x86.assembler_sandbox import landlock_version


def errors_of(source: str) -> list[tuple[int | None, str]]:
    with pytest.raises(SourceError) as caught:
        assemble(source)
    return [(d.span.line if d.span else None, d.message) for d in caught.value.diagnostics]


def test_bytes_labels_and_lines() -> None:
    found = assemble("; a comment\nstart: mov sp, 0x100\n.l: jmp start\nx equ 5\ntable: db 1, 2, x\n")
    assert found.image == bytes.fromhex("bc0001 ebfb 010205")
    assert found.labels == (("start", 0), ("start.l", 3), ("table", 5))
    assert [(r.address, r.length, r.line, r.is_data) for r in found.rows] == [
        (0, 3, 2, False),
        (3, 2, 3, False),
        (5, 3, 5, True),
    ]
    assert found.line_at(4) == 3
    assert found.line_at(99) is None


def test_sixteen_bits_and_address_zero_are_the_defaults_and_org_moves_both() -> None:
    assert assemble("mov ax, here\nhere: hlt").image == bytes.fromhex("b80300f4")
    moved = assemble("org 0x7c00\nmov ax, here\nhere: hlt")
    assert moved.image == bytes.fromhex("b8037cf4")
    assert moved.origin == 0x7C00
    assert moved.rows[1].address == 0x7C03


def test_macros_times_sections_and_long_data_keep_their_lines() -> None:
    source = """%macro two 1
  mov ax, %1
  inc ax
%endmacro
  two 5
  times 3 nop
  mov ax, [seven]
many: db 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20
  section .data
seven: dw 7"""
    found = assemble(source)
    assert [(r.address, r.length, r.line) for r in found.rows] == [
        (0, 3, 5),
        (3, 1, 5),
        (4, 3, 6),
        (7, 3, 7),
        (10, 20, 8),
        (32, 2, 10),
    ]


def test_all_errors_are_reported_not_only_those_of_the_first_pass() -> None:
    source = "mov ax, 5\nfoo bar\nmov al, [rax]\njmp nowhere\nmov ax,\ntimes -1 nop\nlater: bad\njmp later"
    assert errors_of(source) == [
        (2, "parser: instruction expected"),
        (3, "impossible combination of address sizes"),
        (3, "invalid 16-bit effective address"),
        (4, "symbol `nowhere' not defined"),
        (5, "invalid combination of opcode and operands"),
        (6, "TIMES value -1 is negative"),
    ] or (7, "parser: instruction expected") in errors_of(source)
    assert {line for line, _ in errors_of(source)} >= {2, 3, 4, 5, 6}


def test_an_error_points_at_the_word_that_it_names() -> None:
    with pytest.raises(SourceError) as caught:
        assemble("  nop\n  jmp  nowhere ; and back\n  mov al, bogus, 1")
    spans = [d.span.to_wire() for d in caught.value.diagnostics if d.span]
    assert spans[0] == [2, 8, 2, 15]
    assert spans[1] == [3, 11, 3, 16]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("incbin '/etc/passwd'", "incbin"),
        ('x: INCBIN "/etc/passwd"', "incbin"),
        ("%include '/etc/hostname'", "%include"),
        ("  %  include '/etc/hostname'", "%include"),
        ("db %!PATH", "%!"),
        ("db %!'PATH'", "%!"),
        ("db %{!PATH}", "%!"),
        ("%use smartalign", "%use"),
        ("%pathsearch where 'passwd'", "%pathsearch"),
        ("%line 5 other.asm", "%line"),
        ("[map all /tmp/x]", "map"),
        ("%define i incbin\ni '/etc/passwd'", "incbin"),
    ],
)
def test_what_reaches_outside_is_refused_with_its_place(source: str, word: str) -> None:
    with pytest.raises(SourceError) as caught:
        assemble("nop\n" + source)
    first = caught.value.diagnostics[0]
    assert word in first.message
    assert first.span is not None
    assert first.span.line == 2


@pytest.mark.parametrize("text", ["db 'incbin'", "; incbin '/etc/passwd'", 'db "%include"', "db `\\`incbin`"])
def test_the_same_words_in_strings_and_comments_are_harmless(text: str) -> None:
    assert assemble(f"nop\n{text}\n").image[0] == 0x90


@pytest.mark.parametrize("secret", ["/etc/passwd", str(Path(__file__))])
def test_a_pasted_incbin_reads_no_file(secret: str) -> None:
    messages = [m for _, m in errors_of(f"%macro p 2\n%1%2 '{secret}'\n%endmacro\np inc,bin")]
    assert any("incbin" in m for m in messages)


@pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no landlock")
def test_a_pasted_incbin_is_refused_without_landlock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler, "landlock_version", lambda: 0)
    assert errors_of("%macro p 2\n%1%2 '/etc/passwd'\n%endmacro\np inc,bin")[0][1].startswith("`incbin` reads a file")


def test_the_assembler_sees_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASMENV", "-DSECRET=1")
    assert errors_of("mov ax, SECRET")[0] == (1, "symbol `SECRET' not defined")


def test_huge_counts_end_with_a_sentence() -> None:
    assert "the assembler was stopped" in errors_of("times 1000000000 db 0")[0][1]


def test_a_program_that_is_too_large_is_refused() -> None:
    assert errors_of("times 70000 db 0") == [(None, "the program is larger than 64 KiB")]


def test_a_macro_that_calls_itself_ends() -> None:
    errors = errors_of("%macro a 0\na\na\n%endmacro\na\nhlt x")
    assert errors


def test_a_rep_with_a_huge_count_is_refused_by_nasm_itself() -> None:
    assert "exceeds limit" in errors_of("%rep 100000000\nnop\n%endrep")[0][1]


def test_an_empty_program_is_an_error() -> None:
    assert errors_of("; nothing")[0] == (None, "the program is empty")


def test_an_origin_beyond_real_mode_is_an_error() -> None:
    assert "beyond the first 1 MiB" in errors_of("org 0x200000\nnop")[0][1]


def test_a_host_without_nasm_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler.shutil, "which", lambda *_, **__: None)
    with pytest.raises(HostUnavailable) as caught:
        assemble("nop")
    assert caught.value.hint == "apt-get install nasm"


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembler.tempfile, "tempdir", str(tmp_path))
    assemble("nop")
    errors_of("bad")
    assert os.listdir(tmp_path) == []


def test_comments_end_a_line_but_not_inside_quotes() -> None:
    assert strip_comment("db ';', \"a;b\", `c;` ; rest") == "db ';', \"a;b\", `c;` "


def test_hex_bytes_in_every_spelling() -> None:
    found = parse_hex("b8 34 12 ; mov\n0x40, 0xF4 # inc, hlt\n// nothing\n9090")
    assert found.image == bytes.fromhex("b8341240f49090")
    assert [(r.address, r.length, r.line) for r in found.rows] == [(0, 3, 1), (3, 2, 2), (5, 2, 4)]


def test_hex_errors_have_their_places() -> None:
    with pytest.raises(SourceError) as caught:
        parse_hex("90 zz\nf\n")
    assert [(d.message, d.span.to_wire()) for d in caught.value.diagnostics if d.span] == [
        ("`zz` is not a hex byte", [1, 4, 1, 6]),
        ("`f` has an odd number of digits", [2, 1, 2, 2]),
    ]
    with pytest.raises(SourceError, match="there are no bytes"):
        parse_hex("; nothing")
