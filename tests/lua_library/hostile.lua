-- Attempts to confuse natives through the debug library, finalizers and the registry: all must end in Lua errors at worst.
local reg = debug.getregistry()
local keys = {}
for k, v in pairs(reg) do keys[#keys+1] = tostring(k) end
print(#keys > 0)
local fmt = getmetatable(io.stdout)
-- generator given the file type
local name, gen = debug.getupvalue(math.random, 1)
print(name, type(gen))
debug.setmetatable(gen, fmt)
print(pcall(function() return gen:read() end))
print(pcall(tostring, gen))
print(pcall(io.input, gen))
debug.setmetatable(gen, nil)
print(pcall(math.random, 3) )
-- upvalues of natives
print(debug.setupvalue(math.random, 1, 5), debug.setupvalue(string.gmatch("x", "x"), 3, -100))
-- user values
print(debug.setuservalue(io.stdout, 5, 1), debug.getuservalue(io.stdout, 1))
-- registry replaced
for _, k in ipairs{"_FILES", "_IO_input", "_IO_output", "_IO_stdin", "FILE*", "_LOADED", "_PRELOAD", "_HOOKKEY", 1, 2} do
  local old = reg[k]
  for _, v in ipairs{1, "x", {}, gen, io.stdout, print, coroutine.create(print), false} do
    reg[k] = v
    for _, f in ipairs{
      function() return io.open("q.txt", "w"):write("x") end, function() return io.read() end, function() return io.write("") end,
      function() return io.lines() end, function() return io.tmpfile() end, function() return require("zzz") end,
      function() debug.sethook(print, "") debug.sethook() end, function() return os.rename("q.txt", "r.txt") end,
      function() return load("return x")() end, function() return dofile() end, function() return os.tmpname() end,
      function() return io.close() end, function() return debug.traceback("x") end, function() return tostring(io.stdout) end,
      function() return io.type(io.stdout) end, function() return getmetatable(io.stdout).__gc(io.stdout) end,
      function() local f <close> = io.open("q.txt", "w") end, collectgarbage,
    } do pcall(f) end
  end
  reg[k] = old
end
-- change a running native's arguments
print(pcall(string.gsub, ("abc"):rep(100), "b", function() debug.setlocal(2, 1, nil) debug.setlocal(2, 2, nil) collectgarbage() return "x" end))
print(pcall(table.sort, {3, 2, 1, 5, 4}, function(a, b) debug.setlocal(2, 1, nil) debug.setlocal(2, 2, 7) collectgarbage() return a < b end))
print(pcall(table.concat, setmetatable({}, {__len = function() return 10 end, __index = function(_, i) debug.setlocal(2, 1, 0) for n = 1, 20 do debug.setlocal(2, n, n) end return ("y"):rep(300) end})) )
-- finalizers that write to the file being written
for i = 1, 20 do setmetatable({}, {__gc = function() local f = io.open("shared", "a") if f then f:write(("z"):rep(5000)) f:close() end end}) end
local f = io.open("shared", "w") f:setvbuf("full")
for i = 1, 2000 do f:write(("w"):rep(50)) local t = {} for j = 1, 20 do t[j] = {} end end
f:close()
print(#io.open("shared"):read("a") > 0)
-- closing while iterating
local f = io.open("shared") for l in f:lines(1) do f:close() break end
print(pcall(function() for l in f:lines() do end end))
for l in io.lines("shared", 10) do os.remove("shared") end
print(pcall(debug.setmetatable, 10, {__index = function(a, b) return b end}), (5).x) debug.setmetatable(10, nil)
local co = coroutine.wrap(function() return pcall(string.gsub, "x", "x", coroutine.yield) end) print(co())
print(select("#", debug.getlocal(1, 1)))
string.format = nil
print(pcall(coroutine.close, coroutine.running()))
print(pcall(string.rep, "x", 1e8), "memory")
print("alive")
