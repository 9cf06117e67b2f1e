"""The Machine contract: forward and back, saving, input, breakpoints, views."""

import random

import pytest
from x86_programs import Generator
from x86_runs import CPUS, needs_kvm, record, start

from engine.errors import CommandError
from engine.machine import Journal, StopReason
from engine.trace import TraceBatch

SUM = """
start:  mov sp, 0x100
        xor ax, ax
        mov si, table
        mov cx, 6
.add:   add al, [si]
        adc ah, 0
        inc si
        loop .add
        mov [total], ax
        call show
        hlt
show:   mov dx, 0x3f8
        out dx, al
        ret
table:  db 1, 2, 3, 4, 5, 250
total:  dw 0"""


@pytest.mark.parametrize("seed", [7, 11, 23])
@pytest.mark.parametrize("cpu", CPUS)
def test_the_state_after_n_forward_is_the_state_after_going_back_to_n(cpu: str, seed: int) -> None:
    machine = start(Generator(seed).program(), cpu)
    try:
        digests, saves = [machine.digest()], [machine.save()]
        while not machine.run(1).is_final:
            digests.append(machine.digest())
            saves.append(machine.save(saves[-1]))
        last = len(digests) - 1
        choose = random.Random(1)
        for _ in range(60):
            n = choose.randrange(last + 1)
            base = choose.randrange(n + 1)
            machine.restore(saves[base])
            assert machine.digest() == digests[base]
            machine.run(n - base, TraceBatch() if choose.random() < 0.5 else None)
            assert machine.tick == n
            assert machine.digest() == digests[n]
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_the_same_run_twice_has_the_same_digest_at_every_tick(cpu: str) -> None:
    def digests() -> list[str]:
        machine, found = start(SUM, cpu), []
        try:
            while not machine.run(1).is_final:
                found.append(machine.digest())
        finally:
            machine.close()
        return found

    first = digests()
    assert first == digests()
    assert len(set(first)) == len(first)


@pytest.mark.parametrize("cpu", CPUS)
def test_recording_or_not_leads_to_the_same_state(cpu: str) -> None:
    recorded, silent = start(Generator(3).program(), cpu), start(Generator(3).program(), cpu)
    try:
        record(recorded)
        while not silent.run(13).is_final:
            pass
        assert silent.digest() == recorded.digest()
    finally:
        recorded.close()
        silent.close()


@pytest.mark.parametrize("cpu", [pytest.param("kvm", marks=needs_kvm)])
def test_a_state_saved_on_one_cpu_goes_on_on_the_other(cpu: str) -> None:
    kvm, unicorn = start(SUM, cpu), start(SUM, "unicorn")
    try:
        kvm.run(17)
        unicorn.restore(kvm.save())
        assert unicorn.digest() == kvm.digest()
        kvm.run(1000)
        unicorn.run(1000)
        assert unicorn.digest() == kvm.digest()
    finally:
        kvm.close()
        unicorn.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_checkpoints_share_the_pages_that_did_not_change(cpu: str) -> None:
    machine = start("mov ax, 0x2000\nmov es, ax\nmov cx, 0xffff\nrep stosb\nmov byte [0x5000], 1\nhlt", cpu)
    try:
        machine.run(4)
        first = machine.save()
        machine.run(1)
        second = machine.save(first)
        assert second.size_bytes < first.size_bytes + 3 * 4096
        assert second.image.copied_bytes <= 4096
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_a_full_batch_ends_the_run_and_the_next_goes_on(cpu: str) -> None:
    machine, batch = start("again: inc ax\npusha\npopa\njmp again", cpu), TraceBatch(step_capacity=10)
    try:
        stop = machine.run(1000, batch)
        assert stop.reason is StopReason.BUDGET
        assert batch.step_count == 10
        assert batch.first_tick == 1
        batch.clear()
        machine.run(5, batch)
        assert (batch.first_tick, batch.step_count) == (11, 5)
        small = TraceBatch(step_capacity=100, write_capacity=256 + 20)
        machine.run(1000, small)
        assert 0 < small.step_count < 100
        assert small.write_count <= small.write_capacity
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_breakpoints_stop_before_their_row_but_not_at_the_start(cpu: str) -> None:
    machine = start(SUM, cpu)
    try:
        rows = [r for f in machine.listing()["functions"] for r in f["rows"]]
        where = next(r["where"] for r in rows if r["op"] == "loop")
        machine.set_breakpoints([where])
        ticks = []
        while True:
            stop = machine.run(1000, TraceBatch() if len(ticks) % 2 else None, breakpoints=True)
            if stop.reason is not StopReason.BREAKPOINT:
                break
            assert machine.where == where
            ticks.append(stop.tick)
        assert ticks == [7, 11, 15, 19, 23, 27]
        assert stop.reason is StopReason.HALT
    finally:
        machine.close()
    machine = start(SUM, cpu)
    try:
        machine.set_breakpoints([where])
        assert machine.run(1000).reason is StopReason.HALT
    finally:
        machine.close()


