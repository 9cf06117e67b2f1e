"""The one opcode table of the Lua 5.4 machine: 83 instructions, in the numbering of the binary format.

An instruction is one 32-bit word. The opcode has its low 7 bits; what stands above it depends on the format:

    iABC    C(8)  B(8)  k(1)  A(8)  op(7)
    iABx          Bx(17)      A(8)  op(7)
    iAsBx        sBx(17)      A(8)  op(7)      sBx = stored value - OFFSET_SBX
    iAx                 Ax(25)      op(7)
    isJ                 sJ(25)      op(7)      sJ = stored value - OFFSET_SJ

Everything that needs to know instructions is made from this table: the compiler, the listing, the verifier of binary
chunks, `engine/lua/core/opcodes_gen.h`, the page's tooltips and narration, and docs/opcodes.md (`python -m
engine.lua.opgen`).

`fields` says what each operand of an instruction means; the page shows a narration's placeholder `{B}` by it:

    R    number of a register        U    number of an upvalue      K    number of a constant
    RK   constant if k is 1, else register                           P    number of a nested function
    I    unsigned number             sI   signed number              E    number of a metamethod event
    J    distance of a jump          bool 0 or 1                     -    not used

`reads` and `writes` name registers: an operand (`B` is R[B]), an operand plus a number (`A+3`), or both ends of a range
(`A..A+B`, inclusive; `top` is the last register below the stack top, used when the count operand is 0). An RK operand
is listed as `C?`: a register only if k is 0.

Further placeholders of narrations: `{target}` is the row (pc from 1) that a jump leads to, `{K}` the constant that
LOADKX takes from the EXTRAARG after it, `{count}`, `{args}` and `{results}` are numbers worked out from the operands,
`{size}` the array size of NEWTABLE, `{first}` the first index that SETLIST fills, `{range}` the registers of LOADNIL,
`{way}` and `{bits}` how SHRI shifts. `{B:bit|bits}` chooses the first form when the number is 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

SIZE_OP, SIZE_A, SIZE_K, SIZE_B, SIZE_C = 7, 8, 1, 8, 8
SIZE_BX, SIZE_AX, SIZE_SJ = 17, 25, 25
POS_OP, POS_A = 0, 7
POS_K, POS_B, POS_C = 15, 16, 24
POS_BX, POS_AX, POS_SJ = 15, 7, 7
MAXARG_A, MAXARG_B, MAXARG_C = 255, 255, 255
MAXARG_BX, MAXARG_AX, MAXARG_SJ = (1 << SIZE_BX) - 1, (1 << SIZE_AX) - 1, (1 << SIZE_SJ) - 1
OFFSET_SBX, OFFSET_SJ, OFFSET_SC = MAXARG_BX >> 1, MAXARG_SJ >> 1, MAXARG_C >> 1


class Format(StrEnum):
    """How the 25 bits above the opcode are divided."""

    ABC = "iABC"
    ABX = "iABx"
    ASBX = "iAsBx"
    AX = "iAx"
    SJ = "isJ"


#: Sections of the Lua 5.4 reference manual by family, and of single opcodes where they differ.
_MANUAL = {
    **{"move": "3.3.3", "load": "3.1", "upvalue": "3.5", "table": "3.4.9", "arithmetic": "3.4.1", "bitwise": "3.4.2"},
    **{"metamethod": "2.4", "string": "3.4.6", "compare": "3.4.4", "jump": "3.3.4", "call": "3.4.10", "loop": "3.3.5"},
    **{"scope": "3.3.8", "closure": "3.4.11", "vararg": "3.4.11", "extra": "3.4.9"},
}
_MANUAL_OF = {
    **{"GETTABUP": "2.2", "SETTABUP": "2.2", "SELF": "3.4.10", "LEN": "3.4.7", "NOT": "3.4.5", "TEST": "3.4.5"},
    **{"TESTSET": "3.4.5", "CLOSE": "3.5", "RETURN": "3.3.4", "RETURN0": "3.3.4", "RETURN1": "3.3.4"},
    **dict.fromkeys(("GETTABLE", "GETI", "GETFIELD"), "3.2"),
    **dict.fromkeys(("SETTABLE", "SETI", "SETFIELD"), "3.3.3"),
}


class Family(StrEnum):
    """What an instruction is for; the listing colours by it."""

    MOVE = "move"
    LOAD = "load"
    UPVALUE = "upvalue"
    TABLE = "table"
    ARITHMETIC = "arithmetic"
    BITWISE = "bitwise"
    METAMETHOD = "metamethod"
    STRING = "string"
    COMPARE = "compare"
    JUMP = "jump"
    CALL = "call"
    LOOP = "loop"
    SCOPE = "scope"
    CLOSURE = "closure"
    VARARG = "vararg"
    EXTRA = "extra"


@dataclass(frozen=True)
class Opcode:
    """One row of the table. See the module's text for `fields`, `reads`, `writes` and the narration placeholders."""

    code: int
    name: str
    format: Format
    family: Family
    fields: Mapping[str, str]
    """Operand -> meaning, in listing order: only the operands that the instruction uses."""
    effect: str
    """What it does, as a formula: R registers, K constants, U upvalues, pc already after this instruction."""
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    en: str
    zh: str
    note: str
    sets_a: bool
    """Register A is changed (the code generator and the symbolic execution rely on it)."""
    top_in: bool
    """With B = 0 it takes everything up to the stack top."""
    top_out: bool
    """With C = 0 it leaves a variable number of values and sets the stack top."""
    is_test: bool
    """A conditional skip: the next instruction is its jump."""
    is_fallback: bool
    """Reached only when the arithmetic instruction before it could not do its work with plain numbers."""

    @property
    def manual(self) -> str:
        """The section of the Lua 5.4 reference manual about what it does, e.g. `3.4.10`."""
        return _MANUAL_OF.get(self.name) or _MANUAL[self.family.value]

    @property
    def operands(self) -> str:
        """The operands as the manual lists them, e.g. `A B C k`."""
        return " ".join(self.fields)


