local calls = 0

local function counter(n)
  local function up(by)
    calls = calls + 1
    n = n + by
    return n
  end
  local function down(by)
    calls = calls + 1
    n = n - by
    return n
  end
  return up, down
end

local up, down = counter(10)
local log = { unit = "pt" }

for i = 1, 8 do
  if i % 3 == 0 then
    log[i] = down(i)
  else
    log[i] = up(i)
  end
  print(i, log[i])
end

collectgarbage()
coroutine.wrap(up)(2)
print(pcall(down, {}))
print(calls, #log)

--@ title: Two closures, one upvalue
--@ title.zh: 两个闭包，一个上值
--@ about: `up` and `down` share the variable `n`. It starts as a register of `counter`; when `counter` returns, it moves into a box of its own that both closures keep. Step to 11 to see it close.
--@ about.zh: `up` 和 `down` 共用变量 `n`。它起初是 `counter` 的一个寄存器；`counter` 返回时，它搬进自己的盒子，由两个闭包共同持有。走到第 11 步可以看到它关闭。
--@ order: 10
--@ tick: 124
--> 1	11
--> 2	13
--> 3	10
--> 4	14
--> 5	19
--> 6	13
--> 7	20
--> 8	28
--> false	main.lua:11: attempt to perform arithmetic on a table value (local 'by')
--> 10	8
