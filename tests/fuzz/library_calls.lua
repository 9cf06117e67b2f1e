local s, p = "hello world from Lua", "(%w+) (%w+)"
print(s:find("o w", 1, true), s:find(p), s:match("^(h)(.-)o"), s:gsub("%f[%w]%w+", "<%0>", 3))
for a, b in s:gmatch("(%a)(%a*)") do print(a, b) end
print(s:gsub("%b()", {a = 1}), s:gsub("()", "%1"), s:find("[^%s]-$", -5))
----
print(string.format("%5.2f|%-10d|%+x|%#o|%e|%g|%a", 3.14159, 42, 255, 8, 1e10, 1e-10, 0.5))
print(string.format("%q %q %q %s %10.3s %c %i %u", "a\0b\n\"", 1/3, math.mininteger, {}, "abcdef", 65, 7, 7))
print(pcall(string.format, "%d", "3.5"), pcall(string.format, "%y", 1), pcall(string.format, "%99.99f", 1))
----
print(string.pack("<i4 >I2 =d z s1 !8 x Xi8", 7, 65535, 1.5, "zero", "one"))
print(pcall(string.unpack, "<i4 z s2 d j n B h l", ("\1\2\3\4abc\0\2\0xy"):rep(6), 3))
print(string.packsize("i3 j d !4 i8"), pcall(string.pack, "i17", 1), pcall(string.packsize, "s"))
----
print(("x"):rep(20, ","), ("abc"):byte(1, -1), string.char(72, 105, 255), s, ("a,b"):upper():lower():reverse():len())
print(("abc"):sub(-2), ("abc"):sub(2, 100), ("abc"):sub(math.mininteger, math.maxinteger), #("ab"):rep(100))
print(pcall(string.rep, "x", 1 << 40), pcall(string.rep, "xy", math.maxinteger), pcall(string.char, 256, -1))
----
print(utf8.char(72, 228, 8364, 0x10FFFF, 0x7FFFFFFF), utf8.len("h\xc3\xa4", 1, -1), utf8.codepoint("h\xc3\xa4l", 1, -1))
print(utf8.offset("a\xe2\x82\xacb", 3), utf8.offset("abc", -1), pcall(utf8.codepoint, "\xff"), utf8.len("\xf4\x90", 1, 2, true))
for p, c in utf8.codes("a\xc3\xa4\xe2\x82\xac") do print(p, c) end
----
local t = {5, 2, 8, 1, 9, 3, 7, n = 3, [20] = 1}
table.sort(t) table.sort(t, function(a, b) return a > b end) pcall(table.sort, t, function() return true end)
table.insert(t, 1, 0) table.insert(t, 4) print(table.remove(t), table.remove(t, 1), table.remove({}, 0), #t)
print(table.concat(t, "-", 1, 3), table.unpack(t, 1, 4), select("#", table.unpack({}, 1, 10)), table.pack(1, nil, 3).n)
table.move(t, 1, 3, 2) table.move(t, 2, 5, 1, {}) print(pcall(table.concat, {1, {}, 3}), pcall(table.unpack, {}, 1, 1e7))
print(pcall(table.move, t, 1, math.maxinteger, 2), pcall(table.insert, t, 99, 1), next(t), rawlen(t), rawequal(t, t))
----
print(math.floor(-3.5), math.ceil(2.1), math.fmod(-7, 3), math.fmod(7, -3.5), math.modf(-3.7), math.tointeger("8"), math.ult(1, -1))
print(math.abs(math.mininteger), math.max(1, 2.5), math.min(3, -1), math.sqrt(2), math.type(1.0), math.log(8, 2), math.exp(1))
math.randomseed(42) print(math.random(10), math.random(3, 7), math.random(0), math.random() < 1, pcall(math.random, 2, 1))
print(1 // 0.0, -1 // 0.0, 0/0 ~= 0/0, pcall(function() return 1 // 0 end), pcall(function() return 1 % 0 end), 5 % -3, -5 % 3.5)
print(1 << 63, 1 << 64, -1 >> 1, 2^53 | 0, pcall(function() return 1.5 | 1 end), "10" + 5, "0x10" * 2, 10 .. 20)
----
local co = coroutine.create(function(a, b) local c = coroutine.yield(a + b) local d, e = coroutine.yield(c * 2) return d .. e end)
print(coroutine.resume(co, 1, 2)) print(coroutine.status(co), coroutine.resume(co, 10)) print(coroutine.resume(co, "x", "y"))
print(coroutine.resume(co), coroutine.close(co), coroutine.isyieldable(), coroutine.running())
local w = coroutine.wrap(function(...) for i = 1, select("#", ...) do coroutine.yield((select(i, ...))) end error("end") end)
print(w(1, 2, 3), w(), w(), pcall(w)) print(pcall(coroutine.wrap(function() local x <close> = setmetatable({}, {__close = coroutine.yield}) return 1 end)))
table.sort({3, 2, 1}, function(a, b) pcall(coroutine.yield) return a < b end)
----
local mt = {__index = function(t, k) return k end, __newindex = rawset, __call = function(self, ...) return ... end, __len = function() return 7 end,
  __eq = function() return true end, __lt = function() return true end, __le = function() return false end, __concat = function(a, b) return "cat" end,
  __unm = function() return 1 end, __add = function(a, b) return 2 end, __tostring = function() return "me" end, __name = "My", __close = print,
  __gc = function(o) saved = o end, __mode = "kv", __pairs = function(t) return next, {1, 2}, nil end, __metatable = "locked", __idiv = print, __band = print}
local a, b = setmetatable({}, mt), setmetatable({}, mt)
print(a.x, a(1, 2), #a, a == b, a < b, a <= b, a .. b, "s" .. a, -a, a + 1, 1 + a, tostring(a), a // 1, a & 1, pcall(function() return a | 1 end))
a.y = 5 for k, v in pairs(a) do print(k, v) end print(getmetatable(a), pcall(setmetatable, a, {})) a, b = nil collectgarbage() print(saved)
----
local function depth(n) if n == 0 then return debug.traceback("here", 1) end return (depth(n - 1)) end print(depth(5))
print(debug.getinfo(1, "nSltufrL").currentline, debug.getlocal(1, 1), debug.getinfo(print).what, debug.getupvalue(depth, 1), debug.setupvalue(depth, 1, depth))
debug.sethook(function(e, l) local i = debug.getinfo(2, "Sl") end, "crl", 3) local x = 1 x = x + 1 debug.sethook() print(debug.gethook())
print(pcall(debug.getlocal, 99, 1), debug.getmetatable("").__index == string, debug.upvalueid(depth, 1), pcall(debug.setlocal, 1, 1, 5))
local function va(...) print(debug.getlocal(1, -1)) return debug.setlocal(1, -1, 9), ... end print(va(1, 2)) debug.setuservalue(io.stdout, 1, 2)
local f1, f2 = function() return x end, function() return depth end debug.upvaluejoin(f1, 1, f2, 1) print(f1())
----
local f = assert(io.open("a.txt", "w")) f:write("line 1\n", 2, " ", 3.5, "\nlast") f:seek("set", 2) f:setvbuf("full", 16) f:close()
for l in io.lines("a.txt", "L") do io.write(l) end f = io.open("a.txt", "r+") print(f:read("l", "n", "n", "a"), f:seek("end"), f:seek("set", -1))
print(io.type(f), f, pcall(f.read, f, "x"), f:lines()(), f:flush()) f:close() print(pcall(f.read, f), io.read("n", "l"), io.open("/no/such"), io.tmpfile():write("x"))
os.rename("a.txt", "b.txt") print(os.remove("b.txt"), os.remove("zz"), pcall(io.popen, "ls"), io.output():write(""), pcall(io.lines, "nofile"))
----
print(os.time(), os.date("!%Y-%m-%d %H:%M:%S", 0), os.clock() >= 0, os.getenv("HOME"), os.tmpname(), os.difftime(5, 3), os.setlocale())
print(os.time({year = 2024, month = 13, day = -5, hour = 12, isdst = false}), os.date("*t", 86400).yday, pcall(os.date, "%Ez", 0), pcall(os.time, {year = 1 << 40}))
print(pcall(os.exit), os.date("%c %x %X %p %j %U %%", 1e9))
----
local d = string.dump(function(a, ...) local b, c = a, ... return function() b = b + 1 return b, c end end, true)
print(#d, load(d, "d", "b"), load(d, "d", "t"), load(d:sub(1, 20)), load(function() return nil end), pcall(load, 5))
local g = load(d) print(pcall(g, 1)) for i = 1, #d, 7 do local x = d:sub(1, i - 1) .. string.char(d:byte(i) ~ 5) .. d:sub(i + 1) local h = load(x, "x", "b") if h then pcall(h, 1) end end
----
print(tonumber("0x1p4"), tonumber("1e1"), tonumber("  12  "), tonumber("z", 36), tonumber("8", 8), tonumber(""), tonumber("0x"), tonumber("1" .. ("0"):rep(50)))
print(tostring(nil), tostring(1e15), tostring(-0.0), tostring(2^63), tostring(print):sub(1, 8), type(nil), select(-1, 1, 2), select("#"))
print(pcall(error), pcall(error, nil), pcall(error, {1}), pcall(error, "m", 2), xpcall(error, function(m) return m, 1 end, "x"), pcall(assert, false, "no"))
print(xpcall(function() error("deep") end, function(m) error("again") end), pcall(pcall), pcall(select, 0), rawget({}, 1), ipairs({}), next({}, nil))
warn("@on") warn("a", "b") print(pcall(next, {}, 1), pcall(ipairs), pcall(setmetatable, 1, 2), collectgarbage("count") > 0, collectgarbage("step", 1))
----
package.preload.m = function(n, x) return {n = n, x = x} end print(require("m").n, package.loaded.m, pcall(require, "nope"), package.searchpath("x", "?.lua;?/i.lua"))
for _, o in ipairs({"stop", "restart", "incremental", "generational", "isrunning", "setpause", "setstepmul", "collect"}) do print(collectgarbage(o, 100)) end
local weak = setmetatable({}, {__mode = "k"}) weak[{}] = {} weak[print] = weak collectgarbage() for k in pairs(weak) do print(k) end
----
do local a <close> = setmetatable({}, {__close = function(_, e) print("a", e) end}) local b <const> = 5
  for i = 3, 1, -1 do local c <close> = setmetatable({}, {__close = function() if i == 2 then error("close") end end}) if i == 1 then break end end end
----
for i = 1, 3 do for j = 1.0, 2, 0.5 do goto continue end ::continue:: end local t = {} for i = 10, 1, -3 do t[#t + 1] = function() i = i + 1 return i end end
for k, v in next, {10, 20, x = 1} do print(k, v) end for i = math.maxinteger - 1, math.maxinteger do print(i) end print(t[1](), t[2]()) pcall(function() for i = 1, 10, 0 do end end)
local function f(...) return select("#", ...), ... end print(f(), (f(1, 2)), f(nil, nil)) print(#{f(1, 2, 3)}, {f()}, {f(), f()}) while true do if t then break end end repeat local z = 1 until z == 1
----
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end print(fib(10))
local s = {} for i = 1, 100 do s[i] = i s["k" .. i] = i end for i = 1, 100, 2 do s[i] = nil s["k" .. i] = nil end for k, v in pairs(s) do s[k] = nil end print(next(s))
local function r() return r() + 1 end print(pcall(r)) print(pcall(string.rep, "x", -1), ("x"):rep(0)) local st = ("a"):rep(50) print(st == ("a"):rep(50), st < st .. "b", ({[st] = 1})[("a"):rep(50)])
