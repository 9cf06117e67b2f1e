"""Unary and binary operators: folding, immediate and constant operands, comparisons as jumps, `and` and `or`."""

from __future__ import annotations

from engine.lua import opnumbers as op
from engine.lua.expressions import (
    FALSE,
    FLOAT,
    IN_REGISTER,
    INDEXED_CONSTANT,
    INTEGER,
    JUMP,
    NIL,
    RELOCATABLE,
    STRING,
    TRUE,
    Expression,
    ExpressionCode,
    fits_signed_c,
)
from engine.lua.folding import fold, fold_unary
from engine.lua.numbers import float_to_integer
from engine.lua.opcodes import OFFSET_SC

BINARY_PRIORITY: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("+", "-"), (10, 10)),
    **dict.fromkeys(("*", "/", "//", "%"), (11, 11)),
    "^": (14, 13),
    "..": (9, 8),
    **dict.fromkeys(("<<", ">>"), (7, 7)),
    "&": (6, 6),
    "~": (5, 5),
    "|": (4, 4),
    **dict.fromkeys(("==", "~=", "<", "<=", ">", ">="), (3, 3)),
    "and": (2, 2),
    "or": (1, 1),
}
"""Operator -> (how strongly it pulls to its left, to its right); different for those that group to the right."""

UNARY_PRIORITY = 12
UNARY = frozenset(("not", "-", "~", "#"))

_ARITHMETIC = ("+", "-", "*", "%", "^", "/", "//", "&", "|", "~", "<<", ">>")
_OFFSET = {operator: offset for offset, operator in enumerate(_ARITHMETIC)}
"""Distance from ADD, from ADDK (but for shifts) and from the event `add`."""
_EQUALITY = frozenset(("==", "~="))
_ORDER = frozenset(("<", "<=", ">", ">="))


def _small_integer(e: Expression) -> bool:
    """An integer literal that fits a signed operand."""
    return e.kind == INTEGER and not (e.if_true or e.if_false) and fits_signed_c(e.value)  # type: ignore[arg-type]


def _immediate(e: Expression) -> tuple[int | None, bool]:
    """A number literal that fits a signed operand, as stored there, else None; and whether it is a whole float.

    The second answer does not depend on the first one: that is how the reference implementation marks comparisons.
    """
    is_float = False
    if e.kind == INTEGER:
        whole: int | None = e.value  # type: ignore[assignment]
    elif e.kind == FLOAT:
        whole = float_to_integer(e.value)  # type: ignore[arg-type]
        is_float = whole is not None
    else:
        return None, False
    if whole is None or e.if_true or e.if_false or not fits_signed_c(whole):
        return None, is_float
    return whole + OFFSET_SC, is_float


