"""Expressions between being read and being in a register.

The parser describes what it has read in an `Expression` and the code for it is delayed as long as possible, so that a
constant can become an operand and a result can land where it is wanted. `ExpressionCode` turns descriptions into code.
"""

from __future__ import annotations

from typing import Final

from engine.lua import opnumbers as op
from engine.lua.jumps import NO_REGISTER, JumpCode, JumpList
from engine.lua.opcodes import OFFSET_SC
from engine.lua.proto import Constant

# Kinds of expressions, with the fields that each uses. Order matters: from LOCAL on the value is not at hand yet.
VOID: Final = 0  # an empty list of expressions
NIL: Final = 1
TRUE: Final = 2
FALSE: Final = 3
INDEXED_CONSTANT: Final = 4  # info = index in the constant table
FLOAT: Final = 5  # value
INTEGER: Final = 6  # value
STRING: Final = 7  # value
IN_REGISTER: Final = 8  # info = register
JUMP: Final = 9  # a comparison; info = position of its jump
RELOCATABLE: Final = 10  # info = position of the instruction whose A is still open
LOCAL: Final = 11  # info = register, aux = number of the variable
UPVALUE: Final = 12  # info = index
COMPILE_TIME: Final = 13  # a <const> with a known value: name, value
INDEXED: Final = 14  # info = register of the table, aux = register of the key
INDEXED_UPVALUE: Final = 15  # info = upvalue, aux = constant index of the key
INDEXED_INTEGER: Final = 16  # info = register of the table, aux = the key
INDEXED_STRING: Final = 17  # info = register of the table, aux = constant index of the key
CALL: Final = 18  # info = position of the instruction
VARARG: Final = 19  # info = position of the instruction

MAX_K_OPERAND = 255
MAX_SHORT_STRING = 40
"""Longer strings cannot be the key of a GETFIELD, SETFIELD or GETTABUP."""


class Expression:
    """One expression; see the kinds above. `if_true` and `if_false` are jumps out of the middle of it."""

    __slots__ = ("aux", "if_false", "if_true", "info", "kind", "name", "value")

    def __init__(self, kind: int, info: int = 0, value: Constant = None, name: bytes = b"") -> None:
        self.kind = kind
        self.info = info
        self.aux = 0
        self.value = value
        self.name = name
        self.if_true: JumpList = ()
        self.if_false: JumpList = ()

    def place(self, register: int) -> None:
        """The value is in `register` now."""
        self.kind = IN_REGISTER
        self.info = register

    @property
    def is_numeral(self) -> bool:
        """A number known now, with no jumps around it."""
        return (self.kind == INTEGER or self.kind == FLOAT) and not (self.if_true or self.if_false)

    @property
    def constant(self) -> tuple[Constant] | None:
        """The value if it is known at compile time, in a tuple; None if it is not."""
        if self.if_true or self.if_false:
            return None
        kind = self.kind
        if kind in (INTEGER, FLOAT, STRING, COMPILE_TIME):
            return (self.value,)
        if kind == NIL:
            return (None,)
        return (kind == TRUE,) if kind in (TRUE, FALSE) else None


def fits_signed_c(value: int) -> bool:
    """Whether an integer fits a signed operand B or C."""
    return -OFFSET_SC <= value <= MAX_K_OPERAND - OFFSET_SC


def set_constant(e: Expression, value: Constant) -> None:
    """Make `e` a known value; its jumps stay."""
    e.value = value
    if value is None:
        e.kind = NIL
    elif value is True:
        e.kind = TRUE
    elif value is False:
        e.kind = FALSE
    elif type(value) is int:
        e.kind = INTEGER
    elif type(value) is float:
        e.kind = FLOAT
    else:
        e.kind = STRING


