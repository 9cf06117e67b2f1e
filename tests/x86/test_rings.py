"""Rings: TSS, stacks, call gates, LDT, I/O map, syscall, the ways in and out on both CPUs, and what is refused."""

from collections.abc import Callable, Iterator

import pytest
from x86_runs import CPUS, Run, needs_kvm, record

from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.x86 import room

both = pytest.mark.parametrize("cpu", CPUS)

#: Segments: 8 code 0, 10 data 0, 18 code 3, 20 data 3, 28 TSS, 30 LDT, 38 a call gate that ring 3 may use.
HEAD32 = """
        org 0x7000
        lgdt [gdtr]
        lidt [idtr]
        mov ax, 0x28
        ltr ax
        mov ax, 0x30
        lldt ax
        mov esp, 0x60000
        push 0x23
        push 0x50000
        push {flags}
        push 0x1b
        push user
        iretd
"""
TAIL32 = """
service:
        mov ax, 0x10
        mov ds, ax
        inc dword [0x3000]
        mov ax, 0x23
        mov ds, ax
        iretd
gate:   mov ebp, [esp + 8]
        retf 4
fault:  pop ebx
        mov ecx, cr2
        hlt
stop:   hlt
tss:    dd 0, 0x48000, 0x10
        times 22 dd 0
        dw 0, 104
iomap:  times 32 db 0xff
        db 0xff
tss_end:
ldt:    dq 0x00cff3000000ffff
gdt:    dq 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00cffb000000ffff, 0x00cff3000000ffff
        dw tss_end - tss - 1, tss
        dd 0x8900
        dw 7, ldt
        dd 0x8200
        dw gate, 8
        dd 0xec01
gdtr:   dw gdtr - gdt - 1
        dd gdt
idt:
%assign v 0
%rep 0x34
%if v == 0x30
        dw service, 8, 0xee00, 0
%elif v == 0x31
        dw stop, 8, 0x8e00, 0
%elif v == 0x33
        dw 0, 0x28, 0xe500, 0
%else
        dw fault, 8, 0x8e00, 0
%endif
%assign v v + 1
%endrep
idtr:   dw idtr - idt - 1
        dd idt
"""
OPEN_PORTS = TAIL32.replace("times 32 db 0xff", "db 0xff, 0xff, 0xfc\n        times 29 db 0xff")
HEAD64 = """
        org 0x7000
        bits 64
        mov word [tss_low], tss
        lgdt [gdtr]
        lidt [idtr]
        mov ax, 0x28
        ltr ax
        mov ecx, 0xc0000080
        rdmsr
        or eax, 1
        wrmsr
        mov ecx, 0xc0000081
        xor eax, eax
        mov edx, 0x00130008
        wrmsr
        mov ecx, 0xc0000082
        mov eax, entry
        xor edx, edx
        wrmsr
        mov ecx, 0xc0000084
        mov eax, 0x200
        xor edx, edx
        wrmsr
        or qword [0x90000], 4
        or qword [0x91000], 4
        or qword [0x92000], 4
        mov rsp, 0x60000
        push 0x1b
        push 0x50000
        push 0x202
        push 0x23
        push user
        iretq
"""
TAIL64 = """
entry:  swapgs
        inc r15
        swapgs
        o64 sysret
service:
        inc r14
        iretq
ist:    mov r13, rsp
        iretq
fault:  pop rbx
        mov rcx, cr2
        hlt
stop:   hlt
tss:    dd 0
        dq 0x48000, 0, 0, 0, 0x4c000
        times 104 - ($ - tss) db 0
gdt:    dq 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
        dw 103
tss_low: dw 0
        dd 0x8900
        dq 0
gdtr:   dw gdtr - gdt - 1
        dq gdt
idt:
%assign v 0
%rep 0x33
%if v == 0x30
        dw service, 8, 0xee00, 0
%elif v == 0x31
        dw stop, 8, 0x8e00, 0
%elif v == 0x32
        dw ist, 8, 0xee01, 0
%else
        dw fault, 8, 0x8e00, 0
%endif
        dq 0
%assign v v + 1
%endrep
idtr:   dw idtr - idt - 1
        dq idt
"""


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    machines = []

    def start(body: str, cpu: str, mode: str, flags: str = "0x202", tail: str = TAIL32) -> Run:
        head, tail = (HEAD64, TAIL64) if mode == "long64" else (HEAD32.replace("{flags}", flags), tail)
        program = room.build([SourceFile("main.asm", f"{head}user:\n{body}\n{tail}")], {"mode": mode, "cpu": cpu})
        machines.append(room.start(program, Journal(), Limits()))
        return record(machines[-1], 2000)

    yield start
    for machine in machines:
        machine.close()


def exceptions(done: Run) -> list[tuple]:
    return [(e["vector"], e.get("error_code"), e.get("address")) for e in done.exits if e["reason"] == "exception"]


