"""Protected and long mode: switching, faults with their error codes, page tables, views; the same on both CPUs."""

from collections.abc import Callable, Iterator

import pytest
from test_boot16 import END
from x86_runs import CPUS, Run, needs_kvm, record

from engine.errors import SourceError
from engine.examples import load_examples
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile
from engine.x86 import room
from engine.x86.machine import X86Machine

both = pytest.mark.parametrize("cpu", CPUS)
on_kvm = pytest.mark.parametrize("cpu", [pytest.param("auto", marks=needs_kvm)])


def make(source: str, cpu: str, mode: str) -> X86Machine:
    program = room.build([SourceFile("main.asm", source)], {"mode": mode, "cpu": cpu})
    return room.start(program, Journal(), Limits())


@pytest.fixture
def run() -> Iterator[Callable[..., Run]]:
    machines = []

    def start(source: str, cpu: str, mode: str, max_ticks: int = 20_000) -> Run:
        machine = make(source, cpu, mode)
        machines.append(machine)
        return record(machine, max_ticks)

    yield start
    for machine in machines:
        machine.close()


#: 32-bit gates for every vector below 32: the handler counts in ebp and skips the two bytes of the guilty instruction.
GATES32 = """
        mov edi, idt
        mov ecx, 32
.gate:  mov word [edi], (plain - $$)
        mov word [edi + 2], 8
        mov dword [edi + 4], 0x8e00
        add edi, 8
        loop .gate
%assign v 8
%rep 7
%if v != 9
        mov word [idt + v * 8], (coded - $$)
%endif
%assign v v + 1
%endrep
        lidt [idtr]
"""
HANDLERS32 = """
        hlt
coded:  pop ebx
plain:  inc ebp
        add dword [esp], 2
        iretd
idtr:   dw 32 * 8 - 1
        dd idt
        align 8
idt:    times 32 dq 0
"""
GATES64 = """
        lea rdi, [rel idt]
        mov ecx, 32
.gate:  mov word [rdi], (plain - $$)
        mov word [rdi + 2], 8
        mov dword [rdi + 4], 0x8e00
        mov qword [rdi + 8], 0
        add rdi, 16
        loop .gate
%assign v 8
%rep 7
%if v != 9
        mov word [rel idt + v * 16], (coded - $$)
%endif
%assign v v + 1
%endrep
        lidt [rel idtr]
"""
HANDLERS64 = """
        hlt
coded:  pop rbx
plain:  inc rbp
        add qword [rsp], 2
        iretq
idtr:   dw 32 * 16 - 1
        dq idt
        align 16
idt:    times 64 dq 0
"""


def guilty(mode: str, code: str) -> str:
    gates, handlers = (GATES32, HANDLERS32) if mode == "protected32" else (GATES64, HANDLERS64)
    return f"{gates}\n mov ebx, -1\n mov edi, 0x40000000\n xor esi, esi\n{code}\n{handlers}"


FAULTS = [
    ("protected32", "div esi", 0, None),
    ("protected32", "ud2", 6, None),
    ("protected32", "mov ax, 0x18\n mov ds, eax", 13, 0x18),
    ("protected32", "push 0\n pop eax\n mov ds, eax\n mov al, [esi]", 13, 0),
    ("protected32", "mov eax, 0x10\n mov ss, ax\n mov eax, cr4\n bts eax, 30\n db 0x0f, 0x22, 0xe0\n nop\n nop", 13, 0),
    ("long64", "div esi", 0, None),
    ("long64", "idiv esi", 0, None),
    ("long64", "ud2", 6, None),
    ("long64", "mov [rdi], al", 14, 2),
    ("long64", "mov al, [rdi]", 14, 0),
    ("long64", "bts rsi, 63\n mov [rsi], al", 13, 0),
    ("long64", "mov eax, 0x18\n mov ds, eax", 13, 0x18),
]


