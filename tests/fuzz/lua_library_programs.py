"""Random programs that also call the library: strings, tables, metatables, coroutines, goto, errors, edges of numbers.

`program(seed)` as in lua_programs, whose grammar this adds statements to. Nothing printed depends on addresses, on the
order of `pairs` or on the host.
"""

from __future__ import annotations

import random

from tests.fuzz.lua_programs import FIELDS, NUMBERS, PRELUDE, STRINGS, Writer

HELPERS = """\
local function try(f, ...) show(pcall(f, ...)) end
local function sorted(t)
  local keys = {}
  for k in pairs(t) do if type(k) == "number" or type(k) == "string" then keys[#keys + 1] = k end end
  table.sort(keys, function(a, b)
    if type(a) == type(b) then return a < b end
    return type(a) == "number"
  end)
  for _, k in ipairs(keys) do show(k, t[k]) end
end
"""
SUBJECTS = (
    *(
        '"hello world"',
        '"key = value, x = 12"',
        '"a.b-c%d"',
        '("ab"):rep(30)',
        '"\\0\\1\\255"',
        '"  pad  "',
        '"12.5e3"',
    ),
)
PATTERNS = (
    *(
        '"%a+"',
        '"(%w+) = (%w+)"',
        '"[^%s]*"',
        '"%f[%w]%w+"',
        '"()l()"',
        '"^(.-)%s"',
        '"%b  "',
        '"[a-f%d]+$"',
        '"(h)(.)%2"',
    ),
    *('"x-"', '"[%"', '"%"', '"(()"', '"%1"', '"[]]"', '"[^]]"', '"."', '""', '"%z"', '"(a*(.)%w(%s*))"'),
)
SPECIFIERS = (
    "%d",
    "%5.1f",
    "%x",
    "%X",
    "%o",
    "%e",
    "%g",
    "%q",
    "%s",
    "%10.3s",
    "%-8d",
    "%+d",
    "%c",
    "%i",
    "%a",
    "%%",
    "%5s",
)
PACKS = ("<i4", ">I2", "=d", "z", "s1", "<i8i1", "!4i1i4", "b", "<f", ">j", "i16", "i17", "c3", "<I3x", "Xi4")
EDGES = (
    *(
        "math.maxinteger",
        "math.mininteger",
        "math.huge",
        "-math.huge",
        "2^53",
        "-0.0",
        "1e308",
        "0x7fffffffffffffff + 1",
    ),
    *("0", "-1", "1", "3", "2.5", '"10"', '"0x1p4"', '" 7 "', "nil", '"abc"', "{}", "true", "1 << 62", "5 // 0.3"),
)


