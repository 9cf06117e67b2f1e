"""Where KVM hosts surprise, one test a surprise: whichever way this host behaves, the recording is the same.

The symptoms were seen on hosts whose KVM emulates ring 0 and real mode (kvm_pvm); on VMX and SVM hardware the same
tests run the documented behaviour. Each compares with what the manual says, not with what a host does.
"""

import pytest
from x86_runs import CPUS, Run, needs_kvm

both = pytest.mark.parametrize("cpu", CPUS)
on_kvm = pytest.mark.parametrize("cpu", [pytest.param("kvm", marks=needs_kvm)])
auto = pytest.mark.parametrize("cpu", [pytest.param("auto", marks=needs_kvm)])


def calls(run: Run, name: str) -> list[dict]:
    return [c for c in run.machine.inspect({"kind": "calls", "limit": 256})["calls"] if c["name"] == name]


@on_kvm
def test_hlt_is_not_single_stepped_because_some_hosts_step_over_it(go, cpu: str) -> None:
    run = go("mov al, 1\nhlt\nmov al, 2", cpu)
    assert run.stop.reason == "halt"
    assert run.register("ax") == 1
    assert calls(run, "KVM_SET_GUEST_DEBUG")[-1]["arguments"]["control"] == "0"
    assert calls(run, "KVM_RUN")[-1]["exit"]["reason"] == "KVM_EXIT_HLT"


@both
def test_the_first_instruction_of_a_handler_is_a_step_of_its_own(go, cpu: str) -> None:
    """Some hosts do not stop there: the exception is caught before the guest's handler is entered."""
    run = go("org 0x600\nmov word [0], h\nxor bx, bx\ndiv bx\nhlt\nh: inc cx\ninc dx\nhlt", cpu)
    assert run.texts == ["mov word [0], 0x60b", "xor bx, bx", "div bx", "inc cx", "inc dx", "hlt"]
    assert run.exits[0]["name"] == "#DE divide error"


@both
def test_a_rep_is_one_tick_however_often_the_host_stops_in_it(go, cpu: str) -> None:
    run = go("mov cx, 5\nmov si, 0x100\nmov di, 0x200\nrep movsb\nhlt", cpu)
    assert len(run.steps) == 5
    assert run.steps[3].new("cx") == 0


@on_kvm
def test_an_out_is_completed_without_executing_anything_further(go, cpu: str) -> None:
    run = go("mov al, 65\nout 0xe9, al\ninc ax\nhlt", cpu)
    returns = calls(run, "KVM_RUN")
    at = next(i for i, c in enumerate(returns) if c.get("exit", {}).get("reason") == "KVM_EXIT_IO")
    assert returns[at + 1]["arguments"]["immediate_exit"] == 1
    assert run.steps[1].writes == ()
    assert run.steps[2].new("ax") == 66


@both
@pytest.mark.parametrize(
    ("source", "count"),
    [("mov cx, 5\nmov si, 0x100\nrep outsb\nhlt", 5), ("mov dx, 0x300\nmov di, 0x100\nmov cx, 5\nrep insb\nhlt", 5)],
)
def test_a_rep_to_a_port_is_one_exit_with_all_its_elements(go, cpu: str, source: str, count: int) -> None:
    """Hosts leave once a byte for outsb, and once for all of insb."""
    exits = [e for e in go(source, cpu).exits if e["reason"] == "KVM_EXIT_IO"]
    assert [(e["count"], e["size"]) for e in exits] == [(count, 1)]


@both
def test_shadows_hide_no_step_and_pushf_shows_no_trap_flag(go, cpu: str) -> None:
    run = go("mov sp, 0x1000\nsti\nnop\nmov ax, 0\nmov ss, ax\nnop\npushf\npop bx\ncli\nhlt", cpu)
    assert len(run.steps) == 10
    assert run.register("bx") & 0x100 == 0


@auto
@pytest.mark.parametrize(
    ("source", "value"),
    [("mov bx, 0x10\nlzcnt ax, bx\nhlt", 11), ("xor bx, bx\ntzcnt ax, bx\nhlt", 16)],
)
def test_what_a_host_computes_wrongly_in_silence_is_not_given_to_it(go, cpu: str, source: str, value: int) -> None:
    run = go(source, cpu)
    assert run.register("ax") == value
    if run.machine.cpu == "unicorn":
        assert "wrongly" in (run.machine.avoided_kvm or run.machine.fallback.reason)


@auto
@pytest.mark.parametrize("source", ["mov ax, 0x0f\naaa\nhlt", "fninit\nfld1\nhlt", "popcnt ax, bx\nhlt"])
def test_an_internal_error_moves_the_run_to_unicorn_from_tick_0_and_says_so(go, cpu: str, source: str) -> None:
    """Hidden in data, so that only the failing KVM_RUN tells (KVM_EXIT_INTERNAL_ERROR, suberror 1)."""
    from engine.x86.assembler import assemble

    code = ", ".join(f"{b:#04x}" for b in assemble(source).image)
    run = go(f"jmp x\nx: db {code}", cpu)
    assert run.stop.reason == "halt"
    if run.machine.fallback:
        switched = next(e for e in run.exits if e["reason"] == "cpu_switched")
        assert switched["message"].startswith("this host's KVM ")
        assert switched["message"].endswith(": running on Unicorn")
        assert run.machine.cpu == "unicorn"
    assert [step.tick for step in run.steps] == list(range(1, len(run.steps) + 1))


@both
def test_vmcall_is_an_invalid_opcode_and_never_reaches_the_host(go, cpu: str) -> None:
    """Given to the host in real mode, it spins in KVM_RUN until a signal comes."""
    run = go("org 0x600\nmov word [24], h\nvmcall\nhlt\nh: hlt", cpu)
    assert run.exits[0]["name"] == "#UD invalid opcode"
    assert len(run.steps) == 3


@both
def test_what_differs_from_cpu_to_cpu_is_answered_by_us(go, cpu: str) -> None:
    run = go("xor eax, eax\ncpuid\nmov esi, ebx\nrdtsc\nmov ecx, eax\nhlt", cpu)
    assert run.register("esi").to_bytes(4, "little") == b"Glas"
    assert run.register("ecx") == 3
