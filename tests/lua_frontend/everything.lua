-- One of each: what the golden listing of this file is about.
local up, const <const>, big = 1, 2, 100000
local float, nothing, yes, no = 1.5, nil, true, false
local whole, text = 2.0, "tab\tquote\"back\\slash\0nul\200high"
local function counter(a, b, ...)
  up = up + 1
  local many = {...}
  return a and b or select("#", ...), up, ...
end
function global(x) return x end
local object = {1, 2, 3, field = function() return up end, [big] = text, counter(1)}
function object:method(k) self.field = nil; self[k] = "v"; self[1] = k; return self:method(k), self end
local x, y = object.field, object[1]
local assigned = x
assigned = function() return const, assigned end
x = x + 1 - y * 2 / 3 % 4 ^ 5 // 6
x = (x & 1 | y ~ 7) << 1 >> 2
x = x + y - x * y / x % y ^ x // y
x = (x & y | x ~ y) << (x >> y)
x = 1 << x; x = x - 5; x = 5 + x; x = x * 1.5; x = 1.5 * x; x = 10 & x
y = -x; y = ~x; y = not x; y = #x; y = x .. y .. text
if x == y or x < y or x <= y or x == 1 or x == "s" or x < 1 or x <= 2 or x > 3 or x >= 4.0 or not y then goto out end
for i = 1, 10, 2 do if i == 5 then break end; object[i] = function() return i end end
for k, v in pairs(object) do print(k, v) end
while x do x = x and y end
repeat local z <close> = x; local f = function() return z end until z
do local captured; object.f = function() captured = 1; return captured end end
long = "a string that is clearly longer than forty bytes, so it is never a field key"
object[long] = object["a string that is clearly longer than forty bytes, so it is never a field key"]
print(object.a.b[x][y], object[255], object[256], x ~= nil, (x == y))
::out::
return counter(...)