_FORMATS = {
    Format.ABX: "LOADK LOADKX FORLOOP FORPREP TFORPREP TFORLOOP CLOSURE",
    Format.ASBX: "LOADI LOADF",
    Format.AX: "EXTRAARG",
    Format.SJ: "JMP",
}
_FORMAT_OF = {name: fmt for fmt, names in _FORMATS.items() for name in names.split()}


class _Table(list[Opcode]):
    """Collects rows; the position of a row is its opcode number."""

    def row(
        self,
        name: str,
        family: Family,
        fields: str,
        effect: str,
        reads: str,
        writes: str,
        en: str,
        zh: str,
        note: str = "",
        flags: str = "",
    ) -> None:
        """Append one opcode. fields: `A:R B:K …`; flags: words of `a`, `in`, `out`, `test`, `mm`."""
        words = flags.split()
        self.append(
            Opcode(
                code=len(self),
                name=name,
                format=_FORMAT_OF.get(name, Format.ABC),
                family=family,
                fields=MappingProxyType(dict(f.split(":") for f in fields.split())),
                effect=effect,
                reads=tuple(reads.split()),
                writes=tuple(writes.split()),
                en=en,
                zh=zh,
                note=note,
                sets_a="a" in words,
                top_in="in" in words,
                top_out="out" in words,
                is_test="test" in words,
                is_fallback="mm" in words,
            )
        )


