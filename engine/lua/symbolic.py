"""What the code itself says about names: which variable lives in which register, and what a function is called."""

from __future__ import annotations

from bisect import bisect_right

from engine.lua import opnumbers as op
from engine.lua.proto import LocalInfo, Proto


def register_names(proto: Proto, pc: int) -> list[str | None]:
    """The variable in each register of a frame that is about to execute instruction `pc` (from 0); None for none."""
    names: list[str | None] = [None] * proto.max_stack
    register = 0
    for variable in proto.locals:
        if variable.start > pc:
            break
        if pc < variable.end and register < len(names):
            names[register] = None if variable.name is None else variable.name.decode("utf-8", "replace")
            register += 1
    return names


class VariableMap:
    """The variables of a function by register, for many questions about it."""

    def __init__(self, proto: Proto) -> None:
        self._by_register: dict[int, list[LocalInfo]] = {}
        ends: list[int] = []
        for variable in proto.locals:
            while ends and ends[-1] <= variable.start:
                ends.pop()
            self._by_register.setdefault(len(ends), []).append(variable)
            ends.append(variable.end)

    def at(self, register: int, pc: int) -> LocalInfo | None:
        """The variable that lives in `register` at instruction `pc` (from 0)."""
        variables = self._by_register.get(register, [])
        index = bisect_right(variables, pc, key=_start)
        return variables[index - 1] if index and pc < variables[index - 1].end else None


def _start(variable: LocalInfo) -> int:
    return variable.start


def function_names(parent: Proto) -> list[str | None]:
    """What `parent` calls each of its nested functions: the variable or field that gets it; None if none does."""
    names: list[str | None] = [None] * len(parent.protos)
    variables = VariableMap(parent)
    for pc, word in enumerate(parent.code):
        number = word >> 15
        if word & 0x7F == op.CLOSURE and number < len(names) and names[number] is None:
            name = _destination(parent, pc + 1, word >> 7 & 0xFF, variables)
            names[number] = None if name is None else name.decode("utf-8", "replace")
    return names


def _destination(parent: Proto, pc: int, register: int, variables: VariableMap) -> bytes | None:
    """Where the value in `register`, just made, goes at instruction `pc`."""
    variable = variables.at(register, pc)
    if variable is not None and variable.start == pc:
        return variable.name
    if pc >= len(parent.code):
        return None
    word = parent.code[pc]
    opcode = word & 0x7F
    if opcode == op.SETUPVAL and word >> 7 & 0xFF == register:
        return parent.upvalues[word >> 16 & 0xFF].name
    if opcode == op.MOVE and word >> 16 & 0xFF == register:
        variable = variables.at(word >> 7 & 0xFF, pc)
        return None if variable is None else variable.name
    if opcode in (op.SETTABUP, op.SETFIELD) and word >> 24 == register and not word >> 15 & 1:
        key = parent.constants[word >> 16 & 0xFF]
        return key if isinstance(key, bytes) else None
    return None
