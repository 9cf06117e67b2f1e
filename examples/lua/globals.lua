-- A global is a field of the table in the upvalue _ENV.
answer = 42
print(answer, _ENV.answer, _G == _ENV)

-- A local named _ENV changes what a global name means.
local function sandbox()
  local _ENV = { print = print, answer = "inside" }
  extra = "only here"
  print(answer, extra)
end

sandbox()
print(answer, extra)

--@ title: Globals and _ENV
--@ title.zh: 全局变量与 _ENV
--@ about: There are no global variables, only fields: `answer` compiles to GETTABUP on the upvalue `_ENV`. Give a function another `_ENV`, and it lives in another world.
--@ about.zh: 其实没有全局变量，只有字段：`answer` 会编译成对上值 `_ENV` 的 GETTABUP。给函数换一个 `_ENV`，它就活在另一个世界里。
--@ order: 30
--@ tick: 4
--> 42	42	true
--> inside	only here
--> 42	nil