def _loads(row: _Table) -> None:
    """Opcodes 0 to 10: moves, constants, upvalues."""
    row.row(
        "MOVE", Family.MOVE, "A:R B:R", "R[A] := R[B]", "B", "A",
        "Copy the value of {B} into {A}.", "把 {B} 的值复制到 {A}。",
        "Copies a value; for a table or function that is a reference to the same object.", "a",
    )  # fmt: skip
    row.row(
        "LOADI", Family.LOAD, "A:R sBx:sI", "R[A] := integer sBx", "", "A",
        "Put the integer {sBx} into {A}.", "把整数 {sBx} 放入 {A}。",
        "Small integers live in the instruction itself; larger ones are constants.", "a",
    )  # fmt: skip
    row.row(
        "LOADF", Family.LOAD, "A:R sBx:sI", "R[A] := float sBx", "", "A",
        "Put the float {sBx}.0 into {A}.", "把浮点数 {sBx}.0 放入 {A}。",
        "For floats with a small whole value, such as 1.0.", "a",
    )  # fmt: skip
    row.row(
        "LOADK", Family.LOAD, "A:R Bx:K", "R[A] := K[Bx]", "", "A",
        "Put the constant {Bx} into {A}.", "把常量 {Bx} 放入 {A}。",
        "Constants that do not fit an instruction: strings, large integers, most floats.", "a",
    )  # fmt: skip
    row.row(
        "LOADKX", Family.LOAD, "A:R", "R[A] := K[Ax of the EXTRAARG after it]", "", "A",
        "Put the constant {K} into {A}; its number stands in the EXTRAARG that follows.",
        "把常量 {K} 放入 {A}；它的编号在随后的 EXTRAARG 中。",
        "Used when a function has more than 131,072 constants.", "a",
    )  # fmt: skip
    row.row(
        "LOADFALSE", Family.LOAD, "A:R", "R[A] := false", "", "A",
        "Put false into {A}.", "把 false 放入 {A}。", "", "a",
    )  # fmt: skip
    row.row(
        "LFALSESKIP", Family.LOAD, "A:R", "R[A] := false; pc++", "", "A",
        "Put false into {A} and skip the next instruction.", "把 false 放入 {A}，并跳过下一条指令。",
        "Stands before a LOADTRUE: together they turn the outcome of a comparison into a value.", "a",
    )  # fmt: skip
    row.row(
        "LOADTRUE", Family.LOAD, "A:R", "R[A] := true", "", "A",
        "Put true into {A}.", "把 true 放入 {A}。", "", "a",
    )  # fmt: skip
    row.row(
        "LOADNIL", Family.LOAD, "A:R B:I", "R[A], R[A+1], …, R[A+B] := nil", "", "A..A+B",
        "Put nil into {range}.", "把 nil 放入 {range}。",
        "B counts the registers after the first one, so B = 0 sets a single register.", "a",
    )  # fmt: skip
    row.row(
        "GETUPVAL", Family.UPVALUE, "A:R B:U", "R[A] := U[B]", "", "A",
        "Fetch the outer variable {B} into {A}.", "把外层变量 {B} 取到 {A}。",
        "An upvalue is a variable of an enclosing function: still in its stack slot while open, in its own box once "
        "closed.", "a",
    )  # fmt: skip
    row.row(
        "SETUPVAL", Family.UPVALUE, "A:R B:U", "U[B] := R[A]", "A", "",
        "Store {A} into the outer variable {B}.", "把 {A} 存入外层变量 {B}。",
        "Every closure that shares the upvalue sees the new value.",
    )  # fmt: skip


