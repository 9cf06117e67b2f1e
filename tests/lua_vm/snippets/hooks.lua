-- debug hooks of all kinds, and what the debug interface sees from them
local function lines_of(source)
  local seen = {}
  debug.sethook(function(event, line) seen[#seen + 1] = line end, "l")
  load(source)()
  debug.sethook()
  return table.concat(seen, " ")
end
print(lines_of "a = 1\nb = 2\nfor i = 1, 3 do\n  c = i\nend\nif a then\n  d = 1\nelse\n  d = 2\nend\n")
print(lines_of "local function f()\n  return 1\nend\nf()\nf()\nlocal t = {\n 1,\n f(),\n}\n")
print(lines_of "while true do\n  break\nend\nrepeat local x = 1 until x\ngoto e\ng = 1\n::e::\n")
local count = 0
debug.sethook(function(e) count = count + 1 end, "", 1)
for i = 1, 100 do end
debug.sethook()
print(count)
count = 0
debug.sethook(function(e) count = count + 1 end, "", 7)
for i = 1, 1000 do local x = i end
debug.sethook()
print(count)
local events = {}
debug.sethook(function(event)
  local info = debug.getinfo(2, "nS")
  events[#events + 1] = event .. ":" .. tostring(info.name) .. ":" .. info.what
end, "cr")
local function leaf(...) return math.abs(-1) end
local function tail() return leaf(1, 2) end
tail()
string.rep("x", 2)
debug.sethook()
print(table.concat(events, " "))
print(debug.gethook())
debug.sethook(print, "crl", 5)
local f, mask, n = debug.gethook()
debug.sethook()
print(f == print, mask, n)
local co = coroutine.create(function() local a = 1; coroutine.yield(); local b = 2 end)
local co_lines = 0
debug.sethook(co, function() co_lines = co_lines + 1 end, "l")
coroutine.resume(co)
local x = 1
coroutine.resume(co)
print(co_lines)
local function locals(a, b, ...)
  local c = a + b
  local names = {}
  for i = 1, 10 do local name, value = debug.getlocal(1, i); names[i] = name and name .. "=" .. tostring(value):gsub("table.*", "T") end
  names[#names + 1] = tostring(debug.getlocal(1, -1)) .. tostring(select(2, debug.getlocal(1, -2)))
  return table.concat(names, " ")
end
print(locals(1, 2, "v1", "v2"))
local function setter() local v = "old"; debug.setlocal(1, 1, "new"); return v end
print(setter())
local function info() local i = debug.getinfo(1, "nSlutf"); return i.name, i.namewhat, i.currentline, i.nups, i.nparams, i.isvararg, i.istailcall, i.func == info end
print(info())
local lines = {}
for line in pairs(debug.getinfo(locals, "L").activelines) do lines[#lines + 1] = line end
table.sort(lines)
print(table.concat(lines, " "))
print(debug.getinfo(print).what, debug.getinfo(1, "S").short_src, debug.getinfo(100))
debug.sethook(function(e, l) error("from hook line " .. l) end, "l")
local ok, message = pcall(function()
  local y = 1
end)
debug.sethook()
print(ok, message)
