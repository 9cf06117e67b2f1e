"""The words that the server says to visitors: English stands in the code, other languages in the page's catalogue.

The catalogue is `{key: {language: text}}`. Where the server says one of several sentences under a key, those are
`key.WORD`, and what differs from one time to the next (a limit) has a name in braces.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from flask import Request

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


class Catalogue:
    """Sentences by key and language."""

    def __init__(self, words: Mapping[str, Mapping[str, str]]) -> None:
        self._words = words

    @classmethod
    def read(cls, path: Path) -> Catalogue:
        """The catalogue in a file; an empty one if there is no such file (the server runs without a page too)."""
        return cls(json.loads(path.read_text()) if path.is_file() else {})

    def say(self, key: str, language: Language, english: str) -> str:
        """The sentence for `key`: `english` itself in English, and where the catalogue lacks it.

        A sentence `key.WORD` that is `english` but for what stands for the names in its braces goes before.
        """
        if language == "en":
            return english
        for other, words in self._words.items():
            if other.startswith(f"{key}.") and (match := _pattern(words["en"]).fullmatch(english)):
                return words[language].format(**match.groupdict())
        return self._words.get(key, {}).get(language, english)

    def text(self, key: str, language: Language) -> str:
        """The sentence for `key` in `language`, as pages made by the server need it. KeyError where it is missing."""
        return self._words[key][language]


def _pattern(sentence: str) -> re.Pattern[str]:
    """What matches a sentence with anything for the names in its braces."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(sentence)))


def language_of(request: Request) -> Language:
    """The language for this visitor: `?lang=`, else the cookie `lang`, else what the browser asks for, else English."""
    for wanted in (request.args.get("lang", ""), request.cookies.get("lang", "")):
        for language in LANGUAGES:
            if wanted.lower().startswith(language):
                return language
    best = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-TW", "zh-Hans", "zh-Hant"], "en")
    return "zh" if best.startswith("zh") else "en"
