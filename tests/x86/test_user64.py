"""Mode user64: ring 3 under the guest kernel, its faults and its system calls; the same on both CPUs."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from user_runs import EXIT, make, program
from x86_runs import CPUS, Run, needs_kvm, record

from engine.examples import Example, load_examples
from engine.machine import Limits, StopReason
from engine.x86 import doctor_user
from engine.x86.machine import X86Machine

both = pytest.mark.parametrize("cpu", CPUS)


@pytest.fixture
def started() -> Iterator[Callable[..., X86Machine]]:
    machines = []

    def start(*arguments: Any, **options: Any) -> X86Machine:
        machines.append(make(*arguments, **options))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


@pytest.fixture
def run(started: Callable[..., X86Machine]) -> Callable[..., Run]:
    def go(source: str, cpu: str, max_ticks: int = 20_000, **options: Any) -> Run:
        return record(started(source, cpu, **options), max_ticks)

    return go


#: One page by mmap.
ASK = " mov eax, 9\n xor edi, edi\n mov esi, 4096\n mov edx, 3\n mov r10d, 34\n mov r8, -1\n xor r9d, r9d\n syscall\n"
HELLO = program(
    """ mov eax, 1
 mov edi, 1
 mov rsi, text
 mov edx, length
 syscall
 mov edi, 7
 mov eax, 60
 syscall""",
    'text: db "Hello", 10\nlength equ $ - text',
)


@both
def test_a_program_prints_and_ends_with_a_status(run: Callable[..., Run], cpu: str) -> None:
    done = run(HELLO, cpu)
    assert done.output == b"Hello\n"
    assert done.stop.reason is StopReason.HALT
    assert done.stop.detail == {"status": 7}
    assert [(e["name"], e["arguments"], e["result"]) for e in done.exits] == [
        ("write", ["1", "402000", "6"], 6),
        ("exit", ["7"], None),
    ]
    call = done.steps[4]
    assert call.text == "syscall"
    assert (call.new("rax"), call.new("rcx"), call.new("r11")) == (6, call.address + 2, 0x202)
    assert set(call.flags) == {"exit", "output"}
    assert {step.depth for step in done.steps} == {1}


@both
def test_int_0x80_has_the_numbers_and_registers_of_32_bit_linux(run: Callable[..., Run], cpu: str) -> None:
    code = " mov eax, 4\n mov ebx, 2\n mov ecx, text\n mov edx, 3\n int 0x80\n mov eax, 1\n mov ebx, 5\n int 0x80\n"
    done = run(program(code, 'text: db "abc"'), cpu)
    assert done.output == b"abc"
    assert done.stop.detail == {"status": 5}
    assert done.exits[0]["through"] == "int 0x80"
    assert next(e.data["stream"] for e in done.events if e.kind == "output") == "stderr"


@both
def test_what_the_kernel_has_not_answers_enosys_and_is_shown(run: Callable[..., Run], cpu: str) -> None:
    done = run(program(f" mov eax, 57\n syscall\n mov rbx, rax\n mov eax, 9999\n syscall\n{EXIT}"), cpu)
    assert done.register("rbx") == 2**64 - 38
    assert [(e["name"], e["result"]) for e in done.exits[:2]] == [("fork", -38), ("?", -38)]
    assert done.exits[0]["error"] == "ENOSYS"


@both
def test_read_waits_for_what_is_typed_line_by_line(started: Callable[..., X86Machine], cpu: str) -> None:
    source = program(
        f" xor eax, eax\n xor edi, edi\n mov esi, buffer\n mov edx, 4\n syscall\n{EXIT}", "buffer: times 8 db 0"
    )
    machine = started(source, cpu, waits=True)
    stop = machine.run(1000)
    assert stop.reason is StopReason.INPUT
    machine.close()
    machine = started(source, cpu, typed=(b"ab\ncdef\n",))
    done = record(machine)
    assert done.exits[0]["result"] == 3
    assert machine.vcpu.read_linear(0x402000, 4) == b"ab\n\0"


#: code, vector, error code, address of a page fault.
FAULTS: list[tuple[str, int, int | None, int | None]] = [
    ("xor ecx, ecx\n div ecx", 0, None, None),
    ("mov eax, 0x80000000\n cdq\n mov ecx, -1\n idiv ecx", 0, None, None),
    ("int1", 1, None, None),
    ("pushfq\n or dword [rsp], 0x100\n popfq\n nop", 1, None, None),
    ("int3", 3, None, None),
    ("ud2", 6, None, None),
    ("rdrand eax", 6, None, None),
    ("sysenter", 6, None, None),
    ("hlt", 13, 0, None),
    ("cli", 13, 0, None),
    ("in al, 0x60", 13, 0, None),
    ("out 0xe0, al", 13, 0, None),
    ("mov rax, cr3", 13, 0, None),
    ("lidt [rsp]", 13, 0, None),
    ("sgdt [rsp - 16]", 13, 0, None),
    ("wrmsr", 13, 0, None),
    ("int 0x21", 13, 0x21 * 8 + 2, None),
    ("mov rax, 1 << 60\n mov rbx, [rax]", 13, 0, None),
    ("movaps xmm0, [rsp + 1]", 13, 0, None),
    ("paddd xmm0, [rsp + 8 + 4]", 13, 0, None),
    ("xor eax, eax\n mov [rax], eax", 14, 6, 0),
    ("mov eax, 16\n mov rbx, [rax]", 14, 4, 16),
    ("mov byte [_start], 1", 14, 7, 0x401000),
    ("mov rax, 0xffffffff80001000\n mov rbx, [rax]", 14, 5, 0xFFFFFFFF80001000),
    ("mov rax, 0xffffffff80004000\n mov [rax], rbx", 14, 7, 0xFFFFFFFF80004000),
    ("mov eax, data\n jmp rax", 14, 0x15, 0x402000),
    ("mov rax, 0xffffffff80003000\n call rax", 14, 0x15, 0xFFFFFFFF80003000),
    ("mov eax, 0x1234\n jmp rax", 14, 0x14, 0x1234),
    ("mov edi, data + 0xff0\n mov ecx, 100\n rep stosb", 14, 6, 0x403000),
    ("mov esi, data\n mov rdi, -64\n mov ecx, 9\n rep movsb", 14, 6, 2**64 - 64),
]


@both
@pytest.mark.parametrize(
    ("code", "vector", "error", "address"), FAULTS, ids=[f[0].split("\n")[-1].strip() for f in FAULTS]
)
def test_a_fault_ends_the_program_with_its_whole_story(
    run: Callable[..., Run], cpu: str, code: str, vector: int, error: int | None, address: int | None
) -> None:
    done = run(program(code, "data: times 64 db 0"), cpu)
    assert done.stop.reason is StopReason.FAULT
    told = done.exits[-1]
    assert (told["reason"], told["vector"]) == ("exception", vector)
    assert told.get("error_code") == error
    assert told.get("address") == address
    assert "Linux would send SIG" in done.stop.detail["message"]
    assert done.machine.run(1) == done.stop


@both
def test_a_fault_leaves_registers_and_memory_as_they_were(run: Callable[..., Run], cpu: str) -> None:
    done = run(program("mov rax, -1\n mov ecx, 7\n add [rcx], rax"), cpu)
    assert done.steps[-1].writes == (("cr2", 0, 7, 8),)
    assert (done.register("rax"), done.register("rcx"), done.register("rip")) == (2**64 - 1, 7, done.steps[-1].address)
    assert {c["name"]: c["value"] for c in done.machine.view()["control"]}["CR2"] == "00000007"
    assert "writing to 0x7, where no page is mapped" in done.stop.detail["message"]


@both
def test_endless_recursion_ends_at_the_guard_page(started: Callable[..., X86Machine], cpu: str) -> None:
    source = program("sub rsp, 250 * 1024\nagain: push rax\n jmp again")
    machine = started(source, cpu)
    stop = machine.run(100_000)
    assert stop.reason is StopReason.FAULT
    assert machine.exits[-1]["address"] == 0x7FFF_FFFB_EFF8
    assert machine.exits[-1]["vector"] == 14


@both
def test_what_differs_from_cpu_to_cpu_is_ours(run: Callable[..., Run], cpu: str) -> None:
    done = run(program(f" xor eax, eax\n cpuid\n mov r8d, ebx\n rdtsc\n mov r9d, eax\n{EXIT}"), cpu)
    assert done.register("r8").to_bytes(4, "little") == b"Glas"
    assert done.register("r9") == 3


@both
def test_fs_has_a_base_of_its_own(run: Callable[..., Run], cpu: str) -> None:
    code = f""" mov eax, 158
 mov edi, 0x1002
 mov esi, data
 syscall
 mov rbx, [fs:8]
 mov rax, data + 8
 wrfsbase rax
 mov rcx, [fs:0]
 mov r12, rcx
 rdfsbase r13
{EXIT}"""
    done = run(program(code, "data: dq 0, 77"), cpu)
    assert (done.register("rbx"), done.register("r12"), done.register("r13")) == (77, 77, 0x402008)


@both
def test_popf_in_ring_3_leaves_if_and_iopl(run: Callable[..., Run], cpu: str) -> None:
    done = run(program(f" push 0x3040\n popfq\n pushfq\n pop rbx\n{EXIT}"), cpu)
    assert done.register("rbx") == 0x242


@both
def test_hostile_loops_end_with_the_budget(started: Callable[..., X86Machine], cpu: str) -> None:
    for source in (program("jmp $"), program("again: mov eax, 39\n syscall\n jmp again")):
        machine = started(source, cpu, limits=Limits())
        assert machine.run(2_000).reason is StopReason.BUDGET
        assert machine.tick == 2_000
        machine.close()


@both
def test_output_without_end_is_cut(started: Callable[..., X86Machine], cpu: str) -> None:
    code = "again: mov eax, 1\n mov edi, 1\n mov rsi, data\n mov edx, 4096\n syscall\n jmp again"
    stop = started(program(code, "data: times 4096 db 65"), cpu, limits=Limits(output_bytes=10_000)).run(1_000)
    assert stop.reason is StopReason.LIMIT


@both
def test_memory_can_be_asked_for_and_given_back(run: Callable[..., Run], cpu: str) -> None:
    code = """ mov eax, 9
 xor edi, edi
 mov esi, 8192
 mov edx, 3
 mov r10d, 0x22
 mov r8, -1
 xor r9d, r9d
 syscall
 mov r12, rax
 mov qword [r12 + 8184], 5
 mov eax, 10
 mov rdi, r12
 mov esi, 4096
 mov edx, 1
 syscall
 mov r13, [r12]
 mov eax, 11
 lea rdi, [r12 + 4096]
 mov esi, 4096
 syscall
 mov eax, 12
 xor edi, edi
 syscall
 mov r14, rax
 lea rdi, [rax + 100]
 mov eax, 12
 syscall
 mov r15, rax
 mov byte [r14 + 99], 1
 mov byte [r12], 1
