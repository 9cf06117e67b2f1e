"""The words that the server says to visitors: English stands in the code, other languages in the page's catalogue.

The catalogue is `{key: {language: text}}`.
"""

from __future__ import annotations

import json
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
        """The sentence for `key`: `english` itself in English, and where the catalogue lacks it."""
        return english if language == "en" else self._words.get(key, {}).get(language, english)

    def text(self, key: str, language: Language) -> str:
        """The sentence for `key` in `language`, as pages made by the server need it. KeyError where it is missing."""
        return self._words[key][language]


def language_of(request: Request) -> Language:
    """The language for this visitor: `?lang=`, else the cookie `lang`, else what the browser asks for, else English."""
    for wanted in (request.args.get("lang", ""), request.cookies.get("lang", "")):
        for language in LANGUAGES:
            if wanted.lower().startswith(language):
                return language
    best = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-TW", "zh-Hans", "zh-Hant"], "en")
    return "zh" if best.startswith("zh") else "en"
