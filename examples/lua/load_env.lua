-- A text becomes a function with one upvalue, _ENV, and load may say what is in it.
local text = "count = (count or 0) + 1; return count"

local first = {}
local second = {}
local a = load(text, "a", "t", first)
local b = load(text, "b", "t", second)

print(a(), a(), b())
print(first.count, second.count, count)

--@ title: load and an environment of its own
--@ title.zh: load 与独立的环境
--@ about: The same text is loaded twice, each time with another table as `_ENV`. What the text calls a global is a field of that table.
--@ about.zh: 同一段文本加载两次，每次都以另一个表作为 `_ENV`。文本里的“全局变量”其实是那个表的字段。
--@ order: 35
--@ tick: 44
--> 1	2	1
--> 2	1	nil
