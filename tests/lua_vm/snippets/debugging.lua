-- the debug library: information, locals, hooks, upvalues, tracebacks
local function sorted(t) local k={} for n in pairs(t) do k[#k+1]=tostring(n) end table.sort(k) local o={} for _,n in ipairs(k) do local v=t[n] o[#o+1]=n.."="..(type(v)=="table" and "T" or type(v)=="function" and "F" or tostring(v)) end return table.concat(o," ") end
local function f(a,b,...) local c=1 print(sorted(debug.getinfo(1))) print(sorted(debug.getinfo(1,"nSltufrL"))) for i=1,6 do print(debug.getlocal(1,i)) end for i=-1,-4,-1 do print(debug.getlocal(1,i)) end print(debug.setlocal(1,-1,"new"),debug.setlocal(1,-9,1),debug.setlocal(1,3,"cc"),debug.setlocal(1,50,1)) return ...,c end
print(f(1,2,3,4))
print(sorted(debug.getinfo(print))) print(sorted(debug.getinfo(f))) print(sorted(debug.getinfo(f,"L").activelines))
print(debug.getlocal(f,1),debug.getlocal(f,2),debug.getlocal(f,3)) print(pcall(debug.getlocal,print,1)) print(pcall(debug.getlocal,99,1)) print(debug.getinfo(99)) print(pcall(debug.getinfo,1,"X")) print(pcall(debug.getinfo,1,">")) print(pcall(debug.getinfo)) print(pcall(debug.getinfo,"x")) print(pcall(debug.getinfo,-1))
for lvl=0,4 do local i=debug.getinfo(lvl) print(lvl,i and sorted(i)) end
-- tail call
local function tc() return sorted(debug.getinfo(1,"nSt")) end local function tc2() return tc() end print(tc2())
print((function() return debug.traceback("m",1) end)())
print(debug.traceback("x",0)) print(debug.traceback(nil)) print(debug.traceback({})==nil) print(debug.traceback(12)) print(debug.traceback()) print(debug.traceback("m",50))
local co=coroutine.create(function(a) local b=5 coroutine.yield(a) error("oops") end) coroutine.resume(co,1) print(debug.traceback(co)) print(debug.traceback(co,"msg")) print(debug.traceback(co,"msg",1)) print(debug.traceback(co,nil)) print(debug.getlocal(co,1,1),debug.getlocal(co,1,2)) print(debug.setlocal(co,1,2,9),debug.getlocal(co,1,2)) print(sorted(debug.getinfo(co,1))) print(sorted(debug.getinfo(co,0))) print(debug.getinfo(co,5)) coroutine.resume(co) print(debug.traceback(co))
-- deep traceback
local function deep(n) if n==0 then return debug.traceback("deep") end local r=deep(n-1) return r end print(deep(40))
-- names
local t={m=function(self) print(sorted(debug.getinfo(1,"n"))) end, n={k=function() print(sorted(debug.getinfo(1,"n"))) end}} t:m() t.m(t) t.n.k() t["m"](t) local mm=t.m mm(t) gg=t.m gg(t)
local mt=setmetatable({},{__index=function() print(sorted(debug.getinfo(1,"n"))) end,__add=function() print(sorted(debug.getinfo(1,"n"))) return 1 end,__close=function() print(sorted(debug.getinfo(1,"n"))) end,__call=function() print(sorted(debug.getinfo(1,"n"))) end,__lt=function() print(sorted(debug.getinfo(1,"n"))) return true end,__concat=function() print(sorted(debug.getinfo(1,"n"))) end,__len=function() print(sorted(debug.getinfo(1,"n"))) end,__eq=function() print(sorted(debug.getinfo(1,"n"))) end,__unm=function() print(sorted(debug.getinfo(1,"n"))) end,__newindex=function() print(sorted(debug.getinfo(1,"n"))) end})
local _=mt.x,mt+1,mt(),mt<mt,mt.."",#mt,mt==setmetatable({},getmetatable(mt)),-mt mt.y=1 do local c<close> =mt end for i in mt do break end for k in (function() print(sorted(debug.getinfo(1,"n"))) end) do end
-- hooks
local ev={} local function hook(e,l) local i=debug.getinfo(2,"nSrlt") ev[#ev+1]=e..":"..tostring(l).."/"..tostring(i.name).."/"..i.ftransfer.."/"..i.ntransfer.."/"..tostring(i.istailcall).."/"..i.currentline end
local function callee(a,b) local x=a
 return b,a end
local function tail(...) return callee(...) end
debug.sethook(hook,"crl") tail(1,2) math.max(1,2) for i=1,2 do local y=i end debug.sethook() print(table.concat(ev,"\n"))
print(debug.gethook()) debug.sethook(hook,"l",5) local h,m,c=debug.gethook() print(h==hook,m,c) debug.sethook()
local n=0 debug.sethook(function(e) n=n+1 end,"",100) for i=1,10000 do end debug.sethook() print(n)
print(pcall(debug.sethook,1,"l")) print(pcall(debug.sethook,print,1,{}))
-- hook on coroutine
local co=coroutine.create(function() local x=1
 local y=2 end) local ls={} debug.sethook(co,function(e,l) ls[#ls+1]=e..l end,"l") coroutine.resume(co) print(table.concat(ls," ")) print(debug.gethook(co)~=nil)
-- hook errors
debug.sethook(function() error("in hook") end,"l") local ok,e=pcall(function() local x=1 end) debug.sethook() print(ok,e)
-- transfer locals in hook
local got={} debug.sethook(function(e) local i=debug.getinfo(2,"rn") if e~="line" then for k=i.ftransfer,i.ftransfer+i.ntransfer-1 do local nm,v=debug.getlocal(2,k) got[#got+1]=e..":"..tostring(nm).."="..tostring(v) end end end,"cr") callee(7,8) debug.sethook() print(table.concat(got," "))
-- upvalues
local u1,u2=1,2 local function A() return u1,u2 end local function B() return u2 end
print(debug.getupvalue(A,1),debug.getupvalue(A,2),debug.getupvalue(A,3)) print(debug.setupvalue(A,1,10),u1,debug.setupvalue(A,9,1)) print(debug.upvalueid(A,2)==debug.upvalueid(B,1), pcall(debug.upvalueid,A,9), debug.upvalueid(A,9)) debug.upvaluejoin(A,1,B,1) print(A()) print(pcall(debug.upvaluejoin,A,9,B,1)) print(pcall(debug.upvaluejoin,print,1,B,1)) print(debug.getupvalue(string.gmatch("a","a"),1)) print(debug.getupvalue(print,1))
print(debug.setmetatable(5,{__index=function(n,k) return k..n end})==5,(5).x) debug.setmetatable(5,nil) debug.setmetatable(nil,{__call=function() return "niled" end}) print(nil==nil and (nil)()) debug.setmetatable(nil,nil) debug.setmetatable(print,{__index={z=1}}) print(print.z) debug.setmetatable(print,nil) print(debug.getmetatable("").__index==string) print(pcall(debug.setmetatable,1,2))
print(debug.getuservalue(1),debug.getuservalue(io.stdout,1),debug.getuservalue(io.stdout,0)) print(pcall(debug.setuservalue,1,1)) print(debug.setuservalue(io.stdout,1,1),debug.setuservalue(io.stdout,1,2)) print(type(debug.getregistry())) print(debug.getregistry()[2]==_G)
print(pcall(debug.setcstacklimit,200))
-- temporaries
local function temps() local s=debug.getinfo(1,"l") local r={} for i=1,10 do local n,v=debug.getlocal(1,i) if not n then break end r[#r+1]=n end return table.concat(r,",") end print(1+#temps(),temps()) for i=1,1 do local r={} for k=1,99 do local n=debug.getlocal(1,k) if not n then break end r[#r+1]=n end print(table.concat(r,",")) end
