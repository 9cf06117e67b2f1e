"""One instruction is one tick, whatever the host's single-stepping does: one test for each quirk of facts and manuals.

Every program runs on both CPUs with the same expectations, so these are contract tests for KVM and Unicorn alike.
"""

import pytest
from x86_runs import CPUS, Run

from engine.machine import Journal, Limits, StopReason
from engine.x86.assembler import parse_hex

pytestmark = pytest.mark.parametrize("cpu", CPUS)

#: A handler for vector `n` at `label`, installed by the program.
VECTORS = "%macro vector 2\n mov word [%1 * 4], %2\n mov word [%1 * 4 + 2], 0\n%endmacro\n org 0x600\n mov sp, 0x500\n"


def test_hlt_is_the_last_tick_and_nothing_after_it_runs(go, cpu) -> None:
    run = go("mov ax, 1\nhlt\nmov ax, 2\nhlt", cpu)
    assert run.texts == ["mov ax, 1", "hlt"]
    assert run.stop.reason is StopReason.HALT
    assert run.steps[-1].flags == ("exit", "halt")
    assert run.exits == [{"reason": "KVM_EXIT_HLT"}]
    assert run.machine.where is None
    assert run.machine.run(10) == run.stop
    assert run.machine.tick == 2


def test_an_out_is_one_tick_and_one_exit(go, cpu) -> None:
    run = go("mov al, 'A'\nout 0xe9, al\ninc al\nmov dx, 0x3f8\nout dx, al\nhlt", cpu)
    assert run.output == b"AB"
    assert run.texts[1] == "out 0xe9, al"
    assert run.steps[1].flags == ("output", "exit")
    assert run.exits[0] == {
        "reason": "KVM_EXIT_IO",
        "direction": "out",
        "port": 0xE9,
        "size": 1,
        "count": 1,
        "value": 0x41,
        "device": "debug",
    }


def test_an_out_to_port_7e_is_one_tick_too(go, cpu) -> None:
    """Some KVM versions advance RIP before this one exit, to please an old user space."""
    run = go("inc ax\nout 0x7e, al\ninc ax\nhlt", cpu)
    assert run.texts == ["inc ax", "out 0x7e, al", "inc ax", "hlt"]
    assert run.register("ax") == 2


def test_an_unclaimed_port_reads_all_ones_and_is_seen(go, cpu) -> None:
    run = go("in al, 0x80\nmov dx, 0x1234\nin ax, dx\nin eax, dx\nhlt", cpu)
    assert [e["value"] for e in run.exits[:-1]] == [0xFF, 0xFFFF, 0xFFFFFFFF]
    assert [e["device"] for e in run.exits[:-1]] == [None, None, None]
    assert run.register("eax") == 0xFFFFFFFF
    assert run.steps[0].flags == ("input", "exit")


def test_a_write_to_an_unclaimed_port_goes_nowhere_and_is_seen(go, cpu) -> None:
    run = go("mov ax, 0x55aa\nout 0x99, ax\nhlt", cpu)
    assert run.exits[0] == {
        "reason": "KVM_EXIT_IO",
        "direction": "out",
        "port": 0x99,
        "size": 2,
        "count": 1,
        "value": 0x55AA,
        "device": None,
    }
    assert run.output == b""


def test_rep_movsb_is_one_tick_with_its_memory_in_pieces(go, cpu) -> None:
    run = go("mov cx, 11\nmov si, text\nmov di, 0x200\nrep movsb\nhlt\ntext: db 'hello world'", cpu)
    assert run.texts[3] == "rep movsb"
    assert len(run.steps) == 5
    assert run.memory(0x200, 11) == b"hello world"
    assert [(w[0], w[3]) for w in run.steps[3].writes if isinstance(w[0], int)] == [(0x200, 8), (0x208, 2), (0x20A, 1)]
    assert run.register("cx") == 0


def test_rep_going_down_is_recorded_element_by_element(go, cpu) -> None:
    run = go("std\nmov cx, 3\nmov di, 0x204\nmov ax, 0x1122\nrep stosw\nhlt", cpu)
    assert [w[0] for w in run.steps[4].writes if isinstance(w[0], int)] == [0x204, 0x202, 0x200]
    assert run.memory(0x200, 6) == b"\x22\x11" * 3
    assert run.register("di") == 0x1FE


