"""From a path and the name of a room to a program under a debugger, and what to say when that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from engine import rooms
from engine.debug.debuggee import Debuggee
from engine.errors import CommandError, GlassboxError, SourceError
from engine.rooms import Room, SourceFile


def sentence_of(error: GlassboxError) -> str:
    """What to tell a person: the message and the hint; of a source text, every complaint with its place."""
    sentence = error.message
    if isinstance(error, SourceError):
        places = ((d, f"{d.file}:{d.span.line}: " if d.span else "") for d in error.diagnostics)
        # Some tools put the place into their message.
        sentence = "\n".join(d.message if d.message.startswith(place) else place + d.message for d, place in places)
    return f"{sentence} ({error.hint})" if error.hint else sentence


def room_for(name: str | None, program: Path) -> Room:
    """The room called `name`; without a name, the one whose programs end like `program`."""
    if name is not None:
        return rooms.room(name)
    for room in rooms.ROOMS:
        if program.suffix and program.suffix == Path(room.main_file).suffix:
            return room
    hint = "one of " + ", ".join(room.name for room in rooms.ROOMS)
    raise CommandError(f"which machine runs {program.name}? Name the room", hint=hint)


def read_source(path: Path, name: str | None = None) -> SourceFile:
    """A source file by its name in the program. CommandError if it cannot be read."""
    try:
        return SourceFile(name or path.name, path.read_bytes().decode("utf-8", "surrogateescape"))
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def open_program(
    room_name: str | None,
    program: Path,
    options: Mapping[str, Any],
    *,
    on_output: Callable[[str, bytes], None],
    hear: Callable[[], bool],
    input_lines: Iterable[bytes] | None = None,
) -> Debuggee:
    """A program from a file, at tick 0. Every error of engine/errors.py that building or starting it has."""
    room = room_for(room_name, program)
    files = [read_source(program)]
    return Debuggee(room, files, options, on_output=on_output, hear=hear, input_lines=input_lines)
