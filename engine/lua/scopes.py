"""Names: local variables, upvalues, blocks, labels and gotos of one function under construction."""

from __future__ import annotations

from typing import Final

from engine.lua import opnumbers as op
from engine.lua.codegen import TokenPosition
from engine.lua.expressions import CALL, COMPILE_TIME, IN_REGISTER, LOCAL, UPVALUE, VARARG, VOID, Expression
from engine.lua.jumps import JumpList
from engine.lua.operators import OperatorCode
from engine.lua.proto import Constant, LocalInfo, Proto, UpvalueInfo

REGULAR: Final = 0
CONST: Final = 1
TO_BE_CLOSED: Final = 2
COMPILE_TIME_CONST: Final = 3

MAX_VARIABLES = 200
MAX_UPVALUES = 255
MAX_SHORT = 32767
"""Limit of lists whose length the reference implementation keeps in 16 bits."""

BREAK = b"break"


class Variable:
    """A declared local variable. It has a register only once it is active, and none if it is a compile-time const."""

    __slots__ = ("info", "kind", "name", "number", "register", "shadowed", "value")

    def __init__(self, name: bytes, number: int) -> None:
        self.name = name
        self.number = number
        """Its place among the function's declared variables."""
        self.kind = REGULAR
        self.register = 0
        self.value: Constant = None
        self.info: LocalInfo | None = None
        self.shadowed: Variable | None = None
        """The active variable of the same name that this one hides."""


class Label:
    """A label, or a goto that waits for one."""

    __slots__ = ("closes", "jumps", "line", "name", "registers", "target", "variables")

    def __init__(self, name: bytes, line: int, variables: int, registers: int) -> None:
        self.name = name
        self.line = line
        self.variables = variables
        """Active variables there."""
        self.registers = registers
        """Registers that these take."""
        self.target = 0
        """Label: the instruction that it marks."""
        self.jumps: JumpList = ()
        """Goto: its jumps."""
        self.closes = False
        """Goto: it leaves the scope of a variable that some closure captured."""


class Block:
    """A block being read."""

    __slots__ = ("captured", "first_goto", "first_label", "inside_tbc", "is_loop", "previous", "variables")

    def __init__(self, previous: Block | None, is_loop: bool) -> None:
        self.previous = previous
        self.is_loop = is_loop
        self.variables = 0
        """Active variables outside of it."""
        self.first_label = 0
        self.first_goto = 0
        self.captured = False
        """One of its variables is an upvalue of some closure or to be closed."""
        self.inside_tbc: bool = previous is not None and previous.inside_tbc
        """Inside the scope of a to-be-closed variable: no tail calls."""