ECHO = "mov dx, 0x3f8\nnext: in al, dx\nor al, al\njz done\nout dx, al\njmp next\ndone: hlt"


@pytest.mark.parametrize("cpu", CPUS)
def test_a_program_waits_for_input_before_the_instruction_that_reads(cpu: str) -> None:
    machine = start(ECHO, cpu)
    try:
        stop = machine.run(100)
        assert stop.reason is StopReason.INPUT
        assert stop.detail == {"channel": "serial"}
        assert stop.tick == 1
        waiting = machine.save()
        machine.journal.append("serial", b"hi")
        assert machine.run(100).reason is StopReason.INPUT
        machine.journal.append("serial", b"")
        assert machine.run(100).reason is StopReason.HALT
        output = b"".join(e.data["bytes"] for e in machine.drain_events() if e.kind == "output")
        assert output == b"hi"
        end = machine.digest()
        machine.restore(waiting)
        assert machine.run(100).reason is StopReason.HALT
        assert machine.digest() == end
        machine.restore(waiting)
        machine.journal.truncate(0)
        machine.journal.append("serial", b"other")
        assert machine.run(100).reason is StopReason.INPUT
        assert machine.digest() != end
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_polling_the_line_status_waits_only_when_the_program_waits(go, cpu: str) -> None:
    send = (
        "mov cx, 30\nnext: mov dx, 0x3fd\nin al, dx\ntest al, 0x20\njz next\nmov dx, 0x3f8\nout dx, al\nloop next\nhlt"
    )
    assert go(send, cpu).stop.reason is StopReason.HALT
    receive = "mov dx, 0x3fd\nwait_: in al, dx\ntest al, 1\njz wait_\nmov dx, 0x3f8\nin al, dx\nhlt"
    assert go(receive, cpu).stop.reason is StopReason.INPUT
    run = go(receive, cpu, journal=Journal([("serial", b"x")]))
    assert run.stop.reason is StopReason.HALT
    assert run.register("ax") == ord("x")


@pytest.mark.parametrize("cpu", CPUS)
def test_a_rep_insb_that_lacks_input_takes_none_of_it(cpu: str) -> None:
    machine = start("mov cx, 4\nmov di, 0x200\nmov dx, 0xe9\nrep insb\nhlt", cpu, journal=Journal([("serial", b"ab")]))
    try:
        assert machine.run(100).reason is StopReason.INPUT
        assert machine.tick == 3
        machine.journal.append("serial", b"cd")
        assert machine.run(100).reason is StopReason.HALT
        assert machine.vcpu.read_memory(0x200, 5) == b"abcd\0"
    finally:
        machine.close()


@pytest.mark.parametrize("cpu", CPUS)
def test_the_view_tells_where_it_is(go, cpu: str) -> None:
    machine = start(SUM, cpu)
    try:
        view = machine.view()
        assert (view["tick"], view["last"], view["next"], view["depth"]) == (0, None, {"where": 0}, 1)
        machine.run(2)
        view = machine.view()
        assert (view["last"], view["next"]) == ({"where": 1}, {"where": 2})
        assert next(f for f in view["flags"]["bits"] if f["name"] == "ZF")["set"]
        assert view["cpu"] == cpu
        assert {w["name"] for w in view["memory"]} == {"ip", "sp", "table", "total"}
        machine.run(1000)
        view = machine.view()
        assert view["next"] is None
        assert view["exits"]["count"] == 2
        assert [e["reason"] for e in view["exits"]["last"]] == ["KVM_EXIT_IO", "KVM_EXIT_HLT"]
    finally:
        machine.close()


