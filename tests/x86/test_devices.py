"""Devices and interrupts: at a tick, on both CPUs, and the same on the way back."""

import itertools

import pytest
from test_boot16 import boot
from x86_runs import CPUS, Run, record, start

from engine.machine import Journal, StopReason
from engine.x86.board import Board
from engine.x86.devices.pic import Pic
from engine.x86.devices.pit import Pit

both = pytest.mark.parametrize("cpu", CPUS)

#: Real mode without a BIOS: the PIC set up by the program, IRQ 0 at vector 0x20, the timer every 100 clocks.
TIMER = """
        mov sp, 0x1000
        mov word [0x20 * 4], tick
        mov word [0x20 * 4 + 2], 0
        mov word [0x21 * 4], key
        mov word [0x21 * 4 + 2], 0
        mov al, 0x11
        out 0x20, al
        mov al, 0x20
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, {mask}
        out 0x21, al
        mov al, 0x34
        out 0x43, al
        mov al, 100
        out 0x40, al
        mov al, 0
        out 0x40, al
        sti
{body}
        cli
        hlt
tick:   push ax
        inc bx
        mov al, 0x20
        out 0x20, al
        pop ax
        iret
key:    push ax
        in al, 0x60
        mov ah, 0
        add di, ax
        inc si
        mov al, 0x20
        out 0x20, al
        pop ax
        iret
"""


def timer(body: str, mask: int = 0xFE) -> str:
    return TIMER.format(body=body, mask=mask)


@both
def test_an_interrupt_comes_at_the_end_of_an_instruction_and_is_recorded_with_it(go, cpu) -> None:
    run = go(timer("again: inc dx\ncmp bx, 3\njb again"), cpu)
    at = [i for i, s in enumerate(run.steps) if "interrupt" in s.flags]
    assert len(at) == 3
    assert [run.steps[b].tick - run.steps[a].tick for a, b in itertools.pairwise(at)] == [100, 100]
    step = run.steps[at[0]]
    assert run.steps[at[0] + 1].text == "push ax"
    assert step.new(0x1000 - 6) is not None
    assert next(e for e in run.exits if e["reason"] == "interrupt") | {"to": 0} == {
        "reason": "interrupt",
        "irq": 0,
        "vector": 0x20,
        "to": 0,
    }
    assert run.stop.reason is StopReason.HALT


@both
def test_hlt_waits_for_the_timer_in_no_ticks_and_the_clock_goes_on(go, cpu) -> None:
    run = go(timer("again: hlt\ncmp bx, 3\njb again\nrdtsc"), cpu)
    assert run.register("ebx") == 3
    assert run.stop.tick < 90
    assert run.register("eax") > 290
    assert [e["reason"] for e in run.exits].count("KVM_EXIT_HLT") == 4


@both
def test_a_masked_timer_wakes_nobody_and_hlt_ends_the_program(go, cpu) -> None:
    run = go(timer("hlt\nmov cx, 1", mask=0xFF), cpu)
    assert run.stop.reason is StopReason.HALT
    assert run.register("cx") == 0


@both
def test_with_interrupts_off_a_hlt_ends_the_program_though_the_timer_runs(go, cpu) -> None:
    assert go(timer("cli\nhlt\nmov cx, 1"), cpu).register("cx") == 0


@both
def test_the_instruction_after_sti_comes_before_any_interrupt(go, cpu) -> None:
    run = go(timer("cli\nmov cx, 200\nloop $\nsti\ninc dx\ninc dx"), cpu)
    at = next(i for i, s in enumerate(run.steps) if "interrupt" in s.flags)
    assert [s.text for s in run.steps[at - 1 : at + 1]] == ["sti", "inc dx"]


@both
def test_without_an_end_of_interrupt_no_further_one_comes(go, cpu) -> None:
    source = timer("mov cx, 500\nloop $").replace("mov al, 0x20\n        out 0x20, al\n        pop ax", "pop ax", 1)
    run = go(source, cpu)
    assert run.register("bx") == 1


