-- goto: skip the odd ones
for i = 1, 4 do
  if i % 2 == 1 then
    goto continue
  end
  print("even", i)
  ::continue::
end

-- <close>: run when the variable goes out of scope, whatever the reason
local function opened(name)
  print("open", name)
  return setmetatable({}, {
    __close = function(_, problem)
      print("close", name, problem)
    end,
  })
end

do
  local file <close> = opened("first")
  print("working")
end

print(pcall(function()
  local file <close> = opened("second")
  error("disk full", 0)
end))

--@ title: goto, <const> and <close>
--@ title.zh: goto、<const> 与 <close>
--@ about: TBC marks a register as to-be-closed. CLOSE, RETURN and an error all call its `__close`, and none forgets it.
--@ about.zh: TBC 把寄存器标记为待关闭。无论是 CLOSE、RETURN 还是出错，都会调用它的 `__close`，绝不遗漏。
--@ order: 70
--@ tick: 46
--> even	2
--> even	4
--> open	first
--> working
--> close	first	nil
--> open	second
--> close	second	disk full
--> false	disk full
