-- load with a reader: which pieces it asks for, errors of the reader and of the text, nesting, mode
local log={}
local function reader(pieces) local i=0 return function() i=i+1 log[#log+1]="r"..i return pieces[i] end end
local function try(...) log={} local r=table.pack(pcall(load,...)) print(table.concat(log," "), table.unpack(r,1,r.n)) if type(r[2])=="function" then print(pcall(r[2])) end end
try(reader{"return ","1"})
try(reader{"return 1 x"," more","never"})
try(reader{"x = = 1"," more","never"})
try(reader{"", "return 2"})
try(reader{"return 3", ""," x"})
try(reader{"return 3", nil," x"})
try(reader{"return 3", 4, 5})
try(reader{"ret",{},"x"})
try(reader{true})
try(function() error("boom") end)
try(function() error({}) end)
try(function() error() end)
try(reader{"\27Lua", "x"})
try(reader{"return 1"}, "=name", "b")
try(reader{"\27xx"}, "=name", "t")
try("return 1", "=name", "b")
try("\27Lua", "=name", "t")
try("\27Lua", "=name", "bt")
try("return 1", "@name", "x")
try("return 1 +", "@name", "t")
try("return 1 +", "name\nsecond", "t")
try("return 1 +")
try("return _ENV", "n", "t", 42)
try("return x", "n", "t", {x=7})
try("return ...", nil, nil, nil)
try(string.dump(function() return 5 end))
try(string.dump(function() return 5 end), "zz", "t")
try(reader{string.dump(function() return 6 end):sub(1,20), string.dump(function() return 6 end):sub(21)})
try(reader{string.dump(function() return 6 end):sub(1,20)})
try(reader{"#!shebang\nreturn 1"})
try(reader{"\xef\xbb\xbfreturn 1"})
print(load(coroutine.wrap(function() coroutine.yield("return 1") end)))
-- yield inside reader
print(coroutine.resume(coroutine.create(function() return load(function() coroutine.yield(1) end) end)))
print(pcall(load, {}))
print(pcall(load, nil))
print(pcall(load, 5))
print(load(5))
-- reader sees partial
do local n=0 local f,e=load(function() n=n+1 if n==1 then return "local a = 1; local b <cnst> = 2; " elseif n<10 then return "a=a+1 " end end) print(n,f,e) end
do local n=0 local f,e=load(function() n=n+1 if n==1 then return "goto x; do " elseif n<10 then return "a=a+1 " end end) print(n,f,e) end
do local n=0 local f,e=load(function() n=n+1 if n==1 then return "'abc\n" elseif n<10 then return "a=a+1 " end end) print(n,f,e) end
do local n=0 local f,e=load(function() n=n+1 if n==1 then return "--[[" elseif n<10 then return "a=a+1 " end end) print(n,f,e) end
-- debug.traceback in reader
do local f,e=load(function() if not done then done=true return debug.traceback("tb") end end) print(f,e) end
-- reader state via coroutine.isyieldable
print(load(function() if not d3 then d3=true return "return "..tostring(coroutine.isyieldable()) end end)())


local function h(m) print("handler", m, (debug.traceback("", 2):gsub("\n\t","|"))) return "H:"..tostring(m) end
print(xpcall(load, h, ("("):rep(300)))
print(xpcall(function() local a,b=load(("("):rep(300)) return a,b end, h))
print(xpcall(load, h, function() error("boom") end))
print(xpcall(load, h, function() return {} end))
print(xpcall(load, h, "x ="))
print(xpcall(load, h, function() print((debug.traceback("r"):gsub("\n\t","|"))) return nil end))
local function maxn() local lo,hi=1,300 while lo<hi do local m=(lo+hi+1)//2 if load("return "..("("):rep(m).."1"..(")"):rep(m)) then lo=m else hi=m-1 end end return lo end
print(maxn(), pcall(maxn), coroutine.wrap(maxn)(), (function() return (string.gsub("a","a",maxn)) end)(), pcall(pcall,maxn))
print(select(2,pcall(pcall,pcall,maxn)))
table.sort({1,2},function() if not once then once=true print(maxn()) end end)
for _,s in ipairs{"do ","if x then ","while x do ","for i=1,2 do ","function f() ","repeat "} do local lo,hi=1,300 while lo<hi do local m=(lo+hi+1)//2 local f,e=load(s:rep(m)) if not e:find("overflow") then lo=m else hi=m-1 end end print(s,lo) end
for _,s in ipairs{"{","-","not ","a.b(","f{","a..","2^","function() return ","a=a,"} do local lo,hi=1,300 while lo<hi do local m=(lo+hi+1)//2 local f,e=load("return "..s:rep(m)) if not (e and e:find("overflow")) then lo=m else hi=m-1 end end print(s,lo) end
-- piecewise binary
local d=string.dump(function(a) local t={1.5,"str",("long"):rep(20),true,nil} return t,function() return a end end)
for _,strip in ipairs{false,true} do local d=string.dump(function(a) local t={1.5,"str",("long"):rep(20),true,nil} return t,function() return a end end,strip) local i=0 local f=load(function() i=i+1 return d:sub(i,i) end,"x","b") print(f,i==#d) i=0 f=load(function() i=i+1 if i<#d then return d:sub(i,i) end end,"x","b") print(f,i==#d) end
local n=0 print(load(function() n=n+1 return "x" .. n .. " = = " end),n)
local n=0 print(load(function() n=n+1 if n<5000 then return "x" .. n .. " =1;" end end),n)
local n=0 print(load(function() n=n+1 if n<20 then return "\n" elseif n==20 then return "x!" else return " y" end end),n)
for _,t in ipairs{"a=1 b=2 c","x = 'abc\\q' y","x = '\\xZZ' y","x='\\u{110000000}' y","x=3x y","x=[=y","x=[==[ a ]==] [","goto a do ::b:: end ","local x <close>, y <close> = 1","x = }","return return","for","f(","a.b:c","--[==[ x ]==] )","x = 1 .. .. 2","break","::a:: ::a:: x","local function f() return ... end x", "x=\"a\nb", "x=0x y","x = @ y","x=1e5z"} do local i=0 local log=0 local f,e=load(function() i=i+1 log=i local c=t:sub(i,i) return c~="" and c or nil end,"=c") print(t,log,e) end
