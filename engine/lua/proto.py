"""A compiled function: the data that the listing, the binary chunk and the machine are made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

Constant = None | bool | int | float | bytes
"""A Lua constant: nil, boolean, 64-bit integer, float, string."""

ABSOLUTE_LINE = -128
"""Mark in `Proto.line_info`: the line of this instruction stands in `Proto.absolute_lines`."""


@dataclass(slots=True)
class UpvalueInfo:
    """How a new closure finds one of its upvalues. `kind` 0 regular, 1 const, 2 to be closed, 3 compile-time const."""

    name: bytes | None
    in_stack: bool
    """True: register `index` of the enclosing function; False: its upvalue `index`."""
    index: int
    kind: int = 0


@dataclass(slots=True)
class LocalInfo:
    """One local variable's life: instructions `start` (inclusive) to `end` (exclusive), counted from 0."""

    name: bytes | None
    start: int
    end: int = 0


@dataclass(slots=True)
class Proto:
    """A function prototype. `line_defined` is 0 for a main chunk; `source` is None when stripped."""

    source: bytes | None
    line_defined: int = 0
    last_line: int = 0
    parameters: int = 0
    is_vararg: bool = False
    max_stack: int = 2
    code: list[int] = field(default_factory=list)
    constants: list[Constant] = field(default_factory=list)
    upvalues: list[UpvalueInfo] = field(default_factory=list)
    protos: list[Proto] = field(default_factory=list)
    line_info: list[int] = field(default_factory=list)
    """Per instruction the distance from the line before (-127 to 127), or ABSOLUTE_LINE."""
    absolute_lines: list[tuple[int, int]] = field(default_factory=list)
    """(instruction, line), ascending."""
    locals: list[LocalInfo] = field(default_factory=list)

    def lines(self) -> list[int | None]:
        """The source line of every instruction; None for each when stripped."""
        if not self.line_info:
            return [None] * len(self.code)
        absolute = dict(self.absolute_lines)
        line = self.line_defined
        result: list[int | None] = []
        for pc, distance in enumerate(self.line_info):
            line = absolute[pc] if distance == ABSOLUTE_LINE else line + distance
            result.append(line)
        return result

    def local_name(self, register: int, pc: int) -> bytes | None:
        """The variable that lives in `register` at instruction `pc` (from 0); None if there is none."""
        for variable in self.locals:
            if variable.start > pc:
                break
            if pc < variable.end:
                if register == 0:
                    return variable.name
                register -= 1
        return None

    def preorder(self) -> Iterator[Proto]:
        """This function, then each nested one with all of its own nested ones: the order of the binary chunk."""
        pending = [self]
        while pending:
            proto = pending.pop()
            yield proto
            pending.extend(reversed(proto.protos))
