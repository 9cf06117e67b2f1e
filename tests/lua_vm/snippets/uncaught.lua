-- the traceback of an uncaught error, with tail calls, natives, coroutines and methods on the way
local Account = {}
Account.__index = Account
function Account.new() return setmetatable({balance = 0}, Account) end
function Account:withdraw(n)
  local limit
  return n + limit.value
end
local function level3(acc) acc:withdraw(10) end
local function level2(acc) return level3(acc) end
local level1 = function(acc) local ok = level2(acc); return ok end
for _, n in ipairs {1} do
  table.sort({3, 2, 1}, function(x, y) level1(Account.new()) return x < y end)
end
