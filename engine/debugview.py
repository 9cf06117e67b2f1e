"""What debuggers (docs/debuggers.md) need to know of a machine besides the Machine contract.

A room's module may offer `debug_view(machine) -> DebugView`: a subclass that knows the machine's threads, frames and
variables. A machine without one is debugged by what the contract alone says: one thread, one frame, rows, no variables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import CommandError
from engine.machine import Machine

#: Names something that has variables inside: (kind, numbers…). Only the view that made it understands it.
Inside = tuple[str | int, ...]


@dataclass(frozen=True)
class Thread:
    """One flow of control. `status`: running, normal (it waits for one that it resumed), suspended or dead.

    `number` is what the trace's `thread` column says while it runs.
    """

    number: int
    name: str
    status: str = "running"


@dataclass(frozen=True)
class Frame:
    """One call in progress. `where`: the row that comes next in it (or calls the frame inside it); None: no code."""

    name: str
    where: int | None


@dataclass(frozen=True)
class Variable:
    """A name with a value ready to show. `count` is how many variables are inside; `address`: where memory holds it.

    `target`: what is written to when it changes, as commands name it (docs/views.md, "Targets and hits"); `call`: if it
    is that only for one call, its thread and depth as the trace's columns count them.
    """

    name: str
    value: str
    type: str = ""
    inside: Inside | None = None
    count: int = 0
    address: int | None = None
    target: Mapping[str, Any] | None = None
    call: tuple[int, int] | None = None


@dataclass(frozen=True)
class Scope:
    """A named group of variables of a frame. `kind`: locals, registers, or nothing."""

    name: str
    inside: Inside
    kind: str = ""
    count: int = 0


@dataclass(frozen=True)
class Fact:
    """A line of a picture. `label` says more about the name; `cue`: a word for how to draw it, e.g. `open`."""

    name: str
    value: str
    label: str = ""
    cue: str = ""


@dataclass(frozen=True)
class Facts:
    """Some facts under a heading: what a picture of a moment shows of the machine, most telling ones first."""

    title: str
    facts: tuple[Fact, ...]


class DebugView:
    """The fallback, and the base of every room's own. It reads the machine at its present tick, and changes nothing."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def forget(self) -> None:
        """The machine was changed at its tick: what was seen of it is out of date."""

    def threads(self) -> list[Thread]:
        """Every thread, the running one first."""
        return [Thread(0, "main")]

    def depth(self, thread: int) -> int:
        """How many frames a thread's call stack has."""
        return 1

    def frames(self, thread: int, start: int, count: int) -> list[Frame]:
        """Up to `count` frames of a thread's call stack from level `start` on; level 0 is the innermost."""
        return [Frame("", self.machine.where)][start : start + count]

    def scopes(self, thread: int, level: int) -> list[Scope]:
        """The groups of variables of a frame, those that a name is looked up in first."""
        return []

    def variables(self, inside: Inside, start: int = 0, count: int | None = None) -> list[Variable]:
        """What is inside: up to `count` variables from number `start` on. CommandError when there is nothing."""
        raise CommandError("there is nothing inside")

    def facts(self) -> list[Facts]:
        """What a picture of the moment shows: here the variables of the innermost frame, by scope."""
        thread = self.threads()[0].number
        scopes = [scope for scope in self.scopes(thread, 0) if scope.kind]
        return [
            Facts(s.name, tuple(Fact(v.name, v.value, v.type) for v in self.variables(s.inside, 0, 32))) for s in scopes
        ]

    def decode(self, address: int, count: int) -> list[dict[str, Any]] | None:
        """Up to `count` instructions in memory from `address` on, as rows of a listing; None: rows are all there is."""
        return None

    def read_memory(self, address: int, length: int) -> bytes:
        """Memory from `address` on; fewer bytes where it ends. CommandError for a machine that has no addresses."""
        raise CommandError("this machine has no memory with addresses", hint="look at its variables")

    def target_description(self) -> str | None:
        """The registers as gdb's target description (XML), in the order of `target_registers`; None: not for gdb."""
        return None

    def target_registers(self) -> Sequence[bytes]:
        """The registers of the description, each in the target's byte order."""
        return ()

    def lookup(self, path: Sequence[str], thread: int, level: int) -> Variable | None:
        """The variable that a name and then names inside it lead to, seen from a frame; None if there is none."""
        for scope in self.scopes(thread, level):
            found = self.named(scope.inside, path[0])
            if found is None:
                continue
            for name in path[1:]:
                found = self.named(found.inside, name) if found.inside is not None else None
                if found is None:
                    return None
            return found
        return None

    def named(self, inside: Inside, name: str) -> Variable | None:
        """The last variable of that name (an inner one hides the outer)."""
        start, found = 0, None
        while True:
            some = self.variables(inside, start, 1024)
            found = next((v for v in reversed(some) if v.name == name), found)
            start += len(some)
            if len(some) < 1024:
                return found