def test_rep_with_a_count_of_zero_is_a_tick_without_effect(go, cpu) -> None:
    run = go("xor cx, cx\nmov di, 0x200\nrep stosb\nrep outsb\nrep insb\nhlt", cpu)
    assert len(run.steps) == 6
    assert all(not step.writes for step in run.steps[2:5])
    assert [e["reason"] for e in run.exits] == ["KVM_EXIT_HLT"]


def test_repe_cmpsb_stops_at_the_first_difference(go, cpu) -> None:
    run = go("mov cx, 9\nmov si, a\nmov di, b\nrepe cmpsb\nhlt\na: db 'abcdxyz  '\nb: db 'abcdXyz  '", cpu)
    assert len(run.steps) == 5
    assert run.register("cx") == 4


def test_rep_outsb_is_one_tick_and_one_exit_with_every_value(go, cpu) -> None:
    run = go("mov cx, 5\nmov si, text\nmov dx, 0xe9\nrep outsb\nhlt\ntext: db 'hello'", cpu)
    assert len(run.steps) == 5
    assert run.output == b"hello"
    assert run.exits[0]["count"] == 5
    assert run.exits[0]["values"] == list(b"hello")


def test_rep_insb_is_one_tick_with_all_its_input(go, cpu) -> None:
    journal = Journal([("serial", b"abc"), ("serial", b"de!")])
    run = go("mov cx, 5\nmov di, 0x200\nmov dx, 0xe9\nrep insb\nhlt", cpu, journal=journal)
    assert len(run.steps) == 5
    assert run.memory(0x200, 6) == b"abcde\0"
    assert run.exits[0]["values"] == list(b"abcde")


def test_a_rep_over_a_whole_segment_is_one_tick_and_says_that_it_is_cut(go, cpu) -> None:
    run = go("mov ax, 0x2000\nmov es, ax\nmov cx, 0xffff\nmov al, 7\nrep stosb\nhlt", cpu)
    assert len(run.steps) == 6
    assert "truncated" in run.steps[4].flags
    assert len(run.steps[4].writes) <= 256
    assert run.memory(0x20000, 0xFFFF) == b"\7" * 0xFFFF


def test_a_divide_error_is_one_tick_and_the_handlers_first_instruction_the_next(go, cpu) -> None:
    run = go(VECTORS + "vector 0, oops\nxor bl, bl\nmov ax, 5\nbad: div bl\nhlt\noops: mov dx, 0x99\nhlt", cpu)
    at = run.texts.index("div bl")
    assert run.steps[at + 1].text == "mov dx, 0x99"
    assert "interrupt" in run.steps[at].flags
    assert "error" in run.steps[at].flags
    assert run.steps[at].new("sp") == 0x500 - 6
    bad = dict(run.machine.program.assembly.labels)["bad"]
    assert run.steps[at].new(0x500 - 6) == bad
    assert run.exits[0]["reason"] == "exception"
    assert run.exits[0]["vector"] == 0


@pytest.mark.parametrize(
    ("vector", "code"),
    [
        pytest.param(6, "ud2", id="ud2"),
        pytest.param(6, "db 0xff, 0xff", id="bytes that are no instruction"),
        pytest.param(6, "vmcall", id="vmcall: this machine has no hypervisor"),
        pytest.param(6, "rdrand ax", id="rdrand: not in our cpuid"),
        pytest.param(6, "movbe ax, [bx]", id="movbe: not in our cpuid"),
        pytest.param(6, "db 0xc5, 0xf8, 0x58, 0xc0", id="VEX does not exist in real mode"),
        pytest.param(13, "db 0x66, 0xe9, 0, 0, 1, 0", id="a jump out of the segment"),
        pytest.param(6, "sldt ax", id="sldt is not in real mode"),
        pytest.param(13, "mov ax, [0xffff]", id="a word at the segment's limit"),
        pytest.param(12, "mov bp, 0xffff\n mov ax, [bp]", id="the same through ss"),
        pytest.param(13, "mov ecx, 0x1b\n rdmsr", id="an MSR that is not there"),
        pytest.param(13, "mov ebx, 0x10000\n mov al, [ebx]", id="a 32-bit offset past the limit"),
    ],
)
def test_a_faulting_instruction_is_delivered_with_its_own_address(go, cpu, vector, code) -> None:
    run = go(VECTORS + f"vector {vector}, oops\n{code}\nhlt\noops: pop bx\npop cx\nhlt", cpu)
    at = next(i for i, step in enumerate(run.steps) if "interrupt" in step.flags)
    assert run.steps[at].address in (run.steps[at].new(0x4FA), run.steps[at].address)
    assert run.steps[at].new(0x4FA) == run.steps[at].address
    assert [step.text for step in run.steps[at + 1 :]] == ["pop bx", "pop cx", "hlt"]
    assert run.exits[0]["vector"] == vector


