"""Whether a prototype's code keeps inside its registers, constants, upvalues, functions and instructions."""

from __future__ import annotations

from engine.lua.opcodes import EVENTS, OFFSET_SBX, OFFSET_SJ, OPCODES, Opcode
from engine.lua.proto import ABSOLUTE_LINE, Proto

_RETURNS = frozenset(("RETURN", "RETURN0", "RETURN1"))
_ARITHMETIC_EVENTS = range(EVENTS.index("add"), EVENTS.index("bnot") + 1)
_NAME_KEYS = {"GETTABUP": "C", "GETFIELD": "C", "SETTABUP": "B", "SETFIELD": "B"}
MAX_STACK = 255


def verify(proto: Proto) -> str | None:
    """What is wrong with `proto` (its nested functions not included); None if the machine may run it."""
    problem = _verify_tables(proto)
    if problem:
        return problem
    size = len(proto.code)
    for pc, word in enumerate(proto.code):
        if word & 0x7F >= len(OPCODES):
            return f"unknown opcode at instruction {pc + 1}"
    for pc, word in enumerate(proto.code):
        row = OPCODES[word & 0x7F]
        problem = _verify_operands(proto, pc, word, row) or _verify_flow(proto, pc, word, row, size)
        if problem:
            return f"{problem} at instruction {pc + 1}"
    return None


def _verify_tables(proto: Proto) -> str | None:
    code = proto.code
    if not code or code[-1] & 0x7F >= len(OPCODES) or OPCODES[code[-1] & 0x7F].name not in _RETURNS:
        return "function does not end with a return"
    if not max(proto.parameters, 1) <= proto.max_stack <= MAX_STACK:
        return "bad stack size"
    prepares = OPCODES[code[0] & 0x7F].name == "VARARGPREP" if code[0] & 0x7F < len(OPCODES) else False
    if proto.is_vararg != prepares:
        return "vararg function without preparation"
    if proto.line_info:
        if len(proto.line_info) != len(code):
            return "bad line information"
        absolute = [pc for pc, distance in enumerate(proto.line_info) if distance == ABSOLUTE_LINE]
        if absolute != [pc for pc, _ in proto.absolute_lines]:
            return "bad line information"
    elif proto.absolute_lines:
        return "bad line information"
    for nested in proto.protos:
        for upvalue in nested.upvalues:
            limit = proto.max_stack if upvalue.in_stack else len(proto.upvalues)
            if upvalue.index >= limit:
                return "bad upvalue"
    return None


def operands(word: int, row: Opcode) -> dict[str, int]:
    """The operands of an instruction, by the names in the opcode table; signed ones already signed."""
    values: dict[str, int] = {}
    for field, meaning in row.fields.items():
        if field == "A":
            value = word >> 7 & 0xFF
        elif field == "B":
            value = word >> 16 & 0xFF
        elif field == "C":
            value = word >> 24
        elif field == "k":
            value = word >> 15 & 1
        elif field == "Bx":
            value = word >> 15
        elif field == "sBx":
            value = (word >> 15) - OFFSET_SBX
        elif field == "Ax":
            value = word >> 7
        else:
            value = (word >> 7) - OFFSET_SJ
        values[field] = value - 127 if meaning == "sI" and field in "BC" else value
    return values


def _verify_operands(proto: Proto, pc: int, word: int, row: Opcode) -> str | None:
    values = operands(word, row)
    limits = {
        "R": proto.max_stack,
        "U": len(proto.upvalues),
        "K": len(proto.constants),
        "P": len(proto.protos),
    }
    for field, meaning in row.fields.items():
        table = meaning if meaning != "RK" else "K" if values["k"] else "R"
        # A return of no value may name the register behind the last one.
        spare = row.name == "RETURN" and values["B"] == 1
        if table in limits and values[field] >= limits[table] + spare:
            return f"operand {field} out of range"
        if meaning == "E" and values[field] not in _ARITHMETIC_EVENTS:
            return "bad metamethod event"
    key = _NAME_KEYS.get(row.name)
    if key and not isinstance(proto.constants[values[key]], bytes):
        return "key is not a string"
    if row.name == "SELF" and values["k"] and not isinstance(proto.constants[values["C"]], bytes):
        return "key is not a string"
    highest = _highest_register(row.name, values)
    return "register out of range" if highest >= proto.max_stack else None


