-- integers and floats, every operator, both operand kinds, constants and registers
local ints = {0, 1, -1, 2, 3, -7, 64, 63, math.maxinteger, math.mininteger, 1 << 53, (1 << 53) + 1}
local floats = {0.0, -0.0, 1.5, -2.0, 1e15, 2^53, 1e308, math.huge, -math.huge}
local ops = {
  function(a, b) return a + b end, function(a, b) return a - b end, function(a, b) return a * b end,
  function(a, b) return a / b end, function(a, b) return a // b end, function(a, b) return a % b end,
  function(a, b) return a ^ b end, function(a, b) return a & b end, function(a, b) return a | b end,
  function(a, b) return a ~ b end, function(a, b) return a << b end, function(a, b) return a >> b end,
  function(a, b) return a < b end, function(a, b) return a <= b end, function(a, b) return a == b end,
}
local function show(ok, v) return ok and tostring(v) or "! " .. tostring(v):gsub("^[^:]*:%d+: ", "") end
for i, op in ipairs(ops) do
  local line = {}
  for _, a in ipairs(ints) do
    for _, b in ipairs(ints) do line[#line + 1] = show(pcall(op, a, b)) end
    for _, b in ipairs(floats) do line[#line + 1] = show(pcall(op, a, b)); line[#line + 1] = show(pcall(op, b, a)) end
  end
  for _, a in ipairs(floats) do
    for _, b in ipairs(floats) do
      local text = show(pcall(op, a, b))
      line[#line + 1] = text:find("nan") and "nan" or text
    end
  end
  for k, text in ipairs(line) do if text:find("nan") then line[k] = "nan" end end
  print(i, table.concat(line, " "))
end
local x = 7
print(x + 3, x - 3, x * 3, x / 2, x // 2, x % 4, x ^ 2, x & 5, x | 8, x ~ 1, x << 2, x >> 1, -x, ~x, 3 - x, 2 ^ x, 100 // x)
local y = 7.5
print(y + 3, y - 3, y * 3, y / 2, y // 2, y % 4, y ^ 2, -y, 3 - y, 1 + y, 10 // y, 10 % y, -10 % y, -y % 2)
print(x < 8, x <= 7, x > 6, x >= 7, 6 < x, 8 > x, x == 7, x ~= 7.0, y < 8, y <= 7, y > 7.5, y >= 7.5, y == 7.5)
print("10" + 5, "0x10" * 2, "3" // 1, 10 .. 20, 1.0 .. "", -"2", "7" % 4, 2 ^ "3", "1e1" + 0)
for i = 1, 3 do io.write(i, " ") end
for i = 3, 1, -1 do io.write(i, " ") end
for i = 1, 2, 0.5 do io.write(i, " ") end
for i = 1.0, 3 do io.write(i, " ") end
for i = math.maxinteger - 1, math.maxinteger do io.write(i, " ") end
for i = math.mininteger, math.mininteger + 1 do io.write(i, " ") end
for i = 1, math.huge do if i > 3 then break end io.write(i, " ") end
for i = 1, 0 do io.write("never") end
for i = -1, -math.huge, -1 do if i < -3 then break end io.write(i, " ") end
print()
print(1e15, 1e16, 123456.789, 0.1, 1 / 3, 2^63, -2^63, 5 // 0.0, -5 // 0.0, 0x7fffffffffffffff + 1, 1e100)
print(tostring(3) == "3", tostring(3.0), 3 | 0, 3.0 | 0, "0x1p4" + 0, 0xA.8p0, 1e2, .5, 3., 0x.1p4)
print(math.type(1), math.type(1.0), math.type("1"), 1 == 1.0, math.tointeger(3.0), math.tointeger(3.5), 7 // 2.0)
