local whole = 7              -- a small integer stands in the instruction
local half = 2.0             -- so does a small whole float
local pi = 3.14159           -- other numbers and strings are constants
local name = "box"
local copy = name
local no = false
local yes = true
local a, b, c
local same = whole == half   -- the outcome of a compare, as a value
print(whole, half, pi, copy, no, yes, a, b, c, same)

-- LOADKX is for functions with more than 131,072 constants. A text of that size does not
-- fit in here, so we take a small function as bytes and change two of its instructions.
local bytes = string.dump(function()
  local x, y = "near", "far"
  return x
end)
local two_loadk = "\3\0\0\0\x83\x80\0\0"
local loadkx_and_extraarg = "\4\0\0\0\xD2\0\0\0"
local changed = bytes:gsub(two_loadk, loadkx_and_extraarg)
print(load(changed, "changed", "b")())

--@ title: Opcodes 1: loads and moves
--@ title.zh: 操作码 1：加载与移动
--@ about: Ten ways to get a value into a register. The last part makes an instruction that the compiler would only use in a huge function.
--@ about.zh: 把值放进寄存器的十种方法。最后一段造出一条编译器只在巨大函数里才会用的指令。
--@ order: 210
--@ tick: 9
--> 7	2.0	3.14159	box	false	true	nil	nil	nil	false
--> far