@both
@pytest.mark.parametrize(("mode", "code", "vector", "error"), FAULTS)
def test_a_fault_goes_through_the_programs_idt_with_its_error_code(run, cpu, mode, code, vector, error) -> None:
    done = run(guilty(mode, code), cpu, mode)
    assert done.stop.reason is StopReason.HALT, done.stop
    exits = [e for e in done.exits if e["reason"] == "exception"]
    assert next(e["vector"] for e in exits) == vector
    assert exits[0].get("error_code") == error
    names = {"protected32": ("ebp", "ebx"), "long64": ("rbp", "rbx")}[mode]
    assert done.register(names[0]) >= 1
    if error is not None:
        assert done.register(names[1]) == error
    if vector == 14:
        assert exits[0]["address"] == 0x40000000
        assert next(c for c in done.machine.view()["control"] if c["name"] == "CR2")["value"] == "40000000"


@both
@pytest.mark.parametrize("mode", ["protected32", "long64"])
def test_without_an_idt_an_exception_is_a_triple_fault(run, cpu, mode) -> None:
    done = run("nop\nint3", cpu, mode)
    assert done.stop.reason is StopReason.FAULT
    assert "triple fault" in done.stop.detail["message"]
    assert done.exits[-1]["reason"] == "KVM_EXIT_SHUTDOWN"
    story = [(a["name"].split()[0], a.get("error_code")) for a in done.exits[-1]["story"]]
    assert story == [("#BP", None), ("#GP", 0x1A), ("#GP", 0x6B), ("#DF", 0), ("#GP", 0x43)]
    assert done.texts == ["nop", "int3"]


@both
def test_int_n_pushes_a_frame_and_iretq_takes_it_away(run, cpu) -> None:
    done = run(GATES64 + "stc\nint 5\n nop\n nop\n" + HANDLERS64, cpu, "long64")
    at = done.texts.index("int 5")
    frame = sorted(w[0] for w in done.steps[at].writes if isinstance(w[0], int))
    assert frame == [0x80000 - 40 + 8 * i for i in range(5)]
    assert done.register("rsp") == 0x80000
    assert done.register("rbp") == 1


@both
def test_a_boot_sector_goes_from_real_to_protected_to_long_mode(run, cpu) -> None:
    source = next(e for e in load_examples() if e.room == "x86" and e.name == "modes").files[0].text
    machine = make(source, cpu, "boot16")
    try:
        modes, stop = [], None
        while stop is None or not stop.is_final:
            stop = machine.run(1)
            if machine.view()["mode"] not in modes:
                modes.append(machine.view()["mode"])
        assert modes == ["boot16", "protected16", "protected32", "compat32", "long64"]
        assert machine.cpu == ("kvm" if cpu == "kvm" else "unicorn")
        control = {c["name"]: c["bits"] for c in machine.view()["control"]}
        assert (control["CR0"], control["EFER"]) == (["PE", "ET", "PG"], ["LME", "LMA"])
        gdt = machine.inspect({"kind": "gdt"})["entries"]
        assert [(e["type"], e["bits"]) for e in gdt] == [("null", 16), ("code", 32), ("data", 32), ("code", 64)]
        walk = machine.inspect({"kind": "pages", "address": 0xB8000})
        assert [e["table"] for e in walk["entries"]] == ["PML4", "PDPT", "PD"]
        assert "A" in walk["entries"][0]["bits"]
        assert walk["physical"] == 0xB8000
        assert machine.inspect({"kind": "pages", "address": 0x200000})["physical"] is None
    finally:
        machine.close()


