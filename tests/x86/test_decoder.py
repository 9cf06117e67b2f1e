"""Decoding: text, what is touched, how it is executed; and that Python and C number things alike."""

import re
from pathlib import Path

import pytest

from engine.x86 import decoder
from engine.x86.core.vcpu import lib
from engine.x86.decoder import Access, Decoder, Fpu, Kind, Trait

HEADER = (Path(__file__).resolve().parents[2] / "engine" / "x86" / "core" / "core.h").read_text(encoding="utf-8")


def of(code: str, **options):
    found = Decoder(**options).decode(bytes.fromhex(code), 0x20)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bc0001", "mov sp, 0x100"),
        ("8b42ff", "mov ax, [bp+si-1]"),
        ("e2fe", "loop 0x20"),
        ("f3a4", "rep movsb"),
        ("66b878563412", "mov eax, 0x12345678"),
        ("ea00001000", "jmp 0x10:0"),
        ("ffff", "(bad)"),
    ],
)
def test_text_reads_as_nasm(code: str, text: str) -> None:
    assert of(code).text == text


def test_too_few_bytes_are_nothing() -> None:
    assert Decoder().decode(b"\xb8\x01", 0) is None
    assert Decoder().decode(b"", 0) is None


def test_what_an_instruction_touches() -> None:
    push = of("50")
    assert (push.memory[0].segment, push.memory[0].base, push.memory[0].displacement) == (2, 4, 0xFFFE)
    assert push.memory[0].access == Access.WRITE
    assert push.writes == ("sp",)
    add = of("0204")
    assert add.flags.written == ("CF", "PF", "AF", "ZF", "OF", "SF") or set(add.flags.written) >= {
        "CF",
        "ZF",
        "SF",
        "OF",
    }
    assert set(of("f7e3").flags.undefined) == {"PF", "AF", "ZF", "SF"}


@pytest.mark.parametrize(
    ("code", "kind", "value"),
    [
        ("f4", Kind.HLT, 0),
        ("e4e9", Kind.IN, 0xE9),
        ("ee", Kind.OUT, decoder.NO_PORT),
        ("cd21", Kind.INT, 0x21),
        ("cc", Kind.INT, 3),
        ("9c", Kind.PUSHF, 2),
        ("669d", Kind.POPF, 4),
        ("8ed0", Kind.LOAD_SS, 0),
        ("17", Kind.POP_SS, 2),
        ("0f01c1", Kind.RAISE, 6),
        ("c5f858c0", Kind.RAISE, 6),
        ("0f33", Kind.RAISE, 13),
        ("0fa2", Kind.CPUID, 0),
        ("0f23d8", Kind.WRITE_DR, 0x300),
    ],
)
def test_who_executes_it(code: str, kind: Kind, value: int) -> None:
    found = of(code)
    assert (found.kind, found.value) == (kind, value)


def test_a_refused_mnemonic_is_marked() -> None:
    assert of("f30fbdc0", refused=frozenset({"lzcnt"})).kind == Kind.REFUSED
    assert of("f30fbdc0").kind == Kind.PLAIN


def test_jumps_have_linear_targets() -> None:
    assert of("eb05").jump == 0x27
    found = Decoder().decode(bytes.fromhex("eb05"), 0x10020, 0x20)
    assert found is not None
    assert (found.jump, found.text) == (0x10027, "jmp 0x27")
    assert of("ea34121000").jump == 0x1334


def test_the_enums_of_python_and_c_are_the_same() -> None:
    for kind in Kind:
        assert getattr(lib, f"KIND_{kind.name}") == kind
    in_c = set(re.findall(r"\bKIND_(\w+)", HEADER))
    assert in_c == {kind.name for kind in Kind}
    for trait in Trait:
        assert re.search(rf"TRAIT_{trait.name} = {int(trait)}\b", HEADER), trait
    for access in Access:
        assert re.search(rf"ACCESS_{access.name} = {int(access)}\b", HEADER), access
    order = re.search(r"enum \{ (FPU_NONE.*?) \}", HEADER)
    assert order
    assert [f"FPU_{kind.name}" for kind in Fpu] == order[1].split(", ")
    assert decoder.NO_REGISTER == lib.NO_REGISTER
    assert decoder.NO_PORT == lib.NO_PORT
    assert decoder.MAX_OPERANDS == lib.MAX_OPERANDS
