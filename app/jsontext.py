"""JSON that comes from outside: parsed so that no text can do more than be refused."""

from __future__ import annotations

import json

import orjson

from engine.errors import CommandError


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def parse(text: str | bytes) -> object:
    """The value that `text` stands for. CommandError for anything that is not strict JSON in UTF-8.

    Refused as well: NaN and infinities, nesting deeper than Python's parser can go, numbers of absurd length, and
    lone surrogates, which no UTF-8 file could hold.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_slowly(text)  # it is stricter about depth and length
    return value


def _parse_slowly(text: str | bytes) -> object:
    try:
        if isinstance(text, bytes):
            text = text.decode()
        value: object = _DECODER.decode(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise CommandError("the JSON is nested too deeply") from None
    except (ValueError, UnicodeError):
        raise CommandError("this is not valid JSON in UTF-8") from None
    return value
