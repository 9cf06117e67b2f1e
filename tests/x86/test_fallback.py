"""What this host's KVM cannot do, or does wrongly, is said, and the run goes on with Unicorn from tick 0."""

from dataclasses import replace

import pytest
from x86_runs import CPUS, needs_kvm, record, start

from engine.errors import HostUnavailable
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile
from engine.x86 import doctor, room
from engine.x86.core.vcpu import DEVICE_VARIABLE
from engine.x86.decoder import Decoder, Instruction, Kind, Trait

#: What `main` expects of ax after each; the instructions that some hosts' KVM refuses or gets wrong.
DOUBTFUL = {
    "popcnt": ("mov bx, 0xf0f\npopcnt ax, bx\nhlt", 8),
    "lzcnt": ("mov ebx, 0x10\nlzcnt eax, ebx\nhlt", 27),
    "tzcnt": ("mov ax, 9\nxor bx, bx\ntzcnt ax, bx\nhlt", 16),
    "aaa": ("mov ax, 0xf\naaa\nhlt", 0x105),
    "aam": ("mov ax, 20\naam\nlahf\nand ax, 0xc4ff\nhlt", 0x4400),
    "x87": ("fninit\nfld1\nfldpi\nfaddp\nfistp word [0x200]\nmov ax, [0x200]\nhlt", 4),
    "mfence": ("mov ax, 4\nmfence\ninc ax\nhlt", 5),
    "bound": ("mov ax, 3\nbound ax, [limits]\nhlt\nlimits: dw 1, 5", 3),
}


@pytest.mark.parametrize("name", DOUBTFUL)
@pytest.mark.parametrize("cpu", [pytest.param("auto", marks=needs_kvm), "unicorn"])
def test_a_doubtful_instruction_gives_the_right_result(go, cpu: str, name: str) -> None:
    source, expected = DOUBTFUL[name]
    run = go("nop\n" + source, cpu)
    assert run.stop.reason is StopReason.HALT
    assert run.register("eax" if "eax" in source else "ax") == expected
    switched = [e for e in run.exits if e["reason"] == "cpu_switched"]
    assert bool(switched) == (run.machine.fallback is not None)
    if cpu == "auto" and run.machine.cpu == "unicorn":
        notice = room.notice(run.machine)
        assert notice is not None
        assert notice["key"] == ("x86_switched" if switched else "x86_avoided")
        assert "this host's KVM" in notice["args"]["reason"]
    assert [s.tick for s in run.steps] == list(range(1, len(run.steps) + 1))


@pytest.mark.parametrize("cpu", CPUS[:1])
def test_with_cpu_kvm_a_wrong_instruction_is_a_clear_fault_and_not_a_wrong_result(go, cpu: str) -> None:
    run = go("mov ebx, 0x10\nlzcnt eax, ebx\nhlt", cpu)
    if doctor.unusable("lzcnt"):
        assert run.stop.reason is StopReason.FAULT
        assert "executes `lzcnt eax, ebx` wrongly" in run.stop.detail["message"]
        assert run.machine.tick == 1
    else:
        assert run.register("eax") == 27


class Trusting(Decoder):
    """Gives `vmcall` to the CPU, and lets `jmp` run without single-stepping: what a host makes of it is tried out."""

    def decode(self, data: bytes, address: int, offset: int | None = None) -> Instruction | None:
        found = super().decode(data, address, offset)
        kinds = {"vmcall": Kind.PLAIN, "jmp": Kind.HLT}
        return (
            replace(found, kind=kinds[found.mnemonic], traits=Trait(0)) if found and found.mnemonic in kinds else found
        )


@pytest.mark.parametrize("cpu", CPUS[:1])
def test_a_vcpu_that_does_not_come_back_is_ended_by_the_watch(go, cpu: str) -> None:
    run = go("nop\njmp $\nhlt", cpu, decoder=Trusting())
    assert run.stop.reason is StopReason.FAULT
    assert "does not come back from `jmp 1`" in run.stop.detail["message"]
    assert run.machine.tick == 1
    assert run.machine.fetch_address == 1


@pytest.mark.parametrize("cpu", CPUS[:1])
def test_an_instruction_that_never_gets_done_is_refused(go, cpu: str) -> None:
    """On some hosts single-stepping `vmcall` in real mode stops again and again in front of it; elsewhere it ends."""
    run = go("nop\nvmcall\nhlt", cpu, decoder=Trusting())
    if run.stop.reason is StopReason.FAULT:
        assert "executes `vmcall` wrongly" in run.stop.detail["message"]
        assert run.machine.tick == 1
    else:
        assert run.stop.reason is StopReason.HALT


@pytest.mark.parametrize("cpu", [pytest.param("auto", marks=needs_kvm)])
def test_after_the_switch_the_timeline_is_one(go, cpu: str) -> None:
    """Checkpoints from before the switch lead to the same states after it. (As data, popcnt is not seen beforehand.)"""
    popcnt = "db 0xf3, 0x0f, 0xb8, 0xd8"
    source = f"mov cx, 5\nagain: inc ax\nout 0xe9, al\nloop again\n{popcnt}\nmov [0x300], bx\nhlt"
    machine = start(source, cpu)
    try:
        machine.run(4)
        early, digest = machine.save(), machine.digest()
        before = record(machine)
        end, cpu_then = machine.digest(), machine.cpu
        machine.restore(early)
        assert machine.digest() == digest
        again = record(machine)
        assert machine.digest() == end
        assert machine.cpu == cpu_then
        assert [s.writes for s in again.steps] == [s.writes for s in before.steps]
        switches = [[e.tick for e in r.events if e.data.get("reason") == "cpu_switched"] for r in (before, again)]
        assert switches[0] == switches[1]
    finally:
        machine.close()
    other = start(source, "unicorn")
    try:
        record(other)
        assert other.digest() == end
    finally:
        other.close()


def test_a_host_without_kvm_uses_unicorn_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "/nonexistent/kvm")
    program = room.build([SourceFile("main.asm", "mov al, 'k'\nout 0xe9, al\nhlt")], {})
    machine = room.start(program, Journal(), Limits())
    try:
        assert machine.cpu == "unicorn"
        notice = room.notice(machine)
        assert notice is not None
        assert notice["key"] == "x86_no_kvm"
        assert "/nonexistent/kvm" in notice["args"]["reason"]
        assert machine.run(100).reason is StopReason.HALT
    finally:
        machine.close()


def test_a_host_without_kvm_cannot_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "/nonexistent/kvm")
    program = room.build([SourceFile("main.asm", "hlt")], {"cpu": "kvm"})
    with pytest.raises(HostUnavailable) as error:
        room.start(program, Journal(), Limits())
    assert error.value.hint


def test_something_that_is_no_kvm_is_refused_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "/dev/null")
    program = room.build([SourceFile("main.asm", "hlt")], {"cpu": "kvm"})
    with pytest.raises(HostUnavailable, match="KVM_GET_API_VERSION"):
        room.start(program, Journal(), Limits())


def test_the_doctor_has_a_result_for_everything_on_unicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "/nonexistent/kvm")
    rows = doctor.report()
    assert rows[0] == ("/nonexistent/kvm", "cannot be opened", "")
    assert all(unicorn == "works" for _, _, unicorn in rows[1:])
    assert len(rows) == 1 + len(doctor.PROBES)


@pytest.mark.parametrize("cpu", CPUS[:1])
def test_the_doctor_finds_the_basics_working_on_kvm(cpu: str) -> None:
    results = {what: kvm for what, kvm, _ in doctor.report()}
    for probe in doctor.PROBES[:8]:
        assert results[probe.name] == "works", probe.name