@both
def test_ring_3_and_back_through_an_interrupt_gate(run, cpu) -> None:
    done = run("mov eax, cs\nint 0x30\nmov esi, esp\nint 0x31", cpu, "protected32")
    assert exceptions(done) == [(13, 0x31 * 8 + 2, None)]  # whose gate is not for ring 3
    assert done.memory(0x3000, 1) == b"\1"
    assert (done.register("eax") & 0xFFFF0000, done.register("esi")) == (0, 0x50000)
    assert done.register("esp") == 0x48000 - 5 * 4
    steps = {step.text: step for step in done.steps}
    assert steps["mov eax, cs"].new("eax") == 0x1B
    assert steps["int 0x30"].new("cs") == 8
    assert steps["int 0x30"].new("ss") == 0x10


@both
@pytest.mark.parametrize(
    ("body", "error"),
    [
        *(
            ("hlt", 0),
            ("cli", 0),
            ("mov eax, cr0", 0),
            ("lgdt [gdtr]", 0),
            ("in al, 0x80", 0),
            ("wrmsr", 0),
            ("clts", 0),
        ),
        *(("mov ax, 0x10\nmov ds, ax", 0x10), ("jmp 8:0", 8), ("push 0x10\npop ss", 0x10), ("ltr ax", 0)),
    ],
)
def test_what_ring_3_may_not_do(run, cpu, body: str, error: int) -> None:
    done = run(body, cpu, "protected32")
    assert exceptions(done) == [(13, error, None)]
    assert done.register("ebx") == error


@both
def test_a_call_gate_copies_parameters_and_retf_drops_them(run, cpu) -> None:
    done = run("push 0x1234\ncall 0x38:0\nmov edi, esp\nint 0x31", cpu, "protected32")
    assert done.register("ebp") == 0x1234
    assert done.register("edi") == 0x50000
    gate = done.machine.inspect({"kind": "gdt"})["entries"][7]
    assert gate["type"] == "call gate"
    assert gate["gate"]["selector"] == "0008"
    assert gate["gate"]["parameters"] == 1
    call = next(step for step in done.steps if step.text.startswith("call"))
    assert int(gate["gate"]["offset"], 16) == next(step.address for step in done.steps if step.tick == call.tick + 1)
    assert (call.new("cs"), call.new("ss"), call.new("esp")) == (8, 0x10, 0x48000 - 5 * 4)


@both
def test_ports_by_iopl_and_by_the_task_segments_map(run, cpu) -> None:
    assert exceptions(run("in al, 0x80\nint 0x31", cpu, "protected32", "0x3202")) == [(13, 0x31 * 8 + 2, None)]
    assert exceptions(run("out 0x10, al\nint 0x31", cpu, "protected32")) == [(13, 0, None)]
    opened = run("int 0x30\nout 0x10, al\nin al, 0x11\nint 0x31", cpu, "protected32", tail=OPEN_PORTS)
    assert exceptions(opened) == [(13, 0x31 * 8 + 2, None)]


@both
def test_the_local_descriptor_table(run, cpu) -> None:
    done = run("mov ax, 7\nmov es, ax\nmov dword [es:0x3004], 5\nsldt di\nstr dx\nint 0x31", cpu, "protected32")
    assert done.memory(0x3004, 1) == b"\5"
    assert (done.register("edi") & 0xFFFF, done.register("edx") & 0xFFFF) == (0x30, 0x28)
    view = done.machine.view()
    assert {s["name"] for s in view["segments"]} >= {"LDTR", "TR"}
    assert done.machine.inspect({"kind": "ldt"})["entries"][0]["selector"] == "0004"
    tss = done.machine.inspect({"kind": "tss"})
    assert tss["stacks"][0] == {"ring": 0, "sp": "00048000", "ss": "0010"}


@both
def test_looking_at_selectors(run, cpu) -> None:
    body = """
        mov ds, [cs:sel]
        mov ax, 0x10
        lsl ebp, ax
        setz [0x3000]
        mov ax, 0x20
        lar edx, ax
        setz [0x3001]
        verw ax
        setz [0x3002]
        int 0x31
sel:    dw 0x23
"""
    done = run(body, cpu, "protected32")
    assert done.register("edx") == 0xC0F300
    assert done.memory(0x3000, 3) == b"\0\1\1"


@both
@pytest.mark.parametrize("body", ["int 0x33", "jmp 0x28:0"])
def test_task_switches_by_hardware_are_refused(run, cpu, body: str) -> None:
    done = run(body, cpu, "protected32")
    assert done.stop.reason == "fault"
    assert "a task switch by hardware, which this machine does not do" in done.stop.detail["message"]
    assert done.register("eip") == done.steps[-1].address + len(done.steps[-1].data) or done.steps[-1].text == "iret"


