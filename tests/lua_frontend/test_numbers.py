"""Numerals, escapes and constant folding agree with the reference on generated cases; number text does as well."""

from __future__ import annotations

import math
import random
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.lua.folding import fold
from engine.lua.lexer import utf8
from engine.lua.numbers import float_to_integer, to_number, to_text, wrap
from tests.lua_frontend.compare import assert_same
from tests.reference.puc import PucCompiler, puc_lua

SPECIAL = (
    *("0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616"),
    *("0x7fffffffffffffff", "0x8000000000000000", "0xffffffffffffffff", "0x1ffffffffffffffff", "0x0", "0X1P0"),
    *("1e308", "1e309", "1e-324", "5e-324", "2e-324", "0x1p1023", "0x1p1024", "0x1p-1074", "0x1p-1075", "0x.8p-1074"),
    *("0x1.fffffffffffff8p0", "0x1.fffffffffffff7p0", "0x1.00000000000008p0", "0x1.000000000000081p0", "1e22", "1e23"),
    *("9007199254740993", "9007199254740993.0", "0.1", "1.7976931348623157e308", "1.7976931348623159e308"),
    *("00012", "0e12", "0x0e12", "1e+5", "1E-5", "3.", ".3", "3.e2", ".3e2", "0x3.", "0x.3", "0x3.p2", "0xA.Bp-3"),
)  # fmt: skip


def _numeral(rng: random.Random) -> str:
    def digits(alphabet: str, least: int) -> str:
        return "".join(rng.choice(alphabet) for _ in range(rng.choice((least, 1, 2, 5, 17, 25))))

    if rng.random() < 0.5:
        text = "0x" + digits("0123456789abcdefABCDEF", 1)
        text += rng.choice(("", "." + digits("0123456789abcdef", 0)))
        return text + rng.choice(("", "p" + rng.choice(("", "+", "-")) + digits("0123456789", 1)[:4]))
    text = digits("0123456789", 1) + rng.choice(("", "." + digits("0123456789", 0)))
    return text + rng.choice(("", "e" + rng.choice(("", "+", "-")) + digits("0123456789", 1)[:3]))


def test_special_numerals_have_the_reference_value(puc: PucCompiler) -> None:
    for text in SPECIAL:
        assert assert_same(puc, f"return {text}, -{text}, {text} + 0, x + {text}".encode()), text


def test_random_numerals_have_the_reference_value(puc: PucCompiler) -> None:
    rng = random.Random(5)
    for _ in range(40):
        items = ", ".join(_numeral(rng) for _ in range(50))
        assert assert_same(puc, f"return {{{items}}}".encode()), items


def test_random_escapes_make_the_reference_string(puc: PucCompiler) -> None:
    rng = random.Random(6)
    pieces = [r"\n", r"\\", r"\"", r"\'", r"\a", r"\z ", "\\\n", "\\z \n\t ", "a", "é", r"\0", r"\00", r"\0001", "]]"]
    for _ in range(300):
        parts = [
            rng.choice((rng.choice(pieces), rf"\{rng.randrange(300)}", rf"\x{rng.randrange(256):02X}"))
            if rng.random() < 0.8
            else rf"\u{{{rng.randrange(1 << rng.randrange(1, 33)):x}}}"
            for _ in range(rng.randrange(8))
        ]
        assert_same(puc, f'return "{"".join(parts)}"'.encode())


OPERANDS = (
    *("0", "1", "-1", "2", "3", "-3", "7", "63", "64", "65", "-64", "9223372036854775807", "(-9223372036854775807-1)"),
    *("0.0", "1.0", "-1.5", "2.0", "3.5", "-7.25", "1e308", "1e-308", "2^53", "2^63", "1e999", "-1e999", "0.5", "3.0"),
)  # fmt: skip


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..", "<", "=="])
def test_folding_gives_the_reference_constants(operator: str, puc: PucCompiler) -> None:
    for left in OPERANDS:
        source = "".join(f"x = {left} {operator} {right}\n" for right in OPERANDS)
        assert assert_same(puc, source.encode()), left


