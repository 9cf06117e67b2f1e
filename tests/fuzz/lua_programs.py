"""Random Lua programs by grammar: deterministic, always terminating, full of everything that 5.4 has.

`program(seed)` is the text of one. It prints plenty and never prints an address, so two implementations that agree
print the same. Loops and calls are paid from a fuel counter; run-time errors (which do happen, on purpose) are caught
and their messages printed. Needs only print, pcall, error, select, type, tostring, setmetatable, ipairs,
table.concat and coroutine.
"""

from __future__ import annotations

import random

PRELUDE = """\
local fuel = 3000
local function burn() fuel = fuel - 1; if fuel < 0 then error("out of fuel", 0) end end
local function show(...)
  local parts = {}
  for i = 1, select("#", ...) do
    local v = select(i, ...)
    local t = type(v)
    if v ~= v then parts[i] = "nan"
    elseif t == "number" or t == "string" or t == "boolean" or t == "nil" then parts[i] = tostring(v)
    else parts[i] = t end
  end
  print(table.concat(parts, " "))
end
local function closer(name) return setmetatable({}, {__close = function(_, e) show("close", name, e) end}) end
local meta = {}
for _, event in ipairs {"add", "sub", "mul", "mod", "pow", "div", "idiv", "band", "bor", "bxor", "shl", "shr",
                        "concat"} do
  meta["__" .. event] = function(a, b) show(event, type(a), type(b)); return 1 end
end
meta.__unm = function() return 2 end
meta.__len = function() return 3 end
meta.__index = function(t, k) return k end
meta.__call = function(self, ...) return ... end
meta.__eq = function() return true end
meta.__lt = function(a, b) return type(a) == "table" end
meta.__le = function(a, b) return type(b) == "table" end
local object = setmetatable({}, meta)
"""

INTEGERS = (
    *("0", "1", "2", "3", "7", "10", "100", "127", "128", "129", "255", "256", "-1", "-127", "-128"),
    *("65535", "65536", "65537", "131071", "131072", "1000000007", "0x7f", "0xff", "0xffffffff"),
    *("9223372036854775807", "0x7fffffffffffffff", "0xffffffffffffffff"),
)
FLOATS = (
    *("0.0", "1.0", "2.0", "0.5", ".25", "3.", "1e3", "1e15", "1e16", "2^53", "1e100", "0x.8p1", "0x1p-2", "0xA.8"),
    *("127.0", "128.0", "300.0", "1e308", "5e-324", "3.14159", "9223372036854775808"),
)
NUMBERS = INTEGERS + FLOATS
STRINGS = (
    '"a"', "'b'", '"10"', '"0x10"', '"1e1"', '""', '"\\n\\t\\\\"', '"\\65\\x42\\u{43}"', '"\\z  \n  z"', " [[long]]",
    " [==[\nline]]\n]==]", '"a longer string that does not fit the forty bytes of a short one"', '"\\0nul"', '"é中"',
)  # fmt: skip
BINARY = (
    *("+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", ".."),
    *("==", "~=", "<", "<=", ">", ">=", "and", "or"),
)
FIELDS = ("x", "y", "size", "name", "value")


