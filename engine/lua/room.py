"""The Lua room: what `engine/rooms.py` asks of a machine's module."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.debugview import DebugView
from engine.errors import CommandError
from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.lua.opcodes import OPCODES, Family
from engine.machine import Journal, Limits
from engine.rooms import SourceFile

#: What `math.random` starts from when nobody says otherwise: a shared link shows everybody the same run.
SEED = b"0 0"


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def build(files: Sequence[SourceFile], options: Mapping[str, Any]) -> LuaProgram:
    """Compile the first file, the main program; `require` and `io` find the others in the machine's file system.

    SourceError with PUC's message if it does not compile.
    """
    if options:
        raise CommandError(f"Lua has no option {next(iter(options))!r}")
    main = files[0]
    name = b"@" + _encode(main.name)
    proto = compile_source(file_text(_encode(main.text)), name)
    others = tuple((_encode(f.name), _encode(f.text)) for f in files[1:])
    return LuaProgram(dump(proto), name, files=others)


def world(channel: str) -> bytes | None:
    """What a program learns of the world around it; None for what only the visitor knows (`stdin`)."""
    if channel == "seed":
        return SEED
    if channel == "time":
        return b"%d" % int(time.time())
    if channel == "clock":
        return b"%.6f" % time.process_time()
    return None


def with_world(journal: Journal, own: Callable[[str], bytes | None] = world) -> Journal:
    """Let `own` answer what the journal's own source does not know."""
    visitor = journal.source

    def source(channel: str) -> bytes | None:
        data = visitor(channel) if visitor else None
        return own(channel) if data is None else data

    journal.source = source
    return journal


#: Families of instructions, for the picture of a run.
FAMILIES = tuple(family.value for family in Family)
_FAMILY_OF = {opcode.name: FAMILIES.index(opcode.family.value) for opcode in OPCODES}


def family_of(op: str) -> int:
    """The number of an instruction's family in FAMILIES."""
    return _FAMILY_OF[op]


def start(program: LuaProgram, journal: Journal, limits: Limits) -> LuaMachine:
    """A machine before the program's first instruction."""
    return LuaMachine(program, with_world(journal), limits)


def notice(machine: LuaMachine) -> dict[str, Any] | None:
    """Nothing that a visitor has to know beforehand: there is one Lua."""
    return None


def debug_view(machine: LuaMachine) -> DebugView:
    """What debuggers show of the machine."""
    from engine.lua.debug import LuaDebugView

    return LuaDebugView(machine)


def cli(arguments: Sequence[str]) -> int:
    """`python -m engine lua …`."""
    from engine.lua.cli import main

    return main(arguments)