@both
def test_page_tables_map_other_memory_and_show_who_was_there(run, cpu) -> None:
    source = """
        mov qword [0x92000 + 8], 0x95003        ; 2 MiB: a page table
        mov qword [0x95000], 0x50003
        mov qword [0x95008], 0x51001            ; not to be written
        mov rax, cr3
        mov cr3, rax
        mov rbx, 0x1122334455667788
        mov [0x200000], rbx
        mov rcx, [0x50000]
        mov rdx, [0x201000]
        hlt"""
    done = run(source, cpu, "long64")
    assert done.register("rcx") == 0x1122334455667788
    store = next(s for s in done.steps if s.text == "mov [0x200000], rbx")
    assert store.new(0x50000) == 0x1122334455667788
    assert store.new(0x95000) == 0x50063
    assert int.from_bytes(done.memory(0x95008, 8), "little") == 0x51021


@both
def test_write_protection_counts_in_ring_0_once_cr0_says_so(run, cpu) -> None:
    body = "and qword [0x92000 + 8], ~2\nmov rax, cr3\nmov cr3, rax\nmov rdi, 0x200000\nmov [rdi], al\n"
    body += "mov rax, cr0\nbts rax, 16\nmov cr0, rax\nmov [rdi], al\n"
    done = run(guilty("long64", body), cpu, "long64")
    assert [e["error_code"] for e in done.exits if e["reason"] == "exception"] == [3]
    assert done.register("rbp") == 1


@both
def test_sixty_four_bit_registers_are_shown_and_recorded_whole(run, cpu) -> None:
    done = run("mov rax, -1\nmov eax, 1\nmov r15, rax\nlea rbx, [rel $]\nhlt", cpu, "long64")
    assert done.register("rax") == done.register("r15") == 1
    assert done.steps[0].writes[0][2:] == ((1 << 64) - 1, 8)
    view = done.machine.view()
    assert view["mode"] == "long64"
    assert {r["bits"] for r in view["registers"]} == {64}


@both
@pytest.mark.parametrize("mode", ["protected32", "long64"])
def test_segments_and_far_transfers_work(run, cpu, mode) -> None:
    code = "mov eax, ds\n mov es, eax\n push fs\n pop fs\n"
    far = (
        "push 8\n push there\n retf\n"
        if mode == "protected32"
        else "push 8\n lea rcx, [rel there]\n push rcx\n db 0x48\n retf\n"
    )
    done = run(code + far + "ud2\nthere: mov ecx, 7\nhlt", cpu, mode)
    assert done.stop.reason is StopReason.HALT
    assert done.register("ecx" if mode == "protected32" else "rcx") == 7


@both
def test_real_mode_comes_back(run, cpu) -> None:
    source = """
        org 0x7c00
        cli
        lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 8:there
there:  and al, 0xfe
        mov cr0, eax
        jmp 0:back
back:   mov ax, 0x0e42
        int 0x10
        hlt
gdt:    dq 0, 0x00009a000000ffff
gdtr:   dw 15
        dd gdt"""
    done = run(source + END, cpu, "boot16")
    assert done.output == b"B"
    assert done.machine.view()["mode"] == "boot16"


@both
def test_what_this_machine_has_not_is_said(run, cpu) -> None:
    done = run("mov ax, 0x28\narpl ax, bx", cpu, "protected32")
    assert done.stop.reason is StopReason.FAULT
    assert "does not execute `arpl ax, bx` in protected32" in done.stop.detail["message"]


@both
def test_a_jump_to_where_no_page_is_ends_with_a_sentence(run, cpu) -> None:
    done = run("mov eax, 0x50000000\njmp rax", cpu, "long64")
    assert done.stop.detail["message"].endswith("(#PF(0x0), then #GP(0x73), then #DF(0x0), then #GP(0x43))")
    assert done.steps[-1].text == "(no page)"


