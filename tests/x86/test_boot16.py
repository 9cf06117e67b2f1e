"""Mode boot16: a boot sector, the BIOS's services as recorded exits, the screen and the keyboard."""

from collections.abc import Callable, Iterator

import pytest
from x86_runs import CPUS, Run, record

from engine.errors import CommandError, SourceError
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile
from engine.trace import TraceBatch
from engine.x86 import room
from engine.x86.machine import X86Machine

pytestmark = pytest.mark.parametrize("cpu", CPUS)

END = "\n times 510 - ($ - $$) db 0\n dw 0xaa55\n"


def boot(source: str, cpu: str, typed: list[bytes] | None = None, after: str = "") -> X86Machine:
    text = "org 0x7c00\n" + source + END + after
    program = room.build([SourceFile("main.asm", text)], {"mode": "boot16", "cpu": cpu})
    answers = iter([*typed, b""]) if typed is not None else iter([])
    return room.start(program, Journal(source=lambda channel: next(answers, None)), Limits())


@pytest.fixture
def start() -> Iterator[Callable[..., Run]]:
    machines = []

    def run(source: str, cpu: str, max_ticks: int = 200_000, **options: object) -> Run:
        machine = boot(source, cpu, **options)  # type: ignore[arg-type]
        machines.append(machine)
        return record(machine, max_ticks)

    yield run
    for machine in machines:
        machine.close()


def test_a_boot_sector_begins_at_7c00_as_a_bios_leaves_the_cpu(start, cpu) -> None:
    run = start("cli\nhlt", cpu)
    assert run.steps[0].address == 0x7C00
    assert run.register("dx") == 0x80
    view = run.machine.view()
    assert [s["selector"] for s in view["segments"]] == ["0000"] * 6
    assert run.machine.view()["mode"] == "boot16"
    assert run.memory(0x7C00 + 510, 2) == b"\x55\xaa"


@pytest.mark.parametrize(("source", "word"), [("hlt", "1 bytes"), ("hlt\ntimes 511 db 0", "00 00, not 55 AA")])
def test_what_is_no_boot_sector_is_refused_with_a_reason(cpu, source: str, word: str) -> None:
    with pytest.raises(SourceError) as refused:
        room.build([SourceFile("main.asm", source)], {"mode": "boot16", "cpu": cpu})
    assert word in refused.value.message
    assert "0xaa55" in (refused.value.hint or "")


def test_a_source_without_org_is_shown_where_it_is_loaded(start, cpu) -> None:
    program = room.build([SourceFile("a.asm", "start: cli\nhlt" + END)], {"mode": "boot16", "cpu": cpu})
    machine = room.start(program, Journal(), Limits())
    try:
        assert machine.listing()["labels"][0] == {"name": "start", "address": 0x7C00}
        assert machine.run(10).reason is StopReason.HALT
    finally:
        machine.close()


def test_teletype_is_three_ticks_a_call_and_writes_the_screen(start, cpu) -> None:
    run = start("mov ax, 0x0e41\nint 0x10\nmov al, 'B'\nint 0x10\ncli\nhlt", cpu)
    assert run.texts[:4] == ["mov ax, 0xe41", "int 0x10", "vmcall", "iret"]
    call = run.steps[2]
    assert call.flags == ("output", "exit")
    assert call.new(0xB8000) == 0x41
    screen = run.machine.view()["screen"]
    assert screen["rows"][0].startswith("AB  ")
    assert screen["cursor"] == {"row": 0, "column": 2, "visible": True}
    assert run.output == b"AB"
    assert run.exits[0] == {"reason": "bios", "service": "int 10h", "function": 0x0E, "name": "teletype output"}


def test_a_line_feed_on_the_last_row_scrolls(start, cpu) -> None:
    source = """
        mov ah, 2
        mov dx, 0x1700
        int 0x10
        mov si, text
next:   lodsb
        or al, al
        jz done
        mov ah, 0x0e
        int 0x10
        jmp next
done:   cli
        hlt
text:   db 'one', 13, 10, 'two', 13, 10, 'x', 0"""
    rows = start(source, cpu).machine.view()["screen"]["rows"]
    assert [row.rstrip() for row in rows[21:]] == ["", "one", "two", "x"]


