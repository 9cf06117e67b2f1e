"""Which file of the program a client means, and how to name one to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.dap.arguments import Arguments
from engine.debug.debuggee import plain_name
from engine.errors import CommandError
from engine.rooms import SourceFile


class Sources:
    """The program's files. One that came from the disk is named by its path, any other by a reference number."""

    def __init__(self, files: Mapping[str, Path | None], texts: Mapping[str, SourceFile]) -> None:
        """`files`: name in the program to path (absolute), None for a text that the client gave."""
        self._paths = {plain_name(name): path for name, path in files.items()}
        self._texts = {plain_name(name): file for name, file in texts.items()}
        self._numbers = {name: number for number, name in enumerate(self._paths, 1)}

    def to_client(self, name: str | None) -> dict[str, Any] | None:
        """The protocol's Source; None for code whose text nobody has."""
        name = None if name is None else plain_name(name)
        if name is None or name not in self._paths:
            return None
        path = self._paths[name]
        if path is None:
            return {"name": name, "sourceReference": self._numbers[name]}
        return {"name": name, "path": str(path)}

    def all(self) -> list[dict[str, Any]]:
        """Every file."""
        return [source for source in map(self.to_client, self._paths) if source is not None]

    def find(self, source: Arguments) -> str | None:
        """The name in the program of a Source that the client sent; None if the program has no such file."""
        number = source.get("sourceReference")
        if number:
            return next((name for name, n in self._numbers.items() if n == number), None)
        path = source.get("path")
        if not isinstance(path, str):
            name = source.get("name")
            return name if isinstance(name, str) and name in self._paths else None
        wanted = os.path.realpath(path)
        return next((name for name, own in self._paths.items() if own and os.path.realpath(own) == wanted), None)

    def text(self, source: Arguments) -> str:
        """The text of a file as the program was built from it."""
        name = self.find(source)
        if name is None:
            raise CommandError("the program has no such file")
        return self._texts[name].text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