class ExpressionCode(JumpCode):
    """Adds loading, storing and indexing of expressions."""

    def set_results(self, e: Expression, count: int) -> None:
        """Ask a call or `...` for `count` values; -1 = all."""
        pc = e.info
        self.set_c(pc, count + 1)
        if e.kind == VARARG:
            self.set_a(pc, self.free_register)
            self.reserve(1)

    def one_result(self, e: Expression) -> None:
        """Cut a call or `...` down to one value."""
        if e.kind == CALL:
            e.place(self.code[e.info] >> 7 & 0xFF)
        elif e.kind == VARARG:
            self.set_c(e.info, 2)
            e.kind = RELOCATABLE

    def discharge(self, e: Expression) -> None:
        """Make sure that `e` is no variable: fetch what has to be fetched."""
        kind = e.kind
        if kind < LOCAL:
            return
        if kind == LOCAL:
            e.kind = IN_REGISTER
            return
        if kind == INDEXED_UPVALUE:
            e.info = self.emit(op.GETTABUP | e.info << 16 | e.aux << 24)
        elif kind == CALL:
            e.place(self.code[e.info] >> 7 & 0xFF)
            return
        elif kind == UPVALUE:
            e.info = self.emit(op.GETUPVAL | e.info << 16)
        elif kind == INDEXED_STRING:
            self.release(e.info)
            e.info = self.emit(op.GETFIELD | e.info << 16 | e.aux << 24)
        elif kind == INDEXED:
            self.release_two(e.info, e.aux)
            e.info = self.emit(op.GETTABLE | e.info << 16 | e.aux << 24)
        elif kind == INDEXED_INTEGER:
            self.release(e.info)
            e.info = self.emit(op.GETI | e.info << 16 | e.aux << 24)
        elif kind == VARARG:
            self.set_c(e.info, 2)
        else:
            set_constant(e, e.value)
            return
        e.kind = RELOCATABLE

    def release_expression(self, e: Expression) -> None:
        """Give back the register of `e`, if it has one."""
        if e.kind == IN_REGISTER and e.info >= self.variable_registers:
            self.free_register -= 1

    def release_both(self, first: Expression, second: Expression) -> None:
        """Give back the registers of both."""
        limit = self.variable_registers
        self.free_register -= (first.kind == IN_REGISTER and first.info >= limit) + (
            second.kind == IN_REGISTER and second.info >= limit
        )

    def _value_to(self, e: Expression, register: int) -> None:
        """Put the value of `e`, without what its jumps may bring, into `register`; comparisons stay jumps."""
        if e.kind >= LOCAL:
            self.discharge(e)
        kind = e.kind
        if kind == IN_REGISTER:
            if register != e.info:
                self.emit(op.MOVE | register << 7 | e.info << 16)
        elif kind == RELOCATABLE:
            self.code[e.info] = self.code[e.info] & ~0x7F80 | register << 7
        elif kind == STRING:
            self.load_constant(register, self.string_constant(e.value))  # type: ignore[arg-type]
        elif kind == INTEGER:
            self.load_integer(register, e.value)  # type: ignore[arg-type]
        elif kind == JUMP:
            return
        elif kind == NIL:
            self.load_nil(register, 1)
        elif kind == TRUE:
            self.emit(op.LOADTRUE | register << 7)
        elif kind == FALSE:
            self.emit(op.LOADFALSE | register << 7)
        elif kind == FLOAT:
            self.load_float(register, e.value)  # type: ignore[arg-type]
        else:
            self.load_constant(register, e.info)
        e.kind = IN_REGISTER
        e.info = register

    def any_register_for_value(self, e: Expression) -> None:
        """Put the value of `e` (jumps aside) into a register, wherever there is one."""
        if e.kind != IN_REGISTER:
            self.reserve(1)
            self._value_to(e, self.free_register - 1)

    def to_register(self, e: Expression, register: int) -> None:
        """Put the final value of `e`, jumps included, into `register`."""
        self._value_to(e, register)
        if e.kind == JUMP:
            e.if_true += (e.info,)
        if e.if_true or e.if_false:
            load_false = load_true = -1
            if self.needs_value(e.if_true) or self.needs_value(e.if_false):
                around: JumpList = () if e.kind == JUMP else (self.emit_jump(),)
                self.mark_target()
                load_false = self.emit(op.LFALSESKIP | register << 7)
                self.mark_target()
                load_true = self.emit(op.LOADTRUE | register << 7)
                self.patch_here(around)
            end = self.mark_target()
            self.patch_values(e.if_false, end, register, load_false)
            self.patch_values(e.if_true, end, register, load_true)
            e.if_true = e.if_false = ()
        e.kind = IN_REGISTER
        e.info = register

    def to_next_register(self, e: Expression) -> None:
        """Put the final value of `e` into the next free register."""
        if e.kind >= LOCAL:
            self.discharge(e)
        if e.kind == IN_REGISTER and e.info >= self.variable_registers:
            self.free_register -= 1
        self.reserve(1)
        self.to_register(e, self.free_register - 1)

    def to_any_register(self, e: Expression) -> int:
        """Put the final value of `e` into some register, if it is not in one; answers which."""
        if e.kind >= LOCAL:
            self.discharge(e)
        if e.kind == IN_REGISTER:
            if not (e.if_true or e.if_false):
                return e.info
            if e.info >= self.variable_registers:
                self.to_register(e, e.info)
                return e.info
        self.to_next_register(e)
        return e.info

    def to_register_or_upvalue(self, e: Expression) -> None:
        """Put the final value of `e` into a register unless it is an upvalue."""
        if e.kind != UPVALUE or e.if_true or e.if_false:
            self.to_any_register(e)

    def to_value(self, e: Expression) -> None:
        """Put the final value of `e` into a register unless it is a constant."""
        if e.kind == JUMP or e.if_true or e.if_false:
            self.to_any_register(e)
        else:
            self.discharge(e)

    def to_constant(self, e: Expression) -> bool:
        """Put a constant into the constant table, where an operand can name it; False if that cannot be."""
        kind = e.kind
        if kind == VOID or kind >= IN_REGISTER or e.if_true or e.if_false:
            return False
        if kind == STRING:
            index = self.string_constant(e.value)  # type: ignore[arg-type]
        elif kind == INTEGER:
            index = self.integer_constant(e.value)  # type: ignore[arg-type]
        elif kind == FLOAT:
            index = self.float_constant(e.value)  # type: ignore[arg-type]
        elif kind == NIL:
            index = self.nil_constant()
        elif kind == INDEXED_CONSTANT:
            index = e.info
        else:
            index = self.boolean_constant(kind == TRUE)
        if index > MAX_K_OPERAND:
            return False
        e.kind = INDEXED_CONSTANT
        e.info = index
        return True

    def to_register_or_constant(self, e: Expression) -> bool:
        """Make `e` an RK operand; True if it is a constant."""
        if self.to_constant(e):
            return True
        self.to_any_register(e)
        return False

    def _emit_rk(self, opcode: int, a: int, b: int, c: Expression) -> None:
        k = self.to_register_or_constant(c)
        self.emit(opcode | a << 7 | k << 15 | b << 16 | c.info << 24)

    def store(self, variable: Expression, e: Expression) -> None:
        """Assign `e` to `variable`."""
        kind = variable.kind
        if kind == LOCAL:
            self.release_expression(e)
            self.to_register(e, variable.info)
            return
        if kind == UPVALUE:
            register = self.to_any_register(e)
            self.emit(op.SETUPVAL | register << 7 | variable.info << 16)
        elif kind == INDEXED_UPVALUE:
            self._emit_rk(op.SETTABUP, variable.info, variable.aux, e)
        elif kind == INDEXED_STRING:
            self._emit_rk(op.SETFIELD, variable.info, variable.aux, e)
        elif kind == INDEXED_INTEGER:
            self._emit_rk(op.SETI, variable.info, variable.aux, e)
        else:
            self._emit_rk(op.SETTABLE, variable.info, variable.aux, e)
        self.release_expression(e)

    def method(self, e: Expression, name: bytes) -> None:
        """Turn `e` into `e:name` with `e` itself behind it, ready for the arguments."""
        table = self.to_any_register(e)
        self.release_expression(e)
        base = self.free_register
        e.place(base)
        self.reserve(2)
        key = Expression(STRING, 0, name)
        self._emit_rk(op.SELF, base, table, key)
        self.release_expression(key)

    def _is_short_string(self, e: Expression) -> bool:
        if e.kind != INDEXED_CONSTANT or e.info > MAX_K_OPERAND or e.if_true or e.if_false:
            return False
        value = self.constants[e.info]
        return type(value) is bytes and len(value) <= MAX_SHORT_STRING

    def index(self, table: Expression, key: Expression) -> None:
        """Turn `table` (in a register or an upvalue) into `table[key]`."""
        if key.kind == STRING:
            key.info = self.string_constant(key.value)  # type: ignore[arg-type]
            key.kind = INDEXED_CONSTANT
        is_name = self._is_short_string(key)
        if table.kind == UPVALUE and not is_name:
            self.to_any_register(table)
        if is_name:
            table.kind = INDEXED_UPVALUE if table.kind == UPVALUE else INDEXED_STRING
            table.aux = key.info
        elif (
            key.kind == INTEGER and not (key.if_true or key.if_false) and 0 <= key.value <= MAX_K_OPERAND  # type: ignore[operator]
        ):
            table.kind = INDEXED_INTEGER
            table.aux = key.value  # type: ignore[assignment]
        else:
            table.aux = self.to_any_register(key)
            table.kind = INDEXED

    # Conditions

    def negate(self, e: Expression) -> None:
        """Turn a comparison around."""
        self.code[self.control_of(e.info)] ^= 1 << 15

    def _jump_if(self, e: Expression, condition: bool) -> int:
        """Emit a jump that is taken when `e` is `condition`; a `not` just before is absorbed."""
        if e.kind == RELOCATABLE:
            word = self.code[e.info]
            if word & 0x7F == op.NOT:
                self.remove_last()
                return self.emit_test(op.TEST, word >> 16 & 0xFF, 0, 0, not condition)
        self.any_register_for_value(e)
        self.release_expression(e)
        return self.emit_test(op.TESTSET, NO_REGISTER, e.info, 0, condition)

    def go_if_true(self, e: Expression) -> None:
        """Go on if `e` is true; where to go else is added to `e.if_false`."""
        self.discharge(e)
        kind = e.kind
        if kind == JUMP:
            self.negate(e)
            e.if_false += (e.info,)
        elif kind not in (INDEXED_CONSTANT, FLOAT, INTEGER, STRING, TRUE):
            pc = self._jump_if(e, False)
            e.if_false += (pc,)
        self.patch_here(e.if_true)
        e.if_true = ()

    def go_if_false(self, e: Expression) -> None:
        """Go on if `e` is false; where to go else is added to `e.if_true`."""
        self.discharge(e)
        kind = e.kind
        if kind == JUMP:
            e.if_true += (e.info,)
        elif kind not in (NIL, FALSE):
            pc = self._jump_if(e, True)
            e.if_true += (pc,)
        self.patch_here(e.if_false)
        e.if_false = ()
