"""The one list of machines. A further machine is one folder and one row here.

A room's module (imported on first use, so that the web process never loads a core) offers:

- `build(files, options) -> program`: compile or assemble; raises SourceError or ProgramError with everything it found.
- `start(program, journal, limits) -> Machine`: a machine at tick 0. It may raise HostUnavailable.
- `notice(machine) -> dict | None`: `{"key", "args"}` of a catalogue sentence that the visitor should see.
- optionally `prepare() -> sequence of descriptors`: called once in the process from which workers are forked, while it
  may still open what they may not; the descriptors stay open in every worker.
- optionally `delegate(ask)` and `outside(request) -> answer`, all bytes: a worker may run no program of the system, so
  it is told to `ask` for what needs one; `outside` does that work in a process that may. Then also
  `enter_tool_walls(scratch)`, which puts up in this process the walls in which such a program runs: to test them.
- optionally `debug_view(machine) -> DebugView`: what debuggers show of a machine (engine/debugview.py).
- `cli(arguments) -> int`: the room's part of `python -m engine`; returns the exit status.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from engine.errors import CommandError
from engine.machine import Journal, Limits, Machine


@dataclass(frozen=True)
class SourceFile:
    """One named text of a program; the first file of a program is the main one. `data`: a file that is no text."""

    name: str
    text: str
    data: bytes = b""


class RoomModule(Protocol):
    """What a room's module offers; see above.

    It may also have FAMILIES, names of families of instructions, and `family_of(op)`, the number of an instruction's.
    """

    def build(self, files: Sequence[SourceFile], options: Mapping[str, Any]) -> object:
        """Compile or assemble."""
        ...

    def start(self, program: Any, journal: Journal, limits: Limits) -> Machine:  # noqa: ANN401 - the room's own type
        """A machine at tick 0."""
        ...

    def notice(self, machine: Any) -> dict[str, Any] | None:  # noqa: ANN401 - the room's own type
        """What the visitor should know about this machine, as a catalogue key with arguments."""
        ...

    def cli(self, arguments: Sequence[str]) -> int:
        """Run the room's command line."""
        ...


@dataclass(frozen=True)
class Option:
    """A choice that the visitor has; the first value is the default.

    `languages`: the editor's mode for each value, where the choice is about the source's language.
    """

    name: str
    values: tuple[str, ...]
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileKind:
    """A kind of file that says what it is: the bytes `mark` (hex) at `at`. It is opened with these options."""

    at: int
    mark: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Room:
    """One machine of the playground. `language` names the editor's mode; `panes` the page's panes, in order."""

    name: str
    module_name: str
    title: str
    language: str
    main_file: str
    comment: str
    panes: tuple[str, ...]
    options: tuple[Option, ...] = ()
    #: Options with which a file that is no text is opened, and the file in which a program is given arguments.
    executables: tuple[tuple[str, str], ...] = ()
    arguments_file: str = ""
    #: Further kinds of files that are no text, looked for before executables.
    kinds: tuple[FileKind, ...] = ()

    @cached_property
    def module(self) -> RoomModule:
        """The room's module, imported on first use."""
        module: Any = importlib.import_module(self.module_name)
        loaded: RoomModule = module
        return loaded


ROOMS: tuple[Room, ...] = (
    Room(
        name="lua",
        module_name="engine.lua.room",
        title="Lua 5.4",
        language="lua",
        main_file="main.lua",
        comment="--",
        panes=("source", "listing", "lua-state", "lua-heap", "output", "narration", "lua-constants"),
    ),
    Room(
        name="x86",
        module_name="engine.x86.room",
        title="x86",
        language="nasm",
        main_file="main.asm",
        comment=";",
        panes=("source", "listing", "x86-state", "x86-memory", "output", "narration", "x86-exits"),
        options=(
            Option("mode", ("real16", "boot16", "protected32", "long64", "user64")),
            Option("cpu", ("auto", "kvm", "unicorn")),
            Option("syntax", ("nasm", "gas", "gas-intel", "hex"), languages=("nasm", "gas", "gas", "nasm")),
        ),
        executables=(("mode", "user64"),),
        arguments_file="args",
        kinds=(FileKind(510, "55aa", (("mode", "boot16"),)),),
    ),
)


def room(name: str) -> Room:
    """The room called `name`; CommandError if there is none."""
    for candidate in ROOMS:
        if candidate.name == name:
            return candidate
    raise CommandError(f"there is no machine {name[:40]!r}", hint="one of " + ", ".join(r.name for r in ROOMS))