class Writer:
    """One program under way. `scopes` holds the visible locals: name, may be assigned, always a number."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.scopes: list[list[tuple[str, bool, bool]]] = [[("object", False, False)]]
        self.functions: list[bool] = [True]
        """For each function being written: whether it is vararg."""
        self.loops = 0
        self.names = 0
        self.depth = 0
        self.outer_loops: list[int] = []

    # Names

    def new_name(self) -> str:
        self.names += 1
        return self.rng.choice((f"v{self.names}", f"v{self.names}", "x", "y", "t"))

    def declare(self, name: str, writable: bool = True, number: bool = False) -> None:
        self.scopes[-1].append((name, writable, number))

    def visible(self) -> dict[str, tuple[bool, bool]]:
        return {name: (writable, number) for scope in self.scopes for name, writable, number in scope}

    def variable(self, for_writing: bool = False) -> str:
        """Any variable; one to assign anything to if `for_writing`."""
        visible = self.visible().items()
        names = [name for name, (writable, number) in visible if not for_writing or (writable and not number)]
        if not names or self.rng.random() < 0.15:
            return self.rng.choice(("g1", "g2", "g3"))
        return self.rng.choice(names[-8:])

    # Expressions

    def expression(self, depth: int = 3) -> str:
        rng = self.rng
        if rng.random() < 0.7:
            return self.number(depth)
        roll = rng.random()
        if depth <= 0 or roll < 0.25:
            return self.atom()
        if roll < 0.60:
            operator = rng.choice(BINARY)
            text = f"{self.expression(depth - 1)} {operator} {self.expression(depth - 1)}"
            return f"({text})" if rng.random() < 0.5 else text
        if roll < 0.70:
            return f"{rng.choice(('-', '- ', 'not ', '#', '~'))}{self.suffixed(depth - 1)}"
        if roll < 0.78:
            return self.constructor(depth - 1)
        if roll < 0.84:
            return self.function(depth - 1)
        if roll < 0.88 and self.functions[-1]:
            return rng.choice(("...", "(...)", "select('#', ...)"))
        return self.suffixed(depth)

    def number(self, depth: int) -> str:
        """An expression that is a number and raises no error (as long as the variables keep to their types)."""
        rng = self.rng
        roll = rng.random()
        if depth <= 0 or roll < 0.4:
            names = [name for name, (_, number) in self.visible().items() if number]
            return rng.choice(names[-6:]) if names and rng.random() < 0.6 else rng.choice(NUMBERS)
        if roll < 0.75:
            return f"({self.number(depth - 1)} {rng.choice(('+', '-', '*', '/', '^'))} {self.number(depth - 1)})"
        if roll < 0.85:
            return f"{self.number(depth - 1)} {rng.choice(('//', '%', '+'))} {rng.choice(INTEGERS[1:])}"
        if roll < 0.9:
            return f"({rng.choice(INTEGERS)} {rng.choice(('&', '|', '~', '<<', '>>'))} {rng.choice(INTEGERS)})"
        test = f"{self.number(depth - 1)} {rng.choice(('<', '<=', '>', '>=', '==', '~='))} {self.number(depth - 1)}"
        return f"({test} and {self.number(depth - 1)} or {self.number(depth - 1)})"

    def atom(self) -> str:
        rng = self.rng
        roll = rng.random()
        if roll < 0.4:
            return self.variable()
        if roll < 0.7:
            return rng.choice(NUMBERS)
        return rng.choice(STRINGS) if roll < 0.85 else rng.choice(("nil", "true", "false"))

    def suffixed(self, depth: int) -> str:
        rng = self.rng
        text = self.variable() if rng.random() < 0.8 else f"({self.expression(depth - 1)})"
        for _ in range(rng.randrange(3)):
            roll = rng.random()
            if roll < 0.35:
                text += f".{rng.choice(FIELDS)}"
            elif roll < 0.6:
                text += f"[{self.expression(depth - 1)}]"
            elif roll < 0.75:
                text += f":{rng.choice(FIELDS)}{self.arguments(depth - 1)}"
            else:
                text += self.arguments(depth - 1)
        return text

    def arguments(self, depth: int) -> str:
        roll = self.rng.random()
        if roll < 0.1:
            return self.rng.choice(STRINGS)
        if roll < 0.15:
            return self.constructor(depth - 1)
        return f"({self.expressions(depth, self.rng.randrange(4))})"

    def expressions(self, depth: int, count: int) -> str:
        return ", ".join(self.expression(depth) for _ in range(count))

    def constructor(self, depth: int) -> str:
        rng = self.rng
        items = []
        count = 60 if rng.random() < 0.02 else rng.randrange(5)
        for _ in range(count):
            roll = rng.random()
            if roll < 0.6:
                items.append(self.expression(depth if count < 10 else 0))
            elif roll < 0.85:
                items.append(f"{rng.choice(FIELDS)} = {self.expression(depth if count < 10 else 0)}")
            else:
                items.append(f"[{rng.choice(NUMBERS[:20])}] = {self.expression(0)}")
        return "{" + rng.choice((", ", "; ")).join(items) + rng.choice(("", ",") if items else ("",)) + "}"

    def function(self, depth: int) -> str:
        """A function expression with a small body, written in one line."""
        outer, self.lines = self.lines, []
        head = self.function_head("function")
        self.block(1 if depth < 2 else 2)
        body = " ".join(line.strip() for line in self.lines)
        self.lines = outer
        self.leave_function()
        return f"{head} burn(); {body} end"

    def function_head(self, opening: str) -> str:
        rng = self.rng
        names = [self.new_name() for _ in range(rng.randrange(4))]
        is_vararg = rng.random() < 0.4
        self.scopes.append([(name, True, False) for name in names])
        self.functions.append(is_vararg)
        self.outer_loops.append(self.loops)
        self.loops = 0
        return f"{opening}({', '.join(names + ['...'] * is_vararg)})"

    def leave_function(self) -> None:
        self.scopes.pop()
        self.functions.pop()
        self.loops = self.outer_loops.pop()

    # Statements

    def emit(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def block(self, count: int) -> None:
        """`count` statements in a scope of their own; sometimes a return, break or goto at the end."""
        self.scopes.append([])
        self.depth += 1
        for _ in range(count):
            self.statement()
        roll = self.rng.random()
        if roll < 0.1 and self.loops:
            self.emit("break")
        elif roll < 0.2 and len(self.functions) > 1:
            self.emit(f"return {self.expressions(2, self.rng.randrange(3))}")
        self.depth -= 1
        self.scopes.pop()

    def statement(self) -> None:
        rng = self.rng
        deep = self.depth > 4
        roll = rng.random()
        if roll < 0.22:
            self.local()
        elif roll < 0.42:
            self.assignment()
        elif roll < 0.55 or deep:
            self.emit(f"show({self.expressions(2, rng.randrange(1, 4))})")
        elif roll < 0.65:
            self.conditional()
        elif roll < 0.80:
            self.loop()
        elif roll < 0.88:
            self.local_function()
        elif roll < 0.92:
            self.emit("do")
            self.block(rng.randrange(1, 4))
            self.emit("end")
        elif roll < 0.96:
            self.coroutine()
        else:
            self.emit(f"show(pcall({self.variable()}, {self.expressions(1, 2)}))")

    def local(self) -> None:
        rng = self.rng
        roll = rng.random()
        if roll < 0.15:
            name = self.new_name()
            self.emit(
                f"local {name} <const> = {rng.choice((rng.choice(NUMBERS), rng.choice(STRINGS), self.expression(1)))}"
            )
            self.declare(name, False)
        elif roll < 0.22:
            name = self.new_name()
            self.emit(f"local {name} <close> = {rng.choice(('nil', 'false', f'closer({chr(34)}{name}{chr(34)})'))}")
            self.declare(name, False)
        elif roll < 0.6:
            name = self.new_name()
            self.emit(f"local {name} = {self.number(2)}")
            self.declare(name, number=True)
        else:
            names = [self.new_name() for _ in range(rng.choice((1, 1, 1, 2, 3)))]
            count = rng.randrange(len(names) + 2)
            self.emit(f"local {', '.join(names)}" + (f" = {self.expressions(2, count)}" if count else ""))
            for name in names:
                self.declare(name)

    def target(self) -> str:
        if self.rng.random() < 0.6:
            return self.variable(for_writing=True)
        base = self.variable()
        return self.rng.choice((f"{base}.{self.rng.choice(FIELDS)}", f"{base}[{self.expression(1)}]"))

    def assignment(self) -> None:
        rng = self.rng
        names = [name for name, (writable, number) in self.visible().items() if writable and number]
        if names and rng.random() < 0.6:
            self.emit(f"{rng.choice(names)} = {self.number(3)}")
            return
        count = rng.choice((1, 1, 1, 2, 3))
        targets = ", ".join(self.target() for _ in range(count))
        self.emit(f"{targets} = {self.expressions(3, max(1, count + rng.randrange(-1, 2)))}")

    def conditional(self) -> None:
        rng = self.rng
        self.emit(f"if {self.expression(2)} then")
        self.block(rng.randrange(1, 3))
        for _ in range(rng.choice((0, 0, 1))):
            self.emit(f"elseif {self.expression(2)} then")
            self.block(1)
        if rng.random() < 0.4:
            self.emit("else")
            self.block(rng.randrange(1, 3))
        self.emit("end")

    def loop(self) -> None:
        rng = self.rng
        roll = rng.random()
        self.loops += 1
        name = self.new_name()
        self.scopes.append([(name, False, roll < 0.3 or 0.55 <= roll < 0.7 or roll >= 0.85)])
        if roll < 0.3:
            bounds = rng.choice(("1, 3", "3, 1, -1", "1, 2, 0.5", "10, 1", "1.0, 3", "-1, -3, -1", "1, 0"))
            self.emit(f"for {name} = {bounds} do burn()")
            self.block(rng.randrange(1, 4))
            self.emit("end")
        elif roll < 0.55:
            self.emit(f"for {name}, item in ipairs({{{self.expressions(1, rng.randrange(1, 4))}}}) do burn()")
            self.declare("item")
            self.block(rng.randrange(1, 3))
            self.emit("end")
        elif roll < 0.7:
            self.emit(f"local {name} = 0")
            self.emit(f"while {name} ~= 3 do burn(); {name} = 3")
            self.block(rng.randrange(1, 3))
            self.emit("end")
        elif roll < 0.85:
            self.emit("repeat burn()")
            self.emit(f"  local {name} = {self.expression(1)}")
            self.emit("  do")
            self.block(rng.randrange(1, 3))
            self.emit("  end")
            self.emit(f"  local function get() return {name} end")
            self.emit(f"until true or get() or {self.expression(1)}")
        else:
            label = f"l{self.names}_{len(self.lines)}"
            self.emit(f"do local {name} = 0")
            self.emit(f"  ::{label}:: burn(); {name} = 1")
            self.loops, kept = 0, self.loops
            self.emit("  do")
            self.block(1)
            self.emit("  end")
            self.loops = kept
            self.emit(f"  if fuel % 3 == 0 then goto {label} end")
            self.emit("end")
        self.scopes.pop()
        self.loops -= 1

    def local_function(self) -> None:
        name = self.new_name()
        if self.rng.random() < 0.7:
            self.emit(self.function_head(f"local function {name}") + " burn()")
        else:
            name = self.rng.choice(("g1", "g2", "g3"))
            field = self.rng.choice(("", ".x", ".y:size"))
            self.emit(f"{name} = {name} or {{}}" if field else f"{name} = nil")
            if ":" in field:
                self.emit(f"{name}.y = {{}}")
            self.emit(self.function_head(f"function {name}{field}") + " burn()")
        self.block(self.rng.randrange(1, 4))
        self.emit("end")
        self.leave_function()
        self.declare(name, True)

    def coroutine(self) -> None:
        name = self.new_name()
        self.emit(self.function_head(f"local {name} = coroutine.wrap(function") + " burn()")
        self.emit(f"  local got = coroutine.yield({self.expressions(1, self.rng.randrange(3))})")
        self.declare("got")
        self.block(self.rng.randrange(1, 3))
        self.emit("end)")
        self.leave_function()
        self.declare(name)
        self.emit(f"show(pcall({name}, {self.expressions(1, 1)})) show(pcall({name}, {self.expressions(1, 2)}))")

    def write(self) -> str:
        for _ in range(self.rng.randrange(4, 10)):
            self.emit("show(pcall(function(...)")
            self.scopes.append([])
            self.functions.append(True)
            self.block(self.rng.randrange(2, 7))
            self.functions.pop()
            self.scopes.pop()
            self.emit(f"end, {self.rng.choice(NUMBERS)}, {self.rng.choice(STRINGS)}))")
        return PRELUDE + "\n".join(self.lines) + "\n"


def program(seed: int) -> str:
    """The program of that seed."""
    return Writer(seed).write()
