-- variables that an uncaught error closes on its way see the message with its traceback
local first <close> = setmetatable({}, {__close = function(_, e) print("first", e) end})
local second <close> = setmetatable({}, {__close = function(_, e) print("second", e) error("in a close", 0) end})
print(load(("("):rep(300)))
print(pcall(load, ("("):rep(300)))
local function f(x) return x.y.z end
print(f({}))
