-- One table, two parts: an array for 1, 2, 3 … and a hash for the rest.
local t = {}
for i = 1, 5 do
  t[i] = i * 10
end

t.name = "list"
t[100] = "far away"
print(#t, t.name, t[100])

-- Removing the last element leaves a free slot.
t[5] = nil
print(#t, table.concat(t, " "))

table.insert(t, 1, 5)
print(table.concat(t, " "), table.remove(t))

-- pairs visits the array part in order, then the hash part.
local count = 0
for key, value in pairs(t) do
  count = count + 1
end
print(count)

--@ title: Tables: array part and hash part
--@ title.zh: 表：数组部分与哈希部分
--@ about: Watch the sizes in the heap pane: 0, 1, 2, 4, 8. A table grows only when it is full, and counts then which keys are worth an array.
--@ about.zh: 留意堆面板里的大小：0、1、2、4、8。表只在装满时增长，那时它会统计哪些键值得放进数组。
--@ order: 80
--@ tick: 20
--> 5	list	far away
--> 4	10 20 30 40
--> 5 10 20 30 40	40
--> 6
