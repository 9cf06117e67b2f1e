-- the edges: recursion of natives, big strings, error in error handling, concat of many values
local function nest(n) if n == 0 then return "bottom" end return select(2, pcall(nest, n - 1)) end
print(nest(100))
print(string.find(tostring(nest(250)), "stack overflow") ~= nil)
local function gs(n) if n == 0 then return "x" end return (string.gsub("a", "a", function() return gs(n - 1) end)) end
print(gs(100))
print(select(2, pcall(gs, 250)):match("C stack overflow"))
local t = setmetatable({}, {__tostring = function(t) return tostring(t) end})
print(select(2, pcall(tostring, t)):match("C stack overflow"))
local ok, m = pcall(string.rep, "x", 1 << 40)
print(ok, m)
local co
local function recurse(n) return coroutine.wrap(function() return recurse(n + 1) end)() end
print(select(2, pcall(recurse, 1)):match("C stack overflow"))
print(xpcall(function() local function f() return f() + 1 end return f() end, function() return "in handler" end))
local function errerr() error("x") end
print(xpcall(errerr, errerr))
local parts = {}
for i = 1, 250 do parts[i] = "p" .. i end
local code = "local " .. table.concat(parts, ",", 1, 190) .. " = 1; return " .. table.concat(parts, " .. ", 1, 1) .. " .. '' .. 1 .. 2"
print(load(code)())
local s = ""
for i = 1, 200 do s = s .. i .. "," end
print(#s, s:sub(-12))
local bigtable = {}
for i = 1, 300 do bigtable[i] = ("a = %d"):format(i) end
load(table.concat(bigtable, "\n"))()
print(a)
local consts = {}
for i = 1, 600 do consts[i] = "x" .. i .. " = " .. i .. ".5" end
load(table.concat(consts, "\n"))()
print(x1, x600)
local f = load("return " .. ("("):rep(150) .. "1" .. (")"):rep(150))
print(f())
local fields = {}
for i = 1, 400 do fields[i] = "f" .. i .. "=" .. i end
local obj = load("return {" .. table.concat(fields, ",") .. "}")()
print(obj.f1, obj.f400)
local list = load("return {" .. ("1,"):rep(1000) .. "}")()
print(#list)
print(math.maxinteger + 1 == math.mininteger, math.mininteger // -1, pcall(function() return math.mininteger % -1 end))