def _tables(row: _Table) -> None:
    """Opcodes 11 to 20: table access."""
    row.row(
        "GETTABUP", Family.TABLE, "A:R B:U C:K", "R[A] := U[B][K[C]]", "", "A",
        "Look up {C} in the outer variable {B} and put it into {A}.", "在外层变量 {B} 中查找 {C}，放入 {A}。",
        "How a global is read: the outer variable is _ENV, the key its name (a short string).", "a",
    )  # fmt: skip
    row.row(
        "GETTABLE", Family.TABLE, "A:R B:R C:R", "R[A] := R[B][R[C]]", "B C", "A",
        "Look up the key in {C} in the table {B} and put the value into {A}.",
        "以 {C} 的值为键在表 {B} 中查找，把结果放入 {A}。",
        "A missing key asks the metamethod __index.", "a",
    )  # fmt: skip
    row.row(
        "GETI", Family.TABLE, "A:R B:R C:I", "R[A] := R[B][C]", "B", "A",
        "Look up index {C} in the table {B} and put the value into {A}.", "在表 {B} 中取下标 {C}，把值放入 {A}。",
        "For constant indices from 0 to 255.", "a",
    )  # fmt: skip
    row.row(
        "GETFIELD", Family.TABLE, "A:R B:R C:K", "R[A] := R[B][K[C]]", "B", "A",
        "Look up the field {C} in {B} and put it into {A}.", "在 {B} 中取字段 {C}，放入 {A}。",
        "The key is a short string constant.", "a",
    )  # fmt: skip
    row.row(
        "SETTABUP", Family.TABLE, "A:U B:K C:RK k:bool", "U[A][K[B]] := RK[C]", "C?", "",
        "Store {C} under {B} in the outer variable {A}.", "把 {C} 存到外层变量 {A} 的 {B} 下。",
        "How a global is written: the outer variable is _ENV.",
    )  # fmt: skip
    row.row(
        "SETTABLE", Family.TABLE, "A:R B:R C:RK k:bool", "R[A][R[B]] := RK[C]", "A B C?", "",
        "Store {C} under the key in {B} in the table {A}.", "以 {B} 的值为键，把 {C} 存入表 {A}。",
        "A new key may ask the metamethod __newindex.",
    )  # fmt: skip
    row.row(
        "SETI", Family.TABLE, "A:R B:I C:RK k:bool", "R[A][B] := RK[C]", "A C?", "",
        "Store {C} at index {B} of the table {A}.", "把 {C} 存到表 {A} 的下标 {B} 处。",
        "For constant indices from 0 to 255.",
    )  # fmt: skip
    row.row(
        "SETFIELD", Family.TABLE, "A:R B:K C:RK k:bool", "R[A][K[B]] := RK[C]", "A C?", "",
        "Store {C} in the field {B} of {A}.", "把 {C} 存入 {A} 的字段 {B}。",
        "The key is a short string constant.",
    )  # fmt: skip
    row.row(
        "NEWTABLE", Family.TABLE, "A:R B:I C:I k:bool", "R[A] := a new table", "", "A",
        "Make a new table with room for {size} array items in {A}.",
        "新建一个表放入 {A}，数组部分预留 {size} 项。",
        "B is 0 or 1 + log2 of the hash size; C is the array size, plus 256 times the EXTRAARG after it when k is 1. "
        "The EXTRAARG is always there.", "a",
    )  # fmt: skip
    row.row(
        "SELF", Family.TABLE, "A:R B:R C:RK k:bool", "R[A+1] := R[B]; R[A] := R[B][RK[C]]", "B C?", "A A+1",
        "Prepare a method call: find the method {C} of {B} into {A} and put {B} itself after it as the first argument.",
        "准备方法调用：在 {B} 中找到方法 {C} 放入 {A}，并把 {B} 本身作为第一个参数放在其后。",
        "One instruction for the colon of obj:method().", "a",
    )  # fmt: skip


_ARITHMETIC = (
    # name, symbol, English, Chinese, family
    ("ADD", "+", "Add {B} and {C}", "把 {B} 与 {C} 相加", Family.ARITHMETIC),
    ("SUB", "-", "Subtract {C} from {B}", "用 {B} 减去 {C}", Family.ARITHMETIC),
    ("MUL", "*", "Multiply {B} by {C}", "把 {B} 乘以 {C}", Family.ARITHMETIC),
    ("MOD", "%", "Take the remainder of {B} divided by {C}", "求 {B} 除以 {C} 的余数", Family.ARITHMETIC),
    ("POW", "^", "Raise {B} to the power of {C}", "求 {B} 的 {C} 次幂", Family.ARITHMETIC),
    ("DIV", "/", "Divide {B} by {C} as floats", "把 {B} 除以 {C}（浮点除法）", Family.ARITHMETIC),
    ("IDIV", "//", "Divide {B} by {C}, rounding down,", "把 {B} 除以 {C} 并向下取整", Family.ARITHMETIC),
    ("BAND", "&", "Take the bits that {B} and {C} share", "求 {B} 与 {C} 的按位与", Family.BITWISE),
    ("BOR", "|", "Join the bits of {B} and {C}", "求 {B} 与 {C} 的按位或", Family.BITWISE),
    ("BXOR", "~", "Take the bits in which {B} and {C} differ", "求 {B} 与 {C} 的按位异或", Family.BITWISE),
    ("SHL", "<<", "Shift {B} left by {C} bits", "把 {B} 左移 {C} 位", Family.BITWISE),
    ("SHR", ">>", "Shift {B} right by {C} bits", "把 {B} 右移 {C} 位", Family.BITWISE),
)
_SKIPS = " On success the next instruction, the metamethod fallback, is skipped."


