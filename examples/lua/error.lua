local stock = { apple = 3, pear = 5 }

local function take(fruit, count)
  local left = stock[fruit] - count
  stock[fruit] = left
  return left
end

-- pcall turns an error into a value.
print(pcall(error, "by hand", 0))
print(pcall(take, "plum", 1))

-- error takes any value, a table too.
local ok, problem = pcall(error, { code = 7 })
print(ok, problem.code)

print(take("apple", 1))
print(take("melon", 1))

--@ title: Errors and tracebacks
--@ title.zh: 错误与回溯
--@ about: Two errors are caught. The last one is not: the program ends, and its traceback is the call stack of that moment. Step back from the end to see how it came.
--@ about.zh: 前两个错误被捕获，最后一个没有：程序结束，它的回溯就是那一刻的调用栈。从结尾往回走，看看它是怎么来的。
--@ order: 120
--@ tick: 53
--> false	by hand
--> false	main.lua:4: attempt to perform arithmetic on a nil value (field '?')
--> false	7
--> 2
--! main.lua:4: attempt to perform arithmetic on a nil value (field '?')
