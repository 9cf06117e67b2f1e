"""Arithmetic on constants at compile time, exactly as the machine does it at run time."""

from __future__ import annotations

import math

from engine.lua.numbers import float_to_integer, wrap

Number = int | float

_BITWISE = ("&", "|", "~", "<<", ">>")


def fold(operator: str, left: Number, right: Number) -> Number | None:
    """The value of `left operator right`; None where it must be left to run time.

    Left are: operations that may raise an error, and results that are NaN or zero floats (0.0 and -0.0 are equal as
    constants but not as values).
    """
    if operator in _BITWISE:
        a = left if type(left) is int else float_to_integer(left)
        b = right if type(right) is int else float_to_integer(right)
        return None if a is None or b is None else _bitwise(operator, a, b)
    if operator in ("/", "//", "%") and right == 0:
        return None
    if type(left) is int and type(right) is int and operator not in ("/", "^"):
        return _integer(operator, left, right)
    result = _float(operator, float(left), float(right))
    return None if result == 0 or math.isnan(result) else result


def fold_unary(operator: str, value: Number) -> Number | None:
    """The value of `-value` or `~value`; None as in `fold`."""
    if operator == "~":
        whole = value if type(value) is int else float_to_integer(value)
        return None if whole is None else ~whole
    if type(value) is int:
        return wrap(-value)
    return None if value == 0 or math.isnan(value) else -value


def _bitwise(operator: str, a: int, b: int) -> int:
    if operator == "&":
        return a & b
    if operator == "|":
        return a | b
    if operator == "~":
        return a ^ b
    left = b if operator == "<<" else -b
    if left <= -64 or left >= 64:
        return 0
    return wrap(a << left) if left >= 0 else wrap((a & 0xFFFFFFFFFFFFFFFF) >> -left)


def _integer(operator: str, a: int, b: int) -> int:
    if operator == "+":
        return wrap(a + b)
    if operator == "-":
        return wrap(a - b)
    if operator == "*":
        return wrap(a * b)
    return wrap(a // b) if operator == "//" else a % b


def _float(operator: str, a: float, b: float) -> float:
    if operator == "+":
        return a + b
    if operator == "-":
        return a - b
    if operator == "*":
        return a * b
    if operator == "/":
        return a / b
    if operator == "//":
        quotient = a / b
        return float(math.floor(quotient)) if math.isfinite(quotient) else quotient
    return power(a, b) if operator == "^" else _remainder(a, b)


def _remainder(a: float, b: float) -> float:
    if math.isinf(a):
        return math.nan
    rest = math.fmod(a, b)
    if (b < 0) if rest > 0 else (rest < 0 and b > 0):
        rest += b
    return rest


def power(a: float, b: float) -> float:
    """`a ^ b` as C's pow gives it, where Python's raises an error."""
    if b == 2:
        return a * a
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and math.fmod(b, 2) != 0 else math.inf
    except ValueError:
        if a == 0:
            odd = math.isfinite(b) and math.fmod(b, 2) in (1.0, -1.0)
            return math.copysign(math.inf, a) if odd else math.inf
        return math.nan
