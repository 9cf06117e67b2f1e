"""Random programs over the instruction set: every encoding that the machine offers in a mode, from iced's table.

A program sets registers, then executes instructions whose memory operands lie in a page of random data, and ends with
hlt. What would make it run away (jumps elsewhere, far transfers, ports, system registers) is left out, and so is what
the manuals leave undefined (`TAMED`): flags that an instruction leaves undefined are defined by a `cmp` after it.
"""

import random
import struct
from dataclasses import dataclass
from functools import cache

import iced_x86 as iced

from engine.x86.assembler import Assembly, SourceRow
from engine.x86.decoder import _OFFERED, Decoder, _features
from engine.x86.decoder_kinds import Fpu, Kind

#: Where a program lies; the same address natively, above what Linux keeps unmapped.
ORIGINS = {"real16": 0x600, "protected32": 0x20000, "long64": 0x20000, "user64": 0x401000}
SCRATCH_OFFSET, SCRATCH_BYTES = 0x2000, 0x1000
IMAGE_BYTES = SCRATCH_OFFSET + SCRATCH_BYTES
STACK_OFFSET = IMAGE_BYTES - 0x100
WIDTHS = {"real16": 16, "protected32": 32, "long64": 64, "user64": 64}
RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI = range(8)
_CODE_NAMES = {v: n for n, v in vars(iced.Code).items() if not n.startswith("_") and isinstance(v, int)}
_KIND_NAMES = {v: n for n, v in vars(iced.OpCodeOperandKind).items() if not n.startswith("_") and isinstance(v, int)}
_MNEMONICS = {v: n.lower() for n, v in vars(iced.Mnemonic).items() if not n.startswith("_") and isinstance(v, int)}
_WIDTHS = {"R8": "AL", "R16": "AX", "R32": "EAX", "R64": "RAX"}
_X87 = ("FPU", "FPU287", "FPU387")
#: fninit, then five values: no instruction finds a register empty or none free, which Unicorn does not notice.
_PUSHED = 5
_FULL_STACK = bytes.fromhex("dbe3 d9e8 d9eb d9ea d9ec d9ed")
_FIXED = ("AL", "CL", "AX", "DX", "EAX", "RAX", "ES", "CS", "SS", "DS", "FS", "GS", "ST0")
#: Not in programs: they go elsewhere, wait, or are about the machine; their own tests have them.
# fmt: off
LEFT_OUT = frozenset((
    "hlt", "in", "out", "insb", "insw", "insd", "outsb", "outsw", "outsd", "ret", "retf", "iret", "iretd",
    "iretq", "call", "jmp", "jmpe", "int", "int1", "int3", "into", "ud0", "ud1", "ud2", "sysenter", "sysexit",
    "sysexitq", "syscall", "sysret", "sysretq", "rdmsr", "wrmsr", "rdpmc", "rdtsc", "cpuid", "lgdt", "lidt",
    "sgdt", "sidt", "lmsw", "smsw", "clts", "invlpg", "invd", "wbinvd", "cli", "sti", "bound", "enter", "leave",
    "xlatb", "les", "lds", "lfs", "lgs", "lss", "popa", "popad", "fxrstor", "fldenv", "frstor", "fnsave",
    "fnstenv", "fxsave", "fxsave64", "fxrstor64", "maskmovq", "maskmovdqu", "monitor", "mwait", "swapgs",
    "ldmxcsr", "arpl", "verr", "verw", "lar", "lsl", "lldt", "ltr", "sldt", "str",
))
# fmt: on
#: What Unicorn's floating point computes in its own way; left out, because the state after it would differ for good.
UNLIKE: dict[str, str] = {
    **dict.fromkeys(
        ("fsin", "fcos", "fsincos", "fptan", "fpatan", "f2xm1", "fyl2x", "fyl2xp1"),
        "x87's transcendental functions: Unicorn has 53 bits, processors 64, each in its own way",
    ),
    **dict.fromkeys(("fprem", "fprem1", "fscale"), "Unicorn computes them in double precision"),
    **dict.fromkeys(("rcpps", "rcpss", "rsqrtps", "rsqrtss"), "an approximation: SDM bounds its error, not its bits"),
    **dict.fromkeys(("stmxcsr", "fnstsw"), "they show the sticky exception flags, which Unicorn does not keep"),
    "fbld": "digits above 9 are undefined, and memory is random",
    "fbstp": "Unicorn stores digits of numbers that do not fit; processors the indefinite number",
    **dict.fromkeys(("cvtpi2ps", "cvtpi2pd"), "with a memory operand Unicorn leaves x87's stack, processors do not"),
    "fxtract": "of zero Unicorn says 0, processors minus infinity",
}
#: What needs help to be defined: bsf and bsr of 0, double shifts and rotations through carry by more than the width.
_COMPARES = frozenset(("cmpps", "cmppd", "cmpss", "cmpsd"))  # with an immediate of which three bits mean something
TAMED = frozenset(("bsf", "bsr", "shld", "shrd", "rcl", "rcr"))


