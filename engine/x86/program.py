"""What `room.build` makes and `room.start` runs: an assembled program with the visitor's choices."""

from __future__ import annotations

from dataclasses import dataclass

from engine.x86.assembler import Assembly
from engine.x86.executable import Executable

MODES = ("real16", "boot16", "protected32", "long64", "user64")
#: The width of code with which a mode starts.
BITS = {"real16": 16, "boot16": 16, "protected32": 32, "long64": 64, "user64": 64}
CPUS = ("auto", "kvm", "unicorn")
SYNTAXES = ("nasm", "gas", "gas-intel", "hex")
#: Where a program of the GNU assembler begins, which has no addresses of its own.
ORIGINS = {"real16": 0, "boot16": 0x7C00, "protected32": 0x1000, "long64": 0x1000}


@dataclass(frozen=True)
class Program:
    """An assembly, the mode in which it starts, and the CPU that was asked for.

    In mode user64 also what the loader needs, and the program's arguments after its name.
    """

    assembly: Assembly
    mode: str = "real16"
    cpu: str = "auto"
    executable: Executable | None = None
    arguments: tuple[str, ...] = ()