def test_unary_folding_gives_the_reference_constants(puc: PucCompiler) -> None:
    source = "".join(f"x = - {n} x = ~ {n} x = not {n} x = - - {n} x = # {n}\n" for n in OPERANDS)
    assert assert_same(puc, source.encode())


def test_folding_leaves_what_could_fail_or_differ_to_run_time() -> None:
    assert fold("/", 1, 0) is None
    assert fold("//", 1, 0) is None
    assert fold("%", 1.5, 0.0) is None
    assert fold("&", 1.5, 1) is None
    assert fold("-", 1.0, 1.0) is None
    assert fold("*", math.inf, 0) is None
    assert fold("+", (1 << 63) - 1, 1) == -(1 << 63)
    assert fold("//", -(1 << 63), -1) == -(1 << 63)


@given(st.integers())
def test_wrapping_keeps_the_low_64_bits(value: int) -> None:
    wrapped = wrap(value)
    assert -(1 << 63) <= wrapped < 1 << 63
    assert (wrapped - value) % (1 << 64) == 0


@given(st.floats(allow_nan=False))
def test_a_float_has_an_integer_exactly_when_it_is_one(value: float) -> None:
    whole = float_to_integer(value)
    if whole is None:
        assert math.isinf(value) or value != int(value) or not -(2**63) <= value < 2**63
    else:
        assert whole == value


@given(st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False, allow_infinity=False)))
def test_the_text_of_a_number_reads_back(value: int | float) -> None:
    again = to_number(to_text(value).encode())
    assert type(again) is type(value)
    assert again == (value if isinstance(value, int) else float(f"{value:.14g}"))


def test_numbers_print_as_in_the_reference() -> None:
    rng = random.Random(7)
    values = [rng.uniform(-1, 1) * 10 ** rng.randrange(-20, 25) for _ in range(300)]
    values += [0.0, -0.0, 1e15, 1e14, 123456789012345.0, 1e100, math.inf, -math.inf, 0.1, 1 / 3, 2.0**53, 5e-324]
    script = "".join(
        f"print(0x{'-' * 0}{abs(v).hex()[2:]} * {math.copysign(1, v):.0f})\n" for v in values if math.isfinite(v)
    )
    done = subprocess.run([puc_lua(), "-"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [to_text(v) for v in values if math.isfinite(v)]
    assert [to_text(v) for v in (math.inf, -math.inf, math.nan, -math.nan)] == ["inf", "-inf", "nan", "-nan"]


def test_text_to_number_follows_the_rules_of_tonumber() -> None:
    texts = ["", " ", "1 ", "\t-7\n", "+5", "- 5", "--5", "0x", "0x-1", "-0x10", "1e", "e1", "1_0", "inf", "nan", "1 2"]
    texts += [
        "0x1p4",
        "-0x.8",
        "  0xFFFFFFFFFFFFFFFFF  ",
        "-9223372036854775808",
        "-9223372036854775809",
        "1.5e+2",
        "٣",
    ]
    script = "for line in io.lines() do local n = tonumber((line:gsub('@', '\\n'))) print(math.type(n), n) end"
    lines = "".join(text.replace("\n", "@") + "\n" for text in texts)
    done = subprocess.run(
        [puc_lua(), "-e", script.replace("\\n", "\\n")], input=lines, capture_output=True, text=True, check=True
    )
    expected = [line.split("\t") for line in done.stdout.splitlines()]
    for text, (kind, shown) in zip(texts, expected, strict=True):
        value = to_number(text.encode())
        found = ("nil", "nil") if value is None else ("integer" if isinstance(value, int) else "float", to_text(value))
        assert found == (kind, shown), text


@given(st.integers(0, 0x7FFFFFFF))
def test_utf8_agrees_with_python_where_both_are_defined(value: int) -> None:
    encoded = utf8(value)
    if value < 0x110000 and not 0xD800 <= value < 0xE000:
        assert encoded == chr(value).encode()
    assert len(encoded) == next(n for n, top in enumerate((7, 11, 16, 21, 26, 31), 1) if value < 1 << top)
