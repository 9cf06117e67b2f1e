"""The one error tree: what went wrong, where, whose name, and what to do next.

Every error that a visitor can cause is a `GlassboxError`; on the wire it always has the shape that
`GlassboxError.to_wire` returns, so the page and the command line render all of them with one piece of code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Span:
    """A stretch of source text. Lines and columns count from 1; columns count characters; the end is exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    def to_wire(self) -> list[int]:
        """The four numbers in field order."""
        return [self.line, self.column, self.end_line, self.end_column]


@dataclass(frozen=True)
class Diagnostic:
    """One complaint about a source text: `message` is the tool's own words (PUC Lua's, NASM's), never rewritten."""

    message: str
    file: str
    span: Span | None = None
    hint: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """Plain data for the page: message, file, span (or null), hint (or null)."""
        return {
            "message": self.message,
            "file": self.file,
            "span": self.span.to_wire() if self.span else None,
            "hint": self.hint,
        }


class GlassboxError(Exception):
    """Root of the tree. `kind` is the stable word that the page and the tests switch on."""

    kind = "error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def to_wire(self) -> dict[str, Any]:
        """`{kind, message, hint, diagnostics}`; diagnostics is empty unless the source text is to blame."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint, "diagnostics": []}


class SourceError(GlassboxError):
    """The source text does not compile or assemble. Carries every diagnostic that the front end found, in order."""

    kind = "source"

    def __init__(self, diagnostics: Sequence[Diagnostic], *, hint: str | None = None) -> None:
        if not diagnostics:
            raise ValueError("a SourceError needs at least one diagnostic")
        super().__init__(diagnostics[0].message, hint=hint or diagnostics[0].hint)
        self.diagnostics = tuple(diagnostics)

    def to_wire(self) -> dict[str, Any]:
        """As the base, with the diagnostics filled in."""
        return {**super().to_wire(), "diagnostics": [d.to_wire() for d in self.diagnostics]}


class ProgramError(GlassboxError):
    """A ready-made program (binary chunk, raw bytes, ELF) was refused before it ran."""

    kind = "program"


class MachineFault(GlassboxError):
    """The machine itself cannot go on (not the visitor's error value: that is a Stop with reason FAULT)."""

    kind = "machine"


class LimitExceeded(GlassboxError):
    """A budget ran out. `limit` names which one; the trace up to there is kept."""

    kind = "limit"

    def __init__(self, limit: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit

    def to_wire(self) -> dict[str, Any]:
        """As the base, plus `limit`."""
        return {**super().to_wire(), "limit": self.limit}


class HostUnavailable(GlassboxError):
    """This host lacks something (KVM, an assembler); the hint says what to install or switch on."""

    kind = "host"


class CommandError(GlassboxError):
    """A command from the page or the command line is malformed or not possible now."""

    kind = "command"
