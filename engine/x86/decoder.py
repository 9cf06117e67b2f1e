"""Machine code to instructions: text, what an instruction touches, and how the machine has to execute it.

Decoding is iced-x86's. `Kind` and `Trait` mirror the enums of core/core.h (a test compares them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from functools import cache

import iced_x86 as iced

from engine.x86.decoder_kinds import Fpu, Kind, Privilege
from engine.x86.decoder_simple import mending, simple_kind
from engine.x86.decoder_system import WITH_MEMORY, WITHOUT_STACK, divide, far_target, privilege, system_kind
from engine.x86.decoder_user import AVX, must_be_aligned, user_kind
from engine.x86.decoder_user import OFFERED as OFFERED_TO_USERS

#: Names by number, as in traces: general registers in encoding order, then what the core numbers from 16 on.
GENERAL_16 = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
GENERAL_32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
GENERAL_64 = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi")
HIGH_8_TO_15 = ("r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")
SYSTEM = ("flags", "es", "cs", "ss", "ds", "fs", "gs", "cr0", "cr2", "cr3", "cr4", "efer")
#: x87's physical registers (mmN is the same as fpN) with their signs and exponents; XMM registers in halves, and so
#: those of the YMM registers' upper halves.
FPU = (
    *("fctrl", "fstat", "ftag", "mxcsr"),
    *(f"fp{n}{half}" for half in ("", "e") for n in range(8)),
    *(f"{name}{n}{half}" for name in ("xmm", "ymm") for half in ("", "h") for n in range(16)),
)

NO_REGISTER = 0xFF
RSP = 4
NO_PORT = 0x10000
MAX_LENGTH = 15
MAX_OPERANDS = 12
#: Descriptions that a decoder keeps, by the instruction's bytes.
MAX_KNOWN = 4096


class Trait(IntFlag):
    """Facts about a row that the recorder needs (core.h)."""

    CALL = 1
    RETURN = 2
    JUMP = 4
    REP = 8
    SEGMENTS = 16
    CHECK = 32
    BREAKPOINT = 64
    ALONE = 128
    FPU = 256
    AVX = 512


class Access(IntFlag):
    """How a memory operand is used (core.h)."""

    READ = 1
    WRITE = 2
    MAYBE = 4
    ALIGNED = 8


@dataclass(frozen=True)
class MemoryOperand:
    """segment:[base + index * scale + displacement], numbers as in core.h; `size` in bytes (a rep: of one element)."""

    segment: int
    base: int
    index: int
    scale: int
    displacement: int
    size: int
    address_bits: int
    access: Access
    bit_register: int = NO_REGISTER
    bit_size: int = 0


@dataclass(frozen=True)
class FlagEffect:
    """What an instruction does with RFLAGS: the names of the bits, by effect."""

    read: tuple[str, ...]
    written: tuple[str, ...]
    cleared: tuple[str, ...]
    set: tuple[str, ...]
    undefined: tuple[str, ...]


_NO_EFFECT = FlagEffect((), (), (), (), ())


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction at a linear address. `jump` is the linear address of a direct branch's target."""

    address: int
    data: bytes
    op: str
    args: str
    kind: Kind
    traits: Trait
    value: int
    port_size: int
    address_bits: int
    memory: tuple[MemoryOperand, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    flags: FlagEffect
    jump: int | None
    mnemonic: str
    is_wide: bool
    bits: int = 16
    is_protected: bool = False
    divide: int = 0
    target: int = 0
    fpu: Fpu = Fpu.NONE
    mend: int = 0
    privilege: Privilege = Privilege.FREE

    @property
    def text(self) -> str:
        """`op args` as one string."""
        return f"{self.op} {self.args}".strip()


def _names(module: object) -> dict[int, str]:
    return {value: name for name, value in vars(module).items() if not name.startswith("_") and isinstance(value, int)}


@cache
def _register_names() -> dict[int, str]:
    return {value: name.lower() for value, name in _names(iced.Register).items()}


@cache
def _mnemonics() -> dict[int, str]:
    return {value: name.lower() for value, name in _names(iced.Mnemonic).items()}


@cache
def _numbers() -> dict[str, int]:
    """Register name -> number in encoding order, for all widths of the general registers and the segments."""
    found = {}
    for number, (small, wide) in enumerate(zip(GENERAL_16, GENERAL_32, strict=True)):
        found[small] = found[wide] = found["r" + small] = number
    found.update({f"r{n}{suffix}": n for n in range(8, 16) for suffix in ("", "d", "w")})
    return found


_SEGMENTS = {"es": 0, "cs": 1, "ss": 2, "ds": 3, "fs": 4, "gs": 5}
_FLAG_BITS = ((16, "CF"), (4, "PF"), (8, "AF"), (2, "ZF"), (1, "OF"), (32, "SF"))


@cache
def _flag_names() -> tuple[tuple[int, str], ...]:
    """iced's RflagsBits that are flags of RFLAGS, as (bit, name)."""
    wanted = ("CF", "PF", "AF", "ZF", "SF", "IF", "DF", "OF")
    return tuple((int(getattr(iced.RflagsBits, name)), name) for name in wanted)


def _flags(bits: int) -> tuple[str, ...]:
    return tuple(name for bit, name in _flag_names() if bits & bit)


#: Not in real mode (SDM vol. 2): #UD. The descriptor instructions, and what this machine's CPUID does not offer.
# fmt: off
_NOT_HERE = frozenset((
    "arpl", "lar", "lsl", "verr", "verw", "lldt", "ltr", "sldt", "str", "syscall", "sysret", "sysretq", "vmcall",
    "vmmcall", "vmlaunch", "vmresume", "vmxoff", "vmxon", "vmread", "vmwrite", "vmptrld", "vmptrst", "vmclear",
    "vmfunc", "vmrun", "vmload", "vmsave", "stgi", "clgi", "skinit", "invlpga", "getsec", "monitor", "mwait",
    "monitorx", "mwaitx", "xgetbv", "xsetbv", "xsave", "xrstor", "xsaveopt", "xsavec", "xsaves", "xrstors", "rdrand",
    "rdseed", "rdpid", "rdtscp", "rsm", "encls", "enclu", "invpcid", "invept", "invvpid", "rdpkru", "wrpkru", "clac",
    "stac", "rdfsbase", "rdgsbase", "wrfsbase", "wrgsbase", "pconfig", "tpause", "umwait", "umonitor", "xbegin",
    "xend", "xabort", "xtest", "serialize", "hreset", "rdpru", "clzero",
))
# fmt: on
_GENERAL_PROTECTION = frozenset(("sysenter", "sysexit", "sysexitq", "rdpmc"))
_OURS = {"cpuid": Kind.CPUID, "rdtsc": Kind.RDTSC, "rdmsr": Kind.RDMSR, "wrmsr": Kind.WRMSR, "into": Kind.INTO}
_BIT_TESTS = frozenset(("bts", "btr", "btc", "bt"))
_FLAG_IMAGES = {"pushf": (Kind.PUSHF, 2), "pushfd": (Kind.PUSHF, 4), "popf": (Kind.POPF, 2), "popfd": (Kind.POPF, 4)}
_FLAG_IMAGES |= {"pushfq": (Kind.PUSHF, 8), "popfq": (Kind.POPF, 8)}
_RETURNS = {"iret": (Kind.IRET, 2), "iretd": (Kind.IRET, 4)}


class Decoder:
    """Decodes one instruction at a time, for code of `bits`, in real or protected (also long) mode.

    `refused`: mnemonics that the CPU in use must not be given. `is_user`: ring 3 of mode user64.
    """

    def __init__(
        self,
        bits: int = 16,
        refused: frozenset[str] = frozenset(),
        *,
        is_protected: bool | None = None,
        is_user: bool = False,
    ) -> None:
        self.bits = bits
        self.is_user = is_user
        self.is_protected = bits > 16 if is_protected is None else is_protected
        self.refused = refused
        self._info = iced.InstructionInfoFactory()
        self._known: dict[bytes, Instruction] = {}
        self._format = iced.Formatter(iced.FormatterSyntax.NASM)
        self._format.hex_prefix = "0x"
        self._format.hex_suffix = ""
        self._format.uppercase_hex = False
        self._format.space_after_operand_separator = True
        self._format.branch_leading_zeros = False
        self._format.leading_zeros = False
        self._format.show_branch_size = False
        self._format.small_hex_numbers_in_decimal = True
        self._format.rip_relative_addresses = False

    def decode(self, data: bytes, address: int, offset: int | None = None) -> Instruction | None:
        """The instruction at the start of `data`, or None if there are too few bytes.

        `address` is linear; `offset` is the instruction pointer there (for the text of branches), by default the same.
        Bytes that are no instruction become one that raises #UD.
        """
        ip = address if offset is None else offset
        decoder = iced.Decoder(self.bits, data[:MAX_LENGTH], ip=ip)
        found = decoder.decode()
        if decoder.last_error == iced.DecoderError.NO_MORE_BYTES and len(data) < MAX_LENGTH:
            return None
        if found.is_invalid:
            return self._invalid(data, address)
        content = bytes(data[: found.len])
        if found.flow_control != iced.FlowControl.NEXT or found.is_ip_rel_memory_operand:
            return self._describe(found, content, address, ip)
        known = self._known.get(content)  # nothing in it depends on where it stands
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[content] = self._describe(found, content, address, ip)
        return known if known.address == address else replace(known, address=address)

    def _invalid(self, data: bytes, address: int) -> Instruction:
        return Instruction(
            address=address,
            data=bytes(data[:1]),
            op="(bad)",
            args="",
            kind=Kind.RAISE,
            traits=Trait(0),
            value=6,
            port_size=0,
            address_bits=self.bits,
            memory=(),
            reads=(),
            writes=(),
            flags=_NO_EFFECT,
            jump=None,
            mnemonic="(bad)",
            is_wide=False,
            bits=self.bits,
            is_protected=self.is_protected,
        )

    def _describe(self, found: iced.Instruction, data: bytes, address: int, ip: int) -> Instruction:
        info = self._info.info(found)
        mnemonic = _mnemonics()[found.mnemonic]
        names = _register_names()
        simple = simple_kind(found, mnemonic, names, data, self.bits)
        if simple and mnemonic not in self.refused:
            kind, value, target = simple
        else:
            kind, value = self._kind(found, mnemonic)
            target = far_target(found) if kind in (Kind.FAR_JUMP, Kind.FAR_CALL) else 0
        used = [(names[r.register], r.access) for r in info.used_registers()]
        memory = tuple(self._memory(found, mnemonic, info))[:MAX_OPERANDS]
        if kind in WITHOUT_STACK:
            memory = tuple(operand for operand in memory if kind in WITH_MEMORY and operand.base != RSP)
        fpu = Fpu.NONE if kind == Kind.RAISE else _fpu(found, mnemonic, [name for name, _ in used])
        traits = self._traits(found, kind, memory, used) | (Trait.FPU if fpu else Trait(0))
        written = [name for name, access in used if access in _WRITES]
        mend, register = mending(found, mnemonic, names, written) if kind == Kind.PLAIN else (0, 0)
        if mend:
            traits, value = traits | Trait.ALONE, register
        is_string_io = mnemonic[:3] in ("ins", "out") and kind in (Kind.IN, Kind.OUT) and mnemonic not in ("in", "out")
        operands = [names[r] for r in (found.op_register(i) for i in range(found.op_count)) if r]
        bits = next((m.address_bits for m in memory), self.bits) if memory else self.bits
        return Instruction(
            address=address,
            data=data,
            op=self._format.format_mnemonic(found),
            args=self._format.format_all_operands(found),
            kind=kind,
            traits=traits,
            value=value,
            port_size=_port_size(mnemonic, operands) if kind in (Kind.IN, Kind.OUT) else 0,
            address_bits=bits if is_string_io or traits & Trait.REP else self.bits,
            memory=memory,
            reads=tuple(dict.fromkeys(n for n, a in used if a in _READS)),
            writes=tuple(dict.fromkeys(n for n, a in used if a in _WRITES)),
            flags=_NO_EFFECT if kind == Kind.SYSCALL else _effect(found),
            jump=self._jump(found, address, ip),
            mnemonic=mnemonic,
            is_wide=self.bits > 16 or any(n in GENERAL_32 for n, _ in used),
            bits=self.bits,
            is_protected=self.is_protected,
            divide=divide(found, names) if self.is_protected else 0,
            fpu=fpu,
            target=target,
            mend=mend,
            privilege=privilege(mnemonic, kind) if self.is_protected and not self.is_user else Privilege.FREE,
        )

    def _kind(self, found: iced.Instruction, mnemonic: str) -> tuple[Kind, int]:
        """(kind, its `data` in core.h)."""
        names = _register_names()
        if mnemonic in self.refused:
            return Kind.REFUSED, 0
        is_vex = found.encoding != iced.EncodingKind.LEGACY
        if self.is_user and (for_user := user_kind(found, mnemonic, names)):
            return for_user
        special = system_kind(found, mnemonic, names, self.bits, is_protected=self.is_protected)
        if special:
            return special
        if self.is_user:
            offered, is_vex = _features((*_OFFERED, *OFFERED_TO_USERS, *AVX)), is_vex and _is_evex(found)
        else:
            offered = _features((*_OFFERED, "X64") if self.bits == 64 else _OFFERED)
        if is_vex or mnemonic in _NOT_HERE or not offered.issuperset(found.cpuid_features()):
            return Kind.RAISE, 6
        if mnemonic in _GENERAL_PROTECTION or _leaves_segment(found, self.bits):
            return Kind.RAISE, 13
        if mnemonic in _OURS:
            return _OURS[mnemonic], 0
        if mnemonic in ("int", "int3", "int1"):
            return Kind.INT, {"int": found.immediate8, "int3": 3, "int1": 1}[mnemonic]
        if mnemonic == "hlt":
            return Kind.HLT, 0
        if mnemonic in _FLAG_IMAGES:
            return _FLAG_IMAGES[mnemonic]
        if mnemonic in _RETURNS:
            return _RETURNS[mnemonic]
        if mnemonic in ("in", "insb", "insw", "insd", "out", "outsb", "outsw", "outsd"):
            return (Kind.IN if mnemonic.startswith("in") else Kind.OUT), _port(found)
        if mnemonic in ("mov", "pop") and found.op_count:
            first = names[found.op0_register]
            second = names[found.op1_register] if found.op_count > 1 else ""
            return _special_move(mnemonic, first, second, found)
        return Kind.PLAIN, 0

    def _memory(self, found: iced.Instruction, mnemonic: str, info: iced.InstructionInfo) -> list[MemoryOperand]:
        names, numbers = _register_names(), _numbers()
        operands = []
        bits_of = {iced.CodeSize.CODE16: 16, iced.CodeSize.CODE32: 32, iced.CodeSize.CODE64: 64}
        for used in info.used_memory():
            access = _ACCESS.get(used.access)
            segment = _SEGMENTS.get(names[used.segment])
            if access is None or segment is None:
                continue
            size = iced.MemorySizeExt.size(used.memory_size) or iced.MemorySizeExt.size(found.memory_size)
            bit_register, bit_size = NO_REGISTER, 0
            if self.bits == 64 and names[used.segment] in ("es", "cs", "ss", "ds"):
                segment = _SEGMENTS["ds"]
            if mnemonic in _BIT_TESTS and found.op1_register and not found.is_stack_instruction:
                bit_register, bit_size = numbers[names[found.op1_register]], size * 8
            if must_be_aligned(found, mnemonic, size):
                access |= Access.ALIGNED
            operands.append(
                MemoryOperand(
                    segment=segment,
                    base=numbers.get(names[used.base], NO_REGISTER),
                    index=numbers.get(names[used.index], NO_REGISTER),
                    scale=used.scale,
                    displacement=used.displacement,
                    size=size,
                    address_bits=bits_of.get(used.address_size, self.bits),
                    access=access,
                    bit_register=bit_register,
                    bit_size=bit_size,
                )
            )
        return operands

    def _traits(
        self, found: iced.Instruction, kind: Kind, memory: tuple[MemoryOperand, ...], used: Sequence[tuple[str, int]]
    ) -> Trait:
        traits = Trait(0)
        flow = found.flow_control
        if kind in (Kind.RAISE, Kind.SYSCALL):
            return traits
        if self.is_user and not _features(AVX).isdisjoint(found.cpuid_features()):
            traits |= Trait.AVX
        if flow in (iced.FlowControl.CALL, iced.FlowControl.INDIRECT_CALL):
            traits |= Trait.CALL
        elif flow == iced.FlowControl.RETURN:
            traits |= Trait.RETURN
        if flow not in (iced.FlowControl.NEXT, iced.FlowControl.INTERRUPT, iced.FlowControl.EXCEPTION):
            traits |= Trait.JUMP
        if found.is_string_instruction and (found.has_rep_prefix or found.has_repne_prefix):
            traits |= Trait.REP
        if kind == Kind.IRET or found.is_jmp_far or found.is_call_far or _is_far_return(found):
            traits |= Trait.SEGMENTS
        if any(name in _SEGMENTS and access in _WRITES for name, access in used):
            traits |= Trait.SEGMENTS
        if any(m.size > 1 or m.address_bits > 16 for m in memory) or _may_fault(found):
            traits |= Trait.CHECK
        if _mnemonics()[found.mnemonic] in _ALONE:
            traits |= Trait.ALONE
        return traits

    def _jump(self, found: iced.Instruction, address: int, ip: int) -> int | None:
        if (
            found.is_jcc_short_or_near
            or found.is_jmp_short_or_near
            or found.is_call_near
            or found.is_loop
            or (found.is_loopcc or found.is_jcx_short)
        ):
            return int(found.near_branch_target) + address - ip
        if found.is_jmp_far or found.is_call_far:
            if self.is_protected:
                return far_target(found) & 0xFFFFFFFF
            return int(found.far_branch_selector) * 16 + int(found.far_branch16)
        return None


def _effect(found: iced.Instruction) -> FlagEffect:
    parts = ("rflags_read", "rflags_written", "rflags_cleared", "rflags_set", "rflags_undefined")
    return FlagEffect(*(_flags(getattr(found, part)) for part in parts))


_READS = (iced.OpAccess.READ, iced.OpAccess.COND_READ, iced.OpAccess.READ_WRITE, iced.OpAccess.READ_COND_WRITE)
_WRITES = (
    iced.OpAccess.WRITE,
    iced.OpAccess.COND_WRITE,
    iced.OpAccess.READ_WRITE,
    iced.OpAccess.READ_COND_WRITE,
)
_ACCESS = {
    iced.OpAccess.READ: Access.READ,
    iced.OpAccess.COND_READ: Access.READ | Access.MAYBE,
    iced.OpAccess.WRITE: Access.WRITE,
    iced.OpAccess.COND_WRITE: Access.WRITE | Access.MAYBE,
    iced.OpAccess.READ_WRITE: Access.READ | Access.WRITE,
    iced.OpAccess.READ_COND_WRITE: Access.READ | Access.WRITE | Access.MAYBE,
}


#: iced's CPUID features whose instructions raise nothing by themselves, but for the few of `_FAULTING`.
_PLAIN = ("INTEL8086", "INTEL8086_ONLY", "INTEL186", "INTEL286", "INTEL386", "INTEL486", "CMOV", "CX8", "MULTIBYTENOP")
_X87 = ("FPU", "FPU287", "FPU387")
#: What this machine's CPU has; everything else is #UD on every host. VEX and EVEX encodings do not exist in real mode.
_OFFERED = (
    *_PLAIN,
    *("CPUID", "TSC", "MSR", "SEP", "FPU", "FPU287", "FPU387", "MMX", "SSE", "SSE2", "FXSR", "CLFSH", "PAUSE"),
    *("PREFETCHW", "POPCNT", "LZCNT", "BMI1", "RDPMC"),
)


@cache
def _features(names: tuple[str, ...]) -> frozenset[int]:
    return frozenset(int(getattr(iced.CpuidFeature, name)) for name in names)


def _is_evex(found: iced.Instruction) -> bool:
    return found.encoding not in (iced.EncodingKind.LEGACY, iced.EncodingKind.VEX)


def _leaves_segment(found: iced.Instruction, bits: int) -> bool:
    """A direct jump or call with a 32-bit operand to beyond the 16-bit code segment."""
    always = (iced.FlowControl.UNCONDITIONAL_BRANCH, iced.FlowControl.CALL)
    is_near = found.is_jmp_short_or_near or found.is_call_near
    return bits == 16 and is_near and found.flow_control in always and int(found.near_branch_target) > 0xFFFF


#: Unicorn computes their flags from stale ones when they follow another instruction in one stretch.
_ALONE = frozenset(("cmpxchg8b",))
_FAULTING = frozenset(("div", "idiv", "bound", "aam", "ud0", "ud1", "ud2"))


def _may_fault(found: iced.Instruction) -> bool:
    """True for what can raise an exception other than by its memory operands."""
    return _mnemonics()[found.mnemonic] in _FAULTING or not _features(_PLAIN).issuperset(found.cpuid_features())


def _fpu(found: iced.Instruction, mnemonic: str, used: Sequence[str]) -> Fpu:
    """What of the FPU an instruction needs."""
    if mnemonic in ("fxsave", "fxrstor", "fxsave64", "fxrstor64"):
        return Fpu.STATE
    if mnemonic == "wait":
        return Fpu.WAIT
    if mnemonic in ("ldmxcsr", "stmxcsr") or any(name.startswith(("xmm", "ymm", "zmm")) for name in used):
        return Fpu.SSE
    if mnemonic == "emms" or any(name.startswith("mm") for name in used):
        return Fpu.MMX
    return Fpu.NONE if _features(_X87).isdisjoint(found.cpuid_features()) else Fpu.X87


def _is_far_return(found: iced.Instruction) -> bool:
    return _mnemonics()[found.mnemonic] == "retf"


def _port(found: iced.Instruction) -> int:
    """The port of an `in` or `out` with an immediate one, else NO_PORT (it is in dx)."""
    for i in range(found.op_count):
        if found.op_kind(i) == iced.OpKind.IMMEDIATE8:
            return int(found.immediate8)
    return NO_PORT


def _port_size(mnemonic: str, operands: list[str]) -> int:
    if mnemonic not in ("in", "out"):
        return {"b": 1, "w": 2, "d": 4}[mnemonic[-1]]
    return 1 if "al" in operands else 4 if "eax" in operands else 2


def _special_move(mnemonic: str, first: str, second: str, found: iced.Instruction) -> tuple[Kind, int]:
    """`mov` and `pop` with a system register: SS holds back a single-step trap, CRn and DRn are not plain state."""
    numbers = _numbers()
    if first == "ss":
        if mnemonic == "pop":
            return Kind.POP_SS, -found.stack_pointer_increment if found.stack_pointer_increment < 0 else (
                found.stack_pointer_increment
            )
        return Kind.LOAD_SS, numbers.get(second, 0)
    if first.startswith("dr"):
        return Kind.WRITE_DR, numbers[second] | int(first[2:]) << 8
    if second.startswith("dr"):
        return Kind.READ_DR, numbers[first] | int(second[2:]) << 8
    return Kind.PLAIN, 0