@both
def test_the_program_that_serves_irq_1_gets_the_scan_codes_of_what_is_typed(go, cpu) -> None:
    body = "again: hlt\ncmp si, 2\njb again"
    journal = Journal([("serial", b"a")])
    run = go(timer(body, mask=0xFD), cpu, journal=journal)
    assert run.register("di") == 0x1E + 0x9E
    waiting = go(timer(body, mask=0xFD), cpu)
    assert waiting.stop.reason is StopReason.INPUT
    ended = go(timer(body, mask=0xFD), cpu, journal=Journal([("serial", b"")]))
    assert ended.stop.reason is StopReason.HALT


@both
def test_timer_and_keyboard_together_wait_for_a_key_only_after_some_ticks(go, cpu) -> None:
    run = go(timer("again: hlt\njmp again", mask=0xFC), cpu)
    assert run.stop.reason is StopReason.INPUT
    assert 10 <= run.register("bx") <= 20


@both
def test_polling_the_controller_waits_once_the_program_clearly_waits(go, cpu) -> None:
    source = "again: in al, 0x64\ntest al, 1\njz again\nin al, 0x60\nmov bl, al\nin al, 0x60\ncli\nhlt"
    assert go(source, cpu).stop.reason is StopReason.INPUT
    run = go(source, cpu, journal=Journal([("serial", b"!")]))
    assert (run.register("bx"), run.register("ax")) == (0x2A, 0x02)  # Shift, then 1


@both
def test_the_clock_of_the_day_comes_from_the_journal_and_follows_the_machines_own(go, cpu) -> None:
    source = "mov al, {}\nout 0x70, al\nin al, 0x71\nmov ah, al\n"
    source = (
        "".join(source.format(r) + f"mov [0x200 + {i}], al\n" for i, r in enumerate((0, 2, 4, 7, 8, 9, 0x32))) + "hlt"
    )
    journal = Journal([("clock", b"1700000000")])  # 2023-11-14 22:13:20
    run = go(source, cpu, journal=journal)
    assert run.memory(0x200, 7) == bytes.fromhex("20132214112320")
    assert go(source, cpu).stop.detail == {"channel": "clock"}


@both
def test_debug_exit_ends_the_program_with_a_status(go, cpu) -> None:
    run = go("mov al, 5\nout 0xf4, al\nmov al, 6\nhlt", cpu)
    assert run.stop.reason is StopReason.HALT
    assert run.stop.tick == 2
    assert run.exits[-1] == {"reason": "debug_exit", "status": 11}
    assert run.machine.run(5) == run.stop


@both
def test_the_display_controller_moves_the_cursor(go, cpu) -> None:
    run = go("mov dx, 0x3d4\nmov ax, 0x000e\nout dx, ax\nmov ax, 0x510f\nout dx, ax\nmov byte [0x200], 1\nhlt", cpu)
    assert run.machine.board.crtc.state.cursor == 0x51
    assert "screen" not in run.machine.view()


def digests(machine, cuts: list[int]) -> list[str]:
    found = []
    for cut in cuts:
        machine.run(cut - machine.tick)
        found.append(machine.digest())
    return found


@both
def test_interrupts_come_at_the_same_ticks_however_the_run_is_cut(cpu) -> None:
    source = timer("again: inc dx\ncmp bx, 4\njb again\nmov cx, 3\nwait_: hlt\nloop wait_")
    one, other = start(source, cpu), start(source, cpu)
    try:
        cuts = [40, 99, 124, 125, 126, 127, 128, 200, 300, 400, 480]
        assert digests(one, cuts)[-1] == digests(other, [480])[-1]
        early = start(source, cpu)
        kept = []
        for cut in cuts:
            early.run(cut - early.tick)
            kept.append((early.save(), early.digest()))
        for checkpoint, digest in reversed(kept):
            early.restore(checkpoint)
            assert early.digest() == digest
            early.run(480 - early.tick)
            assert early.digest() == one.digest()
        early.close()
    finally:
        one.close()
        other.close()


