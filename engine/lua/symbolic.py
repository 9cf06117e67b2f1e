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


def function_names(parent: Proto) -> list[str | None]:
    """What `parent` calls each of its nested functions: the variable or field that gets it; None if none does."""
    names: list[str | None] = [None] * len(parent.protos)
    starts = {variable.start for variable in parent.locals}
    for pc, word in enumerate(parent.code):
        number = word >> 15
        if word & 0x7F == op.CLOSURE and number < len(names) and names[number] is None:
            name = _destination(parent, pc + 1, word >> 7 & 0xFF, starts)
            names[number] = None if name is None else name.decode("utf-8", "replace")
    return names


def _destination(parent: Proto, pc: int, register: int, starts: set[int]) -> bytes | None:
    """Where the value in `register`, just made, goes at instruction `pc`. `starts`: where variables come to life."""
    if pc in starts and parent.local_name(register, pc - 1) is None:
        name = parent.local_name(register, pc)
        if name is not None:
            return name
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
