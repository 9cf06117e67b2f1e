"""Random integer programs: seeded, ending by themselves, and without reading what the manuals leave undefined.

Left out, because hosts may differ there by right: instructions that this or that KVM refuses or gets wrong (they switch
to Unicorn and have tests of their own), `bsf`/`bsr` of zero, double shifts by more than the operand's width. Flags that
an instruction leaves undefined are defined again by a `cmp` before anything can read them; the comparison masks them in
between.
"""

import random

WORDS = ("ax", "bx", "cx", "dx", "si", "di", "bp")
BYTES = ("al", "ah", "bl", "bh", "cl", "ch", "dl", "dh")
DOUBLES = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp")
ALU = ("add", "adc", "sub", "sbb", "cmp")
LOGIC = ("and", "or", "xor", "test")
SHIFTS = ("shl", "shr", "sar", "rol", "ror", "rcl", "rcr")
CONDITIONS = ("z", "nz", "c", "nc", "s", "ns", "o", "no", "p", "np", "l", "ge", "le", "g", "be", "a")
#: Defines every arithmetic flag.
DEFINE = "cmp ax, bx"


class Generator:
    """One program. Memory operands stay in 0x2000…0x2fff, the stack below 0x8000, the code is at 0x600."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.labels = 0

    def memory(self) -> str:
        """An operand whose address is in the scratch area, whatever the registers hold: they are set first."""
        base = self.random.choice(("bx", "si", "di", "bx+si", "bp+di", "bx+di", "bp+si", "esi*2", "ebx+ecx*4"))
        for register in ("bx", "si", "di", "bp", "cx"):
            if register in base:
                wide = f"e{register}" if "e" in base else register
                self.lines.append(f"mov {wide}, {self.random.randrange(0x100):#x}")
        segment = "" if "bp" not in base else "ds:"
        return f"[{segment}{base}+{0x2000 + self.random.randrange(0x400):#x}]"

    def operands(self) -> tuple[str, str]:
        """Destination and source of equal width; at most one of them in memory."""
        registers = self.random.choice((WORDS, WORDS, BYTES, DOUBLES))
        first, second = self.random.choice(registers), self.random.choice(registers)
        bits = {WORDS: 16, BYTES: 8, DOUBLES: 32}[registers]
        shape = self.random.randrange(4)
        if shape == 0:
            second = str(self.random.randrange(1 << bits))
        elif shape == 1:
            first = self.memory()
        elif shape == 2:
            second = self.memory()
        return first, second

    def one(self) -> None:
        """A few lines that do one thing."""
        self.random.choice(
            (
                self.alu,
                self.alu,
                self.alu,
                self.move,
                self.logic,
                self.shift,
                self.multiply,
                self.divide,
                self.stack,
                self.string,
                self.jump,
                self.bits,
                self.exchange,
                self.convert,
                self.flags,
                self.call,
                self.interrupt,
                self.port,
                self.segment,
            )
        )()

    def alu(self) -> None:
        a, b = self.operands()
        if self.random.random() < 0.3:
            size = "word " if a.startswith("[") else ""
            self.lines.append(f"{self.random.choice(('inc', 'dec', 'neg', 'not'))} {size}{a}")
        else:
            self.lines.append(f"{self.random.choice(ALU)} {a}, {b}")

    def move(self) -> None:
        a, b = self.operands()
        self.lines.append(f"mov {a}, {b}")
        if self.random.random() < 0.3:
            self.lines.append(f"lea {self.random.choice(WORDS)}, [bx+si+{self.random.randrange(999)}]")
        if self.random.random() < 0.3:
            self.lines.append(
                f"{self.random.choice(('movzx', 'movsx'))} {self.random.choice(DOUBLES)}, {self.random.choice(BYTES)}"
            )

    def logic(self) -> None:
        a, b = self.operands()
        if "[" in b:
            a, b = b, a
        if a.isdigit():
            a, b = self.random.choice(WORDS), "0x55"
        self.lines += [f"{self.random.choice(LOGIC)} {a}, {b}", DEFINE]

    def shift(self) -> None:
        target = self.random.choice((self.random.choice(WORDS), self.random.choice(DOUBLES), "word " + self.memory()))
        count = self.random.choice(("1", "3", "cl", "15", "31"))
        self.lines += [f"{self.random.choice(SHIFTS)} {target}, {count}", DEFINE]
        if self.random.random() < 0.3:
            self.lines += [f"{self.random.choice(('shld', 'shrd'))} ax, bx, {self.random.randrange(1, 16)}", DEFINE]

    def multiply(self) -> None:
        what = self.random.choice(
            ("mul bx", "imul cl", "imul ax, bx", "imul dx, cx, 77", "mul esi", "imul word " + self.memory())
        )
        self.lines += [what, DEFINE]

    def divide(self) -> None:
        self.lines += [
            "xor dx, dx",
            DEFINE,
            "or bx, 1",
            DEFINE,
            self.random.choice(("div bx", "idiv bl", "div bh")),
            DEFINE,
        ]

    def stack(self) -> None:
        self.lines += self.random.choice(
            (
                [f"push {self.random.choice(WORDS)}", f"pop {self.random.choice(WORDS)}"],
                ["pusha", "popa"],
                ["pushad", "popad"],
                [f"push {self.random.choice(DOUBLES)}", "pop eax"],
                ["push 0x1234", "pop word [0x2100]"],
                ["push word [0x2102]", "pop es"],
                ["enter 8, 0", "leave"],
                ["pushf", "pop ax"],
            )
        )

    def string(self) -> None:
        count, size = self.random.randrange(12), self.random.choice("bwd")
        direction = self.random.choice(("cld", "std"))
        what = self.random.choice(
            ("rep movs", "rep stos", "rep lods", "repe cmps", "repne scas", "movs", "stos", "lods")
        )
        self.lines += [
            f"mov cx, {count}",
            "mov si, 0x2200",
            f"mov di, {self.random.choice(('0x2240', '0x2204'))}",
            "push ds",
        ]
        self.lines += ["pop es", direction, what + size, "cld", DEFINE]

    def jump(self) -> None:
        label = f"l{self.labels}"
        self.labels += 1
        if self.random.random() < 0.3:
            self.lines += [f"mov cx, {self.random.randrange(1, 5)}", f"{label}: add ax, cx", f"loop {label}"]
        else:
            self.lines += [DEFINE, f"j{self.random.choice(CONDITIONS)} {label}", "inc dx", f"{label}:"]

    def bits(self) -> None:
        what = self.random.choice(("bt", "bts", "btr", "btc"))
        self.lines += self.random.choice(
            (
                [f"{what} ax, {self.random.randrange(16)}"],
                [f"{what} dx, cx"],
                [f"mov cx, {self.random.randrange(-300, 300)}", f"{what} [0x2300], cx"],
                [f"mov ecx, {self.random.randrange(-300, 300)}", f"{what} dword [0x2300], ecx"],
                ["or si, 8", f"{self.random.choice(('bsf', 'bsr'))} dx, si"],
                [DEFINE, f"set{self.random.choice(CONDITIONS)} [0x2310]"],
                ["bswap eax"],
            )
        )
        self.lines.append(DEFINE)

    def exchange(self) -> None:
        self.lines += self.random.choice(
            (
                [f"xchg {self.random.choice(WORDS)}, {self.random.choice(WORDS)}"],
                ["xchg bx, [0x2400]"],
                ["cmpxchg [0x2400], dx"],
                ["mov ax, [0x2400]", "lock cmpxchg [0x2400], dx"],
                ["xadd [0x2402], cx"],
                ["lock add word [0x2404], 3"],
                ["cmpxchg8b [0x2408]"],
                [DEFINE, f"cmov{self.random.choice(CONDITIONS)} ax, [0x2402]"],
                ["mov bx, 0x2500", "xlatb"],
            )
        )

    def convert(self) -> None:
        self.lines += self.random.choice((["cbw"], ["cwd"], ["cwde"], ["cdq"], ["das", DEFINE]))

    def flags(self) -> None:
        self.lines += self.random.choice(
            (["stc"], ["clc"], ["cmc"], ["sti"], ["cli"], ["lahf"], ["sahf"], ["pushf", "popf"], ["salc"])
        )

    def call(self) -> None:
        label = f"l{self.labels}"
        self.labels += 1
        self.lines += [f"call {label}", f"jmp {label}e", f"{label}: add ax, 3", "ret", f"{label}e:"]

    def interrupt(self) -> None:
        self.lines += self.random.choice((["int 0x40"], ["int3"], ["into"], ["ud2"], ["int 0x40", "int 0x40"]))

    def port(self) -> None:
        self.lines += self.random.choice(
            (["out 0xe9, al"], ["in al, 0x70"], ["mov dx, 0x300", "in ax, dx"], ["out 0x80, eax"])
        )

    def segment(self) -> None:
        self.lines += self.random.choice(
            (
                ["mov cx, 0x0200", "mov es, cx", "mov word es:[0x30], ax", "mov ax, es"],
                ["les di, [0x2600]"],
                ["push cs", "pop es"],
                ["mov cx, 0", "mov ss, cx", "mov sp, 0x7ff0"],
                ["mov cx, 0x180", "mov fs, cx", "add word fs:[0x900], 5"],
            )
        )

    def program(self, length: int = 40) -> str:
        """The whole source. #DE and #UD step over the two bytes of div or ud2; other vectors return."""
        head = """
            org 0x600
            mov sp, 0x7ff0
            mov word [0], skip
            mov word [4 * 4], count
            mov word [3 * 4], count
            mov word [0x40 * 4], count
            mov word [6 * 4], skip"""
        for register in DOUBLES:
            self.lines.append(f"mov {register}, {self.random.getrandbits(32):#x}")
        for at in range(0x2000, 0x2040, 4):
            self.lines.append(f"mov dword [{at + 0x200:#x}], {self.random.getrandbits(32):#x}")
        self.lines.append(DEFINE)
        for _ in range(length):
            self.one()
        tail = """
finish:     cmp ax, ax
            hlt
count:      inc word [0x2700]
            iret
skip:       push bp
            mov bp, sp
            add word [bp + 2], 2
            pop bp
            iret"""
        return "\n".join([head, *self.lines, tail])
