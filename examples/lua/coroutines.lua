-- A generator: the loop below pulls, this function yields.
local function fibonacci(limit)
  return coroutine.wrap(function()
    local a, b = 0, 1
    while a <= limit do
      coroutine.yield(a)
      a, b = b, a + b
    end
  end)
end

for n in fibonacci(13) do
  print(n)
end

-- Values travel both ways.
local echo = coroutine.create(function(first)
  local second = coroutine.yield(first .. "!")
  return second .. "?"
end)

print(coroutine.resume(echo, "ping"))
print(coroutine.status(echo))
print(coroutine.resume(echo, "pong"))
print(coroutine.status(echo))
print(coroutine.resume(echo))

--@ title: Coroutines: a function that pauses
--@ title.zh: 协程：会暂停的函数
--@ about: Every coroutine has a stack of its own. `yield` leaves it as it is and goes back to whoever resumed it; the next `resume` goes on at the same instruction.
--@ about.zh: 每个协程都有自己的栈。`yield` 让栈保持原样，回到恢复它的人那里；下一次 `resume` 从同一条指令继续。
--@ order: 50
--@ tick: 60
--> 0
--> 1
--> 1
--> 2
--> 3
--> 5
--> 8
--> 13
--> true	ping!
--> suspended
--> true	pong?
--> dead
--> false	cannot resume dead coroutine
