-- array and hash parts, lengths, traversal order of the array part, deletion while traversing, odd keys
local t = {10, 20, 30, nil, 50, x = 1, [2.0] = "two", [true] = "yes"}
print(#t, t[1], t[2], t[3], t[5], t.x, t[true], t[2.5])
for i = 1, 100 do t[i] = i end
print(#t)
for i = 100, 51, -1 do t[i] = nil end
print(#t)
local keys = {}
for k in pairs(t) do if type(k) == "number" then keys[#keys + 1] = k end end
print(#keys, keys[1], keys[#keys])
for k in pairs(t) do t[k] = nil end
print(next(t), #t)
local big = {}
for i = 1, 1000 do big[i * 7] = i end
local sum = 0
for k, v in pairs(big) do sum = sum + k * v end
print(sum)
local mixed = {}
for i = 1, 50 do mixed["k" .. i] = i; mixed[i] = -i; mixed[i + 0.5] = i; mixed[-i] = 0 end
local n = 0
for k, v in pairs(mixed) do n = n + 1 end
print(n, #mixed, mixed.k7, mixed[7.5], mixed[-7], mixed[7])
print(pcall(function() mixed[nil] = 1 end))
print(pcall(function() mixed[0 / 0] = 1 end))
print(mixed[nil], mixed[0 / 0])
print(pcall(next, {}, "no such key"))
print(rawlen({1, 2}), rawlen("abc"), rawequal(t, t), rawget({5}, 1))
local nested = {{1, {2, {3}}}, a = {b = {c = "deep"}}}
print(nested[1][2][2][1], nested.a.b.c)
local long = ("k"):rep(60)
local lt = {[long] = 1}
lt[("k"):rep(30) .. ("k"):rep(30)] = 2
print(lt[long], next(lt) == long)
local holes = {n = 0}
for i = 1, 16 do holes[i] = i end
holes[8] = nil
print(#holes == 16 or #holes == 7)
print(select("#", table.unpack({1, nil, 3}, 1, 3)), table.unpack({1, 2, 3}, 2))
print(#{n = 1}, #{1, 2, nil}, #"", #{table.unpack({}, 1, 3)})
local list = {table.unpack({}, 1, 60)}
local function three() return 1, 2, 3 end
local multi = {0, three(), three()}
print(#multi, multi[2], multi[3], multi[5])
local many = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,
  40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60,three()}
print(#many, many[60], many[63])
table.sort(many, function(a, b) return a > b end)
print(many[1], many[63], table.concat(many, ",", 1, 5))
print(table.concat({1, 2.5, "x"}, "-"), table.remove(many), #many, table.insert(many, 9), many[#many])
