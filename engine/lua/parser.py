"""Reading statements: one pass over the tokens, code on the way."""

from __future__ import annotations

from collections.abc import Callable

from engine.lua import opnumbers as op
from engine.lua.expression_parser import ENVIRONMENT, ExpressionParser
from engine.lua.expressions import (
    CALL,
    COMPILE_TIME,
    FALSE,
    INDEXED,
    INDEXED_STRING,
    INDEXED_UPVALUE,
    LOCAL,
    NIL,
    UPVALUE,
    VARARG,
    VOID,
    Expression,
)
from engine.lua.jumps import JumpList
from engine.lua.lexer import EOF
from engine.lua.opcodes import OFFSET_SBX
from engine.lua.proto import Proto
from engine.lua.scopes import BREAK, CONST, REGULAR, TO_BE_CLOSED, FunctionState
from engine.lua.tokens import MAX_LEVELS, token_text

_ENDS = frozenset(("else", "elseif", "end", EOF))
_ENDS_WITH_UNTIL = _ENDS | {"until"}
_FOR_STATE = b"(for state)"


class Parser(ExpressionParser):
    """Compiles one chunk: `Parser(source, chunk_name, levels).chunk()`."""

    def chunk(self) -> Proto:
        """The main function: takes extra arguments, has `_ENV` as its only upvalue."""
        function = self.function
        self.make_vararg(function)
        function.add_upvalue(ENVIRONMENT, True, 0, REGULAR)
        self.advance()
        self.block_body()
        if self.kind != EOF:
            raise self.syntax_error(f"{token_text(EOF)} expected")
        self.close_function()
        return function.proto

    def block_body(self) -> None:
        """Statements up to a token that ends a block, or up to a return."""
        while self.kind not in _ENDS_WITH_UNTIL:
            if self.kind == "return":
                self.statement()
                return
            self.statement()

    def _block(self) -> None:
        self.function.enter_block(False)
        self.block_body()
        self.function.leave_block()

    def statement(self) -> None:
        """One statement. Afterwards only variables hold registers."""
        self.levels += 1
        if self.levels >= MAX_LEVELS:
            raise self.limit_error("C stack overflow")
        handler = _STATEMENTS.get(self.kind)
        if handler is None:
            self._expression_statement()
        else:
            handler(self, self.line)
        function = self.function
        function.free_register = function.variable_registers
        self.levels -= 1

    # Assignments and calls

    def _expression_statement(self) -> None:
        e = self.suffixed()
        if self.kind == "=" or self.kind == ",":
            self._assignment(e)
        elif e.kind == CALL:
            self.function.set_c(e.info, 1)
        else:
            raise self.syntax_error("syntax error")

    def _check_target(self, target: Expression) -> None:
        """An assignment to `target` must be possible."""
        if not LOCAL <= target.kind <= INDEXED_STRING:
            raise self.syntax_error("syntax error")
        self._check_writable(target)

    def _check_writable(self, target: Expression) -> None:
        function = self.function
        if target.kind == LOCAL:
            variable = function.variables[target.aux]
            name = variable.name if variable.kind != REGULAR else None
        elif target.kind == UPVALUE:
            upvalue = function.proto.upvalues[target.info]
            name = upvalue.name if upvalue.kind != REGULAR else None
        elif target.kind == COMPILE_TIME:
            name = target.name
        else:
            return
        if name is not None:
            raise self.semantic_error(b"attempt to assign to const variable '%s'" % name)

    def _assignment(self, first: Expression) -> None:
        """`first, … = …`; the targets are assigned from right to left."""
        function = self.function
        targets = [first]
        self._check_target(first)
        while self.kind == ",":
            self.advance()
            target = self.suffixed()
            if not INDEXED <= target.kind <= INDEXED_STRING:
                self._protect(targets, target)
            targets.append(target)
            self.enter_level()
            self._check_target(target)
        self.expect("=")
        count, e = self.expressions()
        if count == len(targets):
            function.one_result(e)
            function.store(targets.pop(), e)
        else:
            function.adjust(len(targets), count, e)
        for target in reversed(targets):
            function.store(target, function.top_value())
        self.levels -= len(targets) - 1 if count != len(targets) + 1 else len(targets)

    def _protect(self, targets: list[Expression], assigned: Expression) -> None:
        """`assigned` is a plain variable: targets that use it as table or key get a copy of its old value."""
        function = self.function
        spare = function.free_register
        conflict = False
        for target in targets:
            if not INDEXED <= target.kind <= INDEXED_STRING:
                continue
            if target.kind == INDEXED_UPVALUE:
                if assigned.kind == UPVALUE and target.info == assigned.info:
                    conflict = True
                    target.kind = INDEXED_STRING
                    target.info = spare
            elif assigned.kind == LOCAL:
                register = assigned.info
                if target.info == register:
                    conflict = True
                    target.info = spare
                if target.kind == INDEXED and target.aux == register:
                    conflict = True
                    target.aux = spare
        if conflict:
            opcode = op.MOVE if assigned.kind == LOCAL else op.GETUPVAL
            function.emit_abc(opcode, spare, assigned.info, 0)
            function.reserve(1)

    # Blocks and conditions

    def _empty(self, _line: int) -> None:
        self.advance()

    def _do(self, line: int) -> None:
        self.advance()
        self._block()
        self.expect_close("end", "do", line)

    def _condition(self) -> JumpList:
        """A condition: the jumps to take when it is false."""
        e = self.expression()
        if e.kind == NIL:
            e.kind = FALSE
        self.function.go_if_true(e)
        return e.if_false

    def _while(self, line: int) -> None:
        function = self.function
        self.advance()
        start = function.mark_target()
        exits = self._condition()
        function.enter_block(True)
        self.expect("do")
        self._block()
        function.patch((function.emit_jump(),), start)
        self.expect_close("end", "while", line)
        function.leave_block()
        function.patch_here(exits)

    def _repeat(self, line: int) -> None:
        function = self.function
        start = function.mark_target()
        function.enter_block(True)
        scope = function.enter_block(False)
        self.advance()
        self.block_body()
        self.expect_close("until", "repeat", line)
        again = self._condition()
        function.leave_block()
        if scope.captured:
            leave = (function.emit_jump(),)
            function.patch_here(again)
            function.emit_abc(op.CLOSE, function.registers_below(scope.variables), 0, 0)
            again = (function.emit_jump(),)
            function.patch_here(leave)
        function.patch(again, start)
        function.leave_block()

    def _if(self, line: int) -> None:
        function = self.function
        escapes = self._then(())
        while self.kind == "elseif":
            escapes = self._then(escapes)
        if self.accept("else"):
            self._block()
        self.expect_close("end", "if", line)
        function.patch_here(escapes)

    def _then(self, escapes: JumpList) -> JumpList:
        """`if`/`elseif` with its condition and block; answers the jumps to the end of the whole statement."""
        function = self.function
        self.advance()
        e = self.expression()
        self.expect("then")
        if self.kind == "break":
            line = self.line
            function.go_if_false(e)
            self.advance()
            function.enter_block(False)
            function.add_goto(BREAK, line, e.if_true)
            while self.accept(";"):
                pass
            if self.kind in _ENDS:
                function.leave_block()
                return escapes
            skip: JumpList = (function.emit_jump(),)
        else:
            function.go_if_true(e)
            function.enter_block(False)
            skip = e.if_false
        self.block_body()
        function.leave_block()
        if self.kind == "else" or self.kind == "elseif":
            escapes += (function.emit_jump(),)
        function.patch_here(skip)
        return escapes

    # Loops with variables

    def _for(self, line: int) -> None:
        function = self.function
        function.enter_block(True)
        self.advance()
        name = self.take_name()
        if self.kind == "=":
            self._numeric_for(name, line)
        elif self.kind == "," or self.kind == "in":
            self._generic_for(name)
        else:
            raise self.syntax_error("'=' or 'in' expected")
        self.expect_close("end", "for", line)
        function.leave_block()

    def _one_value(self) -> None:
        self.function.to_next_register(self.expression())

    def _numeric_for(self, name: bytes, line: int) -> None:
        function = self.function
        base = function.free_register
        for variable in (_FOR_STATE, _FOR_STATE, _FOR_STATE, name):
            function.declare(variable)
        self.expect("=")
        self._one_value()
        self.expect(",")
        self._one_value()
        if self.accept(","):
            self._one_value()
        else:
            function.emit_abx(op.LOADI, function.free_register, 1 + OFFSET_SBX)
            function.reserve(1)
        function.activate(3)
        self._for_body(base, line, 1, False)

    def _generic_for(self, name: bytes) -> None:
        function = self.function
        base = function.free_register
        for variable in (_FOR_STATE, _FOR_STATE, _FOR_STATE, _FOR_STATE, name):
            function.declare(variable)
        count = 1
        while self.accept(","):
            function.declare(self.take_name())
            count += 1
        self.expect("in")
        line = self.line
        given, last = self.expressions()
        function.adjust(4, given, last)
        function.activate(4)
        function.mark_to_be_closed()
        function.need_registers(3)
        self._for_body(base, line, count, True)

    def _for_body(self, base: int, line: int, count: int, is_generic: bool) -> None:
        function = self.function
        self.expect("do")
        prepare = function.emit_abx(op.TFORPREP if is_generic else op.FORPREP, base, 0)
        function.enter_block(False)
        function.activate(count)
        function.reserve(count)
        self._block()
        function.leave_block()
        function.fix_loop_jump(prepare, function.mark_target(), back=False)
        if is_generic:
            function.emit_abc(op.TFORCALL, base, 0, count)
            function.set_line(line)
        end = function.emit_abx(op.TFORLOOP if is_generic else op.FORLOOP, base, 0)
        function.fix_loop_jump(end, prepare + 1, back=True)
        function.set_line(line)

    # Functions and local variables

    def _function(self, line: int) -> None:
        self.advance()
        target = self.variable(self.take_name())
        while self.kind == ".":
            self.field(target)
        is_method = self.kind == ":"
        if is_method:
            self.field(target)
        body = self.function_body(is_method, line)
        self._check_writable(target)
        self.function.store(target, body)
        self.function.set_line(line)

    def _local(self, _line: int) -> None:
        self.advance()
        if self.accept("function"):
            self._local_function()
        else:
            self._local_variables()

    def _local_function(self) -> None:
        function = self.function
        variable = function.declare(self.take_name())
        function.activate(1)
        self.function_body(False, self.line)
        if variable.info is not None:
            variable.info.start = len(function.code)

    def _attribute(self) -> int:
        if not self.accept("<"):
            return REGULAR
        name = self.take_name()
        self.expect(">")
        if name == b"const":
            return CONST
        if name == b"close":
            return TO_BE_CLOSED
        raise self.semantic_error(b"unknown attribute '%s'" % name)

    def _local_variables(self) -> None:
        function = self.function
        closing = -1
        count = 0
        while True:
            variable = function.declare(self.take_name())
            variable.kind = self._attribute()
            if variable.kind == TO_BE_CLOSED:
                if closing != -1:
                    raise self.semantic_error(b"multiple to-be-closed variables in local list")
                closing = function.active + count
            count += 1
            if not self.accept(","):
                break
        given, last = self.expressions() if self.accept("=") else (0, Expression(VOID))
        known = last.constant if count == given and variable.kind == CONST else None
        if known is not None:
            function.activate(count - 1)
            function.activate_constant(variable, known[0])
        else:
            function.adjust(count, given, last)
            function.activate(count)
        if closing != -1:
            function.mark_to_be_closed()
            function.emit_abc(op.TBC, function.registers_below(closing), 0, 0)

    # Jumps

    def _return(self, _line: int) -> None:
        self.advance()
        function = self.function
        first = function.variable_registers
        count = 0
        if self.kind not in _ENDS_WITH_UNTIL and self.kind != ";":
            count, e = self.expressions()
            if e.kind == CALL or e.kind == VARARG:
                function.set_results(e, -1)
                if e.kind == CALL and count == 1 and not self._inside_tbc(function):
                    function.code[e.info] = function.code[e.info] & ~0x7F | op.TAILCALL
                count = -1
            elif count == 1:
                first = function.to_any_register(e)
            else:
                function.to_next_register(e)
        function.emit_return(first, count)
        self.accept(";")

    @staticmethod
    def _inside_tbc(function: FunctionState) -> bool:
        return function.block is not None and function.block.inside_tbc

    def _break(self, line: int) -> None:
        self.advance()
        self.function.add_goto(BREAK, line, (self.function.emit_jump(),))

    def _goto(self, _line: int) -> None:
        self.advance()
        function = self.function
        line = self.line
        name = self.take_name()
        label = function.find_label(name)
        if label is None:
            function.add_goto(name, line, (function.emit_jump(),))
            return
        if function.variable_registers > label.registers:
            function.emit_abc(op.CLOSE, label.registers, 0, 0)
        function.patch((function.emit_jump(),), label.target)

    def _label(self, line: int) -> None:
        self.advance()
        name = self.take_name()
        self.expect("::")
        while self.kind == ";" or self.kind == "::":
            self.statement()
        earlier = self.function.find_label(name)
        if earlier is not None:
            raise self.semantic_error(b"label '%s' already defined on line %d" % (name, earlier.line))
        self.function.place_label(name, line, self.kind in _ENDS)


_STATEMENTS: dict[str, Callable[[Parser, int], None]] = {
    ";": Parser._empty,
    "if": Parser._if,
    "while": Parser._while,
    "do": Parser._do,
    "for": Parser._for,
    "repeat": Parser._repeat,
    "function": Parser._function,
    "local": Parser._local,
    "::": Parser._label,
    "return": Parser._return,
    "break": Parser._break,
    "goto": Parser._goto,
}
