-- Every call of `counter` makes a new variable n.
local function counter()
  local n = 0
  return function()
    n = n + 1
    return n
  end
end

local a = counter()
local b = counter()
print(a(), a(), b())

-- Every turn of a loop makes a new variable i.
local late = {}
for i = 1, 3 do
  late[i] = function() return i * i end
end
print(late[1](), late[2](), late[3]())

--@ title: Counters: a fresh upvalue each time
--@ title.zh: 计数器：每次都是新的上值
--@ about: Two counters do not disturb each other, because each call creates its own `n`. The same holds for a loop variable that is captured.
--@ about.zh: 两个计数器互不干扰，因为每次调用都会创建自己的 `n`。被捕获的循环变量也是如此。
--@ order: 20
--@ tick: 32
--> 1	2	1
--> 1	4	9