"""
    done = run(program(code), cpu)
    assert [(e["name"], e["result"] >= 0) for e in done.exits[:5]] == [
        ("mmap", True),
        ("mprotect", True),
        ("munmap", True),
        ("brk", True),
        ("brk", True),
    ]
    assert done.register("r13") == 0
    assert done.register("r15") == done.register("r14") + 100
    assert done.exits[-1]["address"] == done.register("r12")
    assert done.exits[-1]["error_code"] == 7
    gone = program(code.replace("mov byte [r12], 1", "mov al, [r12 + 4096]"))
    assert run(gone, cpu).exits[-1]["error_code"] == 4


@both
def test_memory_that_comes_back_is_zero(run: Callable[..., Run], cpu: str) -> None:
    code = (
        f"{ASK} mov qword [rax], 9\n mov rdi, rax\n mov esi, 4096\n mov eax, 11\n syscall\n{ASK} mov rbx, [rax]\n{EXIT}"
    )
    done = run(program(code), cpu)
    assert done.register("rbx") == 0
    assert done.stop.reason is StopReason.HALT


@both
@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("9, 0, 0, 3, 0x22, -1, 0", -22),
        ("9, 0, 1 << 40, 3, 0x22, -1, 0", -12),
        ("9, 0, 4096, 3, 2, 3, 0", -9),
        ("9, 0xffffffff80001000, 4096, 3, 0x32, -1, 0", -12),
        ("9, 0x401001, 4096, 3, 0x32, -1, 0", -22),
        ("11, 0x401001, 4096, 0, 0, 0, 0", -22),
        ("11, 0xffffffff80000000, 4096, 0, 0, 0, 0", -22),
        ("10, 0x600000, 4096, 7, 0, 0, 0", -12),
        ("1, 1, 0xffffffff80001000, 8, 0, 0, 0", -14),
        ("1, 1, 0x10, 8, 0, 0, 0", -14),
        ("1, 9, 0x401000, 8, 0, 0, 0", -9),
        ("0, 0, 0x401000, 8, 0, 0, 0", -14),
        ("0, 4, 0x401000, 8, 0, 0, 0", -9),
        ("158, 0x1002, 1 << 62, 0, 0, 0, 0", -1),
        ("158, 0x1003, 0x10, 0, 0, 0, 0", -14),
    ],
)
def test_calls_that_cannot_be_answered_answer_an_error(
    run: Callable[..., Run], cpu: str, arguments: str, answer: int
) -> None:
    registers = ("rax", "rdi", "rsi", "rdx", "r10", "r8", "r9")
    code = "\n".join(f" mov {r}, {v}" for r, v in zip(registers, arguments.split(","), strict=True))
    done = run(program(f"{code}\n syscall\n mov rbx, rax\n{EXIT}"), cpu, typed=(b"typed\n",))
    assert done.exits[0]["result"] == answer
    assert done.register("rbx") == answer % 2**64


@both
def test_the_stack_begins_as_linux_leaves_it(started: Callable[..., X86Machine], cpu: str) -> None:
    machine = started(program("nop"), cpu, arguments=("one", "two words"))
    read = machine.vcpu.read_linear

    def word(at: int) -> int:
        return int.from_bytes(read(at, 8), "little")

    def text(at: int) -> bytes:
        return read(at, 64).split(b"\0")[0]

    stack = int(machine.vcpu.state.gpr[4])
    assert stack % 16 == 0
    assert word(stack) == 3
    assert [text(word(stack + 8 * i)) for i in (1, 2, 3)] == [b"main", b"one", b"two words"]
    assert word(stack + 32) == 0
    at = stack + 40
    environment = []
    while word(at):
        environment.append(text(word(at)))
        at += 8
    assert b"HOME=/" in environment
    auxiliary = {}
    at += 8
    while word(at):
        auxiliary[word(at)] = word(at + 8)
        at += 16
    assert auxiliary[6] == 4096
    assert auxiliary[9] == 0x401000
    assert len(read(auxiliary[25], 16)) == 16


@pytest.mark.kvm
@pytest.mark.parametrize(
    "code", [*(f[0] for f in FAULTS), *(f"{c}\n{EXIT}" for c in ("enter 16, 0\n leave", "lock xadd [rsp - 8], eax"))]
)
@needs_kvm[1]
def test_both_cpus_leave_the_same_trace_and_state(run: Callable[..., Run], code: str) -> None:
    one, other = (run(program(code, "data: times 64 db 0"), cpu) for cpu in ("kvm", "unicorn"))
    assert one.steps == other.steps
    assert one.stop == other.stop
    assert one.exits == other.exits
    assert one.machine.digest() == other.machine.digest()


def strings(seed: int) -> str:
    """String instructions with random prefixes, widths, directions, counts and overlaps."""
    dice, lines = random.Random(seed), []
    for _ in range(12):
        width = dice.choice("bwdq")
        name = dice.choice(("rep movs", "rep stos", "rep lods", "repe cmps", "repne cmps", "repe scas", "repne scas"))
        count = dice.choice((0, 1, 2, 7, 40))
        at, to = (dice.randrange(2000, 4000) for _ in range(2))
        lines += [dice.choice(("std", "cld")), f"lea rsi, [data + {at}]", f"lea rdi, [data + {to}]"]
        lines += [f"mov ecx, {count}", f"mov rax, {dice.choice((0, 0x0101010101010101, 7)):#x}"]
        if dice.random() < 0.2:
            lines.append("a32 " + f"{name}{width}")
        else:
            lines.append(f"{name}{width}")
        lines.append("pushfq")
    values = ", ".join(str(dice.choice((0, 1, 1, 1, 7))) for _ in range(6000))
    return program("\n".join([*lines, "cld", EXIT]), f"data: db {values}")


@pytest.mark.kvm
@needs_kvm[1]
@pytest.mark.parametrize("seed", range(12))
def test_string_instructions_do_the_same_on_both(run: Callable[..., Run], seed: int) -> None:
    one, other = (run(strings(seed), cpu) for cpu in ("kvm", "unicorn"))
    assert one.stop.reason is StopReason.HALT
    assert one.steps == other.steps
    assert one.machine.digest() == other.machine.digest()


@both
def test_a_repetition_over_all_of_memory_is_one_step(started: Callable[..., X86Machine], cpu: str) -> None:
    ask = ASK.replace("mov esi, 4096", "mov esi, 3 << 20")
    machine = started(program(f"{ask} mov rdi, rax\n mov rcx, -1\n rep stosb\n{EXIT}"), cpu)
    stop = machine.run(100)
    assert stop.reason is StopReason.FAULT
    assert machine.exits[-1]["vector"] == 14
    assert int(machine.vcpu.state.gpr[1]) == 2**64 - 1 - (3 << 20)


def mapping(loop: str) -> str:
    """Maps one page again and again, at r15 with MAP_FIXED; `loop` says where next. rbx is the last error."""
    return program(f"""
 mov r15, 0x10000000
 xor r14d, r14d
