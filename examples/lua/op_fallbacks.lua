local box = setmetatable({}, {
  __add = function(left, right)
    return "plus"
  end,
  __mul = function(left, right)
    return "times"
  end,
})

print(box + box)
print(box + 1)
print(box * 3)
print(2 + 1 * #"ab")

--@ title: Opcodes 4: when it is no number
--@ title.zh: 操作码 4：当它不是数字
--@ about: Behind every arithmetic instruction stands a second one that calls the metamethod. With numbers it is skipped.
--@ about.zh: 每条算术指令后面都跟着第二条指令，用来调用元方法。操作数是数字时，它会被跳过。
--@ order: 240
--@ tick: 12
--> plus
--> plus
--> times
--> 4
