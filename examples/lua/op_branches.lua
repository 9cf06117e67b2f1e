local a, b, word = 3, 5, "go"

if a == b then print("a == b") end
if a < b then print("a < b") end
if a <= b then print("a <= b") end
if word == "go" then print("word") end
if a == 3 then print("a == 3") end
if a < 9 then print("a < 9") end
if a <= 9 then print("a <= 9") end
if a > 1 then print("a > 1") end
if a >= 1 then print("a >= 1") end
if word then print("yes") end

local name = word or "nobody"
local tries = 0
while true do
  tries = tries + 1
  if tries == 2 then break end
end
print(name, tries)

--@ title: Opcodes 5: compares and jumps
--@ title.zh: 操作码 5：比较与跳转
--@ about: A compare stands before a JMP and decides whether it is taken. Only the first condition here is false.
--@ about.zh: 比较指令后面总跟着一条 JMP，由比较决定跳不跳。这里只有第一个条件为假。
--@ order: 250
--@ tick: 6
--> a < b
--> a <= b
--> word
--> a == 3
--> a < 9
--> a <= 9
--> a > 1
--> a >= 1
--> yes
--> go	2