def test_an_interrupt_pushes_flags_cs_ip_and_clears_if(go, cpu) -> None:
    run = go(VECTORS + "vector 0x21, service\nsti\nstc\nint 0x21\nafter: hlt\nservice: mov ax, [esp]\niret", cpu)
    at = run.texts.index("int 0x21")
    step = run.steps[at]
    after = dict(run.machine.program.assembly.labels)["after"]
    assert step.new(0x4FE) & 0x201 == 0x201
    assert step.new(0x4FC) == 0
    assert step.new(0x4FA) == after
    assert step.new("flags") & 0x200 == 0
    assert "interrupt" in step.flags
    assert run.texts[at + 1 : at + 4] == ["mov ax, [esp]", "iret", "hlt"]
    assert [s.depth for s in run.steps[at : at + 4]] == [1, 2, 2, 1]
    assert run.flags & 0x201 == 0x201


def test_int3_into_and_int1_are_delivered(go, cpu) -> None:
    source = (
        VECTORS
        + "vector 1, h\nvector 3, h\nvector 4, h\nint3\ninto\nmov al, 0x7f\nadd al, 1\ninto\nint1\nhlt\nh: inc cx\niret"
    )
    run = go(source, cpu)
    assert run.register("cx") == 3
    assert run.stop.reason is StopReason.HALT


def test_sti_and_mov_ss_do_not_swallow_the_next_instruction(go, cpu) -> None:
    run = go("sti\nnop\nmov ax, 0x30\nmov ss, ax\nmov sp, 0x100\npush ax\npop ss\nnop\ncli\nhlt", cpu)
    assert run.texts == [
        "sti",
        "nop",
        "mov ax, 0x30",
        "mov ss, ax",
        "mov sp, 0x100",
        "push ax",
        "pop ss",
        "nop",
        "cli",
        "hlt",
    ]
    assert run.steps[5].new(0x300 + 0xFE) == 0x30


def test_pushf_shows_no_trap_flag_of_ours(go, cpu) -> None:
    run = go("mov sp, 0x500\npushf\npop ax\npushfd\npop ebx\nhlt", cpu)
    assert run.register("eax") & 0x100 == 0
    assert run.register("ebx") & 0x100 == 0


def test_the_guests_own_trap_flag_traps_after_the_next_instruction(go, cpu) -> None:
    source = (
        VECTORS
        + """
        vector 1, trap
        pushf
        pop ax
        or ax, 0x100
        push ax
        popf            ; TF is set: the trap comes after the instruction that follows
        inc bx
        inc bx
        pushf
        pop dx          ; what pushf stored has TF
        push 2
        popf            ; one more trap, after this one: TF was set when it began
        inc bx
        hlt
trap:   inc cx
        iret"""
    )
    run = go(source, cpu)
    assert run.register("bx") == 3
    assert run.register("dx") & 0x100
    assert run.register("cx") == 6
    popf = run.texts.index("popf")
    assert run.texts[popf : popf + 5] == ["popf", "inc bx", "inc cx", "iret", "inc bx"]


def test_self_modifying_code_runs_what_was_written_and_gets_rows_of_its_own(go, cpu) -> None:
    run = go("mov byte [spot], 0x43\nmov cx, 2\nspot: inc ax\nmov byte [spot], 0x42\nloop spot\nhlt", cpu)
    assert [s.text for s in run.steps if s.address == 8] == ["inc bx", "inc dx"]
    rows = [r for f in run.machine.listing()["functions"] for r in f["rows"] if r["address"] == 8]
    assert [r["op"] for r in rows] == ["inc", "inc", "inc"]
    assert len({r["where"] for r in rows}) == 3
    assert [r["line"] for r in rows] == [3, 3, 3]


def test_code_that_changes_the_next_instruction_is_seen_at_once(go, cpu) -> None:
    run = go("mov byte [next], 0x43\nnext: inc ax\nhlt", cpu)
    assert run.texts == ["mov byte [5], 0x43", "inc bx", "hlt"]


