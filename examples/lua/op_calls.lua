local function nothing() end
local function double(n) return n * 2 end
local function pair(n) return n, n + 1 end
local function again(n) return double(n) end
local function count(...)
  return select("#", ...), ...
end

nothing()
print(double(4))
print(pair(4))
print(again(5))
print(count("x", "y"))

local keep
do
  local inside = "kept"
  keep = function() return inside end
end
print(keep())

do
  local door <close> = setmetatable({}, {
    __close = function() print("closed") end,
  })
  print("open")
end

--@ title: Opcodes 7: calls and scopes
--@ title.zh: 操作码 7：调用与作用域
--@ about: A call makes a frame, a return takes it away. At the end of a block, what was captured is saved, and what must be closed is closed.
--@ about.zh: 调用建立一个帧，返回拆掉它。块结束时，被捕获的变量会被保存，该关闭的会被关闭。
--@ order: 270
--@ tick: 44
--> 8
--> 4	5
--> 10
--> 2	x	y
--> kept
--> open
--> closed
