"""Reading expressions, from names and constructors to operators and function bodies."""

from __future__ import annotations

from engine.lua import opnumbers as op
from engine.lua.expressions import (
    CALL,
    FALSE,
    FLOAT,
    IN_REGISTER,
    INTEGER,
    NIL,
    RELOCATABLE,
    STRING,
    TRUE,
    VARARG,
    Expression,
)
from engine.lua.lexer import FLOAT as FLOAT_TOKEN
from engine.lua.lexer import INTEGER as INTEGER_TOKEN
from engine.lua.lexer import NAME
from engine.lua.lexer import STRING as STRING_TOKEN
from engine.lua.opcodes import MAXARG_BX
from engine.lua.operators import BINARY_PRIORITY, UNARY, UNARY_PRIORITY
from engine.lua.proto import Proto
from engine.lua.scopes import FunctionState
from engine.lua.tokens import MAX_LEVELS, TokenStream

ITEMS_PER_SETLIST = 50
ENVIRONMENT = b"_ENV"
_LITERALS = {
    NAME: 0,
    INTEGER_TOKEN: INTEGER,
    FLOAT_TOKEN: FLOAT,
    STRING_TOKEN: STRING,
    "nil": NIL,
    "true": TRUE,
    "false": FALSE,
}


class ExpressionParser(TokenStream):
    """Reads expressions; code goes to the function under construction, `self.function`."""

    def __init__(self, source: bytes, chunk_name: bytes, levels: int) -> None:
        super().__init__(source, chunk_name, levels)
        self.function = FunctionState(Proto(chunk_name), None, self)

    def block_body(self) -> None:
        """Read statements up to the end of the block; the statement parser knows how."""
        raise NotImplementedError

    # Names

    def variable(self, name: bytes) -> Expression:
        """The variable `name`; a global is a field of `_ENV`."""
        function = self.function
        e = function.find(name)
        if e is None:
            e = function.find(ENVIRONMENT)
            assert e is not None  # noqa: S101 (the main function has it)
            function.to_register_or_upvalue(e)
            function.index(e, Expression(STRING, 0, name))
        return e

    def field(self, e: Expression) -> None:
        """`.name` or `:name` (as a field) after `e`."""
        self.function.to_register_or_upvalue(e)
        self.advance()
        self.function.index(e, Expression(STRING, 0, self.take_name()))

    def bracket_index(self) -> Expression:
        """`[expression]`."""
        self.advance()
        key = self.expression()
        self.function.to_value(key)
        self.expect("]")
        return key

    # Constructors

    def constructor(self) -> Expression:
        """`{ … }`: array items wait in registers and are stored in batches."""
        function = self.function
        line = self.line
        pc = function.emit(op.NEWTABLE)
        function.emit(0)
        table = Expression(IN_REGISTER, function.free_register)
        register = table.info
        function.reserve(1)
        item: Expression | None = None
        waiting = stored = named = 0
        self.expect("{")
        while self.kind != "}":
            if item is not None:
                function.to_next_register(item)
                item = None
                if waiting == ITEMS_PER_SETLIST:
                    self._set_list(register, stored, waiting)
                    stored += waiting
                    waiting = 0
            if self.kind == "[" or (self.kind == NAME and self.look_ahead() == "="):
                self._record_field(register)
                named += 1
            else:
                item = self.expression()
                waiting += 1
            if self.kind != "," and self.kind != ";":
                break
            self.advance()
        self.expect_close("}", "{", line)
        if waiting:
            if item is not None and (item.kind == CALL or item.kind == VARARG):
                function.set_results(item, -1)
                self._set_list(register, stored, 0)
                stored -= 1
            else:
                if item is not None:
                    function.to_next_register(item)
                self._set_list(register, stored, waiting)
            stored += waiting
        hash_size = (named - 1).bit_length() + 1 if named else 0
        extra = stored >> 8
        function.code[pc] = (
            op.NEWTABLE | register << 7 | (extra > 0) << 15 | (hash_size & 0xFF) << 16 | (stored & 0xFF) << 24
        )
        function.code[pc + 1] = op.EXTRAARG | extra << 7
        return table

    def _record_field(self, register: int) -> None:
        """`name = value` or `[key] = value`, stored at once."""
        function = self.function
        free = function.free_register
        key = Expression(STRING, 0, self.take_name()) if self.kind == NAME else self.bracket_index()
        self.expect("=")
        target = Expression(IN_REGISTER, register)
        function.index(target, key)
        function.store(target, self.expression())
        function.free_register = free

    def _set_list(self, register: int, stored: int, count: int) -> None:
        """Store the `count` values behind the table (0 = all up to the top) after the first `stored` items."""
        function = self.function
        if stored <= 255:
            function.emit_abc(op.SETLIST, register, count, stored)
        else:
            function.emit_abc(op.SETLIST, register, count, stored & 0xFF, 1)
            function.emit_extra(stored >> 8)
        function.free_register = register + 1

    # Functions

    def function_body(self, is_method: bool, line: int) -> Expression:
        """Parameters, statements and `end`; the closure ends up in the next register."""
        outer = self.function
        protos = outer.proto.protos
        if len(protos) >= MAXARG_BX:
            raise self.limit_error(f"too many functions (limit is {MAXARG_BX})")
        proto = Proto(outer.proto.source, line)
        protos.append(proto)
        function = self.function = FunctionState(proto, outer, self)
        self.expect("(")
        if is_method:
            function.declare(b"self")
            function.activate(1)
        self._parameters(function)
        self.expect(")")
        self.block_body()
        proto.last_line = self.line
        self.expect_close("end", "function", line)
        closure = Expression(RELOCATABLE, outer.emit_abx(op.CLOSURE, 0, len(protos) - 1))
        outer.to_next_register(closure)
        self.close_function()
        return closure

    def _parameters(self, function: FunctionState) -> None:
        count = 0
        is_vararg = False
        if self.kind != ")":
            while True:
                if self.kind == NAME:
                    function.declare(self.take_name())
                    count += 1
                elif self.kind == "...":
                    self.advance()
                    is_vararg = True
                else:
                    raise self.syntax_error("<name> or '...' expected")
                if is_vararg or not self.accept(","):
                    break
        function.activate(count)
        function.proto.parameters = function.active
        if is_vararg:
            self.make_vararg(function)
        function.reserve(function.active)

    def make_vararg(self, function: FunctionState) -> None:
        """The function takes extra arguments."""
        function.proto.is_vararg = True
        function.emit_abc(op.VARARGPREP, function.proto.parameters, 0, 0)

    def close_function(self) -> None:
        """End the function under construction and go back to the one around it."""
        function = self.function
        function.emit_return(function.variable_registers, 0)
        function.leave_block()
        function.finish()
        if function.parent is not None:
            self.function = function.parent

    # Calls

    def _arguments(self, e: Expression) -> None:
        """The arguments of a call of `e`, which stands in the last used register (`self` behind it for a method)."""
        function = self.function
        line = self.line
        symbol = self.kind
        last: Expression | None = None
        if symbol == "(":
            self.advance()
            if self.kind != ")":
                _, last = self.expressions()
                if last.kind == CALL or last.kind == VARARG:
                    function.set_results(last, -1)
            self.expect_close(")", "(", line)
        elif symbol == STRING_TOKEN:
            last = Expression(STRING, 0, self.value)  # type: ignore[arg-type]
            self.advance()
        elif symbol == "{":
            last = self.constructor()
        else:
            raise self.syntax_error("function arguments expected")
        base = e.info
        if last is not None and (last.kind == CALL or last.kind == VARARG):
            count = -1
        else:
            if last is not None:
                function.to_next_register(last)
            count = function.free_register - base - 1
        e.kind = CALL
        e.info = function.emit(op.CALL | base << 7 | (count + 1) << 16 | 2 << 24)
        function.set_line(line)
        function.free_register = base + 1

    # Expressions

    def primary(self) -> Expression:
        """A name or a parenthesized expression."""
        if self.kind == NAME:
            name: bytes = self.value  # type: ignore[assignment]
            self.advance()
            return self.variable(name)
        if self.kind == "(":
            line = self.line
            self.advance()
            e = self.expression()
            self.expect_close(")", "(", line)
            self.function.discharge(e)
            return e
        raise self.syntax_error("unexpected symbol")

    def suffixed(self) -> Expression:
        """A primary expression with fields, indices, method calls and calls after it."""
        e = self.primary()
        function = self.function
        while True:
            symbol = self.kind
            if symbol == ".":
                self.field(e)
            elif symbol == "(" or symbol == STRING_TOKEN or symbol == "{":
                function.to_next_register(e)
                self._arguments(e)
            elif symbol == "[":
                function.to_register_or_upvalue(e)
                function.index(e, self.bracket_index())
            elif symbol == ":":
                self.advance()
                function.method(e, self.take_name())
                self._arguments(e)
            else:
                return e

    def _simple(self) -> Expression:
        """A literal, `...`, a constructor, a function, or a suffixed expression."""
        symbol = self.kind
        kind = _LITERALS.get(symbol)
        if kind == 0:
            return self.suffixed()
        if kind is not None:
            e = Expression(kind, 0, self.value if kind >= FLOAT else None)  # type: ignore[arg-type]
        elif symbol == "{":
            return self.constructor()
        elif symbol == "function":
            self.advance()
            return self.function_body(False, self.line)
        elif symbol == "...":
            if not self.function.proto.is_vararg:
                raise self.syntax_error("cannot use '...' outside a vararg function")
            e = Expression(VARARG, self.function.emit_abc(op.VARARG, 0, 0, 1))
        else:
            return self.suffixed()
        self.advance()
        return e

    def expression(self, limit: int = 0) -> Expression:
        """An expression whose operators all bind tighter than `limit`."""
        self.levels += 1
        if self.levels >= MAX_LEVELS:
            raise self.limit_error("C stack overflow")
        symbol = self.kind
        if symbol in UNARY:
            line = self.line
            self.advance()
            e = self.expression(UNARY_PRIORITY)
            self.function.prefix(symbol, e, line)
        else:
            e = self._simple()
        symbol = self.kind
        priority = BINARY_PRIORITY.get(symbol)
        while priority is not None and priority[0] > limit:
            line = self.line
            self.advance()
            function = self.function
            function.infix(symbol, e)
            e = function.postfix(symbol, e, self.expression(priority[1]), line)
            symbol = self.kind
            priority = BINARY_PRIORITY.get(symbol)
        self.levels -= 1
        return e

    def expressions(self) -> tuple[int, Expression]:
        """A list of expressions: how many, and the last one, not loaded yet; the others are in registers."""
        count = 1
        e = self.expression()
        while self.kind == ",":
            self.advance()
            self.function.to_next_register(e)
            e = self.expression()
            count += 1
        return count, e