def test_cursor_colours_scrolling_and_strings(start, cpu) -> None:
    source = """
        mov ax, 3
        int 0x10
        mov ah, 1
        mov cx, 0x2000
        int 0x10                ; no cursor
        mov ah, 2
        mov dx, 0x0305
        int 0x10
        mov ax, 0x0958
        mov bx, 0x1e
        mov cx, 4
        int 0x10                ; XXXX, yellow on blue
        mov ah, 8
        int 0x10
        mov di, ax
        mov ah, 3
        int 0x10
        mov si, dx
        push cs
        pop es
        mov ax, 0x1301
        mov bx, 0x4f
        mov cx, 3
        mov dx, 0x0500
        mov bp, text
        int 0x10
        mov ax, 0x0601
        mov bh, 0x20
        mov cx, 0x0300
        mov dx, 0x054f
        int 0x10                ; rows 3 to 5 move up
        cli
        hlt
text:   db 'abc'"""
    run = start(source, cpu)
    screen = run.machine.view()["screen"]
    assert run.register("di") == 0x1E58
    assert run.register("si") == 0x0305
    assert screen["rows"][4].startswith("abc")
    assert screen["attributes"][4][:2] == [[0, 3, 0x4F], [3, 77, 0x07]]
    assert screen["attributes"][5] == [[0, 80, 0x20]]
    assert screen["cursor"]["visible"] is False


def test_memory_equipment_and_the_memory_map_are_told(start, cpu) -> None:
    source = """
        int 0x12
        mov si, ax
        int 0x11
        mov bp, ax
        xor ebx, ebx
        mov di, 0x600
next:   mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 24
        int 0x15
        jc done
        add di, 20
        test ebx, ebx
        jnz next
done:   cli
        hlt"""
    run = start(source, cpu)
    assert run.register("esi") == 639
    assert run.register("edi") == 0x600 + 60
    assert run.memory(0x600, 20) == bytes(8) + (639 * 1024).to_bytes(8, "little") + b"\1\0\0\0"


def test_the_disk_holds_the_programs_other_sectors(start, cpu) -> None:
    source = """
        mov ax, 0x0202
        mov cx, 2
        mov dx, 0x80
        mov bx, 0x9000
        int 0x13
        jc bad
        mov ah, 8
        int 0x13
        mov si, cx
        mov ax, 0x0201
        mov dx, 0x00            ; there is no floppy
        int 0x13
        jnc bad
        cli
        hlt
bad:    mov di, 1
        cli
        hlt"""
    run = start(source, cpu, after="db 'second sector'")
    assert run.memory(0x9000, 13) == b"second sector"
    assert run.memory(0x9200, 4) == bytes(4)
    assert run.register("di") == 0
    assert run.register("si") & 0x3F == 36
    assert run.register("ax") >> 8 == 0xAA


def test_waiting_for_a_key_waits_before_the_service_and_goes_on_with_what_is_typed(cpu) -> None:
    machine = boot("mov ah, 0\nint 0x16\nmov bx, ax\nmov ah, 0\nint 0x16\ncli\nhlt", cpu)
    try:
        stop = machine.run(100)
        assert (stop.reason, stop.tick) == (StopReason.INPUT, 2)
        waiting = machine.save()
        machine.journal.append("serial", b"aQ")
        assert machine.run(100).reason is StopReason.HALT
        registers = {r["name"]: r["value"] for r in machine.view()["registers"]}
        assert (registers["bx"], registers["ax"]) == ("1e61", "1051")
        end = machine.digest()
        machine.restore(waiting)
        assert machine.run(100, TraceBatch()).reason is StopReason.HALT
        assert machine.digest() == end
    finally:
        machine.close()


def test_looking_for_a_key_goes_on_without_one_until_the_program_clearly_waits(cpu) -> None:
    source = "again: mov ah, 1\nint 0x16\njz again\nmov ah, 0\nint 0x16\ncli\nhlt"
    machine = boot(source, cpu)
    try:
        stop = machine.run(1000)
        assert stop.reason is StopReason.INPUT
        assert stop.tick > 50
        machine.journal.append("serial", b"\x1b[A")
        assert machine.run(1000).reason is StopReason.HALT
        assert {r["name"]: r["value"] for r in machine.view()["registers"]}["ax"] == "4800"
    finally:
        machine.close()


def test_a_silence_lets_a_program_that_only_looks_run_on_for_a_tick_of_the_timer(cpu) -> None:
    source = (
        "again: inc bx\nxor cx, cx\nmov dx, 55000\nmov ah, 0x86\nint 0x15\nmov ah, 1\nint 0x16\njz again\n"
        "mov ah, 0\nint 0x16\ncli\nhlt"
    )

    def frames(machine) -> int:
        return int(next(r["value"] for r in machine.view()["registers"] if r["name"] == "bx"), 16)

    machine = boot(source, cpu)
    try:
        assert machine.run(5000).detail == {"channel": "serial", "polls": True}
        before = frames(machine)
        for shown in range(1, 4):
            machine.journal.append("serial", b"\0")
            assert machine.run(5000).detail["polls"]
            # Two looks of 55.0 ms do not fit into 65,536 clocks, 54.9 ms: the second one comes after the silence.
            assert frames(machine) == before + shown
        machine.journal.append("serial", b"q")
        assert machine.run(5000).reason is StopReason.HALT
        assert {r["name"]: r["value"] for r in machine.view()["registers"]}["ax"] == "1071"
    finally:
        machine.close()


