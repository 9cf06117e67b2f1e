"""Whether a prototype's code keeps inside its registers, constants, upvalues, functions and instructions.

What cannot be seen here are the types of the values that registers hold at run time: the machine checks those wherever
it uses one (FORLOOP, for example, must not believe that its counters are numbers).
"""

from __future__ import annotations

from engine.lua.expressions import MAX_SHORT_STRING
from engine.lua.opcodes import EVENTS, OFFSET_SBX, OFFSET_SC, OFFSET_SJ, OPCODES, Opcode
from engine.lua.proto import ABSOLUTE_LINE, Proto

MAX_STACK = 255
MAX_HASH_BITS = 28
MAX_EXTRA_ITEMS = (1 << 20) - 1
"""In multiples of 256: sizes of tables that a 32-bit count still holds."""

_RETURNS = frozenset(("RETURN", "RETURN0", "RETURN1"))
_LEAVES = _RETURNS | {"TAILCALL"}
_CLOSERS = frozenset(("TBC", "TFORPREP"))
_TAKES_EXTRA = frozenset(("LOADKX", "NEWTABLE", "SETLIST"))
_ARITHMETIC_EVENTS = range(EVENTS.index("add"), EVENTS.index("bnot") + 1)
_NAME_KEYS = {"GETTABUP": "C", "GETFIELD": "C", "SETTABUP": "B", "SETFIELD": "B"}


def verify(proto: Proto) -> str | None:
    """What is wrong with `proto` (its nested functions not included); None if the machine may run it."""
    for pc, word in enumerate(proto.code):
        if word & 0x7F >= len(OPCODES):
            return f"unknown opcode at instruction {pc + 1}"
    problem = _verify_tables(proto)
    if problem:
        return problem
    rows = [OPCODES[word & 0x7F] for word in proto.code]
    closes = any(row.name in _CLOSERS for row in rows) or any(u.in_stack for p in proto.protos for u in p.upvalues)
    for pc, word in enumerate(proto.code):
        row = rows[pc]
        values = operands(word, row)
        problem = (
            _verify_operands(proto, values, row)
            or _verify_flow(proto, pc, values, rows)
            or _verify_top(proto, pc, values, rows)
            or (_verify_leave(proto, values, row, closes) if row.name in _LEAVES else None)
            or (_verify_method(proto, pc, values, rows) if row.name == "SELF" else None)
        )
        if problem:
            return f"{problem} at instruction {pc + 1}"
    return None


def _verify_tables(proto: Proto) -> str | None:
    code = proto.code
    if not code or OPCODES[code[-1] & 0x7F].name not in _RETURNS:
        return "function does not end with a return"
    if not max(proto.parameters, 1) <= proto.max_stack <= MAX_STACK:
        return "bad stack size"
    if proto.is_vararg != (OPCODES[code[0] & 0x7F].name == "VARARGPREP"):
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
            if upvalue.index >= (proto.max_stack if upvalue.in_stack else len(proto.upvalues)):
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
        values[field] = value - OFFSET_SC if meaning == "sI" and field in "BC" else value
    return values


def _verify_operands(proto: Proto, values: dict[str, int], row: Opcode) -> str | None:
    limits = {
        "R": proto.max_stack,
        "U": len(proto.upvalues),
        "K": len(proto.constants),
        "P": len(proto.protos),
    }
    # A return of no value may name the register behind the last one.
    spare = row.name == "RETURN" and values["B"] == 1
    for field, meaning in row.fields.items():
        table = meaning if meaning != "RK" else "K" if values["k"] else "R"
        if table in limits and values[field] >= limits[table] + spare:
            return f"operand {field} out of range"
        if meaning == "E" and values[field] not in _ARITHMETIC_EVENTS:
            return "bad metamethod event"
    key = _NAME_KEYS.get(row.name)
    if key:
        name = proto.constants[values[key]]
        if not isinstance(name, bytes) or len(name) > MAX_SHORT_STRING:
            return "key is not a name"
    if row.name == "VARARGPREP" and values["A"] != proto.parameters:
        return "wrong number of parameters"
    return "register out of range" if _highest_register(row.name, values) >= proto.max_stack else None


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
    if name == "TFORLOOP":
        return v["A"] + 4
    if name == "SETLIST":
        return v["A"] + v["B"]
    return v["A"] + v["C"] - 2 if name == "VARARG" else -1


def _verify_leave(proto: Proto, values: dict[str, int], row: Opcode, closes: bool) -> str | None:
    """A return or tail call undoes what its function needs undone: extra arguments, open upvalues."""
    if values.get("C", 0) != (proto.parameters + 1 if proto.is_vararg else 0):
        return "wrong number of parameters"
    return "return that closes nothing" if closes and not values.get("k", 0) else None


