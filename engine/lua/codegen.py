"""Emitting instructions: words, line information, registers and the constant table of one function.

The first of the layers that make up a function under construction; each adds what its name says:
codegen (`FunctionCode`) - jumps (`JumpCode`) - expressions (`ExpressionCode`) - operators (`OperatorCode`) -
scopes (`FunctionState`).
"""

from __future__ import annotations

import math
from typing import Protocol

from engine.lua import opnumbers as op
from engine.lua.numbers import float_to_integer
from engine.lua.opcodes import (
    MAXARG_AX,
    MAXARG_BX,
    OFFSET_SBX,
)
from engine.lua.proto import ABSOLUTE_LINE, Constant, Proto

MAX_REGISTERS = 255
MAX_WITHOUT_ABSOLUTE = 128
"""After this many instructions with relative line information the next one gets an absolute line."""

ConstantKey = int | float | bytes | str
"""How constants are found again; strings are bytes, so the three words below cannot clash with one."""

_FLOAT_KEY_SHIFT = math.ldexp(1.0, -52)
_A_MASK = ~(0xFF << 7)


class TokenPosition(Protocol):
    """What code generation needs of the parser: where it reads, and how to complain."""

    last_line: int
    constant_keys: dict[ConstantKey, int]

    def syntax_error(self, message: str) -> Exception:
        """The error, to be raised, that quotes the token being read."""
        ...

    def semantic_error(self, message: bytes) -> Exception:
        """The error, to be raised, that quotes nothing."""
        ...

    def limit_error(self, message: str) -> Exception:
        """The error, to be raised, for a limit of the implementation: no position in the message."""
        ...


