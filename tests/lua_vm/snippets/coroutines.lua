-- generators, passing values both ways, errors, status, wrap, nesting, yields across pcall and metamethods
local yield, resume, create, wrap, status = coroutine.yield, coroutine.resume, coroutine.create, coroutine.wrap, coroutine.status
local co = create(function(a, b)
  print("start", a, b)
  local c = yield(a + b)
  print("got", c)
  local d, e = yield(c * 2)
  print("got", d, e)
  return "done", d + e
end)
print(resume(co, 1, 2)); print(resume(co, 10)); print(status(co)); print(resume(co, 3, 4)); print(status(co)); print(resume(co))
local function gen(n) return wrap(function() for i = 1, n do yield(i, i * i) end end) end
for i, sq in gen(4) do io.write(i, "=", sq, " ") end
print()
print(resume(create(function() error("oops") end)))
print(resume(create(function() error({}) end)) == false)
print(pcall(wrap(function() error("wrapped") end)))
local outer = wrap(function()
  local inner = wrap(function() yield("inner 1"); yield("inner 2") end)
  yield(inner()); yield("outer"); yield(inner())
end)
print(outer(), outer(), outer())
print(coroutine.isyieldable(), coroutine.running())
print(pcall(yield, 1))
local c2 = create(function() print(pcall(function() yield("in pcall"); error("after") end)); return "end" end)
print(resume(c2)); print(resume(c2))
local c3 = create(function()
  print(xpcall(function() yield(1); local x; x.y = 1 end, function(m) return "H " .. m end))
  return 3
end)
print(resume(c3)); print(resume(c3))
local mt = {__add = function(a, b) return yield("add") end, __index = function(t, k) return yield("index " .. k) end,
  __lt = function() return yield("lt") end, __eq = function() return yield("eq") end, __concat = function() return yield("concat") end,
  __call = function(_, x) return yield("call " .. x) end, __len = function() return yield("len") end,
  __newindex = function(t, k, v) yield("newindex " .. k); rawset(t, k, v) end, __unm = function() return yield("unm") end,
  __le = function() return yield("le") end, __close = function() yield("close") end}
local function obj() return setmetatable({}, mt) end
local m = wrap(function()
  local a, b = obj(), obj()
  local r = {a + b, a.field, a < b, a == b, a .. b, a(7), #a, -a, a <= b, "x" .. a .. "y"}
  a.key = "v"
  r[#r + 1] = rawget(a, "key")
  if a < b then r[#r + 1] = "true branch" else r[#r + 1] = "false branch" end
  if not (a == b) then r[#r + 1] = "not equal" end
  do local c <close> = obj() end
  for x in obj() do break end
  return table.concat(r, ",", 1, #r)
end)
local function show(v) return type(v) == "boolean" and (v and 1 or 0) or v end
local answer = m()
local n = 0
while n < 40 do
  n = n + 1
  io.write(tostring(answer), "; ")
  local ok, next_answer = pcall(m, n % 3 == 0 and "s" .. n or n)
  if not ok then io.write(next_answer) break end
  answer = next_answer
end
print()
print(resume(create(function() return table.sort({3, 1, 2}, function(a, b) yield() end) end)))
print(pcall(function() return table.concat(setmetatable({}, {__index = function() yield() end, __len = function() return 1 end})) end))
print(resume(coroutine.running()))
local self
self = create(function() return resume(self) end)
print(resume(self))
local normal
local function check() return status(normal) end
normal = create(function() return wrap(check)() end)
print(resume(normal))
print(coroutine.close(create(print)), pcall(coroutine.close, coroutine.running()))
local function deep(k) if k == 0 then yield("bottom") else deep(k - 1) end end
local d = create(deep)
print(resume(d, 200)); print(resume(d)); print(status(d))
local function nest(k) if k == 0 then return "nested" end return wrap(nest)(k - 1) end
print(nest(50))
print(pcall(nest, 300))
for k, v in wrap(function() for k, v in pairs({10, 20}) do yield(k, v) end end) do io.write(k, ":", v, " ") end
print()
local producer = create(function() for i = 1, 3 do yield("item " .. i) end return nil end)
repeat local ok, item = resume(producer); print(ok, item) until not item
print(select("#", resume(create(function() return end))), select("#", resume(create(function() yield(nil, nil) end))))
print(wrap(function(...) return select("#", ...) end)(nil, nil))
print(pcall(string.gsub, "abc", "%w", function(c) return coroutine.isyieldable() and "y" or "n" end))
print(wrap(function() return pcall(string.gsub, "abc", "%w", yield) end)())
