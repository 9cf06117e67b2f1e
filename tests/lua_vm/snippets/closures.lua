-- upvalues: shared while open, own after closing, fresh per iteration, through several levels
local function counter()
  local n = 0
  return function() n = n + 1; return n end, function() return n end, function(v) n = v end
end
local inc, get, set = counter()
print(inc(), inc(), get(), set(40), inc(), get())
local inc2, get2 = counter()
print(inc2(), get2(), get())
local fs = {}
for i = 1, 5 do fs[i] = function(d) i = i + (d or 0); return i end end
print(fs[1](10), fs[1](), fs[2](), fs[5]())
local ws = {}
local k = 0
while k < 3 do
  k = k + 1
  local own = k * 10
  ws[k] = function() own = own + 1; return own, k end
end
print(ws[1](), ws[1](), ws[3]())
local function outer(a)
  return function(b)
    return function(c)
      a, b = b, a
      return a + b * c
    end
  end
end
local f = outer(1)(2)
print(f(10), f(10), f(0))
local function fact(n) if n == 0 then return 1 end return n * fact(n - 1) end
print(fact(20))
do
  local x = 1
  goto skip
  ::back::
  x = x + 1
  ::skip::
  local g = function() return x end
  if x < 3 then goto back end
  print(g(), x)
end
local function repeated()
  local out = {}
  local i = 0
  repeat
    local captured = i
    out[#out + 1] = function() captured = captured + 100; return captured end
    i = i + 1
  until captured >= 2
  return out
end
for _, fn in ipairs(repeated()) do io.write(fn(), " ", fn(), " ") end
print()
local a = {}
for i = 1, 3 do
  local x <const> = i * 2
  a[i] = function() return x end
end
print(a[1](), a[2](), a[3]())
print((function(...) local n = select("#", ...); return function() return n end end)(1, nil, nil)())
local t = setmetatable({}, {__index = function(_, key) return function() return key end end})
print(t.alpha(), t.beta())
print(debug.upvalueid(inc, 1) == debug.upvalueid(get, 1), debug.upvalueid(inc, 1) == debug.upvalueid(inc2, 1))
debug.upvaluejoin(inc, 1, inc2, 1)
print(inc(), get2(), get())
