-- every metamethod, chains, and what happens when they fail
local log = {}
local mt = {}
local function new(v) return setmetatable({v = v}, mt) end
local function val(x) return type(x) == "table" and rawget(x, "v") or x end
for _, e in ipairs {"add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "concat"} do
  mt["__" .. e] = function(a, b) return e .. "(" .. tostring(val(a)) .. "," .. tostring(val(b)) .. ")" end
end
mt.__unm = function(a, b) return "unm" .. a.v .. tostring(rawequal(a, b)) end
mt.__bnot = function(a) return "bnot" .. a.v end
mt.__len = function(a) return "len" .. a.v end
mt.__eq = function(a, b) log[#log + 1] = "eq"; return a.v == b.v end
mt.__lt = function(a, b) return val(a) < val(b) end
mt.__le = function(a, b) return val(a) <= val(b) end
mt.__call = function(self, ...) return "called", self.v, ... end
mt.__tostring = function(a) return "obj" .. a.v end
mt.__name = "Obj"
local a, b = new(1), new(2)
print(a + b, a - 1, 2 * a, a / b, a % 3, a ^ 2, a // b, a & 1, 1 | a, a ~ b, a << 1, 1 >> a, a .. "s", 5 .. a, a .. b)
print(-a, ~a, #a, a == b, a == new(1), a ~= b, a < b, a <= b, a > b, a >= b, 1 < b, a < 5, a <= 1, 3 >= a)
print(a(10, 20), tostring(a), #log)
print(a + 1.5, 1.5 - a, a + "x", a // 0, "p" .. "q" .. a .. "r" .. 1)
local base = {shared = "from base"}
local derived = setmetatable({}, {__index = setmetatable({mid = "mid"}, {__index = base})})
print(derived.shared, derived.mid, derived.none)
local writes = {}
local proxy = setmetatable({}, {
  __newindex = function(t, k, v) writes[#writes + 1] = tostring(k) .. "=" .. tostring(v); rawset(t, k, v) end})
proxy.x = 1; proxy.x = 2; proxy[1] = "one"; proxy[1.0] = "uno"
print(table.concat(writes, " "), proxy.x, proxy[1])
local store = {}
local redirected = setmetatable({}, {__newindex = store, __index = store})
redirected.a = 1; redirected[5] = 5
print(rawget(redirected, "a"), store.a, redirected.a, redirected[5])
local loop = {}
setmetatable(loop, {__index = loop, __newindex = loop})
print(pcall(function() return loop.x end))
print(pcall(function() loop.x = 1 end))
print(pcall(function() return a < "x" end))
print(pcall(function() return {} + 1 end))
print(pcall(function() return {} < {} end))
print(pcall(function() return {} < 1 end))
print(pcall(function() return #nil end))
print(pcall(function() return -{} end))
print(pcall(function() return {} .. "x" end))
local callable = setmetatable({}, {__call = setmetatable({}, {__call = function(self, other, x) return x end})})
print(callable("deep call"))
for k, v in pairs(setmetatable({}, {__pairs = function(t) return function(_, i) if not i then return 1, "p" end end, t end})) do
  print(k, v)
end
local ok, e = pcall(setmetatable, setmetatable({}, {__metatable = "locked"}), {})
print(ok, e, getmetatable(setmetatable({}, {__metatable = "locked"})), getmetatable("").__index == string)
local le = setmetatable({}, {__lt = function() return false end})
print(le <= le)
local idx = setmetatable({}, {__index = function(t, k) return k * 2 end})
print(idx[21], rawget(idx, 21), idx[1.5])
debug.setmetatable(nil, {__index = function(_, k) return "nil." .. k end})
print((nil).foo)
debug.setmetatable(nil, nil)
print(pcall(function() return (nil).foo end))
print(pcall(function() local s = "x"; return s.y.z end))