def same(a: Run, b: Run) -> None:
    def seen(run: Run) -> list[tuple]:
        return [(s.tick, s.address, s.flags, [w for w in s.writes if w[0] != "flags"]) for s in run.steps]

    assert seen(a) == seen(b)
    assert a.stop == b.stop
    assert a.machine.digest() == b.machine.digest()


@pytest.mark.parametrize("cpu", CPUS[:1])
@pytest.mark.parametrize("body", ["again: inc dx\ncmp bx, 3\njb again", "again: hlt\ncmp bx, 9\njb again"])
def test_both_cpus_give_the_same_trace_with_interrupts(go, cpu, body) -> None:
    same(go(timer(body), cpu), go(timer(body), "unicorn"))


@pytest.mark.parametrize("cpu", CPUS[:1])
def test_both_cpus_boot_alike(cpu) -> None:
    source = "mov ax, 0x0e41\nmov cx, 30\nnext: int 0x10\nloop next\nmov ah, 0\nint 0x16\nint 0x19"
    machines = [boot(source, which, typed=[b"xy"]) for which in (cpu, "unicorn")]
    try:
        same(*(record(machine, 2000) for machine in machines))
    finally:
        for machine in machines:
            machine.close()


def test_the_interrupt_controller_keeps_priorities_and_the_cascade() -> None:
    pic = Pic()
    for port in (False, True):
        for offset, value in ((0, 0x11), (1, 0x70 if not port else 0x20), (1, 4), (1, 1), (1, 0)):
            pic.write(port, offset, value)
    for irq in (12, 3):
        pic.request(irq)
    assert pic.pending() == (12, 0x74)  # through input 2, before 3
    assert pic.acknowledge() == 12
    assert pic.pending() is None
    pic.request(1)
    assert pic.pending() == (1, 0x21)
    pic.end(12)
    assert pic.pending() == (1, 0x21)
    assert pic.acknowledge() == 1
    pic.end(1)
    assert pic.pending() == (3, 0x23)


def test_the_timer_counts_down_and_can_be_latched() -> None:
    pit = Pit()
    pit.clock = 10
    for offset, value in ((3, 0x34), (0, 0xE8), (0, 0x03)):
        pit.write(offset, value)
    assert pit.state.next_edge == 1010
    pit.clock = 310
    pit.write(3, 0)
    pit.clock = 320
    assert pit.read(0) | pit.read(0) << 8 == 700
    assert pit.read(0) | pit.read(0) << 8 == 690
    pit.clock = 5010
    assert pit.edges()
    assert not pit.edges()
    assert pit.state.next_edge == 6010


def test_a_boards_state_goes_in_and_out_unchanged() -> None:
    board = Board(Journal([("serial", b"k"), ("clock", b"5")]))
    fresh = board.save()
    for port, value in ((0x43, 0x36), (0x40, 7), (0x70, 9), (0x20, 0x11), (0x3D4, 0xE), (0x3D5, 1), (0x60, 0xF4)):
        board.ports.write(port, 1, value)
    board.ports.read(0x60, 1)
    changed = board.save()
    assert changed != fresh
    board.restore(fresh)
    assert board.save() == fresh
    board.restore(changed)
    assert board.save() == changed


@both
def test_the_serial_port_is_found_by_its_loopback(go, cpu) -> None:
    """What tutorials do: 0x1e to the modem control, a byte out, the same byte in; then 0x0f, and it is a port again."""
    source = """
        mov dx, 0x3fc
        mov al, 0x1e
        out dx, al
        mov dx, 0x3f8
        mov al, 0xae
        out dx, al
        mov dx, 0x3fd
        in al, dx
        mov bl, al
        mov dx, 0x3f8
        in al, dx
        mov bh, al
        mov dx, 0x3fe
        in al, dx
        mov cl, al
        mov dx, 0x3fc
        mov al, 0x0f
        out dx, al
        mov dx, 0x3f8
        mov al, 65
        out dx, al
        hlt"""
    run = go(source, cpu)
    assert (run.register("bx"), run.register("cx") & 0xFF) == (0xAE61, 0xD0)
    assert run.output == b"A"