@both
def test_a_ring_that_needs_a_stack_and_has_no_task_segment(run, cpu) -> None:
    source = HEAD32.replace("{flags}", "0x202").replace("ltr ax", "nop") + "user: int 0x30\n" + TAIL32
    program = room.build([SourceFile("main.asm", source)], {"mode": "protected32", "cpu": cpu})
    machine = room.start(program, Journal(), Limits())
    try:
        done = record(machine, 200)
        assert done.stop.reason == "fault"
        story = [(a["name"].split()[0], a.get("error_code")) for a in done.exits[-1]["story"]]
        assert story == [("exception", None), ("#TS", 0), ("#TS", 1), ("#DF", 0), ("#TS", 1)]
        assert "then #DF" in done.stop.detail["message"]
    finally:
        machine.close()


@both
def test_syscall_and_sysret(run, cpu) -> None:
    done = run("mov rax, cs\nsyscall\nsyscall\nmov rdx, cs\nmov rsi, rsp\nint 0x31", cpu, "long64")
    assert exceptions(done) == [(13, 0x31 * 8 + 2, None)]
    assert (done.register("r15"), done.register("rax"), done.register("rdx")) == (2, 0x23, 0x23)
    call = next(step for step in done.steps if step.text == "syscall")
    assert (call.new("cs"), call.new("ss")) == (8, 0x10)
    assert call.new("flags") is not None  # the mask takes IF away
    assert done.register("rsi") == 0x50000


@both
def test_the_interrupt_stack_table(run, cpu) -> None:
    done = run("int 0x30\nint 0x32\nmov rsi, rsp\nint 0x31", cpu, "long64")
    assert (done.register("r14"), done.register("r13")) == (1, 0x4C000 - 40)
    assert done.register("rsi") == 0x50000
    assert done.machine.inspect({"kind": "tss"})["ist"][0] == {"ist": 1, "sp": f"{0x4C000:016x}"}


@both
@pytest.mark.parametrize(
    ("body", "vector", "error", "address"),
    [
        ("mov rax, [0x40000000]", 14, 4, 0x40000000),
        ("mov [0x40000000], rax", 14, 6, 0x40000000),
        ("mov rax, 0x40000000\njmp rax", 14, 4, 0x40000000),
        ("hlt", 13, 0, None),
        ("swapgs", 13, 0, None),
        ("o64 sysret", 13, 0, None),
        ("mov eax, 0x8000000000000000 >> 32\nshl rax, 32\nmov rax, [rax]", 13, 0, None),
    ],
)
def test_faults_of_ring_3_in_long_mode(run, cpu, body, vector, error, address) -> None:
    done = run(body, cpu, "long64")
    assert exceptions(done) == [(vector, error, address)]
    if address:
        assert done.register("rcx") == address


@both
def test_a_supervisor_page_is_not_for_ring_3(run, cpu) -> None:
    done = run("nop", cpu, "long64")
    assert done.stop.is_final
    body = "int 0x30\nmov rax, [0x200000]\nint 0x31"
    source = HEAD64.replace("or qword [0x92000], 4", "or qword [0x92000], 4\nor qword [0x92000], 0")
    program = room.build([SourceFile("main.asm", source + "user:\n" + body + TAIL64)], {"mode": "long64", "cpu": cpu})
    machine = room.start(program, Journal(), Limits())
    try:
        done = record(machine, 300)
        assert exceptions(done) == [(14, 5, 0x200000)]
    finally:
        machine.close()


@both
def test_fetching_from_a_page_that_is_not_there_can_be_handled(run, cpu) -> None:
    """The handler maps the page (a 2 MiB one) and the instruction there runs."""
    body = """
        mov rax, 0x40000000
        jmp rax
"""
    done = run(body, cpu, "long64")
    fault = next(s for s in done.steps if s.text == "(no page)")
    assert (fault.address, fault.data) == (0x40000000, b"")
    assert "error" in fault.flags


@pytest.mark.parametrize("cpu", [pytest.param("kvm", marks=needs_kvm)])
@pytest.mark.parametrize(
    ("mode", "body"),
    [
        ("protected32", "push 0x1234\ncall 0x38:0\nint 0x30\nmov ecx, 3\nx: dec ecx\njnz x\npushf\npopf\nint 0x31"),
        ("long64", "syscall\nint 0x32\nmov rcx, 5\nx: loop x\npushfq\npopfq\nint 0x30\nhlt"),
    ],
)
def test_both_cpus_go_the_same_way(run, cpu, mode, body) -> None:
    one, other = run(body, cpu, mode), run(body, "unicorn", mode)
    assert one.machine.cpu == "kvm"
    assert [(s.address, s.flags, s.writes) for s in one.steps] == [(s.address, s.flags, s.writes) for s in other.steps]
    assert one.exits == other.exits
    assert one.machine.digest() == other.machine.digest()