@on_kvm
@pytest.mark.parametrize(
    ("mode", "source"),
    [
        ("long64", "mov rax, cr4\nor ax, 0x200\nmov cr4, rax\naddps xmm0, xmm1\nmov ecx, 5\nhlt"),
        (
            "protected32",
            "mov dword [0x10000], 0x83\nmov eax, 0x10000\nmov cr3, eax\nmov eax, cr4\nor al, 0x10\nmov cr4, eax\n"
            "mov eax, cr0\nbts eax, 31\nmov cr0, eax\nmov ecx, 5\nhlt",
        ),
    ],
)
def test_what_kvm_cannot_do_here_unicorn_does_and_it_is_said(run, cpu, mode, source) -> None:
    done = run(source, cpu, mode)
    assert done.stop.reason is StopReason.HALT
    assert done.register("ecx" if mode == "protected32" else "rcx") == 5
    switched = [e for e in done.exits if e["reason"] == "cpu_switched"]
    assert bool(switched) == (done.machine.cpu == "unicorn")


HOSTILE = {
    "jmp": ("long64", "cli\njmp $"),
    "page tables over themselves": (
        "long64",
        "mov rdi, 0x90000\nmov ecx, 0x600\nxor eax, eax\nrep stosq\nmov rax, cr3\nmov cr3, rax\nnop",
    ),
    "stack into the tables": ("long64", "mov rsp, 0x93000\nagain: push rsp\njmp again"),
    "all memory": ("protected32", "xor edi, edi\nmov ecx, -1\nrep stosb\nhlt"),
    "wrmsr": ("protected32", "again: wrmsr\njmp again"),
    "cpuid": ("protected32", "again: cpuid\njmp again"),
    "ports": ("protected32", "again: out 0x80, al\nin al, 0x80\njmp again"),
    "idt into nowhere": ("protected32", "mov dword [n + 2], 0xf0000000\nlidt [n]\nint 3\nn: dw 0xffff, 0, 0"),
}


@both
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_guest_ends_within_its_budget(run, cpu, name) -> None:
    mode, source = HOSTILE[name]
    done = run(source, "auto" if cpu == "kvm" else cpu, mode, max_ticks=3000)
    assert done.stop.is_final or done.machine.tick == 3000
    assert len(done.steps) == done.machine.tick


@pytest.mark.parametrize("cpu", ["unicorn"])
def test_a_rep_over_missing_memory_has_an_end(run, cpu) -> None:
    done = run("mov esi, 0x200000\nmov edi, 0x40000000\nmov ecx, -1\nrep movsd\nhlt", cpu, "protected32")
    assert done.stop.reason is StopReason.LIMIT
    assert "four million times" in done.stop.detail["message"]
    assert done.steps[-1].new("ecx") == 0xFFFFFFFF - (1 << 22)


def same(a: Run, b: Run) -> None:
    def seen(done: Run) -> list[tuple]:
        return [(s.tick, s.address, s.flags, [w for w in s.writes if w[0] != "flags"]) for s in done.steps]

    assert seen(a) == seen(b)
    assert (a.stop, a.exits) == (b.stop, b.exits)


@pytest.mark.parametrize("cpu", CPUS[:1])
@pytest.mark.parametrize(("mode", "code"), [(mode, code) for mode, code, _, _ in FAULTS])
def test_both_cpus_give_the_same_trace(run, cpu, mode, code) -> None:
    same(run(guilty(mode, code), cpu, mode), run(guilty(mode, code), "unicorn", mode))


@pytest.mark.parametrize("cpu", CPUS)
def test_every_tick_on_the_way_to_long_mode_can_be_gone_back_to(cpu) -> None:
    source = next(e for e in load_examples() if e.room == "x86" and e.name == "modes").files[0].text
    machine = make(source, cpu, "boot16")
    try:
        states = [(machine.save(), machine.digest())]
        while not machine.run(1).is_final:
            states.append((machine.save(), machine.digest()))
        for i, (checkpoint, digest) in reversed(list(enumerate(states))):
            machine.restore(checkpoint)
            assert machine.digest() == digest
            machine.run(2)
            if i + 2 < len(states):
                assert machine.digest() == states[i + 2][1]
    finally:
        machine.close()


def test_a_program_over_its_own_stack_is_refused() -> None:
    with pytest.raises(SourceError, match="stack"):
        make("org 0x80000\nnop", "unicorn", "long64")