def _arithmetic(row: _Table) -> None:
    """Opcodes 21 to 52: arithmetic and bits with immediates, constants and registers, metamethod fallbacks, unary."""
    row.row(
        "ADDI", Family.ARITHMETIC, "A:R B:R C:sI", "R[A] := R[B] + sC", "B", "A",
        "Add {C} to {B} and put the result into {A}.", "把 {B} 加上 {C}，结果放入 {A}。",
        "C holds the number plus 127; a subtraction of a small constant becomes an addition." + _SKIPS, "a",
    )  # fmt: skip
    for name, symbol, en, zh, family in _ARITHMETIC[:10]:
        row.row(
            f"{name}K", family, "A:R B:R C:K", f"R[A] := R[B] {symbol} K[C]", "B", "A",
            f"{en} and put the result into {{A}}.", f"{zh}，结果放入 {{A}}。",
            "The second operand is a number constant." + _SKIPS, "a",
        )  # fmt: skip
    row.row(
        "SHRI", Family.BITWISE, "A:R B:R C:sI", "R[A] := R[B] >> sC", "B", "A",
        "Shift {B} {way} by {bits} {bits:bit|bits} and put the result into {A}.",
        "把 {B} {way} {bits} 位，结果放入 {A}。",
        "A left shift by a constant is compiled to this with the sign changed." + _SKIPS, "a",
    )  # fmt: skip
    row.row(
        "SHLI", Family.BITWISE, "A:R B:R C:sI", "R[A] := sC << R[B]", "B", "A",
        "Shift the number {C} left by {B} bits and put the result into {A}.",
        "把数 {C} 左移 {B} 位，结果放入 {A}。",
        "The constant is the left operand here." + _SKIPS, "a",
    )  # fmt: skip
    for name, symbol, en, zh, family in _ARITHMETIC:
        row.row(
            name, family, "A:R B:R C:R", f"R[A] := R[B] {symbol} R[C]", "B C", "A",
            f"{en} and put the result into {{A}}.", f"{zh}，结果放入 {{A}}。", _SKIPS.strip(), "a",
        )  # fmt: skip
    fallback = "The result goes to register A of the instruction before; runs only if that one met values that are "
    fallback += "not numbers."
    row.row(
        "MMBIN", Family.METAMETHOD, "A:R B:R C:E", "R[A of previous] := metamethod C (R[A], R[B])", "A B", "",
        "The operands were no plain numbers: call the metamethod {C} with {A} and {B}.",
        "操作数不是普通数值：用 {A} 和 {B} 调用元方法 {C}。", fallback, "mm",
    )  # fmt: skip
    row.row(
        "MMBINI", Family.METAMETHOD, "A:R B:sI C:E k:bool", "R[A of previous] := metamethod C (R[A], sB)", "A", "",
        "The operand was no plain number: call the metamethod {C} with {A} and the number {B}.",
        "操作数不是普通数值：用 {A} 和数 {B} 调用元方法 {C}。", fallback + " k = 1 swaps the two arguments.", "mm",
    )  # fmt: skip
    row.row(
        "MMBINK", Family.METAMETHOD, "A:R B:K C:E k:bool", "R[A of previous] := metamethod C (R[A], K[B])", "A", "",
        "The operand was no plain number: call the metamethod {C} with {A} and the constant {B}.",
        "操作数不是普通数值：用 {A} 和常量 {B} 调用元方法 {C}。", fallback + " k = 1 swaps the two arguments.", "mm",
    )  # fmt: skip
    row.row(
        "UNM", Family.ARITHMETIC, "A:R B:R", "R[A] := -R[B]", "B", "A",
        "Negate {B} and put the result into {A}.", "对 {B} 取负，结果放入 {A}。",
        "Asks the metamethod __unm for values that are not numbers.", "a",
    )  # fmt: skip
    row.row(
        "BNOT", Family.BITWISE, "A:R B:R", "R[A] := ~R[B]", "B", "A",
        "Flip every bit of {B} and put the result into {A}.", "对 {B} 按位取反，结果放入 {A}。",
        "Asks the metamethod __bnot for values that have no integer form.", "a",
    )  # fmt: skip
    row.row(
        "NOT", Family.COMPARE, "A:R B:R", "R[A] := not R[B]", "B", "A",
        "Put true into {A} if {B} is false or nil, else false.",
        "若 {B} 为 false 或 nil，则 {A} 为 true，否则为 false。",
        "Has no metamethod.", "a",
    )  # fmt: skip
    row.row(
        "LEN", Family.TABLE, "A:R B:R", "R[A] := #R[B]", "B", "A",
        "Put the length of {B} into {A}.", "把 {B} 的长度放入 {A}。",
        "Bytes of a string, a border of a table, or what __len says.", "a",
    )  # fmt: skip


