-- table.sort is built in, the comparison is ours:
-- every compare is a call from native code back into Lua.
local words = { "pear", "fig", "apple", "kiwi" }

table.sort(words, function(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end)

for rank, word in ipairs(words) do
  print(rank, word)
end

--@ title: Inside a sort
--@ title.zh: 走进排序
--@ about: The call stack reads main, sort, comparator. Step through every comparison, and back again.
--@ about.zh: 调用栈依次是 main、sort、比较函数。一步步走过每次比较，也可以一步步退回来。
--@ order: 110
--@ tick: 40
--> 1	fig
--> 2	kiwi
--> 3	pear
--> 4	apple