def test_a_silence_is_no_key_for_who_waits_for_one(cpu) -> None:
    machine = boot("mov ah, 0\nint 0x16\ncli\nhlt", cpu, typed=[b"\0\0x"])
    try:
        assert machine.run(100).reason is StopReason.HALT
        assert {r["name"]: r["value"] for r in machine.view()["registers"]}["ax"] == "2d78"
    finally:
        machine.close()


def test_a_disks_image_boots_without_source_and_its_code_becomes_rows_as_it_runs(cpu) -> None:
    # xor ax, ax; mov es, ax; mov ax, 0x0201; mov cx, 2; mov bx, 0x9000; int 0x13; jmp 0:0x9000
    sector = bytes.fromhex("31c08ec0b80102b90200bb0090cd13ea00900000").ljust(510, b"\0") + b"\x55\xaa"
    second = bytes.fromhex("bb3412faf4")  # mov bx, 0x1234; cli; hlt
    options = {"mode": "boot16", "cpu": cpu}
    machine = room.start(room.build([SourceFile("disk.img", "", sector + second)], options), Journal(), Limits())
    try:
        assert machine.listing()["functions"] == []
        assert machine.run(1000).reason is StopReason.HALT
        assert {r["name"]: r["value"] for r in machine.view()["registers"]}["bx"] == "1234"
        rows = [row for function in machine.listing()["functions"] for row in function["rows"]]
        assert [row["address"] for row in rows if row["op"] == "cli"] == [0x9003]
    finally:
        machine.close()
    with pytest.raises(SourceError, match="not 55 AA"):
        room.build([SourceFile("disk.img", "", bytes(600))], options)
    with pytest.raises(SourceError, match="the disk has 1,474,560"):
        room.build([SourceFile("disk.img", "", sector + bytes(1_474_560))], options)
    with pytest.raises(CommandError, match="one file of text"):
        room.build([SourceFile("disk.img", "", sector)], {"mode": "real16", "cpu": cpu})


def test_int_19h_boots_again_with_the_sector_as_it_was(start, cpu) -> None:
    source = (
        "start: inc byte [0x600]\ninc byte [spot]\ncmp byte [0x600], 2\njae end\nint 0x19\nend: cli\nhlt\nspot: db 5"
    )
    run = start(source, cpu)
    assert run.stop.reason is StopReason.HALT
    spot = dict(run.machine.program.assembly.labels)["spot"]
    assert run.memory(spot, 1) == b"\6"


def test_a_service_that_does_not_exist_says_so_and_harms_nothing(start, cpu) -> None:
    run = start(
        "mov ax, 0x4f00\nint 0x10\nmov ah, 0x99\nmov dl, 0x80\nint 0x13\nsetc bl\nmov ax, 1\nint 0x15\ncli\nhlt", cpu
    )
    assert run.register("bx") & 0xFF == 1
    assert [e["name"] for e in run.exits[:-1]] == ["not here"] * 3


def test_elsewhere_vmcall_is_no_service(start, cpu) -> None:
    run = start("mov word [6 * 4], h\nmov word [6 * 4 + 2], 0\nvmcall\nh: cli\nhlt", cpu)
    assert run.exits[0]["vector"] == 6


def test_every_tick_of_a_boot_can_be_gone_back_to(cpu) -> None:
    source = "mov ax, 0x0e41\nint 0x10\nmov ah, 0\nint 0x16\nmov ah, 0x0e\nint 0x10\ncli\nhlt"
    machine = boot(source, cpu, typed=[b"z"])
    try:
        states = [(machine.save(), machine.digest())]
        while not machine.run(1).is_final:
            states.append((machine.save(), machine.digest()))
        for checkpoint, digest in reversed(states):
            machine.restore(checkpoint)
            assert machine.digest() == digest
            machine.run(3)
            assert machine.digest() == states[min(checkpoint.tick + 3, len(states) - 1)][1] or machine.where is None
    finally:
        machine.close()


WAITS = """
mov bp, 4
again: mov ah, 0x86
mov cx, 1
mov dx, 0xadb0
int 0x15
dec bp
jnz again
cli
hlt
"""


def test_an_interrupt_behind_a_return_leaves_the_call_depth_where_it_was(start, cpu) -> None:
    run = start(WAITS, cpu)
    assert sum("interrupt" in step.flags and step.text.startswith("iret") for step in run.steps) == 4
    assert [step.depth for step in run.steps if step.text.startswith("dec")] == [1] * 4
    assert max(step.depth for step in run.steps) == 3
