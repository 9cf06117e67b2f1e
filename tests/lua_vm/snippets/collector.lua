-- weak tables, ephemerons, finalizers with resurrection and order, cycles, strings, counters
local function collect() collectgarbage() collectgarbage() end
local weak = setmetatable({}, {__mode = "v"})
weak[1] = {}; weak[2] = "string stays"; weak.x = {}; local keep = {}; weak.y = keep
collect()
print(weak[1], weak[2], weak.x, weak.y == keep)
local wk = setmetatable({}, {__mode = "k"})
wk[{}] = 1; wk[keep] = 2; wk["s"] = {}
collect()
local n = 0
for k in pairs(wk) do n = n + 1 end
print(n, wk[keep], type(wk.s))
local eph = setmetatable({}, {__mode = "k"})
do
  local a, b, c = {}, {}, {}
  eph[a] = b; eph[b] = c; eph[c] = a
  eph[keep] = {value = keep}
end
collect()
n = 0
for k in pairs(eph) do n = n + 1 end
print(n, eph[keep].value == keep)
local chain = setmetatable({}, {__mode = "k"})
local first = {}
local k = first
for i = 1, 20 do local nk = {}; chain[k] = nk; k = nk end
k = nil
collect()
n = 0
for _ in pairs(chain) do n = n + 1 end
print(n)
local kv = setmetatable({}, {__mode = "kv"})
kv[1] = {}; kv[{}] = 1; kv[keep] = keep
collect()
n = 0
for _ in pairs(kv) do n = n + 1 end
print(n)
local order = {}
for i = 1, 5 do setmetatable({}, {__gc = function() order[#order + 1] = i end}) end
collect()
print(table.concat(order, " "))
local saved
do
  local mt = {__gc = function(o) saved = o; o.times = (o.times or 0) + 1 end}
  setmetatable({name = "phoenix"}, mt)
end
collect()
print(saved.name, saved.times)
setmetatable(saved, getmetatable(saved))
saved = nil
collect()
print(saved and saved.times)
saved = nil
collect()
do
  local a = setmetatable({}, {__gc = function(o) print("a sees", o.other.name) end})
  local b = setmetatable({name = "b"}, {__gc = function(o) print("b sees", o.other ~= nil) end})
  a.other, b.other = b, a
end
collect()
warn("@on")
setmetatable({}, {__gc = function() error("in finalizer") end})
collect()
setmetatable({}, {__gc = function() error({}) end})
collect()
warn("@off")
local co = coroutine.wrap(function() local held = {} ; weak.held = held; coroutine.yield(); return held end)
co()
collect()
print(weak.held ~= nil)
co = nil
collect()
print(weak.held)
local function closure_holds() local big = {}; weak.big = big; return function() return big end end
local c = closure_holds()
collect()
print(weak.big ~= nil)
c = nil
collect()
print(weak.big)
local t = {}
for i = 1, 2000 do t[i] = ("x"):rep(i % 50) .. i end
for i = 1, 2000, 2 do t[i] = nil end
collect()
local total = 0
for _, s in pairs(t) do total = total + #s end
print(total)
print(type(collectgarbage "count"), collectgarbage "isrunning", collectgarbage "stop", collectgarbage "isrunning")
print(collectgarbage "restart", collectgarbage "incremental", collectgarbage "generational")
print(collectgarbage "incremental", pcall(collectgarbage, "bogus"))
local cyc = {}
cyc.self = cyc
weak.cyc = cyc
cyc = nil
collect()
print(weak.cyc)
setmetatable({}, {__gc = function() print("closing the state", collectgarbage("count") > 0) end})
finalized_at_end = setmetatable({}, {__gc = function() print("global closed") end})
