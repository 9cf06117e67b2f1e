local sum = 0
for i = 1, 3 do
  sum = sum + i
end
print(sum)

for i, colour in ipairs({ "red", "green" }) do
  print(i, colour)
end

--@ title: Opcodes 6: the two kinds of for
--@ title.zh: 操作码 6：两种 for
--@ about: The numeric for counts down the turns that are left. The generic for asks a function for the next values.
--@ about.zh: 数值 for 会倒数剩余的次数；泛型 for 每次向一个函数要下一组值。
--@ order: 260
--@ tick: 12
--> 6
--> 1	red
--> 2	green