class _LibraryWriter(Writer):
    """Statements of the library between those of the grammar."""

    def statement(self) -> None:
        if self.rng.random() < 0.65:
            super().statement()
            return
        kinds = (self.string, self.matching, self.formatting, self.packing, self.tables, self.maths, self.errors)
        kinds += (self.metatable, self.coroutines, self.jumps, self.closures, self.conversion, self.unicode)
        self.rng.choice(kinds)()

    def edge(self) -> str:
        return self.rng.choice(EDGES) if self.rng.random() < 0.7 else self.atom()

    def subject(self) -> str:
        return self.rng.choice(SUBJECTS + STRINGS)

    def string(self) -> None:
        rng = self.rng
        name, count = rng.choice(
            (("sub", 2), ("byte", 2), ("rep", 0), ("upper", 0), ("lower", 0), ("reverse", 0), ("len", 0), ("find", 3))
        )
        more = [rng.choice(("-1", "2", "0", "-3", "100", self.edge())) for _ in range(rng.randrange(count + 1))]
        if name == "rep":
            more = [rng.choice(("0", "3", "-1", "2.0", "1.5")), *([self.subject()] if rng.random() < 0.5 else [])]
        if name == "find":
            more = [rng.choice(PATTERNS), *more[:1], *(["true"] if more and rng.random() < 0.5 else [])]
        self.emit(f"try(string.{name}, {', '.join([self.subject(), *more])})")

    def matching(self) -> None:
        rng = self.rng
        pattern = rng.choice(PATTERNS)
        roll = rng.random()
        if roll < 0.3:
            self.emit(f"try(string.match, {self.subject()}, {pattern})")
        elif roll < 0.5:
            loop = f"for a, b in string.gmatch({self.subject()}, {pattern}) do burn() show(a, b) end"
            self.emit(f"try(function() {loop} end)")
        else:
            by = rng.choice(('"<%0>"', '"%1%1"', '"%2"', "{hello = 1, key = false}", "string.upper", '"%"', "5", "nil"))
            limit = rng.choice(("", ", 1", ", 0", ", -1"))
            self.emit(f"try(string.gsub, {self.subject()}, {pattern}, {by}{limit})")

    def formatting(self) -> None:
        rng = self.rng
        parts = [rng.choice(SPECIFIERS) for _ in range(rng.randrange(1, 4))]
        values = [rng.choice((rng.choice(NUMBERS), rng.choice(STRINGS), self.edge())) for _ in parts]
        values = ["1" if value in ("{}", "object") else value for value in values]
        self.emit(f'try(string.format, "{"|".join(parts)}", {", ".join(values)})')

    def packing(self) -> None:
        rng = self.rng
        form = "".join(rng.choice(PACKS) for _ in range(rng.randrange(1, 3)))
        if rng.random() < 0.5:
            values = [rng.choice(("1", "-1", "300", '"abc"', "2.5", self.edge())) for _ in range(2)]
            call = f'pcall(string.pack, "{form}", {", ".join(values)})'
            self.emit(
                f"do local ok, s = {call} show(ok, ok and s:gsub('.', function(c) return c:byte() .. ' ' end) or s) end"
            )
        else:
            at = rng.choice(("1", "2", "-3", "99"))
            self.emit(f'try(string.unpack, "{form}", "\\1\\2\\3\\4\\5\\6\\7\\8\\3abcdefghi\\0jklm", {at})')
            self.emit(f'try(string.packsize, "{form}")')

    def tables(self) -> None:
        rng = self.rng
        name = self.new_name()
        items = ", ".join(rng.choice(("3", "1", "2.5", "-7", "10", "8", "nil")) for _ in range(rng.randrange(6)))
        self.emit(f"local {name} = {{{items}}}")
        self.declare(name)
        one = rng.choice(("1", "2", "0", "#" + name, "-1", self.edge()))
        self.emit(
            rng.choice(
                (
                    f"try(table.sort, {name}) sorted({name})",
                    f"try(table.sort, {name}, function(a, b) return a > b end) sorted({name})",
                    f"try(table.insert, {name}, {one}) sorted({name})",
                    f"try(table.insert, {name}, {one}, {rng.choice(NUMBERS)}) sorted({name})",
                    f"try(table.remove, {name}, {one}) sorted({name})",
                    f"try(table.concat, {name}, {rng.choice(STRINGS)})",
                    f"try(table.unpack, {name}, 1, {rng.choice(('2', '0', '5', '#' + name))})",
                    f"try(table.move, {name}, 1, 2, {rng.choice(('2', '1', '3', '-1'))}) sorted({name})",
                    f"try(next, {name}, {one})",
                    f"try(rawlen, {rng.choice((name, self.edge()))}) try(rawget, {name}, {one})",
                    f"show(select({rng.choice(('1', '-1', '2'))}, table.unpack({name}, 1, 3)))",
                )
            )
        )

    def maths(self) -> None:
        rng = self.rng
        name = rng.choice(
            ("floor", "ceil", "abs", "fmod", "max", "min", "tointeger", "type", "ult", "modf", "sqrt", "exp", "log")
        )
        count = 2 if name in ("fmod", "max", "min", "ult") else 1
        self.emit(f"try(math.{name}, {', '.join(self.edge() for _ in range(count))})")
        operator = rng.choice(("+", "-", "*", "/", "//", "%", "&", "|", "~", "<<", ">>", "..", "<", "<=", "=="))
        self.emit(f"try(function() return {self.edge()} {operator} {self.edge()} end)")

    def conversion(self) -> None:
        rng = self.rng
        text = rng.choice(('"0x1p-3"', '"1e"', '"  0xff "', '"1_0"', '"z"', '"777"', '"-0"', '"1e400"', self.edge()))
        base = rng.choice(("", "", ", 10", ", 8", ", 36", ", 37", ", 2"))
        self.emit(f"try(tonumber, {text}{base})")
        loop = (
            f"for i = {self.edge()}, {self.edge()}, {self.edge()} do burn() show(i) if fuel % 3 == 0 then break end end"
        )
        self.emit(f"try(function() {loop} end)")

    def errors(self) -> None:
        rng = self.rng
        value = rng.choice(
            ('"message"', "nil", "42", "{}", "setmetatable({}, {__tostring = function() return 'me' end})")
        )
        level = rng.choice(("", ", 0", ", 1", ", 2", ", 3"))
        self.emit(
            rng.choice(
                (
                    f"try(error, {value}{level})",
                    f"try(function() error({value}{level}) end)",
                    f"show(xpcall(function() local t; return t.{rng.choice(FIELDS)}.x end, string.upper))",
                    f"try(function() local {rng.choice(FIELDS)} = {{}} return {rng.choice(FIELDS)}.a.b.c end)",
                    f"try(assert, {rng.choice(('false', 'nil', '1', 'false, {}', 'nil, 5'))})",
                    f"try(function() return #{self.edge()} end) try(function() return - {self.edge()} end)",
                    f"try(function() return ({self.edge()})() end)",
                    f"try(function() return g1.{rng.choice(FIELDS)}() end)",
                    f"try(setmetatable, {self.edge()}, {self.edge()}) try(ipairs) try(select, 0)",
                    "show(xpcall(error, function(m) error(m) end, 1))",
                )
            )
        )

    def metatable(self) -> None:
        rng = self.rng
        name = self.new_name()
        events = rng.sample(("index", "newindex", "call", "len", "eq", "lt", "le", "concat", "unm", "add", "idiv"), 4)
        fields = ", ".join(
            f"__{event} = function(...) burn() show('{event}', ...) return {rng.choice(NUMBERS)} end"
            for event in events
        )
        self.emit(f"local {name} = setmetatable({{}}, {{{fields}, __name = 'My'}})")
        self.declare(name, False)
        other = rng.choice(("object", "1", '"s"', "{}", name))
        use = rng.choice(
            (
                *(f"{name}.x", f"{name}[1]", f"{name}(1, 2)", f"#{name}", f"{name} == {other}", f"{name} < {other}"),
                *(f"{other} <= {name}", f"{name} .. {other}", f"{other} .. {name}", f"-{name}", f"{name} + {other}"),
                *(f"{name} // 2", f"{other} & {name}", f"{name}:size(1)"),
            )
        )
        self.emit(f"try(function() return {use} end) try(function() {name}.{rng.choice(FIELDS)} = 1 end)")

    def coroutines(self) -> None:
        rng = self.rng
        name = self.new_name()
        body = rng.choice(
            (
                "for i = 1, select('#', ...) do coroutine.yield(i, (select(i, ...))) end error('done')",
                "local a <close> = closer('co') coroutine.yield(coroutine.isyieldable()) return 1, 2",
                "return pcall(function(...) local x = coroutine.yield(...) error(x, 0) end, ...)",
                "table.sort({3, 2, 1}, function(a, b) coroutine.yield(a) return a < b end)",
                "for k in (function() return coroutine.yield('next') end) do show('k', k) end return 'end'",
                "local t = setmetatable({}, {__index = function(_, k) return coroutine.yield(k) end}) return t.x, t.y",
            )
        )
        self.emit(f"local {name} = coroutine.create(function(...) {body} end)")
        self.declare(name, False)
        for _ in range(rng.randrange(1, 4)):
            self.emit(f"show(coroutine.resume({name}, {self.edge()}, {self.edge()})) show(coroutine.status({name}))")
        if rng.random() < 0.5:
            self.emit(
                f"show(pcall(coroutine.close, {name})) try(coroutine.wrap({self.edge()}))"
                if rng.random() < 0.2
                else f"show(pcall(coroutine.close, {name}))"
            )

    def jumps(self) -> None:
        label = f"j{self.names}_{len(self.lines)}"
        name = self.new_name()
        self.emit(f"do local {name} = 0 ::{label}:: burn() {name} = {name} + 1")
        self.emit(f"  local captured = function() {name} = {name} + 1 return {name} end")
        self.emit(
            f"  if captured() < {self.rng.choice(('3', '6', '4.5'))} then goto {label} end show({name}, captured()) end"
        )

    def closures(self) -> None:
        name = self.new_name()
        self.emit(
            f"local {name} = {{}} for i = 1, 3 do local j = i * 2 {name}[i] = function(d) j = j + d "
            "i = i - 1 return i, j end end"
        )
        self.emit(f"show({name}[1](1)) show({name}[2]({self.rng.choice(NUMBERS)})) show({name}[1](1))")
        self.declare(name, False)

    def unicode(self) -> None:
        rng = self.rng
        text = rng.choice(('"h\\u{E4}\\u{20AC}\\u{10FFFF}"', '"\\xff\\xfe"', '"abc"', '"\\u{7FFFFFFF}"', '""'))
        one = rng.choice(("", ", 1", ", 2", ", -1", ", 99", ", 1, -1"))
        self.emit(f"try(utf8.{rng.choice(('len', 'codepoint', 'offset'))}, {text}{one})")
        self.emit(f"try(function() for p, c in utf8.codes({text}) do show(p, c) end end) try(utf8.char, {self.edge()})")

    def write(self) -> str:
        return super().write().replace(PRELUDE, PRELUDE + HELPERS, 1)


def program(seed: int) -> str:
    """The program of that seed."""
    rng = random.Random(seed)
    return _LibraryWriter(rng.randrange(1 << 62)).write()