class FunctionCode:
    """The instruction stream of one function, with everything that follows from emitting."""

    def __init__(self, proto: Proto, tokens: TokenPosition) -> None:
        self.proto = proto
        self.tokens = tokens
        self.code = proto.code
        self.line_info = proto.line_info
        self.constants = proto.constants
        self.previous_line = proto.line_defined
        self.since_absolute = 0
        """Instructions since the last one with an absolute line."""
        self.last_target = 0
        """The last instruction that a jump may lead to: nothing before it may be changed after the fact."""
        self.free_register = 0
        """The first register that holds nothing."""
        self.variable_registers = 0
        """How many registers belong to active variables; those above are temporaries."""
        self.needs_close = False

    # Emission

    def emit(self, word: int) -> int:
        """Append an instruction with the line of the token read last; answers its position."""
        code = self.code
        pc = len(code)
        code.append(word)
        line = self.tokens.last_line
        distance = line - self.previous_line
        if self.since_absolute < MAX_WITHOUT_ABSOLUTE and -128 < distance < 128:
            self.since_absolute += 1
            self.line_info.append(distance)
        else:
            self.proto.absolute_lines.append((pc, line))
            self.line_info.append(ABSOLUTE_LINE)
            self.since_absolute = 1
        self.previous_line = line
        return pc

    def emit_abc(self, opcode: int, a: int, b: int, c: int, k: int = 0) -> int:
        """Append an iABC instruction."""
        return self.emit(opcode | a << 7 | k << 15 | b << 16 | c << 24)

    def emit_abx(self, opcode: int, a: int, bx: int) -> int:
        """Append an iABx instruction."""
        return self.emit(opcode | a << 7 | bx << 15)

    def emit_extra(self, ax: int) -> int:
        """Append the EXTRAARG of the instruction before."""
        return self.emit(op.EXTRAARG | ax << 7)

    def set_line(self, line: int) -> None:
        """Give the last instruction another line."""
        if line == self.previous_line:
            return
        self._forget_line()
        pc = len(self.code) - 1
        distance = line - self.previous_line
        if self.since_absolute < MAX_WITHOUT_ABSOLUTE and -128 < distance < 128:
            self.since_absolute += 1
            self.line_info.append(distance)
        else:
            self.proto.absolute_lines.append((pc, line))
            self.line_info.append(ABSOLUTE_LINE)
            self.since_absolute = 1
        self.previous_line = line

    def _forget_line(self) -> None:
        """Take the last line information back. An absolute one is replaced by an absolute one, whatever the line."""
        distance = self.line_info.pop()
        if distance == ABSOLUTE_LINE:
            self.proto.absolute_lines.pop()
            self.since_absolute = MAX_WITHOUT_ABSOLUTE + 1
        else:
            self.previous_line -= distance
            self.since_absolute -= 1

    def remove_last(self) -> None:
        """Take the last instruction back."""
        self._forget_line()
        self.code.pop()

    def set_a(self, pc: int, a: int) -> None:
        """Change operand A of an instruction."""
        self.code[pc] = self.code[pc] & _A_MASK | a << 7

    def set_c(self, pc: int, c: int) -> None:
        """Change operand C of an instruction."""
        self.code[pc] = self.code[pc] & 0x00FFFFFF | c << 24

    def mark_target(self) -> int:
        """The position of the next instruction, which from now on counts as the target of a jump."""
        self.last_target = len(self.code)
        return self.last_target

    # Registers

    def need_registers(self, count: int) -> None:
        """Make sure that `count` registers above the ones in use exist."""
        size = self.free_register + count
        if size > self.proto.max_stack:
            if size >= MAX_REGISTERS:
                raise self.tokens.syntax_error("function or expression needs too many registers")
            self.proto.max_stack = size

    def reserve(self, count: int) -> None:
        """Take `count` registers."""
        size = self.free_register + count
        if size > self.proto.max_stack:
            self.need_registers(count)
        self.free_register = size

    def release(self, register: int) -> None:
        """Give a register back, if it is a temporary."""
        if register >= self.variable_registers:
            self.free_register -= 1

    def release_two(self, first: int, second: int) -> None:
        """Give back two registers, those that are temporaries; -1 stands for none."""
        limit = self.variable_registers
        self.free_register -= (first >= limit) + (second >= limit)

    # Constants

    def _constant(self, key: ConstantKey, value: Constant) -> int:
        """The index of a constant. All functions of a chunk share the key table, so an entry may be stale."""
        keys = self.tokens.constant_keys
        index = keys.get(key)
        constants = self.constants
        if index is not None and index < len(constants):
            found = constants[index]
            if type(found) is type(value) and found == value:
                return index
        index = len(constants)
        if index > MAXARG_AX:
            raise self.tokens.limit_error(f"too many constants (limit is {MAXARG_AX})")
        keys[key] = index
        constants.append(value)
        return index

    def string_constant(self, value: bytes) -> int:
        """The index of a string in the constant table."""
        return self._constant(value, value)

    def integer_constant(self, value: int) -> int:
        """The index of an integer in the constant table."""
        return self._constant(value, value)

    def float_constant(self, value: float) -> int:
        """The index of a float; one with a whole value gets a key slightly beside it, as integers have that one."""
        whole = float_to_integer(value)
        if whole is None:
            return self._constant(value, value)
        key = _FLOAT_KEY_SHIFT if whole == 0 else value + value * _FLOAT_KEY_SHIFT
        return self._constant(key, value)

    def boolean_constant(self, value: bool) -> int:
        """The index of true or false in the constant table."""
        return self._constant("true" if value else "false", value)

    def nil_constant(self) -> int:
        """The index of nil in the constant table."""
        return self._constant("nil", None)

    # Loads

    def load_constant(self, register: int, index: int) -> int:
        """Emit the load of a constant by its index."""
        if index <= MAXARG_BX:
            return self.emit_abx(op.LOADK, register, index)
        pc = self.emit_abx(op.LOADKX, register, 0)
        self.emit_extra(index)
        return pc

    def load_integer(self, register: int, value: int) -> None:
        """Emit the load of an integer."""
        if -OFFSET_SBX <= value <= MAXARG_BX - OFFSET_SBX:
            self.emit_abx(op.LOADI, register, value + OFFSET_SBX)
        else:
            self.load_constant(register, self.integer_constant(value))

    def load_float(self, register: int, value: float) -> None:
        """Emit the load of a float."""
        whole = float_to_integer(value)
        if whole is not None and -OFFSET_SBX <= whole <= MAXARG_BX - OFFSET_SBX:
            self.emit_abx(op.LOADF, register, whole + OFFSET_SBX)
        else:
            self.load_constant(register, self.float_constant(value))

    def load_nil(self, first: int, count: int) -> None:
        """Emit nil for `count` registers, widening a LOADNIL just before if the two ranges touch."""
        last = first + count - 1
        code = self.code
        if len(code) > self.last_target and code and code[-1] & 0x7F == op.LOADNIL:
            old_first = code[-1] >> 7 & 0xFF
            old_last = old_first + (code[-1] >> 16 & 0xFF)
            if old_first <= first <= old_last + 1 or first <= old_first <= last + 1:
                first, last = min(first, old_first), max(last, old_last)
                code[-1] = op.LOADNIL | first << 7 | (last - first) << 16
                return
        self.emit_abc(op.LOADNIL, first, count - 1, 0)

    def emit_return(self, first: int, count: int) -> None:
        """Emit the return of `count` values from register `first` on; -1 = all up to the top."""
        opcode = op.RETURN0 if count == 0 else op.RETURN1 if count == 1 else op.RETURN
        self.emit_abc(opcode, first, count + 1, 0)
