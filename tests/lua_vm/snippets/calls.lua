-- varargs, multiple results, tail calls, adjustment, deep recursion, select, unpack
local function v(...) return ... end
print(v(), (v(1, 2, 3)), v(1, nil, 3))
print(select("#", v()), select("#", v(nil, nil)), select(-1, 1, 2, 3), select(2, "a", "b", "c"))
local function pack2(...) local a, b = ...; return a, b, select("#", ...) end
print(pack2(), pack2(1), pack2(1, 2, 3))
local function tail(n, acc) if n == 0 then return acc end return tail(n - 1, acc + n) end
print(tail(100000, 0))
local function even(n) if n == 0 then return true end return _ENV.odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
print(even(1001), odd(1001))
local function depth(n) if n == 0 then return 0 end return 1 + depth(n - 1) end
print(depth(15000))
print((function(a, b, ...) return b, a, ... end)(1, 2, 3, 4))
print((function(a, b) return a, b end)(1))
print(math.max(v(3, 9, 2)), (math.max(3, 9)))
local t = {v(1, 2), v(3, 4)}
print(#t, t[1], t[2], t[3])
print(string.format("%d %s", v(1, "x")))
local obj = {n = 5}
function obj:get(k) return self.n + (k or 0) end
function obj.static(x) return x end
print(obj:get(), obj:get(10), obj.static(7), ("x"):rep(3), #("abc"):upper())
local function va_closure(...) local args = {...}; return function() return table.unpack(args) end end
print(va_closure(1, 2, 3)())
print(pcall(depth, -1) == false)
local function overflow() return 1 + overflow() end
local ok, message = pcall(overflow)
print(ok, (message:gsub("\n.*", "")))
local function handler_overflow() return xpcall(overflow, function(m) return "handled: " .. m:match("stack overflow") end) end
print(handler_overflow())
print(xpcall(function() error("first") end, function(m) error("second") end))
local deep = setmetatable({}, {__index = function(t, k) return t[k + 1] end})
print(select(2, pcall(function() return deep[1] end)))
print(pcall(string.rep, "x", -1), pcall(string.rep))
local co = coroutine.wrap(function(...) local n = select("#", ...); return n, ... end)
print(co(1, nil, nil))
print(pcall(select, 0))
local function many(n) if n == 0 then return end return n, many(n - 1) end
print(select("#", many(200)), (select(200, many(200))))
print(#{many(250)}, #table.pack(table.unpack({}, 1, 250)))
print(pcall(table.unpack, {}, 1, 1e7))
local env = {print = print}
local chunk = load("x = 1; print(x); return _ENV", "chunk", "t", env)
print(chunk() == env, env.x, x)
print(load("return 1 +", "=bad"), load("x = = 1", "@file.lua"))
print(load(function() return nil end))
local parts = {"return ", "1", "+1"}
local i = 0
print(load(function() i = i + 1; return parts[i] end)())
print(pcall(load, "return ...", "n", "q"), load("return 1", "n", "b"))
print(assert(load("local a <const> = 10; return a * 2"))())