again: mov eax, 9
 mov rdi, r15
 mov esi, 4096
 mov edx, 3
 mov r10d, 0x32
 mov r8, -1
 xor r9d, r9d
 syscall
 test rax, rax
 js over
 mov [rax], rax
 inc r14d
 {loop}
 cmp r14d, 3000
 jb again
over: neg rax
 mov rbx, rax
 mov eax, 60
 xor edi, edi
 syscall""")


@both
@pytest.mark.parametrize("loop", ["add r15, 4096", "add r15, 2 << 20", "mov rax, 1 << 39\n add r15, rax"])
def test_a_program_that_maps_without_end_gets_enomem(started: Callable[..., X86Machine], cpu: str, loop: str) -> None:
    machine = started(mapping(loop), cpu)
    stop = machine.run(100_000)
    assert stop.reason is StopReason.HALT
    assert int(machine.vcpu.state.gpr[3]) == 12
    assert 5 < int(machine.vcpu.state.gpr[14]) < 2048
    assert len(machine.inspect({"kind": "areas"})["areas"]) <= 2048


@both
def test_areas_are_the_program_s_map(started: Callable[..., X86Machine], cpu: str) -> None:
    machine = started(program(f"{ASK}{EXIT}", "db 1"), cpu)
    machine.run(100)
    areas = [(a["start"], a["allows"], a["name"]) for a in machine.inspect({"kind": "areas"})["areas"]]
    assert areas == [
        (0x401000, "r-x", "main"),
        (0x402000, "rw-", "main"),
        (0x7FFFF7FFE000, "rw-", ""),
        (0x7FFFFFFBF000, "rw-", "[stack]"),
    ]


AVX = program(
    f""" vmovaps ymm0, [values]
 vaddps ymm1, ymm0, ymm0
 vextractf128 xmm2, ymm1, 1
 vmovaps ymm15, ymm1
 vzeroupper
 vcvttss2si ebx, xmm2
{EXIT}""",
    "align 32\nvalues: dd 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0",
)


@pytest.mark.kvm
@needs_kvm[1]
def test_avx_runs_on_kvm_and_is_recorded_saved_and_restored(started: Callable[..., X86Machine]) -> None:
    machine = started(AVX, "kvm")
    done = record(machine)
    if "AVX" in done.stop.detail.get("message", ""):
        pytest.skip("this host's CPU has no AVX")
    assert done.register("rbx") == 10
    assert done.steps[0].new("ymm0h") == 0x4100000040E00000
    assert done.steps[3].new("ymm15") == 0x4140000041200000
    assert done.steps[4].new("ymm15") == 0
    again = started(AVX, "kvm")
    again.run(4)
    saved, digest = again.save(), again.digest()
    again.run(100)
    again.restore(saved)
    assert again.digest() == digest
    assert again.view()["fpu"]["ymm"][15]["value"].startswith("4180000041600000")
    again.run(100)
    assert again.digest() == machine.digest()


def test_avx_on_unicorn_is_said_to_be_missing(run: Callable[..., Run]) -> None:
    done = run(AVX, "unicorn")
    assert done.stop.reason is StopReason.FAULT
    assert done.machine.tick == 0
    assert "is AVX, which Unicorn does not execute" in done.stop.detail["message"]


@pytest.mark.kvm
@needs_kvm[1]
@pytest.mark.parametrize(
    "code", ["fld1\n fsin", "rcpps xmm0, xmm0", "fnstsw ax", "stmxcsr [rsp - 4]", "fxsave [rsp - 640]"]
)
def test_what_cpu_models_answer_differently_runs_on_unicorn(run: Callable[..., Run], code: str) -> None:
    done = run(program(f"{code}\n{EXIT}"), "auto")
    assert done.machine.cpu == "unicorn"
    assert any("CPU models differ" in e["message"] for e in done.exits if e["reason"] == "cpu_switched")
    assert done.stop.reason is StopReason.HALT


EXAMPLES = [e for e in load_examples() if e.options.get("mode") == "user64"]


@pytest.mark.kvm
@needs_kvm[1]
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_the_examples_leave_the_same_trace_on_both(run: Callable[..., Run], example: Example) -> None:
    typed = tuple(f"{line}\n".encode() for line in example.expectation.input)
    one, other = (run(example.files[0].text, cpu, typed=typed) for cpu in ("kvm", "unicorn"))
    assert one.steps == other.steps
    assert (one.stop, one.exits, one.output) == (other.stop, other.exits, other.output)
    assert one.machine.digest() == other.machine.digest()


@both
def test_a_saved_state_goes_on_the_same_way(started: Callable[..., X86Machine], cpu: str) -> None:
    drop = " mov rdi, r12\n mov esi, 4096\n mov eax, 11\n syscall\n"
    code = (
        f"{ASK} mov r12, rax\n mov qword [r12], 9\n{drop}{ASK} mov rbx, [r12]\n mov qword [r12], 4\n{drop}{ASK}{EXIT}"
    )
    machine = started(program(code), cpu)
    saved = []
    while not machine.run(1).is_final:
        saved.append((machine.save(), machine.digest()))
    end = machine.digest()
    for checkpoint, digest in reversed(saved):
        machine.restore(checkpoint)
        assert machine.digest() == digest
        machine.run(3)
    machine.restore(saved[5][0])
    machine.run(1000)
    assert machine.digest() == end


@both
def test_the_doctor_tries_ring_3(cpu: str) -> None:
    for name, code, expected in doctor_user.PROBES:
        outcome = doctor_user.run_probe(code, expected, cpu)
        assert outcome == "works" or ("AVX" in name and "AVX" in outcome), (name, outcome)
