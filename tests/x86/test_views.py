"""What the machine shows of itself: FPU, descriptor caches, stack, pointers, operands, and the calls that were made."""

import pytest
from x86_runs import CPUS, needs_kvm, record, start

from engine.errors import CommandError
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile
from engine.x86 import room
from engine.x86.assembler import assemble
from engine.x86.machine import X86Machine
from engine.x86.program import Program
from engine.x86.registers import extended_text

LONG = """
        org 0x7000
        bits 64
start:  mov rbp, rsp
        mov rdi, msg
        call fun
        fld1
        fldpi
        faddp
        movq xmm9, rdi
        movaps xmm3, [rel vec]
        addps xmm3, xmm3
        mov al, 65
        out 0xe9, al
        hlt
fun:    push rbp
        mov rbp, rsp
        push rdi
        mov rax, [rel ptr]
        pop rdi
        pop rbp
        ret
msg:    db "hello world", 0
ptr:    dq msg
        align 16
vec:    dd 1.0, 2.0, 3.0, 4.0
"""


@pytest.fixture
def long64():
    machines = []

    def make(cpu: str = "unicorn", source: str = LONG) -> X86Machine:
        program = Program(assemble(source, bits=64), mode="long64", cpu=cpu)
        machines.append(X86Machine(program, Journal(), Limits()))
        return machines[-1]

    yield make
    for machine in machines:
        machine.close()


def test_fpu_registers_are_in_the_trace_by_halves_and_in_the_view_whole(long64) -> None:
    run = record(long64())
    steps = {step.text: step for step in run.steps}
    assert steps["fld1"].new("fp7") == 1 << 63
    assert steps["fld1"].new("fp7e") == 0x3FFF
    assert steps["fld1"].new("fstat") == 7 << 11
    assert ("fp6", 0, 0xC90FDAA22168C235, 8) in steps["fldpi"].writes
    assert steps["movq xmm9, rdi"].writes == (("xmm9", 0, run.machine.rows.assembly.labels[2][1], 8),)
    added = steps["addps xmm3, xmm3"]
    assert added.new("xmm3") == 0x40800000_40000000
    assert added.new("xmm3h") == 0x41000000_40C00000
    fpu = run.machine.view()["fpu"]
    assert fpu["xmm"][3] == {"name": "xmm3", "value": "4100000040c000004080000040000000"}
    assert len(fpu["xmm"]) == 16
    assert (fpu["status"]["top"], fpu["control"]["value"], fpu["mxcsr"]["value"]) == (7, "037f", "00001f80")
    assert (fpu["st"][0]["physical"], fpu["st"][0]["used"]) == (7, True)
    assert fpu["st"][0]["text"].startswith("4.14159265358979")


def test_registers_that_only_long_mode_reaches_survive_a_checkpoint(long64) -> None:
    machine = long64()
    run = record(machine, 14)
    assert run.machine.tick == 14
    saved, digest = machine.save(), machine.digest()
    record(machine)
    machine.restore(saved)
    assert machine.digest() == digest
    assert machine.view()["fpu"]["xmm"][9]["value"].endswith(f"{dict(machine.rows.assembly.labels)['msg']:016x}")


@pytest.mark.parametrize(
    ("mantissa", "head", "text"),
    [
        (0, 0, "0"),
        (1 << 63, 0x3FFF, "1"),
        (1 << 63, 0xBFFE, "-0.5"),
        (0xC90FDAA22168C235, 0x4000, "3.1415926535897932385"),
        (1 << 63, 0x7FFF, "inf"),
        (3 << 62, 0xFFFF, "nan"),
        (1 << 63, 0x7FFE, "5.9486574767861588254E+4931"),
        (1, 0, "3.6451995318824746025E-4951"),
    ],
)
def test_extended_precision_in_decimal(mantissa: int, head: int, text: str) -> None:
    assert extended_text(mantissa, head) == text


@pytest.mark.parametrize("cpu", CPUS)
def test_sse_that_is_switched_off_is_an_invalid_opcode(go, cpu: str) -> None:
    run = go("org 0x600\nmov word [24], h\nmov word [28], h\nmovaps xmm0, xmm1\nhlt\nh: hlt", cpu)
    assert run.exits[0]["name"] == "#UD invalid opcode"
    source = "org 0x600\nmov word [28], h\nmov eax, cr0\nor al, 8\nmov cr0, eax\nfninit\nhlt\nh: hlt"
    assert go(source, cpu).exits[0]["name"] == "#NM no math coprocessor"


def test_descriptor_caches_and_control_registers_bit_by_bit(long64) -> None:
    view = long64().view()
    cache = view["segments"][0]["cache"]
    assert (cache["type"], cache["allows"], cache["bits"], cache["dpl"], cache["table"]) == ("code", "rx", 64, 0, "GDT")
    assert (cache["index"], cache["rpl"], cache["present"]) == (1, 0, True)
    stack = view["segments"][2]["cache"]
    assert (stack["type"], stack["allows"], stack["pages"]) == ("data", "rw", True)
    cr4 = next(c for c in view["control"] if c["name"] == "CR4")
    assert cr4["bits"] == ["PAE", "OSFXSR", "OSXMMEXCPT"]
    assert {"name": "PGE", "bit": 7, "set": False} in cr4["fields"]