class FunctionState(OperatorCode):
    """A function under construction, complete."""

    def __init__(self, proto: Proto, parent: FunctionState | None, tokens: TokenPosition) -> None:
        super().__init__(proto, tokens)
        self.parent = parent
        self.variables: list[Variable] = []
        """Declared ones; the first `active` of them are active."""
        self.active = 0
        self.visible: dict[bytes, Variable] = {}
        """Active variables by name; hidden ones hang on them."""
        self.upvalue_numbers: dict[bytes, int] = {}
        self.labels: list[Label] = []
        self.label_names: dict[bytes, Label] = {}
        self.gotos: list[Label] = []
        self.goto_names: dict[bytes, int] = {}
        """How many of the waiting gotos have each name."""
        self.block: Block | None = None
        self.enter_block(False)

    def check_limit(self, value: int, limit: int, what: str) -> None:
        """Complain if this function has more than `limit` of something."""
        if value > limit:
            line = self.proto.line_defined
            where = f"function at line {line}" if line else "main function"
            raise self.tokens.syntax_error(f"too many {what} (limit is {limit}) in {where}")

    # Local variables

    def declare(self, name: bytes) -> Variable:
        """A new local variable, not active yet."""
        number = len(self.variables)
        if number >= MAX_VARIABLES:
            self.check_limit(number + 1, MAX_VARIABLES, "local variables")
        variable = Variable(name, number)
        self.variables.append(variable)
        return variable

    def activate(self, count: int) -> None:
        """The next `count` declared variables come into scope, in the registers that hold their values."""
        start = len(self.code)
        visible, register, debug = self.visible, self.variable_registers, self.proto.locals
        for variable in self.variables[self.active : self.active + count]:
            variable.register = register
            register += 1
            if len(debug) >= MAX_SHORT:
                raise self.tokens.limit_error(f"too many local variables (limit is {MAX_SHORT})")
            variable.info = LocalInfo(variable.name, start)
            debug.append(variable.info)
            variable.shadowed = visible.get(variable.name)
            visible[variable.name] = variable
        self.active += count
        self.variable_registers = register

    def activate_constant(self, variable: Variable, value: Constant) -> None:
        """The next declared variable comes into scope as a compile-time const: no register, no debug information."""
        variable.kind = COMPILE_TIME_CONST
        variable.value = value
        variable.shadowed = self.visible.get(variable.name)
        self.visible[variable.name] = variable
        self.active += 1

    def registers_below(self, count: int) -> int:
        """How many registers the first `count` declared variables take."""
        while count > 0:
            count -= 1
            variable = self.variables[count]
            if variable.kind != COMPILE_TIME_CONST:
                return variable.register + 1
        return 0

    def _deactivate(self, count: int) -> None:
        """All variables but the first `count` go out of scope."""
        end = len(self.code)
        variables, visible = self.variables, self.visible
        while self.active > count:
            self.active -= 1
            variable = variables.pop()
            if variable.info is not None:
                variable.info.end = end
            if variable.shadowed is None:
                del visible[variable.name]
            else:
                visible[variable.name] = variable.shadowed
        self.variable_registers = self.registers_below(count)

    # Upvalues

    def add_upvalue(self, name: bytes, in_stack: bool, index: int, kind: int) -> int:
        """A new upvalue; answers its number."""
        number = len(self.proto.upvalues)
        if number >= MAX_UPVALUES:
            self.check_limit(number + 1, MAX_UPVALUES, "upvalues")
        self.proto.upvalues.append(UpvalueInfo(name, in_stack, index, kind))
        self.upvalue_numbers[name] = number
        return number

    def find(self, name: bytes) -> Expression | None:
        """What `name` means here: a local, an upvalue (made on the way if need be), a constant; None for a global."""
        variable = self.visible.get(name)
        if variable is not None:
            if variable.kind == COMPILE_TIME_CONST:
                return Expression(COMPILE_TIME, 0, variable.value, name)
            e = Expression(LOCAL, variable.register)
            e.aux = variable.number
            return e
        number = self.upvalue_numbers.get(name)
        return Expression(UPVALUE, number) if number is not None else self._capture(name)

    def _capture(self, name: bytes) -> Expression | None:
        """`find` for a name that is no local and no upvalue so far: look outwards, then hand it down again."""
        inner = [self]
        function = self.parent
        while function is not None:
            variable = function.visible.get(name)
            if variable is not None:
                if variable.kind == COMPILE_TIME_CONST:
                    return Expression(COMPILE_TIME, 0, variable.value, name)
                function.mark_captured(variable.number)
                in_stack, index, kind = True, variable.register, variable.kind
                break
            number = function.upvalue_numbers.get(name)
            if number is not None:
                in_stack, index, kind = False, number, function.proto.upvalues[number].kind
                break
            inner.append(function)
            function = function.parent
        else:
            return None
        for state in reversed(inner):
            index = state.add_upvalue(name, in_stack, index, kind)
            in_stack = False
        return Expression(UPVALUE, index)

    def mark_captured(self, number: int) -> None:
        """Some closure captures variable `number`: its block has to close it."""
        block = self.block
        while block is not None and block.variables > number:
            block = block.previous
        if block is not None:
            block.captured = True
        self.needs_close = True

    def mark_to_be_closed(self) -> None:
        """The current block has a to-be-closed variable."""
        assert self.block is not None  # noqa: S101 (a function being read always has a block)
        self.block.captured = True
        self.block.inside_tbc = True
        self.needs_close = True

    # Blocks

    def enter_block(self, is_loop: bool) -> Block:
        """Start a block."""
        block = Block(self.block, is_loop)
        block.variables = self.active
        block.first_label = len(self.labels)
        block.first_goto = len(self.gotos)
        self.block = block
        return block

    def leave_block(self) -> None:
        """End the current block: its variables die, its breaks land here, its open gotos move outwards."""
        block = self.block
        assert block is not None  # noqa: S101 (callers pair it with enter_block)
        level = self.registers_below(block.variables)
        self._deactivate(block.variables)
        closed = block.is_loop and self.place_label(BREAK, 0, False)
        if not closed and block.captured and block.previous is not None:
            self.emit_abc(op.CLOSE, level, 0, 0)
        self.free_register = level
        for label in self.labels[block.first_label :]:
            self.label_names.pop(label.name, None)
        del self.labels[block.first_label :]
        self.block = block.previous
        if block.previous is not None:
            for goto in self.gotos[block.first_goto :]:
                if goto.registers > level:
                    goto.closes |= block.captured
                goto.variables = block.variables
                goto.registers = level
        elif len(self.gotos) > block.first_goto:
            self._undefined(self.gotos[block.first_goto])

    def _undefined(self, goto: Label) -> None:
        if goto.name == BREAK:
            raise self.semantic_error(b"break outside loop at line %d" % goto.line)
        raise self.semantic_error(b"no visible label '%s' for <goto> at line %d" % (goto.name, goto.line))

    def semantic_error(self, message: bytes) -> Exception:
        """An error that quotes no token."""
        return self.tokens.semantic_error(message)

    # Labels

    def add_goto(self, name: bytes, line: int, jumps: JumpList) -> None:
        """A jump to a label that has not been seen yet."""
        goto = Label(name, line, self.active, self.variable_registers)
        goto.jumps = jumps
        self._check_label_limit(self.gotos)
        self.gotos.append(goto)
        self.goto_names[name] = self.goto_names.get(name, 0) + 1

    def _check_label_limit(self, labels: list[Label]) -> None:
        if len(labels) >= MAX_SHORT:
            raise self.tokens.limit_error(f"too many labels/gotos (limit is {MAX_SHORT})")

    def find_label(self, name: bytes) -> Label | None:
        """The visible label of that name in this function."""
        return self.label_names.get(name)

    def place_label(self, name: bytes, line: int, is_last: bool) -> bool:
        """A label here; waiting gotos of this block jump to it. True if a CLOSE had to be emitted.

        `is_last`: only void statements follow in the block, so its variables count as out of scope already.
        """
        block = self.block
        assert block is not None  # noqa: S101 (a function being read always has a block)
        self._check_label_limit(self.labels)
        variables = block.variables if is_last else self.active
        label = Label(name, line, variables, self.registers_below(variables))
        label.target = self.mark_target()
        self.labels.append(label)
        self.label_names[name] = label
        if not self.goto_names.get(name):
            return False
        closes = False
        waiting = self.gotos[: block.first_goto]
        for goto in self.gotos[block.first_goto :]:
            if goto.name != name:
                waiting.append(goto)
                continue
            closes |= goto.closes
            if goto.variables < label.variables:
                local = self.variables[goto.variables].name
                text = b"<goto %s> at line %d jumps into the scope of local '%s'" % (goto.name, goto.line, local)
                raise self.semantic_error(text)
            self.patch(goto.jumps, label.target)
            self.goto_names[name] -= 1
        self.gotos = waiting
        if closes:
            self.emit_abc(op.CLOSE, self.variable_registers, 0, 0)
        return closes

    # Lists of values

    def adjust(self, wanted: int, given: int, last: Expression) -> None:
        """Make `given` expressions, the last of them not loaded yet, into `wanted` values in registers."""
        missing = wanted - given
        if last.kind == CALL or last.kind == VARARG:
            self.set_results(last, max(missing + 1, 0))
        else:
            if last.kind != VOID:
                self.to_next_register(last)
            if missing > 0:
                self.load_nil(self.free_register, missing)
        if missing > 0:
            self.reserve(missing)
        else:
            self.free_register += missing

    def top_value(self) -> Expression:
        """The value in the last used register."""
        return Expression(IN_REGISTER, self.free_register - 1)
