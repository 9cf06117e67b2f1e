-- The numeric for knows its number of turns before it starts.
local total = 0
for i = 10, 1, -3 do
  total = total + i
end
print("for", total)

-- while jumps back with JMP; the compare decides.
local n, steps = 27, 0
while n ~= 1 do
  if n % 2 == 0 then
    n = n // 2
  else
    n = 3 * n + 1
  end
  steps = steps + 1
  if steps >= 20 then break end
end
print("while", n, steps)

-- repeat tests at the end, and sees the body's locals.
local k = 0
repeat
  k = k + 1
  local done = k * k > 20
until done
print("repeat", k)

-- The generic for calls its iterator: TFORCALL, TFORLOOP.
for index, word in ipairs({ "one", "two" }) do
  print(index, word)
end

-- and, or: TEST and TESTSET
local name = nil
print(name or "nobody", name and #name)

--@ title: Loops, compares and jumps
--@ title.zh: 循环、比较与跳转
--@ about: Four loops, four patterns of jumps. A compare takes the JMP behind it along in the same step.
--@ about.zh: 四种循环，四种跳转样式。比较指令会在同一步里把后面的 JMP 一并执行。
--@ order: 100
--@ tick: 12
--> for	22
--> while	274	20
--> repeat	5
--> 1	one
--> 2	two
--> nobody	nil
