-- Extra arguments wait below the frame until VARARG fetches them.
local function tail(first, ...)
  return select("#", ...), ...
end
print(tail("a", "b", "c"))

-- A tail call reuses the frame: the call stack does not grow.
local function sum(n, total)
  if n == 0 then
    return total
  end
  return sum(n - 1, total + n)
end
print(sum(10, 0))

-- Only the last call of a list gives all its results.
local function pair()
  return 1, 2
end
print(pair(), pair())
print((pair()))

--@ title: Varargs and tail calls
--@ title.zh: 变长参数与尾调用
--@ about: Look at the call stack: `sum` calls itself ten times, and the depth stays the same, since TAILCALL gives the frame away.
--@ about.zh: 看调用栈：`sum` 调用自己十次，深度却不变，因为 TAILCALL 把帧让了出去。
--@ order: 60
--@ tick: 52
--> 2	b	c
--> 55
--> 1	1	2
--> 1
