"""Lua numbers as text, both ways: numerals to values, values to the text that `tostring` gives."""

from __future__ import annotations

import math
import re

MAX_INTEGER = (1 << 63) - 1
_SPACE = rb"[ \f\n\r\t\v]*"
_DECIMAL = re.compile(
    _SPACE + rb"([-+]?)(?:([0-9]+)|((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?))" + _SPACE + rb"\Z"
)
_HEXADECIMAL = re.compile(
    _SPACE
    + rb"([-+]?)0[xX](?:([0-9a-fA-F]+)|((?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][-+]?[0-9]+)?))"
    + _SPACE
    + rb"\Z"
)


def wrap(value: int) -> int:
    """`value` as a 64-bit two's complement integer."""
    value &= 0xFFFFFFFFFFFFFFFF
    return value - 0x10000000000000000 if value > MAX_INTEGER else value


def to_number(text: bytes) -> int | float | None:
    """The number that `text` is, by the rules of the lexer and of `tonumber`; None if it is not a numeral.

    Decimal integers that do not fit 64 bits become floats; hexadecimal ones wrap around.
    """
    if text.isdigit():
        value = int(text) if len(text) < 1000 else MAX_INTEGER + 1
        return value if value <= MAX_INTEGER else float(text)
    found = _DECIMAL.match(text)
    if found:
        sign, digits, real = found.groups()
        if digits is None:
            return float(sign + real)
        value = int(digits) if len(digits) < 1000 else MAX_INTEGER + 2
        if value > MAX_INTEGER + (sign == b"-"):
            return float(sign + digits)
        return -value if sign == b"-" else value
    found = _HEXADECIMAL.match(text)
    if found is None:
        return None
    sign, digits, real = found.groups()
    if digits is not None:
        return wrap(-int(digits[-16:], 16) if sign == b"-" else int(digits[-16:], 16))
    try:
        result = float.fromhex("0x" + real.decode())
    except OverflowError:
        result = math.inf
    return -result if sign == b"-" else result


def float_to_integer(value: float) -> int | None:
    """The integer equal to `value`, if there is one in the 64-bit range."""
    if -9223372036854775808.0 <= value < 9223372036854775808.0 and value == math.floor(value):
        return int(value)
    return None


def to_text(value: int | float) -> str:
    """What `tostring` gives: floats with 14 significant digits and at least a `.0`."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "-nan" if math.copysign(1.0, value) < 0 else "nan"
    text = f"{value:.14g}"
    return text + ".0" if text.lstrip("-").isdigit() else text
