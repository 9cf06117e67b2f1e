"""What the code itself says about names: which variable lives in which register, and what a function is called."""

from __future__ import annotations

from engine.lua import opnumbers as op
from engine.lua.proto import Proto


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


def function_name(parent: Proto, nested: Proto) -> str | None:
    """What `parent` calls the function that it makes of `nested`: the variable or field that gets it; None if none."""
    number = next(i for i, proto in enumerate(parent.protos) if proto is nested)
    for pc, word in enumerate(parent.code):
        if word & 0x7F == op.CLOSURE and word >> 15 == number:
            name = _destination(parent, pc + 1, word >> 7 & 0xFF)
            return None if name is None else name.decode("utf-8", "replace")
    return None


def _destination(parent: Proto, pc: int, register: int) -> bytes | None:
    """Where the value in `register`, just made, goes at instruction `pc`."""
    for variable in parent.locals:
        if variable.start == pc and parent.local_name(register, pc) == variable.name:
            return variable.name
    if pc >= len(parent.code):
        return None
    word = parent.code[pc]
    opcode = word & 0x7F
    if opcode == op.SETUPVAL and word >> 7 & 0xFF == register:
        return parent.upvalues[word >> 16 & 0xFF].name
    if opcode == op.MOVE and word >> 16 & 0xFF == register:
        return parent.local_name(word >> 7 & 0xFF, pc)
    if opcode in (op.SETTABUP, op.SETFIELD) and word >> 24 == register and not word >> 15 & 1:
        key = parent.constants[word >> 16 & 0xFF]
        return key if isinstance(key, bytes) else None
    return None
