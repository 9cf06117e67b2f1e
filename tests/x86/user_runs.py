"""Runs programs of mode user64 for the tests."""

from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.x86 import room
from engine.x86.machine import X86Machine

EXIT = " mov eax, 60\n xor edi, edi\n syscall\n"


def program(code: str, data: str = "") -> str:
    return f"default rel\nglobal _start\nsection .data\n{data}\nsection .text\n_start:\n{code}\n"


def make(
    source: str | bytes,
    cpu: str,
    *,
    typed: tuple[bytes, ...] = (),
    arguments: tuple[str, ...] = (),
    limits: Limits | None = None,
    waits: bool = False,
) -> X86Machine:
    """A machine at tick 0. `typed`: what read gets, then its end (`waits`: then it waits)."""
    files = [SourceFile("program", "", source)] if isinstance(source, bytes) else [SourceFile("main.asm", source)]
    if arguments:
        files.append(SourceFile("args", "\n".join(arguments)))
    built = room.build(files, {"mode": "user64", "cpu": cpu})
    lines = iter(typed)
    journal = Journal(source=lambda _: next(lines, None if waits else b""))
    return room.start(built, journal, limits or Limits())