def _control(row: _Table) -> None:
    """Opcodes 53 to 67: concatenation, scopes, jumps and tests."""
    row.row(
        "CONCAT", Family.STRING, "A:R B:I", "R[A] := R[A] .. … .. R[A+B-1]", "A..A+B-1", "A",
        "Join the {count} values from {A} on into one string in {A}.",
        "把从 {A} 起的 {count} 个值连接成一个字符串放入 {A}。",
        "Numbers become text; other values ask the metamethod __concat, from right to left.", "a",
    )  # fmt: skip
    row.row(
        "CLOSE", Family.SCOPE, "A:R", "close all upvalues and to-be-closed variables >= R[A]", "", "",
        "Leave a scope: close the captured and to-be-closed variables from {A} on.",
        "离开作用域：关闭从 {A} 起被捕获的以及待关闭的变量。",
        "An open upvalue takes its value out of the stack slot into its own box.",
    )  # fmt: skip
    row.row(
        "TBC", Family.SCOPE, "A:R", "mark R[A] as to be closed", "A", "",
        "Mark {A} as a variable to close at the end of its scope.", "把 {A} 标记为作用域结束时要关闭的变量。",
        "The value must be nil, false, or have a __close metamethod.",
    )  # fmt: skip
    row.row(
        "JMP", Family.JUMP, "sJ:J", "pc += sJ", "", "",
        "Jump to row {target}.", "跳转到第 {target} 行指令。", "",
    )  # fmt: skip
    taken = "The next instruction is a JMP: executed as part of this one when the test agrees with k, else skipped."
    for name, symbol, en, zh in (
        ("EQ", "==", "{A} equals {B}", "{A} 是否等于 {B}"),
        ("LT", "<", "{A} is less than {B}", "{A} 是否小于 {B}"),
        ("LE", "<=", "{A} is at most {B}", "{A} 是否不大于 {B}"),
    ):
        row.row(
            name, Family.COMPARE, "A:R B:R k:bool", f"if (R[A] {symbol} R[B]) ~= k then pc++", "A B", "",
            f"Test whether {en}; jump if the answer is {{k}}, else go on.",
            f"判断 {zh}；若结果为 {{k}} 则跳转，否则继续。",
            taken, "test",
        )  # fmt: skip
    row.row(
        "EQK", Family.COMPARE, "A:R B:K k:bool", "if (R[A] == K[B]) ~= k then pc++", "A", "",
        "Test whether {A} equals the constant {B}; jump if the answer is {k}, else go on.",
        "判断 {A} 是否等于常量 {B}；若结果为 {k} 则跳转，否则继续。", taken, "test",
    )  # fmt: skip
    for name, symbol, en, zh in (
        ("EQI", "==", "equals", "等于"),
        ("LTI", "<", "is less than", "小于"),
        ("LEI", "<=", "is at most", "不大于"),
        ("GTI", ">", "is greater than", "大于"),
        ("GEI", ">=", "is at least", "不小于"),
    ):
        row.row(
            name, Family.COMPARE, "A:R B:sI C:bool k:bool", f"if (R[A] {symbol} sB) ~= k then pc++", "A", "",
            f"Test whether {{A}} {en} {{B}}; jump if the answer is {{k}}, else go on.",
            f"判断 {{A}} 是否{zh} {{B}}；若结果为 {{k}} 则跳转，否则继续。",
            taken + " C is 1 when the number was written as a float.", "test",
        )  # fmt: skip
    row.row(
        "TEST", Family.COMPARE, "A:R k:bool", "if (not R[A]) == k then pc++", "A", "",
        "Test {A}; jump if it counts as {k}, else go on.", "检验 {A}；若它算作 {k} 则跳转，否则继续。", taken, "test",
    )  # fmt: skip
    row.row(
        "TESTSET", Family.COMPARE, "A:R B:R k:bool", "if (not R[B]) == k then pc++ else R[A] := R[B]", "B", "A",
        "Test {B}: if it counts as {k}, copy it into {A} and jump, else go on.",
        "检验 {B}：若它算作 {k}，则复制到 {A} 并跳转，否则继续。",
        "The heart of `and` and `or` used as values. " + taken, "a test",
    )  # fmt: skip


