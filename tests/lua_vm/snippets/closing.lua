-- to-be-closed variables and goto: order, errors in __close, break, return, nested, coroutines
local function closer(name, fail)
  return setmetatable({name = name}, {__close = function(self, e)
    print("close " .. name, e)
    if fail then error("from " .. name, 0) end
  end, __tostring = function() return name end})
end
do local a <close> = closer "a"; local b <close> = closer "b"; print("body") end
local function f()
  local x <close> = closer "x"
  local y <close> = nil
  local z <close> = false
  return "result", x.name
end
print(f())
for i = 1, 3 do
  local c <close> = closer("loop" .. i)
  if i == 2 then break end
end
print(pcall(function()
  local a <close> = closer("outer", true)
  local b <close> = closer("inner", true)
  error("original", 0)
end))
print(pcall(function() local bad <close> = {} end))
print(pcall(function() local bad <close> = 42 end))
print(pcall(function()
  local a <close> = closer "kept"
  local b <close> = closer("raises", true)
  return "lost"
end))
local function gen(n)
  return function(_, i) if i < n then return i + 1 end end, nil, 0, closer("iterator" .. n)
end
for i in gen(3) do io.write(i, " ") end
for i in gen(5) do if i == 2 then break end end
print(pcall(function() for i in gen(2) do error("in loop", 0) end end))
local co = coroutine.create(function()
  local a <close> = closer "in coroutine"
  local b <close> = setmetatable({}, {__close = function() coroutine.yield("from close") end})
  coroutine.yield(1)
  return "end"
end)
print(coroutine.resume(co)); print(coroutine.resume(co)); print(coroutine.resume(co)); print(coroutine.status(co))
local co2 = coroutine.create(function() local a <close> = closer "abandoned"; coroutine.yield() end)
coroutine.resume(co2)
print(coroutine.close(co2), coroutine.status(co2))
local co3 = coroutine.create(function() local a <close> = closer("bad end", true); coroutine.yield() end)
coroutine.resume(co3)
print(coroutine.close(co3))
local function tailcall() local t <close> = closer "not tail"; return f() end
print(tailcall())
do
  local i = 1
  ::top::
  local c <close> = closer("goto" .. i)
  i = i + 1
  if i <= 3 then goto top end
end
print(pcall(function()
  local a <close> = setmetatable({}, {__close = function(_, e) error(e .. "+1", 0) end})
  local b <close> = setmetatable({}, {__close = function(_, e) error(e .. "+2", 0) end})
  error("e", 0)
end))
for i = 1, 3 do
  for j = 1, 3 do
    if j == 2 then goto continue end
    io.write(i, ":", j, " ")
    ::continue::
  end
end
print()
local t = {}
for i = 1, 3 do local x <close> = setmetatable({}, {__close = function() t[#t + 1] = i end}) end
print(table.concat(t, ","))