@dataclass(frozen=True)
class Form:
    """One encoding."""

    code: int
    mnemonic: str
    kinds: tuple[str, ...]


@cache
def forms(bits: int) -> tuple[Form, ...]:
    """The encodings that a mode has and programs use, in iced's order."""
    offered, found = _features((*_OFFERED, "X64") if bits == 64 else _OFFERED), []
    for code, name in _CODE_NAMES.items():
        info = iced.OpCodeInfo(code)
        if not info.is_instruction or info.encoding != iced.EncodingKind.LEGACY:
            continue
        if not {16: info.mode16, 32: info.mode32, 64: info.mode64}[bits] or name.startswith(("DECLARE", "ZERO_BYTES")):
            continue
        shape = iced.Instruction()
        shape.code = code
        mnemonic = _MNEMONICS[shape.mnemonic]
        kinds = tuple(_KIND_NAMES[info.op_kind(i)] for i in range(info.op_count))
        if mnemonic in LEFT_OUT or mnemonic in UNLIKE or not offered.issuperset(shape.cpuid_features()):
            continue
        if any(
            k.startswith(("SEG_REG", "CR_", "DR_", "FAR", "MEM_OFFS")) or k in ("ES", "CS", "SS", "DS", "FS", "GS")
            for k in kinds
        ):
            continue
        found.append(Form(code, mnemonic, kinds))
    return tuple(found)


@dataclass(frozen=True)
class Generated:
    """A program: its bytes, and what it is made of for a report."""

    assembly: Assembly
    mode: str
    uses_fpu: bool
    instructions: tuple[str, ...]