def test_the_listing_has_the_source_first_under_its_labels(go) -> None:
    machine = start(SUM, "unicorn")
    try:
        listing = machine.listing()
        assert [f["name"] for f in listing["functions"]] == ["start", "show", "table", "total"]
        rows = [r for f in listing["functions"] for r in f["rows"]]
        assert [r["where"] for r in rows] == list(range(len(rows)))
        assert [r["address"] for r in rows] == sorted(r["address"] for r in rows)
        loop = next(r for r in rows if r["op"] == "loop")
        assert loop["comment"] == "→ start.add"
        assert rows[loop["jump"]]["op"] == "add"
        assert loop["line"] == 9
        assert rows[-1]["data"]
        assert {"name": "start.add", "address": 11} in listing["labels"]
    finally:
        machine.close()


def test_inspect_answers_memory_disassembly_and_exits_and_refuses_the_rest() -> None:
    machine = start(SUM, "unicorn")
    try:
        machine.run(1000)
        assert machine.inspect({"kind": "memory", "address": 0, "length": 3})["bytes"] == "bc0001"
        rows = machine.inspect({"kind": "disassembly", "address": 3, "count": 2})["rows"]
        assert [r["op"] for r in rows] == ["xor", "mov"]
        assert machine.inspect({"kind": "exits"})["count"] == 2
        for query in (
            {"kind": "heap"},
            {"kind": "memory", "address": 1 << 20},
            {"kind": "memory", "address": 0, "length": 4097},
        ):
            with pytest.raises(CommandError):
                machine.inspect(query)
    finally:
        machine.close()


def test_closing_twice_is_harmless_and_many_machines_fit_into_one_process() -> None:
    machines = [start("hlt", "unicorn") for _ in range(12)]
    for machine in machines:
        machine.run(1)
        machine.close()
        machine.close()


def test_endless_self_modification_ends_with_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.x86.machine.MAX_DISCOVERED", 50)
    machine = start("again: inc word [spot + 1]\nspot: mov ax, 0\njmp again", "unicorn")
    try:
        stop = machine.run(10_000)
        assert stop.reason is StopReason.LIMIT
        assert stop.detail["limit"] == "code"
    finally:
        machine.close()


@pytest.mark.parametrize("seed", range(40, 52))
def test_however_a_run_is_cut_and_taken_back_the_states_are_the_same(seed: int) -> None:
    """An emulator translates a stretch as a whole; where it starts and what it knew before must not matter."""
    single = start(Generator(seed).program(), "unicorn")
    cut = start(single.program.assembly, "unicorn")
    choose, states = random.Random(seed), [single.vcpu.state_bytes()]
    try:
        while not single.run(1).is_final:
            states.append(single.vcpu.state_bytes())
        kept = cut.save()
        for _ in range(60):
            if choose.random() < 0.2:
                cut.restore(kept)
            cut.run(choose.randrange(1, 20), TraceBatch() if choose.random() < 0.5 else None)
            if cut.tick < len(states):
                assert cut.vcpu.state_bytes() == states[cut.tick]
                if choose.random() < 0.2:
                    kept = cut.save()
    finally:
        single.close()
        cut.close()


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("source", ["inc ax\ninc bx\nmov sp, 1\npush ax", "inc ax\ninc bx\njmp 0xffff:0x20"])
def test_after_the_worst_end_one_can_go_back_and_on_again(cpu: str, source: str) -> None:
    machine = start(source, cpu)
    try:
        machine.run(1)
        early, digest = machine.save(), machine.digest()
        stop = machine.run(100)
        assert stop.reason is StopReason.FAULT
        end = machine.digest()
        for _ in range(3):
            machine.restore(early)
            assert machine.digest() == digest
            assert machine.where is not None
            machine.run(1)
            assert machine.run(100) == stop
            assert machine.digest() == end
    finally:
        machine.close()
