"""What only ring 3 offers (SSE3 to SSE4.2, AES, carry-less products, BMI2, ADX, MOVBE): the same trace on both CPUs."""

import random
from collections.abc import Iterator

import pytest
from user_runs import EXIT, make, program
from x86_runs import needs_kvm, record

PROGRAMS, LINES = 48, 24
#: xmm, xmm or 16 bytes of memory. Not hsubps, dpps and their like: of two NaNs Unicorn keeps another one.
PACKED = (
    "addsubps addsubpd haddps haddpd movshdup movsldup pshufb phaddw phaddd phaddsw phsubw phsubd "
    "phsubsw pmaddubsw pmulhrsw psignb psignw psignd pabsb pabsw pabsd pmulld pmuldq pminsb pminuw pminud pminsd "
    "pmaxsb pmaxuw pmaxud pmaxsd packusdw pcmpeqq pcmpgtq phminposuw ptest aesenc aesenclast aesdec aesdeclast aesimc"
)
#: The same with an immediate, up to the given value.
IMMEDIATE = {
    "palignr": 40,
    "blendps": 15,
    "blendpd": 3,
    "pblendw": 255,
    "mpsadbw": 7,
    "pclmulqdq": 255,
    "aeskeygenassist": 255,
    "pcmpestri": 127,
    "pcmpestrm": 127,
    "pcmpistri": 127,
    "pcmpistrm": 127,
    "roundps": 11,
    "roundpd": 11,
}
#: xmm, xmm or 8, 4, 2 bytes of memory.
WIDENED = {
    "pmovsxbw": 8,
    "pmovsxbd": 4,
    "pmovsxbq": 2,
    "pmovsxwd": 8,
    "pmovsxwq": 4,
    "pmovsxdq": 8,
    "pmovzxbw": 8,
    "pmovzxbd": 4,
    "pmovzxbq": 2,
    "pmovzxwd": 8,
    "pmovzxwq": 4,
    "pmovzxdq": 8,
    "movddup": 8,
}
BLENDED = ("pblendvb", "blendvps", "blendvpd")  # by xmm0
FIXED = (
    "pextrb eax, {x}, {n}",
    "pextrw ebx, {x}, {n}",
    "pextrd ecx, {x}, {n}",
    "pextrq rdx, {x}, {n}",
    "extractps esi, {x}, {n}",
    "pinsrb {x}, eax, {n}",
    "pinsrd {x}, ebx, {n}",
    "pinsrq {x}, rcx, {n}",
    "insertps {x}, {y}, {n}",
    "lddqu {x}, [data + 3]",
    "movntdqa {x}, [data + 16]",
    "crc32 eax, bl",
    "crc32 ecx, edx",
    "crc32 rax, rsi",
    "movbe eax, [data + 5]",
    "movbe [data + 24], rbx",
    "movbe cx, [data + 9]",
    "andn eax, ebx, ecx",
    "bextr rax, rbx, rcx",
    "blsi rax, rbx",
    "blsmsk ecx, edx",
    "blsr rdx, rsi",
    "mulx rax, rbx, rcx",
    "pdep rax, rbx, rcx",
    "pext rbx, rcx, rsi",
    "rorx rax, rbx, {n}",
    "sarx rax, rbx, rcx",
    "shlx ebx, ecx, edx",
    "shrx rcx, rdx, rsi",
    "lock cmpxchg16b [data + 32]",
    "roundss {x}, {y}, {m}",
    "roundsd {x}, {y}, {m}",
    "popcnt rax, rbx",
)
#: Unicorn refuses these with the same register twice.
OVERLAPPING, OTHER = ("phadd", "phsub"), "[data]"
#: Flags that they leave undefined are defined again.
DEFINE = "cmp rax, rbx"


def lines(dice: random.Random) -> Iterator[str]:
    for i in range(16):
        yield f"movdqu xmm{i}, [data + {16 * i}]"
    for register in ("rax", "rbx", "rcx", "rdx", "rsi"):
        yield f"mov {register}, {dice.getrandbits(dice.choice((8, 32, 63))):#x}"
    for _ in range(LINES):
        x, y = f"xmm{dice.randrange(16)}", f"xmm{dice.randrange(16)}"
        source = dice.choice((x, y, y, f"[data + {16 * dice.randrange(15)}]"))
        kind = dice.randrange(5)
        if kind < 2:
            name = dice.choice(PACKED.split())
            yield f"{name} {x}, {OTHER if source == x and name.startswith(OVERLAPPING) else source}"
        elif kind == 2:
            name = dice.choice(list(IMMEDIATE))
            value = dice.randint(0, IMMEDIATE[name])
            if name.startswith("pcmp") and value & 0b1100 == 0b1100:  # refused on Unicorn
                value &= ~4
            yield f"{name} {x}, {source}, {value}"
        elif kind == 3:
            name = dice.choice((*WIDENED, *BLENDED))
            yield f"{name} {x}, {y}{', xmm0' if name in BLENDED else ''}"
        else:
            yield dice.choice(FIXED).format(x=x, y=y, n=dice.randrange(16), m=dice.randrange(12))
        yield DEFINE


def source_of(seed: int) -> str:
    dice = random.Random(seed)
    data = bytearray(dice.randbytes(256))
    for at in range(3, 256, 4):  # no NaNs
        data[at] &= 0xBF
    code = "\n".join((*lines(dice), EXIT))
    return program(code, "align 16\ndata: db " + ", ".join(map(str, data)))


@pytest.mark.kvm
@needs_kvm[1]
@pytest.mark.parametrize("group", range(8))
def test_vector_programs_leave_the_same_trace_on_both(group: int) -> None:
    for seed in range(group, PROGRAMS, 8):
        runs = []
        for cpu in ("kvm", "unicorn"):
            machine = make(source_of(seed), cpu)
            runs.append((record(machine), machine.digest()))
            machine.close()
        (one, first), (other, second) = runs
        for a, b in zip(one.steps, other.steps, strict=False):
            same = [w for w in a.writes if w[0] != "flags"] == [w for w in b.writes if w[0] != "flags"]
            assert same, f"seed {seed}: {a.text}: {a.writes} {b.writes}"
        assert one.stop == other.stop, f"seed {seed}"
        assert one.stop.reason == "halt", one.stop
        assert first == second, f"seed {seed}"


def test_what_unicorn_computes_wrongly_is_refused_there() -> None:
    machine = make(program(f"phaddd xmm1, xmm2\nphaddd xmm1, xmm1\n{EXIT}"), "unicorn")
    try:
        done = record(machine)
        assert machine.tick == 1
    finally:
        machine.close()
    assert "Unicorn computes `phaddd xmm1, xmm1` wrongly" in done.stop.detail["message"]