def _calls(row: _Table) -> None:
    """Opcodes 68 to 72: calls and returns."""
    row.row(
        "CALL", Family.CALL, "A:R B:I C:I", "R[A], …, R[A+C-2] := R[A](R[A+1], …, R[A+B-1])",
        "A A+1..A+B-1", "A..A+C-2",
        "Call the function in {A} with {args} and take {results} back.",
        "以 {args}调用 {A} 中的函数，取回 {results}。",
        "B - 1 arguments, C - 1 results; B = 0: up to the stack top, C = 0: all results, which sets the stack top.",
        "a in out",
    )  # fmt: skip
    row.row(
        "TAILCALL", Family.CALL, "A:R B:I C:I k:bool", "return R[A](R[A+1], …, R[A+B-1])", "A A+1..A+B-1", "",
        "Call {A} with {args} in place of this function: its results become ours.",
        "以 {args}调用 {A} 并取代当前函数：它的结果就是我们的结果。",
        "Reuses the frame. k = 1: there are upvalues to close first; C > 0: a vararg function with C - 1 fixed "
        "parameters.", "a in out",
    )  # fmt: skip
    row.row(
        "RETURN", Family.CALL, "A:R B:I C:I k:bool", "return R[A], …, R[A+B-2]", "A..A+B-2", "",
        "Return {results}, from {A} on, to the caller.", "从 {A} 起向调用者返回 {results}。",
        "B - 1 values; B = 0: up to the stack top. k = 1: there are upvalues or variables to close first; C > 0: a "
        "vararg function with C - 1 fixed parameters.", "in",
    )  # fmt: skip
    row.row(
        "RETURN0", Family.CALL, "", "return", "", "",
        "Return to the caller with no value.", "不带值返回调用者。", "The fast form of RETURN for no value.",
    )  # fmt: skip
    row.row(
        "RETURN1", Family.CALL, "A:R", "return R[A]", "A", "",
        "Return {A} to the caller.", "向调用者返回 {A}。", "The fast form of RETURN for one value.",
    )  # fmt: skip


