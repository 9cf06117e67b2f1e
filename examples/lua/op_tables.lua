local shelf = {}
local list = { 10, 20, 30 }
local key = "size"

shelf.name = "oak"
shelf[1] = "first"
shelf[key] = 3
print(shelf.name, list[2], shelf[key])

visits = 5
print(visits)

function shelf:label()
  return self.name
end
print(shelf:label())

local used = 0
local function use()
  used = used + 1
end
use()
print(used)

--@ title: Opcodes 2: tables and upvalues
--@ title.zh: 操作码 2：表与上值
--@ about: A table is read and written in three ways, by what the key is: any value, a small whole number, a name. Globals and upvalues have opcodes of their own.
--@ about.zh: 读写表各有三种方式，取决于键是任意值、小整数还是名字。全局变量和上值另有自己的操作码。
--@ order: 220
--@ tick: 15
--> oak	20	3
--> 5
--> oak
--> 1