def test_memory_that_is_not_there_reads_ones_and_is_seen(go, cpu) -> None:
    source = "mov ax, 0xffff\nmov ds, ax\nmov bx, [0x10]\nmov byte [0x11], 5\nmov cl, [0x11]\nadd word [0x20], 1\nhlt"
    run = go(source, cpu)
    assert run.register("bx") == 0xFFFF
    assert run.register("cx") == 0xFF
    seen = [(e["direction"], e["address"], e["size"], e["value"]) for e in run.exits if e["reason"] == "KVM_EXIT_MMIO"]
    assert seen == [
        ("read", 0x100000, 2, 0xFFFF),
        ("write", 0x100001, 1, 5),
        ("read", 0x100001, 1, 0xFF),
        ("read", 0x100010, 2, 0xFFFF),
        ("write", 0x100010, 2, 0),
    ]
    assert len(run.steps) == 7


def test_running_into_missing_memory_is_a_fault_with_a_reason(go, cpu) -> None:
    run = go("jmp 0xffff:0x20", cpu)
    assert run.stop.reason is StopReason.FAULT
    assert run.stop.tick == 1
    assert run.stop.detail["message"] == "there is no memory at 0x100010, where the next instruction would be"


def test_running_off_the_end_of_a_segment_is_a_general_protection_fault(go, cpu) -> None:
    source = VECTORS + "vector 13, oops\nmov byte [0xffff], 0x40\nmov ax, 7\njmp 0:0xffff\noops: pop bx\nhlt"
    run = go(source, cpu)
    at = next(i for i, s in enumerate(run.steps) if "interrupt" in s.flags)
    assert run.steps[at - 1].address == 0xFFFF
    assert run.register("ax") == 8
    assert run.texts[-2:] == ["pop bx", "hlt"]


def test_a_stack_without_room_is_a_triple_fault_with_its_story(go, cpu) -> None:
    run = go("mov sp, 1\npush ax\nhlt", cpu)
    assert run.stop.reason is StopReason.FAULT
    assert "triple fault" in run.stop.detail["message"]
    assert run.texts == ["mov sp, 1", "push ax"]
    assert "fault" in run.steps[-1].flags
    assert run.exits[-1] == {"reason": "KVM_EXIT_SHUTDOWN"}
    assert run.machine.where is None


def test_an_empty_vector_table_is_a_triple_fault(go, cpu) -> None:
    run = go("lidt [table]\nint 0x10\nhlt\ntable: dw 0\n dd 0", cpu)
    assert run.stop.reason is StopReason.FAULT
    assert "triple fault" in run.stop.detail["message"]


def test_a_moved_vector_table_is_used_and_sidt_tells_the_truth(go, cpu) -> None:
    source = """
        mov sp, 0x500
        lidt [there]
        mov word [0x1000 + 4 * 4], handler
        int 4
        sidt [0x300]
        hlt
handler: mov bx, 0x77
        iret
there:  dw 0x3ff
        dd 0x1000"""
    run = go(source, cpu)
    assert run.register("bx") == 0x77
    assert run.memory(0x300, 6) == bytes.fromhex("ff0300100000")


def test_a_real_mode_program_may_switch_to_protected_mode_by_itself(go, cpu) -> None:
    run = go("mov eax, cr0\nor al, 1\nmov cr0, eax\nmov bx, 5\nhlt", cpu)
    assert run.stop.reason is StopReason.HALT
    assert run.steps[2].new("cr0") == 0x11
    assert run.machine.view()["mode"] == "protected16"
    assert run.register("ebx") == 5


def test_cpuid_and_rdtsc_are_this_machines_own(go, cpu) -> None:
    run = go("mov bp, 3\nxor eax, eax\ncpuid\nmov [0x200], ebx\nmov [0x204], edx\nmov [0x208], ecx\nrdtsc\nhlt", cpu)
    assert run.memory(0x200, 12) == b"GlassboxVCPU"
    assert run.register("eax") == 6  # rdtsc was the seventh instruction


def test_calls_and_returns_move_the_depth(go, cpu) -> None:
    run = go("mov sp, 0x500\ncall one\nhlt\none: call two\nret\ntwo: ret", cpu)
    assert [s.depth for s in run.steps] == [1, 1, 2, 3, 2, 1]
    assert run.steps[1].flags == ("call", "jump")
    assert run.steps[3].flags == ("return", "jump")