def _highest_register(name: str, v: dict[str, int]) -> int:
    """The highest register that an instruction touches besides its plain operands; -1 if it is one of these."""
    if name == "LOADNIL":
        return v["A"] + v["B"]
    if name == "SELF":
        return v["A"] + 1
    if name == "CONCAT":
        return v["A"] + v["B"] - 1
    if name in ("CALL", "TAILCALL"):
        results = v["A"] + v["C"] - 2 if name == "CALL" else 0
        return max(v["A"] + v["B"] - 1, results)
    if name == "RETURN":
        return v["A"] + v["B"] - 2
    if name in ("FORLOOP", "FORPREP", "TFORPREP"):
        return v["A"] + 3
    if name == "TFORCALL":
        return v["A"] + max(v["C"] + 3, 6)
    if name == "SETLIST":
        return v["A"] + v["B"]
    return v["A"] + v["C"] - 2 if name == "VARARG" else -1


def _verify_flow(proto: Proto, pc: int, word: int, row: Opcode, size: int) -> str | None:
    """Jumps land on an instruction, pairs are complete, a variable number of values goes straight to its user."""
    name = row.name
    following = OPCODES[proto.code[pc + 1] & 0x7F] if pc + 1 < size else None
    values = operands(word, row)
    if name == "CONCAT" and values["B"] < 1:
        return "empty concatenation"
    target = jump_target(pc, word, row)
    if target is not None and not 0 <= target < size:
        return "jump out of the function"
    if name == "TFORPREP" and OPCODES[proto.code[target or 0] & 0x7F].name != "TFORCALL":
        return "loop without its call"
    if name == "TFORCALL" and (following is None or following.name != "TFORLOOP"):
        return "loop without its end"
    if row.is_test and (following is None or following.name != "JMP"):
        return "test without a jump"
    if name == "LFALSESKIP" and pc + 2 >= size:
        return "jump out of the function"
    if name in ("LOADKX", "NEWTABLE") or (name == "SETLIST" and values["k"]):
        if following is None or following.name != "EXTRAARG":
            return "missing EXTRAARG"
        if name == "LOADKX" and proto.code[pc + 1] >> 7 >= len(proto.constants):
            return "operand Ax out of range"
    if row.is_fallback and (pc == 0 or not _is_arithmetic(OPCODES[proto.code[pc - 1] & 0x7F])):
        return "metamethod without its operation"
    if _is_arithmetic(row) and (following is None or not following.is_fallback):
        return "operation without its metamethod"
    if name == "VARARGPREP" and pc > 0:
        return "vararg preparation inside the function"
    if name == "VARARG" and not proto.is_vararg:
        return "vararg outside of a vararg function"
    return _verify_top(proto, pc, values, row, following)


def _is_arithmetic(row: Opcode) -> bool:
    """An operation that is followed by its metamethod fallback: ADDI to SHR by number."""
    return 21 <= row.code <= 45


def _verify_top(proto: Proto, pc: int, values: dict[str, int], row: Opcode, following: Opcode | None) -> str | None:
    """Whoever sets the stack top is followed by its user, and the other way round."""
    if row.name == "VARARGPREP":
        return None
    if row.top_out and (values["C"] == 0 or row.name == "TAILCALL"):
        if following is None or not following.top_in:
            return "open result without a user"
        if operands(proto.code[pc + 1], following)["B"] != 0:
            return "open result without a user"
    if row.top_in and values["B"] == 0:
        before = OPCODES[proto.code[pc - 1] & 0x7F] if pc else None
        if before is None or not before.top_out:
            return "open arguments without a source"
        if before.name != "TAILCALL" and operands(proto.code[pc - 1], before)["C"] != 0:
            return "open arguments without a source"
    return None


def jump_target(pc: int, word: int, row: Opcode) -> int | None:
    """Where the instruction at `pc` (from 0) may jump to; None if it does not jump."""
    if row.name == "JMP":
        return pc + 1 + (word >> 7) - OFFSET_SJ
    if row.name == "FORPREP":
        return pc + 2 + (word >> 15)
    if row.name == "TFORPREP":
        return pc + 1 + (word >> 15)
    if row.name in ("FORLOOP", "TFORLOOP"):
        return pc + 1 - (word >> 15)
    return None