class OperatorCode(ExpressionCode):
    """Adds operators. `prefix` for unary ones; `infix` before, `postfix` after the right operand has been read."""

    def prefix(self, operator: str, e: Expression, line: int) -> None:
        """Apply a unary operator that stands in `line`."""
        self.discharge(e)
        if operator == "not":
            self._not(e)
            return
        if operator != "#" and e.is_numeral:
            folded = fold_unary(operator, e.value)  # type: ignore[arg-type]
            if folded is not None:
                e.kind = INTEGER if type(folded) is int else FLOAT
                e.value = folded
                return
        register = self.to_any_register(e)
        self.release_expression(e)
        opcode = op.UNM if operator == "-" else op.BNOT if operator == "~" else op.LEN
        e.info = self.emit(opcode | register << 16)
        e.kind = RELOCATABLE
        self.set_line(line)

    def _not(self, e: Expression) -> None:
        kind = e.kind
        if kind in (NIL, FALSE):
            e.kind = TRUE
        elif kind in (INDEXED_CONSTANT, FLOAT, INTEGER, STRING, TRUE):
            e.kind = FALSE
        elif kind == JUMP:
            self.negate(e)
        else:
            self.any_register_for_value(e)
            self.release_expression(e)
            e.info = self.emit(op.NOT | e.info << 16)
            e.kind = RELOCATABLE
        e.if_true, e.if_false = e.if_false, e.if_true
        self.drop_values(e.if_false)
        self.drop_values(e.if_true)

    def infix(self, operator: str, e: Expression) -> None:
        """The left operand has been read: bring it where the operator wants it."""
        self.discharge(e)
        if operator in _OFFSET:
            if not e.is_numeral:
                self.to_any_register(e)
        elif operator == "..":
            self.to_next_register(e)
        elif operator == "and":
            self.go_if_true(e)
        elif operator == "or":
            self.go_if_false(e)
        elif operator in _EQUALITY:
            if not e.is_numeral:
                self.to_register_or_constant(e)
        elif _immediate(e)[0] is None:
            self.to_any_register(e)

    def postfix(self, operator: str, left: Expression, right: Expression, line: int) -> Expression:
        """Both operands have been read: the expression that they make. The operator stands in `line`."""
        self.discharge(right)
        if operator in _OFFSET:
            if left.is_numeral and right.is_numeral:
                folded = fold(operator, left.value, right.value)  # type: ignore[arg-type]
                if folded is not None:
                    left.kind = INTEGER if type(folded) is int else FLOAT
                    left.value = folded
                    return left
            return self._arithmetic(operator, left, right, line)
        if operator == "..":
            self.to_next_register(right)
            self._concat(left, right, line)
            return left
        if operator == "and":
            right.if_false += left.if_false
            return right
        if operator == "or":
            right.if_true += left.if_true
            return right
        if operator in _EQUALITY:
            return self._equality(operator, left, right)
        if operator in (">", ">="):
            return self._order("<" if operator == ">" else "<=", right, left)
        return self._order(operator, left, right)

    def _concat(self, left: Expression, right: Expression, line: int) -> None:
        """`left .. right`; if the right one is a concatenation itself, it gets one more operand."""
        code = self.code
        word = code[-1]
        if len(code) > self.last_target and word & 0x7F == op.CONCAT:
            count = word >> 16 & 0xFF
            self.release_expression(right)
            code[-1] = op.CONCAT | left.info << 7 | (count + 1) << 16
        else:
            self.emit(op.CONCAT | left.info << 7 | 2 << 16)
            self.release_expression(right)
            self.set_line(line)

    # Arithmetic

    def _finish(
        self, left: Expression, right: Expression, word: int, c: int, fallback: int, b: int, line: int
    ) -> Expression:
        """Emit the operation (`word` with operand `c`) and its metamethod fallback (`fallback` with operand `b`)."""
        register = self.to_any_register(left)
        pc = self.emit(word | register << 16 | c << 24)
        self.release_both(left, right)
        left.kind = RELOCATABLE
        left.info = pc
        self.set_line(line)
        self.emit(fallback | register << 7 | b << 16)
        self.set_line(line)
        return left

    def _registers(self, operator: str, left: Expression, right: Expression, line: int) -> Expression:
        """The operation on two registers."""
        offset = _OFFSET[operator]
        c = self.to_any_register(right)
        return self._finish(left, right, op.ADD + offset, c, op.MMBIN | (op.EVENT_ADD + offset) << 24, c, line)

    def _immediate_operand(
        self, opcode: int, event: int, left: Expression, right: Expression, flip: bool, line: int
    ) -> Expression:
        """The operation with an integer inside the instruction."""
        c: int = right.value + OFFSET_SC  # type: ignore[operator,assignment]
        return self._finish(left, right, opcode, c, op.MMBINI | event << 24 | flip << 15, c, line)

    def _constant_operand(
        self, operator: str, left: Expression, right: Expression, flip: bool, line: int
    ) -> Expression:
        """The operation with an entry of the constant table."""
        offset = _OFFSET[operator]
        fallback = op.MMBINK | (op.EVENT_ADD + offset) << 24 | flip << 15
        return self._finish(left, right, op.ADDK + offset, right.info, fallback, right.info, line)

    def _negated(self, opcode: int, event: int, left: Expression, right: Expression, line: int) -> Expression | None:
        """Subtraction as addition, left shift as right shift: of an integer whose negative fits as well."""
        if not _small_integer(right):
            return None
        value: int = right.value  # type: ignore[assignment]
        if not fits_signed_c(-value):
            return None
        fallback = op.MMBINI | event << 24
        return self._finish(left, right, opcode, OFFSET_SC - value, fallback, value + OFFSET_SC, line)

    def _arithmetic(self, operator: str, left: Expression, right: Expression, line: int) -> Expression:
        """Choose among registers, constants and immediates."""
        if operator in ("+", "*"):
            flip = left.is_numeral
            if flip:
                left, right = right, left
            if operator == "+" and _small_integer(right):
                return self._immediate_operand(op.ADDI, op.EVENT_ADD, left, right, flip, line)
            return self._with_constant(operator, left, right, flip, line)
        if operator in ("&", "|", "~"):
            flip = left.kind == INTEGER
            if flip:
                left, right = right, left
            if right.kind == INTEGER and self.to_constant(right):
                return self._constant_operand(operator, left, right, flip, line)
            return self._unflipped(operator, left, right, flip, line)
        if operator == "<<":
            if _small_integer(left):
                return self._immediate_operand(op.SHLI, op.EVENT_SHL, right, left, True, line)
            done = self._negated(op.SHRI, op.EVENT_SHL, left, right, line)
            return done or self._registers(operator, left, right, line)
        if operator == ">>":
            if _small_integer(right):
                return self._immediate_operand(op.SHRI, op.EVENT_SHR, left, right, False, line)
            return self._registers(operator, left, right, line)
        if operator == "-":
            done = self._negated(op.ADDI, op.EVENT_SUB, left, right, line)
            if done:
                return done
        return self._with_constant(operator, left, right, False, line)

    def _with_constant(self, operator: str, left: Expression, right: Expression, flip: bool, line: int) -> Expression:
        """With a constant on the right if there is a number that fits, else with two registers."""
        if right.is_numeral and self.to_constant(right):
            return self._constant_operand(operator, left, right, flip, line)
        return self._unflipped(operator, left, right, flip, line)

    def _unflipped(self, operator: str, left: Expression, right: Expression, flip: bool, line: int) -> Expression:
        """With two registers, in the order of the source."""
        return self._registers(operator, right, left, line) if flip else self._registers(operator, left, right, line)

    # Comparisons

    def _order(self, operator: str, left: Expression, right: Expression) -> Expression:
        """`<` and `<=`."""
        offset = operator == "<="
        b, is_float = _immediate(right)
        if b is not None:
            a = self.to_any_register(left)
            opcode = op.LTI + offset
        else:
            b, left_is_float = _immediate(left)
            is_float = is_float or left_is_float
            if b is not None:
                a = self.to_any_register(right)
                opcode = op.GTI + offset
            else:
                a = self.to_any_register(left)
                b = self.to_any_register(right)
                opcode = op.LT + offset
        self.release_both(left, right)
        left.info = self.emit_test(opcode, a, b, is_float, 1)
        left.kind = JUMP
        return left

    def _equality(self, operator: str, left: Expression, right: Expression) -> Expression:
        """`==` and `~=`."""
        if left.kind != IN_REGISTER:
            left, right = right, left
        a = self.to_any_register(left)
        b, is_float = _immediate(right)
        if b is not None:
            opcode = op.EQI
        elif self.to_register_or_constant(right):
            b = right.info
            opcode = op.EQK
        else:
            b = self.to_any_register(right)
            opcode = op.EQ
        self.release_both(left, right)
        left.info = self.emit_test(opcode, a, b, is_float, operator == "==")
        left.kind = JUMP
        return left
