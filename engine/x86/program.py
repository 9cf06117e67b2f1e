"""What `room.build` makes and `room.start` runs: an assembled program with the visitor's choices."""

from __future__ import annotations

from dataclasses import dataclass

from engine.x86.assembler import Assembly

MODES = ("real16", "boot16", "protected32", "long64")
#: The width of code with which a mode starts.
BITS = {"real16": 16, "boot16": 16, "protected32": 32, "long64": 64}
CPUS = ("auto", "kvm", "unicorn")
SYNTAXES = ("nasm", "hex")


@dataclass(frozen=True)
class Program:
    """An assembly, the mode in which it starts, and the CPU that was asked for."""

    assembly: Assembly
    mode: str = "real16"
    cpu: str = "auto"