def test_the_stack_shows_return_addresses_frames_and_pointers(long64) -> None:
    machine = long64()
    record(machine, 6)
    view, labels = machine.view(), dict(machine.rows.assembly.labels)
    saved, frame, back = view["stack"]["words"][:3]
    assert saved["chain"][0]["symbol"] == {"name": "msg", "offset": 0}
    assert saved["chain"][0]["text"] == "hello world"
    assert frame["frame"]
    assert back["return"]["symbol"]["name"] == "start"
    assert machine.rows.rows[back["return"]["call"]].instruction.op == "call"
    assert [f["base"] for f in view["stack"]["frames"]] == [frame["address"]]
    assert view["operands"] == [
        {
            "address": labels["ptr"],
            "physical": labels["ptr"],
            "size": 8,
            "reads": True,
            "writes": False,
            "value": f"{labels['msg']:016x}",
            "symbol": {"name": "ptr", "offset": 0},
        }
    ]
    rdi = next(p for p in view["pointers"] if p["register"] == 7)
    assert rdi["chain"][0]["symbol"]["name"] == "msg"
    rsp = next(p for p in view["pointers"] if p["register"] == 4)
    assert [place["region"] for place in rsp["chain"]] == ["stack", "data"]


def test_an_interrupt_in_real_mode_leaves_a_return_address_too(go) -> None:
    run = go("org 0x600\nmov sp, 0x1000\nmov word [0x40*4], h\nint 0x40\nhlt\nh: hlt", "unicorn")
    found = run.machine.view()["stack"]["words"][0]["return"]
    assert (found["kind"], found["address"]) == ("int", 0x600 + 3 + 6 + 2)


def test_accesses_of_the_last_steps(long64) -> None:
    machine = long64()
    machine.run(7)  # not recorded: the last steps of a run are followed all the same
    found = machine.inspect({"kind": "accesses"})["accesses"]
    labels = dict(machine.rows.assembly.labels)
    assert found[-1] == {"tick": 7, "address": labels["ptr"], "size": 8, "reads": True, "writes": False}
    assert [a["tick"] for a in found] == [3, 4, 6, 7]
    saved = machine.save()
    machine.run(1)
    machine.restore(saved)
    assert machine.inspect({"kind": "accesses"})["accesses"] == found


def test_a_rep_reads_and_writes_what_it_passes_over(go) -> None:
    run = go("std\nmov cx, 4\nmov si, 0x206\nmov di, 0x306\nrep movsw\nhlt", "unicorn")
    found = run.machine.inspect({"kind": "accesses"})["accesses"]
    assert sorted((a["address"], a["size"], a["writes"]) for a in found) == [(0x200, 8, False), (0x300, 8, True)]


def test_memory_by_linear_address_goes_through_the_page_tables(long64) -> None:
    machine = long64()
    answer = machine.inspect({"kind": "memory", "space": "linear", "address": 0x3FFFFFFE, "length": 4})
    assert answer["bytes"] == "ffffffff"
    assert [p["physical"] for p in answer["pages"]] == [0x3FFFFFFE, None]
    labels = dict(machine.rows.assembly.labels)
    answer = machine.inspect({"kind": "memory", "space": "linear", "address": labels["msg"], "length": 5})
    assert bytes.fromhex(answer["bytes"]) == b"hello"
    with pytest.raises(CommandError, match="physical or linear"):
        machine.inspect({"kind": "memory", "space": "virtual", "address": 0})


def test_the_listing_says_what_each_instruction_does_with_the_flags() -> None:
    machine = start("adc ax, bx\nshl ax, 3\nmov ax, bx\nhlt", "unicorn")
    try:
        rows = machine.listing()["functions"][0]["rows"]
        assert "CF" in rows[0]["flags"]["reads"]
        assert set(rows[0]["flags"]["writes"]) == {"CF", "PF", "AF", "ZF", "SF", "OF"}
        assert rows[1]["flags"]["undefined"] == ["AF", "OF"]
        assert "flags" not in rows[2]
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", [pytest.param("kvm", marks=needs_kvm)])
def test_the_calls_of_the_kvm_api_in_their_order(go, cpu: str) -> None:
    machine = go("mov al, 65\nout 0xe9, al\nhlt", cpu).machine
    setup = [c["name"] for c in machine.inspect({"kind": "calls", "when": "setup", "limit": 256})["calls"]]
    order = ["open", "KVM_GET_API_VERSION", "KVM_CREATE_VM", "KVM_SET_USER_MEMORY_REGION", "KVM_CREATE_VCPU", "mmap"]
    assert [setup.index(name) for name in order] == sorted(setup.index(name) for name in order)
    calls = machine.inspect({"kind": "calls"})["calls"]
    runs = [c for c in calls if c["name"] == "KVM_RUN"]
    out = next(c["exit"] for c in runs if c.get("exit", {}).get("reason") == "KVM_EXIT_IO")
    assert out == {"reason": "KVM_EXIT_IO", "direction": "out", "size": 1, "port": 0xE9, "count": 1, "data": 65}
    completed = runs[runs.index(next(c for c in runs if c.get("exit") == out)) + 1]
    assert completed["arguments"] == {"immediate_exit": 1}
    assert runs[0]["exit"]["reason"] == "KVM_EXIT_DEBUG"
    assert [c["n"] for c in calls] == list(range(calls[0]["n"], calls[0]["n"] + len(calls)))