def _loops(row: _Table) -> None:
    """Opcodes 73 to 82: loops, lists, closures, varargs."""
    row.row(
        "FORLOOP", Family.LOOP, "A:R Bx:J", "update counters; if the loop goes on, R[A+3] := R[A] and pc -= Bx",
        "A A+1 A+2", "A A+1 A+3",
        "Step the loop; if it goes on, jump back to row {target}.", "推进循环；若循环继续，则跳回第 {target} 行指令。",
        "For integers R[A+1] counts the rounds that are left; for floats it is the limit.", "a",
    )  # fmt: skip
    row.row(
        "FORPREP", Family.LOOP, "A:R Bx:J", "check values and prepare counters; if the loop does not run, pc += Bx + 1",
        "A A+1 A+2", "A A+1 A+2 A+3",
        "Start the numeric loop from {A}; if it has no round, jump to row {target}.",
        "从 {A} 开始数值循环；若一轮也没有，则跳到第 {target} 行指令。",
        "R[A] start, R[A+1] limit, R[A+2] step, R[A+3] the visible variable.", "a",
    )  # fmt: skip
    row.row(
        "TFORPREP", Family.LOOP, "A:R Bx:J", "mark R[A+3] as to be closed; pc += Bx", "A+3", "",
        "Start the generic loop and go to its call at row {target}.", "开始泛型循环，转到第 {target} 行指令处的调用。",
        "R[A] iterator, R[A+1] state, R[A+2] control, R[A+3] closing value.",
    )  # fmt: skip
    row.row(
        "TFORCALL", Family.LOOP, "A:R C:I", "R[A+4], …, R[A+3+C] := R[A](R[A+1], R[A+2])", "A A+1 A+2", "A+4..A+3+C",
        "Ask the iterator {A} for the next {C} {C:value|values}.", "向迭代器 {A} 索取接下来的 {C} 个值。", "",
    )  # fmt: skip
    row.row(
        "TFORLOOP", Family.LOOP, "A:R Bx:J", "if R[A+4] ~= nil then R[A+2] := R[A+4] and pc -= Bx", "A+4", "A+2",
        "If the iterator gave a value, jump back to row {target}; else the loop is over.",
        "若迭代器给出了值，则跳回第 {target} 行指令；否则循环结束。",
        "R[A+4] is the iterator's first value, R[A+2] the control variable that the next call gets.", "a",
    )  # fmt: skip
    row.row(
        "SETLIST", Family.TABLE, "A:R B:I C:I k:bool", "R[A][C+i] := R[A+i] for i from 1 to B", "A A+1..A+B", "",
        "Store {count} into the table {A}, from index {first} on.", "把 {count}存入表 {A}，下标从 {first} 开始。",
        "B = 0: up to the stack top. k = 1: C continues with 256 times the EXTRAARG after it.", "in",
    )  # fmt: skip
    row.row(
        "CLOSURE", Family.CLOSURE, "A:R Bx:P", "R[A] := closure of nested function Bx", "", "A",
        "Make a closure of the function {Bx} in {A}, capturing its outer variables.",
        "用函数 {Bx} 创建闭包放入 {A}，并捕获它的外层变量。",
        "Captures each upvalue from a register of this frame or from this closure's own upvalues.", "a",
    )  # fmt: skip
    row.row(
        "VARARG", Family.VARARG, "A:R C:I", "R[A], …, R[A+C-2] := the extra arguments", "", "A..A+C-2",
        "Copy {results} of the extra arguments (...) to {A} on.",
        "把额外参数（...）中的 {results}复制到 {A} 起的寄存器。",
        "C - 1 values; C = 0: all of them, which sets the stack top.", "a out",
    )  # fmt: skip
    row.row(
        "VARARGPREP", Family.VARARG, "A:I", "put the extra arguments below the frame", "", "",
        "Prepare a function with {A} fixed parameters for its extra arguments.",
        "为带 {A} 个固定参数的函数准备额外参数。",
        "First instruction of every vararg function: moves the function and its fixed parameters above the extra "
        "arguments.", "a in",
    )  # fmt: skip
    row.row(
        "EXTRAARG", Family.EXTRA, "Ax:I", "(operand of the instruction before it)", "", "",
        "A further operand for the instruction before; never executed by itself.",
        "前一条指令的附加操作数；自身不会被执行。", "",
    )  # fmt: skip


def _table() -> tuple[Opcode, ...]:
    rows = _Table()
    for part in (_loads, _tables, _arithmetic, _control, _calls, _loops):
        part(rows)
    return tuple(rows)


OPCODES: tuple[Opcode, ...] = _table()
BY_NAME: Mapping[str, Opcode] = MappingProxyType({op.name: op for op in OPCODES})

EVENTS: tuple[str, ...] = (
    *("index", "newindex", "gc", "mode", "len", "eq"),
    *("add", "sub", "mul", "mod", "pow", "div", "idiv", "band", "bor", "bxor", "shl", "shr", "unm", "bnot"),
    *("lt", "le", "concat", "call", "close"),
)
"""Metamethod events by number (operand C of MMBIN and its kin), without the two underscores."""
