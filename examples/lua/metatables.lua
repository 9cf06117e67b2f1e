local Point = {}
Point.__index = Point

local function point(x, y)
  return setmetatable({ x = x, y = y }, Point)
end

function Point.__add(p, q)
  return point(p.x + q.x, p.y + q.y)
end

function Point.__eq(p, q)
  return p.x == q.x and p.y == q.y
end

function Point.__tostring(p)
  return "(" .. p.x .. ", " .. p.y .. ")"
end

function Point:norm()
  return self.x + self.y
end

local p = point(1, 2) + point(3, 4)
print(tostring(p), p:norm(), p == point(4, 6))

-- __index may be a function: values made on demand.
local squares = setmetatable({}, {
  __index = function(t, k)
    t[k] = k * k
    return t[k]
  end,
})
print(squares[7], rawget(squares, 7), rawget(squares, 8))

--@ title: Metatables: when a table answers back
--@ title.zh: 元表：让表自己作答
--@ about: ADD finds no number, and the next instruction, MMBIN, calls the metamethod: it is a frame of its own on the call stack. SELF looks up `norm` through `__index`.
--@ about.zh: ADD 没有遇到数字，下一条指令 MMBIN 便调用元方法：它在调用栈上有自己的帧。SELF 通过 `__index` 找到 `norm`。
--@ order: 40
--@ tick: 34
--> (4, 6)	10	true
--> 49	49	nil