class Maker:
    """Makes one program."""

    def __init__(self, mode: str, seed: int, *, with_fpu: bool) -> None:
        self.mode, self.with_fpu = mode, with_fpu
        self.bits = bits = WIDTHS[mode]
        self.random = random.Random(f"{mode} {seed} {with_fpu}")
        self.origin = ORIGINS[mode]
        self.scratch = self.origin + SCRATCH_OFFSET
        self.code = bytearray()
        self.decoder = Decoder(bits, is_protected=bits > 16)
        self.encoder = iced.Encoder(bits)
        self.names: list[str] = []
        self.forms = forms(bits)
        self.uses_fpu = False

    def _here(self) -> int:
        return self.origin + len(self.code)

    def set_register(self, number: int, value: int) -> None:
        """mov register, value."""
        if self.bits == 64:
            self.code += bytes((0x49 if number > 7 else 0x48, 0xB8 + (number & 7))) + struct.pack(
                "<Q", value & (1 << 64) - 1
            )
        else:
            self.code += (
                (b"\x66" if self.bits == 16 else b"") + bytes((0xB8 + number,)) + struct.pack("<I", value & 0xFFFFFFFF)
            )

    def _value(self) -> int:
        """Registers' values: random, small, and those around which carries and signs change."""
        width = self.random.choice((8, 16, 32, 64))
        edge = self.random.choice((0, 1, (1 << width) - 1, 1 << width - 1, (1 << width - 1) - 1))
        return self.random.choice((self.random.getrandbits(64), self.random.getrandbits(width), edge))

    def _register(self, kind: str) -> int:
        first = getattr(iced.Register, _WIDTHS[kind])
        if kind == "R8":
            count = 20 if self.bits == 64 else 8
            names = [r for r in range(first, first + count) if self.bits == 64 or r < first + 8]
            if self.bits == 64:
                names = [r for r in names if r != iced.Register.SPL]
            return self.random.choice(names)
        count = 16 if self.bits == 64 else 8
        return first + self.random.choice([n for n in range(count) if n != RSP])

    def _memory(self, instruction: iced.Instruction, before: list[tuple[int, int]], mnemonic: str) -> None:
        """An operand inside of the page of random data; on 16 bytes, which some instructions want."""
        target = self.scratch + 0x100 + 16 * self.random.randrange(0xC0)
        if mnemonic not in ("movaps", "movapd", "movdqa") and self.random.random() < 0.2:
            target += self.random.randrange(8)
        base = self.random.choice((RBX, RSI, RDI))
        displacement = self.random.choice((0, 8, self.random.randrange(-64, 64), self.random.randrange(-200, 200)))
        size = {16: 1, 32: 4, 64: 8}[self.bits]
        names = {
            16: {RBX: "BX", RSI: "SI", RDI: "DI"},
            32: {RBX: "EBX", RSI: "ESI", RDI: "EDI"},
            64: {RBX: "RBX", RSI: "RSI", RDI: "RDI"},
        }
        instruction.memory_base = getattr(iced.Register, names[self.bits][base])
        if self.bits != 16 and self.random.random() < 0.3:
            scale, count = self.random.choice((1, 2, 4, 8)), self.random.randrange(4)
            instruction.memory_index = iced.Register.RCX if self.bits == 64 else iced.Register.ECX
            instruction.memory_index_scale = scale
            before.append((RCX, count))
            target -= scale * count
        instruction.memory_displacement = displacement & ((1 << self.bits) - 1)
        instruction.memory_displ_size = 2 if self.bits == 16 else size if size == 8 else 4
        before.append((base, target - displacement))

    def _operands(self, form: Form, instruction: iced.Instruction) -> list[tuple[int, int]] | None:
        """Fills the operands in; the registers to set first, or None for a form that programs do not use."""
        before: list[tuple[int, int]] = []
        for at, kind in enumerate(form.kinds):
            stem, _, suffix = kind.partition("_")
            if kind in _FIXED:
                instruction.set_op_register(at, getattr(iced.Register, kind))
            elif kind.startswith("IMM") and suffix == "CONST_1":
                instruction.set_op_kind(at, iced.OpKind.IMMEDIATE8)
                instruction.set_immediate_i32(at, 1)
            elif kind.startswith("IMM"):
                self._immediate(instruction, at, kind)
            elif kind == "STI_OPCODE":
                instruction.set_op_register(at, iced.Register.ST0 + self.random.randrange(_PUSHED))
            elif kind in ("ES_RDI", "SEG_RDI", "SEG_RSI"):
                self._string(instruction, at, kind, before)
            elif kind.startswith("BR"):
                width = {
                    "BR16": iced.OpKind.NEAR_BRANCH16,
                    "BR32": iced.OpKind.NEAR_BRANCH32,
                    "BR64": iced.OpKind.NEAR_BRANCH64,
                }
                instruction.set_op_kind(at, width[stem])
            elif stem in _WIDTHS or stem in ("XMM", "MM") or kind == "MEM":
                if kind == "MEM" or (suffix == "OR_MEM" and self.random.random() < 0.5):
                    instruction.set_op_kind(at, iced.OpKind.MEMORY)
                    self._memory(instruction, before, form.mnemonic)
                elif stem in _WIDTHS:
                    instruction.set_op_register(at, self._register(stem))
                else:
                    first = getattr(iced.Register, f"{stem}0")
                    count = 16 if stem == "XMM" and self.bits == 64 else 8
                    instruction.set_op_register(at, first + self.random.randrange(count))
            else:
                return None
        return before

    def _immediate(self, instruction: iced.Instruction, at: int, kind: str) -> None:
        name = {"IMM8": "IMMEDIATE8", "IMM16": "IMMEDIATE16", "IMM32": "IMMEDIATE32", "IMM64": "IMMEDIATE64"}
        name |= {"IMM8SEX16": "IMMEDIATE8TO16", "IMM8SEX32": "IMMEDIATE8TO32", "IMM8SEX64": "IMMEDIATE8TO64"}
        name |= {"IMM32SEX64": "IMMEDIATE32TO64"}
        instruction.set_op_kind(at, getattr(iced.OpKind, name[kind]))
        if "SEX" in kind:
            width = int(kind[3:].partition("SEX")[0])
            instruction.set_immediate_i64(at, self.random.randrange(-(1 << width - 1), 1 << width - 1))
        else:
            instruction.set_immediate_u64(at, self.random.getrandbits(int(kind[3:])))

    def _string(self, instruction: iced.Instruction, at: int, kind: str, before: list[tuple[int, int]]) -> None:
        prefix = {16: "", 32: "E", 64: "R"}[self.bits]
        index, stem = (RSI, "MEMORY_SEG_{}SI") if kind == "SEG_RSI" else (RDI, "MEMORY_SEG_{}DI")
        name = "MEMORY_ES{}DI" if kind == "ES_RDI" else stem
        instruction.set_op_kind(at, getattr(iced.OpKind, name.format(prefix)))
        before.append((index, self.scratch + 0x800 + self.random.randrange(64)))
        before.append((RCX, self.random.randrange(9)))

    def one(self) -> bool:
        """Adds one instruction, with what prepares it. False when the form drawn is not for programs."""
        form = self.random.choice(self.forms)
        instruction = iced.Instruction()
        instruction.code = form.code
        before = self._operands(form, instruction)
        if before is None:
            return False
        self._prefix(form, instruction)
        if form.mnemonic in ("bt", "bts", "btr", "btc") and form.kinds[-1].startswith("R"):
            number = instruction.op1_register - getattr(iced.Register, _WIDTHS[form.kinds[-1].partition("_")[0]])
            before.append((number, self.random.randrange(0x100)))
        if form.mnemonic in _COMPARES and form.kinds[-1] == "IMM8":
            instruction.set_immediate_u64(2, self.random.randrange(8))
        if form.mnemonic in TAMED:
            before += self._tame(form, instruction)
        targets = [number for number, _ in before]
        if len(set(targets)) != len(targets):
            return False  # one register would have to be two things
        return self._emit(form, instruction, before)

    def _tame(self, form: Form, instruction: iced.Instruction) -> list[tuple[int, int]]:
        if form.mnemonic in ("shld", "shrd", "rcl", "rcr"):
            most = 15 if form.mnemonic.startswith("sh") else 8
            if form.kinds[-1] == "IMM8":
                instruction.set_immediate_u64(len(form.kinds) - 1, self.random.randrange(1, most))
                return []
            return [(RCX, self.random.randrange(1, most))] if form.kinds[-1] == "CL" else []
        if instruction.op1_kind == iced.OpKind.REGISTER:
            first = getattr(iced.Register, _WIDTHS[form.kinds[1].partition("_")[0]])
            return [(instruction.op1_register - first, self._value() | 0x100)]
        return []

    def _prefix(self, form: Form, instruction: iced.Instruction) -> None:
        info = iced.OpCodeInfo(form.code)
        if info.can_use_rep_prefix and self.random.random() < 0.6:
            instruction.has_rep_prefix = True
        elif info.can_use_repne_prefix and self.random.random() < 0.5 and form.mnemonic.startswith(("scas", "cmps")):
            instruction.has_repne_prefix = True
        if info.can_use_lock_prefix and instruction.op0_kind == iced.OpKind.MEMORY and self.random.random() < 0.2:
            instruction.has_lock_prefix = True

    def _emit(self, form: Form, instruction: iced.Instruction, before: list[tuple[int, int]]) -> bool:
        kept, names = len(self.code), len(self.names)
        is_x87 = not _features(_X87).isdisjoint(instruction.cpuid_features())
        if is_x87:
            self.code += _FULL_STACK
        for number, value in before:
            self.set_register(number, value)
        if any(kind.startswith("BR") for kind in form.kinds):
            instruction.near_branch64 = self._here() + self._length(instruction)
        try:
            self.encoder.encode(instruction, self._here())
        except ValueError:
            del self.code[kept:]
            return False
        self.code += self.encoder.take_buffer()
        start = kept + self._prepared(before) + (len(_FULL_STACK) if is_x87 else 0)
        described = self.decoder.decode(bytes(self.code[start:]), self.origin + start)
        usable = described is not None and len(described.data) == len(self.code) - start
        usable = usable and described.kind in (Kind.PLAIN, Kind.PUSHF) and bool(described.fpu) <= self.with_fpu
        if not usable:
            del self.code[kept:], self.names[names:]
            return False
        self.uses_fpu |= described.fpu != Fpu.NONE
        self.names.append(described.text)
        if described.flags.undefined:
            self.code += b"\x39\xd8"  # cmp eax, ebx (ax, bx)
        return True

    def _prepared(self, before: list[tuple[int, int]]) -> int:
        return len(before) * (10 if self.bits == 64 else 5 if self.bits == 32 else 6)

    def _length(self, instruction: iced.Instruction) -> int:
        """Bytes of a branch to right after itself: the encoder is asked with any near target."""
        instruction.near_branch64 = self._here()
        try:
            length = self.encoder.encode(instruction, self._here())
        except ValueError:
            return 2
        self.encoder.take_buffer()
        return int(length)

    def program(self, length: int = 14) -> Generated:
        """The whole program."""
        for number in range(16 if self.bits == 64 else 8):
            if number != RSP:
                self.set_register(number, self._value())
        self.set_register(RSP, self.origin + STACK_OFFSET)
        self.code += b"\x39\xd8"
        if self.with_fpu:
            self._load_fpu()
        done = 0
        for _ in range(40 * length):
            done += self.one()
            if done == length:
                break
        self.code += b"\xf4"
        if len(self.code) > SCRATCH_OFFSET:
            raise AssertionError("a program grew into its data")
        image = bytes(self.code).ljust(SCRATCH_OFFSET, b"\x90") + self._data()
        rows = (SourceRow(self.origin, len(self.code), 1, False, self.bits),)
        assembly = Assembly(image, self.origin, rows, (("start", self.origin),), "main.asm")
        return Generated(assembly, self.mode, self.uses_fpu, tuple(self.names))

    def _load_fpu(self) -> None:
        """fninit, two pushed values, XMM registers from the data; in real mode CR4.OSFXSR first."""
        if self.bits == 16:
            self.code += bytes.fromhex("6650 0f20e0 660d00060000 0f22e0 6658")
        self.code += bytes.fromhex("dbe3 d9e8 d9eb")
        for number in range(16 if self.bits == 64 else 8):
            self.set_register(RBX, self.scratch + 16 * number)
            modrm = 0x07 if self.bits == 16 else 0x03  # [bx], [ebx], [rbx]
            self.code += (b"\x44" if number > 7 else b"") + b"\x0f\x28" + bytes((modrm | (number & 7) << 3,))

    def _data(self) -> bytes:
        """A page of numbers: plain floats and doubles first, then anything."""
        floats = b"".join(struct.pack("<f", self.random.uniform(-1e6, 1e6)) for _ in range(32))
        doubles = b"".join(struct.pack("<d", self.random.uniform(-1e12, 1e12)) for _ in range(16))
        rest = SCRATCH_BYTES - len(floats) - len(doubles)
        return floats + doubles + self.random.randbytes(rest)