SERIAL = """
        mov sp, 0x1000
        mov word [0x24 * 4], serial
        mov word [0x24 * 4 + 2], 0
        mov al, 0x11
        out 0x20, al
        mov al, 0x20
        out 0x21, al
        mov al, 4
        out 0x21, al
        mov al, 1
        out 0x21, al
        mov al, 0xef
        out 0x21, al
        mov dx, 0x3fc
        mov al, 8
        out dx, al
        mov dx, 0x3f9
        mov al, {enable}
        out dx, al
        sti
again:  hlt
        jmp again
serial: inc bp
        mov dx, 0x3fa
        in al, dx
        mov [bp + 0x300], al
        cmp al, 4
        je received
        cmp byte [text + si], 0
        je done
        mov al, [text + si]
        inc si
        mov dx, 0x3f8
        out dx, al
        jmp done
received:
        mov dx, 0x3f8
        in al, dx
        mov [di + 0x200], al
        inc di
done:   mov al, 0x20
        out 0x20, al
        iret
text:   db "hello", 0"""


@both
def test_the_serial_port_interrupts_when_it_has_sent(go, cpu) -> None:
    run = go(SERIAL.replace("{enable}", "2"), cpu)
    assert run.output == b"hello"
    interrupts = [e for e in run.exits if e["reason"] == "interrupt"]
    assert {(e["irq"], e["vector"]) for e in interrupts} == {(4, 0x24)}
    assert run.memory(0x301, 6) == b"\2" * 6


@both
def test_the_serial_port_interrupts_for_what_came_in(go, cpu) -> None:
    run = go(
        SERIAL.replace("{enable}", "1"), cpu, journal=Journal([("serial", b"o"), ("serial", b"k"), ("serial", b"")])
    )
    assert run.memory(0x200, 2) == b"ok"
    assert run.stop.reason is StopReason.HALT
    waiting = go(SERIAL.replace("{enable}", "1"), cpu)
    assert waiting.stop.reason is StopReason.INPUT


@both
def test_the_speakers_channel_can_be_waited_for(go, cpu) -> None:
    """Mode 0 with 500 clocks: bit 5 of port 0x61 rises when they are over; an instruction is a clock."""
    source = """
        mov al, 0xb0
        out 0x43, al
        mov al, 1
        out 0x61, al
        mov al, 500 & 0xff
        out 0x42, al
        mov al, 500 >> 8
        out 0x42, al
again:  inc bx
        in al, 0x61
        test al, 0x20
        jz again
        mov al, 0x80
        out 0x43, al
        in al, 0x42
        mov cl, al
        in al, 0x42
        mov ch, al
        hlt"""
    run = go(source, cpu)
    assert run.stop.reason is StopReason.HALT
    loaded = next(s.tick for s in run.steps if s.text == "inc bx") - 1
    risen = next(s.tick for s in run.steps if s.text == "mov al, 0x80") - 3  # the last `in`
    assert 500 <= risen - loaded <= 504
    assert run.register("cx") > 0xFF00  # it has counted on, below zero
    assert {e["device"] for e in run.exits if e.get("port") in (0x42, 0x61)} == {"speaker"}


@both
def test_the_speaker_is_driven_by_a_square_wave_and_refresh_toggles(go, cpu) -> None:
    source = "mov al, 0xb6\nout 0x43, al\nmov al, 3\nout 0x61, al\nmov al, 40\nout 0x42, al\nmov al, 0\nout 0x42, al"
    source += "\nmov di, 0x200\nmov cx, 40\nagain: in al, 0x61\nstosb\nloop again\nhlt"
    seen = go(source, cpu).memory(0x200, 40)
    assert {byte & 0x0F for byte in seen} == {3}
    assert {byte & 0x20 for byte in seen} == {0, 0x20}
    assert {byte & 0x10 for byte in seen} == {0, 0x10}
