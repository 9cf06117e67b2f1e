-- how deep calls of every kind may nest, and what the error says
local d
local function gs(n) d=n return (string.gsub("a","a",function() return gs(n+1) end)) end print(pcall(gs,1)) print(d)
local function pc(n) d=n return pcall(pc,n+1) end pc(1) print(d)
local t=setmetatable({},{__index=function(t,k) d=k return t[k+1] end}) print(pcall(function() return t[1] end)) print(d)
local function cw(n) d=n return coroutine.wrap(function() return cw(n+1) end)() end print(pcall(cw,1)) print(d)
local function cr(n) d=n local co=coroutine.create(cr) return coroutine.resume(co,n+1) end print(pcall(cr,1)) print(d)
local t=setmetatable({},{__lt=function(a,b) d=d+1 return a<b end}) d=0 print(pcall(function() return t<t end)) print(d)
local t=setmetatable({},{__concat=function(a,b) d=d+1 return a..b end}) d=0 print(pcall(function() return t..t end)) print(d)
local t=setmetatable({},{__tostring=function(a) d=d+1 return tostring(a) end}) d=0 print(pcall(tostring,t)) print(d)
local function so(n) d=n table.sort({1,2},function() so(n+1) end) end print(pcall(so,1)) print(d)
local function lo(n) d=n return load(function() lo(n+1) end) end print(pcall(lo,1)) print(d)
local function xp(n) d=n return xpcall(xp,function(m) return m end,n+1) end print(xp(1)) print(d)
local function eh(n) d=n error("x") end print(xpcall(function() error("a") end,function(m) d=(d or 0)+1 error(m) end)) print(d)
local function cl(n) d=n local x<close> =setmetatable({},{__close=function() cl(n+1) end}) end print(pcall(cl,1)) print(d)
local function ip(n) d=n for k,v in pairs(setmetatable({},{__pairs=function() ip(n+1) end})) do end end print(pcall(ip,1)) print(d)
local function f(n) d=n if n<195 then return pcall(f,n+1) else return load("return "..("("):rep(n-150).."1"..(")"):rep(n-150)) end end print(f(1))

-- how many calls endless recursion gets, from the main program and in a coroutine
local function endless(shape)
  local n = 0
  local bodies = {
    function(f) n = n + 1; return 1 + f(f) end,
    function(f, a, b, c) n = n + 1; local x = f(f, a, b, c); return x end,
    function(f, ...) n = n + 1; return (f(f, ...)) end,
  }
  local ok, message = pcall(bodies[shape], bodies[shape], 1, 2)
  return ok, message, n
end
for shape = 1, 3 do
  print(shape, endless(shape))
  print(coroutine.wrap(endless)(shape))
end