def test_the_calls_of_unicorn(go) -> None:
    machine = go("mov cx, 9\nx: loop x\nout 0xe9, al\nhlt", "unicorn").machine
    setup = machine.inspect({"kind": "calls", "when": "setup"})["calls"]
    assert setup[0]["arguments"]["mode"] == "UC_MODE_16"
    assert next(c["arguments"]["type"] for c in setup if c["name"] == "uc_hook_add") == "UC_HOOK_CODE"
    starts = [c for c in machine.inspect({"kind": "calls"})["calls"] if c["name"] == "uc_emu_start"]
    stretches = [c["ended"]["steps"] for c in starts if not c["ended"]["single"]]
    assert stretches == [1, 9]  # mov and nine times loop; a row that is new ends a stretch
    assert [c["ended"]["from"] for c in starts if c["ended"]["single"]] == [10]


def test_a_long_run_keeps_the_last_calls_only(go) -> None:
    machine = go("x: out 0xe9, al\njmp x", "unicorn", 2000).machine
    answer = machine.inspect({"kind": "calls", "limit": 256})
    assert len(answer["calls"]) == 256
    assert answer["calls"][0]["n"] == answer["first"] == answer["count"] - 256
    with pytest.raises(CommandError, match="setup or run"):
        machine.inspect({"kind": "calls", "when": "later"})


def test_bytes_are_found_in_memory_from_a_place_on(go) -> None:
    machine = go("hlt\ntimes 0x200 - ($ - $$) db 0\ndb 'needle', 0, 'needle'", "unicorn").machine
    query = {"kind": "find", "bytes": b"needle".hex()}
    assert machine.inspect(query) == {"bytes": b"needle".hex(), "address": 0x200}
    assert machine.inspect({**query, "from": 0x201})["address"] == 0x207
    assert machine.inspect({**query, "from": 0x208})["address"] is None
    for bad in ("", "xyz", "00" * 65, 5):
        with pytest.raises(CommandError, match="bytes"):
            machine.inspect({"kind": "find", "bytes": bad})


def test_windows_and_stack_say_where_the_page_tables_put_them() -> None:
    source = (
        "org 0x1000\nbits 64\nmov qword [0x92000 + 8 * 1], 0x83\nmov rax, cr3\nmov cr3, rax\n"
        "mov rsp, 0x200100\nmov byte [0x2000f8], 7\nhlt"
    )
    program = Program(assemble(source, bits=64), mode="long64", cpu="unicorn")
    machine = X86Machine(program, Journal(), Limits())
    try:
        walk = machine.inspect({"kind": "pages", "address": 0x200000})["entries"]
        assert walk[-1]["at"] == 0x92008
        assert machine.run(100).reason is StopReason.HALT
        window = next(w for w in machine.view()["memory"] if w["name"] == "sp")
        assert window["pages"] == [{"offset": 0, "length": 64, "physical": window["base"] - 0x200000}]
        assert machine.view()["stack"]["pages"][0]["physical"] == 0x100
        assert machine.inspect({"kind": "memory", "address": 0xF8, "length": 1})["bytes"] == "07"
    finally:
        machine.close()


def test_a_ring_3_programs_memory_is_changed_by_its_own_address() -> None:
    source = "section .text\nmov byte [var], 7\npush rax\nhlt\nsection .data\nvar: db 1\n"
    program = room.build([SourceFile("main.asm", source)], {"mode": "user64", "cpu": "unicorn"})
    machine = room.start(program, Journal(), Limits())
    try:
        machine.run(1)
        window = next(w for w in machine.view()["memory"] if w["name"] == "var")
        assert "pages" not in window
        machine.edit({"kind": "memory", "address": window["base"], "length": 1}, 9)
        assert next(w for w in machine.view()["memory"] if w["name"] == "var")["bytes"][:2] == "09"
        machine.edit({"kind": "register", "register": "r9"}, 1 << 40)
        assert next(r["value"] for r in machine.view()["registers"] if r["name"] == "r9") == f"{1 << 40:016x}"
        with pytest.raises(CommandError, match="no memory"):
            machine.edit({"kind": "memory", "address": 0x10, "length": 1}, 9)
    finally:
        machine.close()
