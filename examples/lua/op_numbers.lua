local a, b, s = 13, 4, "ab"
local r

r = a + 1
r = a + 0.5
r = a - 0.5
r = a * 3
r = a % 3
r = a ^ 2
r = a / 2
r = a // 3
r = a & 6
r = a | 16
r = a ~ 5
r = a >> 1
r = 1 << b

r = a + b
r = a - b
r = a * b
r = a % b
r = a ^ b
r = a / b
r = a // b
r = a & b
r = a | b
r = a ~ b
r = a << b
r = a >> b

r = -a
r = ~a
r = not a
r = #s
r = s .. a .. b
print(r)

--@ title: Opcodes 3: arithmetic and bits
--@ title.zh: 操作码 3：算术与位运算
--@ about: Every line is one instruction of its own kind. Watch the register `r`.
--@ about.zh: 每一行都是一条不同的指令。请看寄存器 `r`。
--@ order: 230
--@ tick: 19
--> ab134
