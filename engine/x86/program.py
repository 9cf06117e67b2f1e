"""What `room.build` makes and `room.start` runs: an assembled program with the visitor's choices."""

from __future__ import annotations

from dataclasses import dataclass

from engine.x86.assembler import Assembly

MODES = ("real16", "boot16")
CPUS = ("auto", "kvm", "unicorn")
SYNTAXES = ("nasm", "hex")


@dataclass(frozen=True)
class Program:
    """An assembly, the mode in which it starts, and the CPU that was asked for."""

    assembly: Assembly
    mode: str = "real16"
    cpu: str = "auto"
