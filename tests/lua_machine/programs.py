"""Programs for the machine's tests, and how to run them."""

from __future__ import annotations

from pathlib import Path

from engine.events import Event
from engine.lua.machine import LuaMachine
from engine.lua.room import build, start
from engine.machine import Journal, Limits, Stop
from engine.rooms import SourceFile

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples" / "lua").glob("*.lua"))
BENCH = ROOT / "tests" / "bench" / "lua"

#: Places where a run can stop inside native code that has called back into Lua, and other nested things.
NESTED = {
    "sort": """
        local t = {}
        for i = 1, 12 do t[i] = (i * 7) % 13 end
        table.sort(t, function(a, b) local less = a < b; return less end)
        print(table.concat(t, " "))
    """,
    "metamethods": """
        local mt = {}
        mt.__index = function(t, k) local v = k .. "!"; rawset(t, k, v); return v end
        mt.__add = function(a, b) local s = a.n + b.n; return setmetatable({ n = s }, mt) end
        mt.__eq = function(a, b) return a.n == b.n end
        mt.__lt = function(a, b) return a.n < b.n end
        mt.__concat = function(a, b) return "c" .. (a.n or b.n) end
        mt.__len = function(a) local n = a.n; return n end
        mt.__call = function(self, x, y) return self.n, x, y end
        local a, b = setmetatable({ n = 1 }, mt), setmetatable({ n = 2 }, mt)
        local c = a + b
        local x, y, z = c(5)
        print(c.n, a == b, a < b, a.hello, #c, c .. c, x, y, z)
        while a < b do a = a + a end
        print(a.n)
    """,
    "coroutines": """
        local function inner() for i = 1, 3 do coroutine.yield(i) end return "done" end
        local function outer()
          local co = coroutine.create(inner)
          while true do
            local ok, v = coroutine.resume(co)
            if coroutine.status(co) == "dead" then return v end
            coroutine.yield(v * 10)
          end
        end
        local gen = coroutine.wrap(outer)
        print(gen(), gen(), gen(), gen())
        local co = coroutine.wrap(function(...) local a, b = ...; local c = coroutine.yield(a + b); return c * 2 end)
        print(co(1, 2), co(21))
        print(pcall(coroutine.wrap(function() local x <const> = nil; return x.y end)))
    """,
    "closing": """
        local function closer(name)
          return setmetatable({}, { __close = function(_, e) local n = name; print(n, e) end })
        end
        local function work(fail)
          local a <close> = closer("a")
          local b <close> = closer("b")
          if fail then error("bad", 0) end
          return 1, 2, 3
        end
        print(work(false))
        print(pcall(work, true))
        for i = 1, 2 do local c <close> = closer("c" .. i) end
    """,
    "errors": """
        local function deep(n) if n == 0 then error({ code = 1 }) end return deep(n - 1) + 1 end
        local ok, e = pcall(deep, 5)
        print(ok, e.code)
        print(xpcall(deep, function(m) local c = m.code; return "handled " .. c end, 3))
        print(select(2, pcall(function() local t = nil; t.x = 1 end)))
    """,
    "calls": """
        local function va(...) local a, b = ...; return select("#", ...), a, b, ... end
        print(va(), (va(1, nil, 3)), va(nil, nil))
        local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, ...) end
        print(tail(4))
        local t = { va(1, 2) }
        print(#t, table.unpack({ 1, 2, 3 }, 2))
        local o = { v = 1 }
        function o:add(x, y) self.v = self.v + x; return self end
        print(o:add(1):add(2).v)
        local callable = setmetatable({}, { __call = function(self, a, b, c) return b, a, c end })
        print(callable(1, 2))
        print(pcall(callable, 3))
        local function following(_, s, c) c = c + 1; if c < 4 then return c, c * s end end
        for k, v in setmetatable({}, { __call = following }), 2, 1 do print(k, v) end
        for x = 1.0, 2.0, 0.5 do t[#t + 1] = x end
        for x = 3, 1 do t = nil end
        print(#t, t[#t])
    """,
    "upvalues": """
        local fs = {}
        for i = 1, 3 do
          local j = i * 10
          fs[i] = { function() j = j + 1; return j end, function(v) j = v end, function() return i end }
        end
        fs[1][1](); fs[1][2](5); print(fs[1][1](), fs[2][1](), fs[3][3]())
        local function counter() local n = 0; local function up() n = n + 1; return n end; up(); up(); return up end
        print(counter()(), counter()())
        do local x = 1; local f = function() return x end; x = 2; goto out end
        ::out::
        print(load("local a, b = ... ; return a + b + (x or 0)")(1, 2))
    """,
    "tables": """
        local t = { 1, 2, 3, x = 1, [10] = 10 }
        for i = 4, 9 do t[i] = i end
        t.x = nil; t.y = { t }
        table.insert(t, 5); table.insert(t, 1, 0); table.remove(t, 2); table.move(t, 1, 3, 5)
        print(#t, t.y[1] == t, next({}), rawlen(t), select(-1, 1, 2))
        local n = 0
        for k, v in pairs(t) do n = n + 1 end
        for i, v in ipairs(t) do n = n + i end
        t = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v * 2) end })
        t.a = 1; t.b = 2; t.a = 5
        print(n, t.a, t.b, tostring(1e15), 2^63, -0.0, 1 // 0.0)
    """,
    "strings": """
        local s = "x"
        for i = 1, 4 do s = s .. s .. i end
        print(#s, s:upper(), ("%5.2f|%d|%s"):format(3.14159, 42, true), s:rep(2, "-"):len())
        collectgarbage()
        print(s:sub(2, 4), tostring(nil), tonumber("0x10"), 10 == "10", "10" + 5)
    """,
    "collector": """
        local log = {}
        local function finalized(name)
          return setmetatable({ name = name }, { __gc = function(o) log[#log + 1] = o.name; local n = #log end })
        end
        local weak = setmetatable({}, { __mode = "v" })
        local keys = setmetatable({}, { __mode = "k" })
        for i = 1, 4 do weak[i] = { i }; keys[{}] = i; local f = finalized("f" .. i) end
        local kept = weak[2]
        collectgarbage()
        local n = 0
        for k in pairs(weak) do n = n + k end
        for k in pairs(keys) do n = n + 100 end
        print(n, #log, kept[1])
        local co = coroutine.wrap(function() local t = { 1 }; collectgarbage(); coroutine.yield(t); return 2 end)
        print(co()[1], co())
        for i = 1, 30 do local s = ("x"):rep(i) .. i; local t = { s, s }; local f = function() return t end end
        collectgarbage("step")
        print(collectgarbage("count") > 0, #log)
    """,
    "gsub": """
        local s = ("hello world"):gsub("%w+", function(w) local r = w:reverse(); return r .. #r end)
        print(s)
        for w in ("a,b,c"):gmatch("%a") do print(w) end
    """,
}


def machine_for(source: str, **limits: int) -> LuaMachine:
    """A machine at tick 0 of `main.lua` with this text."""
    return start(build([SourceFile("main.lua", source)], {}), Journal(), Limits(**limits))


def finish(machine: LuaMachine, slice_ticks: int = 1 << 20) -> tuple[Stop, list[Event]]:
    """Run to the end."""
    events: list[Event] = []
    while True:
        stop = machine.run(slice_ticks)
        events += machine.drain_events()
        if stop.is_final:
            return stop, events


def output_of(events: list[Event], stream: str = "stdout") -> bytes:
    """What the program wrote."""
    return b"".join(e.data["bytes"] for e in events if e.kind == "output" and e.data["stream"] == stream)