def test_far_calls_and_segments_are_recorded(go, cpu) -> None:
    source = (
        "mov sp, 0x500\ncall 0x10:(routine - 0x100)\nhlt\n times 0x100 - ($ - $$) db 0\nroutine: push cs\npop es\nretf"
    )
    run = go(source, cpu)
    assert run.steps[1].new("cs") == 0x10
    assert run.steps[3].new("es") == 0x10
    assert run.steps[4].new("cs") == 0
    assert run.machine.view()["segments"][3] == {
        "name": "ES",
        "selector": "0010",
        "base": "00100",
        "limit": "ffff",
        "attributes": "0093",
    }


def test_an_endless_loop_ends_with_its_budget(go, cpu) -> None:
    run = go("cli\njmp $", cpu, max_ticks=500)
    assert run.stop.reason is StopReason.BUDGET
    assert run.machine.tick == 500
    assert all(step.text == "jmp 1" for step in run.steps[1:])


def test_too_much_output_is_a_limit_and_keeps_the_trace(go, cpu) -> None:
    run = go("mov al, 'x'\nagain: out 0xe9, al\njmp again", cpu, limits=Limits(output_bytes=10))
    assert run.stop.reason is StopReason.LIMIT
    assert run.stop.detail["limit"] == "output"
    assert len(run.output) == 11
    assert len(run.steps) == run.machine.tick


def test_raw_bytes_run_as_they_are(go, cpu) -> None:
    run = go(parse_hex("b8 34 12 ; mov ax, 0x1234\n40 f4"), cpu)
    assert run.texts == ["mov ax, 0x1234", "inc ax", "hlt"]
    assert run.register("ax") == 0x1235


def test_a_program_starts_where_its_org_says_with_everything_zero(go, cpu) -> None:
    run = go("org 0x100\nstart: mov ax, start\nhlt", cpu)
    assert run.steps[0].address == 0x100
    assert run.register("ax") == 0x100
    assert run.register("sp") == 0
    assert run.flags == 2


def bits_of(run: Run) -> list[int]:
    return [w[3] for step in run.steps for w in step.writes]


def test_registers_are_32_bits_wide_once_the_program_uses_them_so(go, cpu) -> None:
    narrow, wide = go("mov ax, 1\nhlt", cpu), go("mov eax, 0x12345\nhlt", cpu)
    assert bits_of(narrow) == [2]
    assert bits_of(wide) == [4]
    assert narrow.machine.listing()["registers"][0] == "ax"
    assert wide.machine.listing()["registers"][0] == "eax"


def test_a_call_whose_stack_lies_over_itself_is_one_tick_a_call(go, cpu) -> None:
    run = go("mov sp, spot + 6\nmov ax, sp\nspot: call $\nhlt", cpu, max_ticks=4)
    assert [s.text for s in run.steps[:4]] == ["mov sp, 0xb", "mov ax, sp", "call 5", "call 5"]
    assert [s.new("sp") for s in run.steps[2:4]] == [9, 7]


@pytest.mark.parametrize(
    ("setup", "rep", "done"),
    [
        ("mov edi, 0xfff8\nmov ecx, 20", "a32 rep stosb", 8),
        ("mov di, 0xfff9\nmov cx, 9", "rep stosw", 3),
        ("mov di, 0xfff8\nmov cx, 9", "rep stosw", 9),
        ("mov si, 0xfffd\nmov di, 0x3000\nmov cx, 4", "rep movsw", 1),
        ("std\nmov di, 3\nmov cx, 9", "rep stosw", 2),
        ("mov di, 0xffff\nmov cx, 2", "rep stosd", 0),
        ("mov di, 0xfff9\nmov cx, 9\nmov ax, 1", "repe scasw", 1),
    ],
)
def test_a_rep_at_the_segments_end_does_what_fits_and_then_faults(go, cpu, setup, rep, done) -> None:
    source = VECTORS + f"mov ax, 0x4000\nmov es, ax\nmov ds, ax\nmov word [es:0xfff9], 0\n{setup}\nmov edx, ecx\n"
    source += f"push 0\npop ds\nvector 13, oops\n{rep}\nhlt\noops: mov bp, 1\nhlt"
    run = go(source, cpu)
    step = next(s for s in run.steps if s.text == rep)
    left = run.register("edx") - done
    assert step.new("ecx") == (left if done else None)
    assert ("interrupt" in step.flags) == (left > 0 and "scas" not in rep)
    assert run.stop.reason is StopReason.HALT