def _verify_method(proto: Proto, pc: int, values: dict[str, int], rows: list[Opcode]) -> str | None:
    """A method's name is a string: a constant, or one that the instruction just before loads into the register."""
    index = values["C"]
    if not values["k"]:
        load = pc - 2 if pc >= 2 and rows[pc - 1].name == "EXTRAARG" else pc - 1
        if load < 0 or rows[load].name not in ("LOADK", "LOADKX") or index == values["A"] + 1:
            return "key is not a name"  # as the last condition: the object would be written over the name
        if proto.code[load] >> 7 & 0xFF != index:
            return "key is not a name"
        index = proto.code[load] >> 15 if rows[load].name == "LOADK" else proto.code[pc - 1] >> 7
    if index >= len(proto.constants) or not isinstance(proto.constants[index], bytes):
        return "key is not a name"
    return None


def _verify_flow(proto: Proto, pc: int, values: dict[str, int], rows: list[Opcode]) -> str | None:
    """Jumps land on an instruction, and instructions that work in pairs stand in pairs."""
    row = rows[pc]
    name = row.name
    following = rows[pc + 1] if pc + 1 < len(rows) else None
    before = rows[pc - 1] if pc else None
    target = jump_target(pc, proto.code[pc], row)
    if target is not None and not (0 <= target < len(rows) and _may_be_target(proto.code[target], rows[target])):
        return "jump to no instruction"
    if name == "NEWTABLE" and values["B"] > MAX_HASH_BITS:
        return "table too large"
    if name == "CONCAT" and values["B"] < 2:
        return "concatenation of less than two values"
    if name == "TFORPREP" and rows[target or 0].name != "TFORCALL":
        return "loop without its call"
    if name == "TFORCALL" and (following is None or following.name != "TFORLOOP"):
        return "loop without its end"
    if row.is_test and (following is None or following.name != "JMP"):
        return "test without a jump"
    if name == "LFALSESKIP" and (following is None or following.name != "LOADTRUE" or pc + 2 >= len(rows)):
        return "skip of something else than LOADTRUE"
    if name == "VARARGPREP" and pc > 0:
        return "vararg preparation inside the function"
    if name == "VARARG" and not proto.is_vararg:
        return "vararg outside of a vararg function"
    if row.is_fallback and (before is None or not _is_arithmetic(before)):
        return "metamethod without its operation"
    if _is_arithmetic(row) and (following is None or not following.is_fallback or pc + 2 >= len(rows)):
        return "operation without its metamethod"
    return _verify_extra(proto, pc, rows)


def _may_be_target(word: int, row: Opcode) -> bool:
    """Nothing jumps between two instructions of which the second relies on the first, nor back to the preparation."""
    if row.name == "SELF":
        return word >> 15 & 1 == 1
    return row.name not in ("EXTRAARG", "VARARGPREP") and not (row.top_in and word >> 16 & 0xFF == 0)


def _verify_extra(proto: Proto, pc: int, rows: list[Opcode]) -> str | None:
    """An EXTRAARG belongs to the instruction before, and is there when that one needs it."""
    row = rows[pc]
    if row.name == "EXTRAARG":
        return None if pc and _wants_extra(proto.code[pc - 1], rows[pc - 1]) else "EXTRAARG of no instruction"
    if _wants_extra(proto.code[pc], row):
        if pc + 1 >= len(rows) or rows[pc + 1].name != "EXTRAARG":
            return "missing EXTRAARG"
        if row.name != "LOADKX" and proto.code[pc + 1] >> 7 > MAX_EXTRA_ITEMS:
            return "table too large"
        if row.name == "LOADKX" and proto.code[pc + 1] >> 7 >= len(proto.constants):
            return "operand Ax out of range"
    return None


def _wants_extra(word: int, row: Opcode) -> bool:
    return row.name in _TAKES_EXTRA and (row.name != "SETLIST" or word >> 15 & 1 == 1)


def _is_arithmetic(row: Opcode) -> bool:
    """An operation that is followed by its metamethod fallback: ADDI to SHR by number."""
    return 21 <= row.code <= 45


def _verify_top(proto: Proto, pc: int, values: dict[str, int], rows: list[Opcode]) -> str | None:
    """Whoever leaves an open number of values is followed by its user, who starts below them; and the other way."""
    row = rows[pc]
    if row.name == "VARARGPREP":
        return None
    if row.top_out and (row.name == "TAILCALL" or values["C"] == 0):
        following = rows[pc + 1] if pc + 1 < len(rows) else None
        if following is None or following.name == "VARARGPREP" or not following.top_in:
            return "open result without a user"
        user = operands(proto.code[pc + 1], following)
        if user["B"] != 0 or user["A"] + (following.name != "RETURN") > values["A"]:
            return "open result without a user"
    if row.top_in and values["B"] == 0:
        before = rows[pc - 1] if pc else None
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
