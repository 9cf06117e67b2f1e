local a, b = 7, 2

print(a + b, a - b, a * b)
print(a / b, a // b, a % b, a ^ b)
print(-a // b, -a % b)

-- An integer stays an integer until / or ^ is used.
print(math.type(a // b), math.type(a / b), 1e15, 2^53)

-- Bits
print(a & b, a | b, a ~ b, ~a, a << 4, a >> 1)

-- Integers wrap around; floats do not.
print(math.maxinteger + 1 == math.mininteger, math.maxinteger + 1.0)

-- Strings join with one instruction, however many.
print(a .. " and " .. b .. " is " .. a + b)

--@ title: Arithmetic, bits and strings
--@ title.zh: 算术、位运算与字符串
--@ about: ADD, MODK, SHRI, BAND, UNM, CONCAT …: one opcode for each shape of operands. The compiler has already computed what it could.
--@ about.zh: ADD、MODK、SHRI、BAND、UNM、CONCAT……每种操作数形式各有一个操作码。能提前算的，编译器已经算好了。
--@ order: 90
--@ tick: 34
--> 9	5	14
--> 3.5	3	1	49.0
--> -4	1
--> integer	float	1e+15	9.007199254741e+15
--> 2	7	5	-8	112	3
--> true	9.2233720368548e+18
--> 7 and 2 is 9
