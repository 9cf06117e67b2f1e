"""Memory: going to an address, following a register, searching, one byte, the CPU's tables and the page walk."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

SOURCE = """        org 0x100
        mov si, table
        mov al, [si + 1]
        mov [0x5002], al
        mov word [4 * 0x80], table
        hlt
table:  db 1, 2, 3
        times 0x400 - ($ - $$) db 0
        db "needle"
"""


@pytest.fixture
def program(bench: Callable[..., Bench]) -> Bench:
    one = bench().open("/play?new=x86", ready=False)
    one.type_program(SOURCE)
    one.run()
    return one


def test_the_box_takes_registers_labels_sums_and_says_what_it_cannot_read(program: Bench) -> None:
    one = program
    one.go_to(3)
    memory = one.pane("memory")
    box = memory.get_by_label("Go to an address, or search")
    picked = memory.locator(".hex .picked")
    for text, at, byte in (
        ("5002", "5002", "02"),
        ("table+1", "", "02"),
        ("ds:si+2", "", "03"),
        ("500:2", "5002", "02"),
    ):
        box.fill(text)
        box.press("Enter")
        expect(picked).to_have_text(byte)
        if at:
            expect(picked).to_have_attribute("data-at", str(int(at, 16)))
    box.fill("table + nowhere")
    box.press("Enter")
    expect(memory.get_by_role("alert")).to_contain_text("nowhere")
    box.fill("")
    box.press("Enter")
    expect(memory.locator(".gaprow").filter(has_text="code at IP")).to_be_visible()


def test_a_search_goes_from_place_to_place(program: Bench) -> None:
    memory = program.pane("memory")
    box = memory.get_by_label("Go to an address, or search")
    box.fill('/"needle"')
    box.press("Enter")
    expect(memory.locator(".hex .picked.found")).to_have_text("6e")
    expect(memory.locator(".hex .found:not(.picked)")).to_have_text("65 65 64  6c 65")
    box.press("Enter")
    expect(memory.get_by_role("alert")).to_contain_text("needle")


def test_memory_follows_a_register_and_marks_what_was_read(program: Bench) -> None:
    one = program
    memory = one.pane("memory")
    memory.get_by_role("combobox", name="What memory is shown").select_option("si")
    one.go_to(2)
    expect(memory.locator(".hex .rd")).to_have_text(["02"])
    one.step(-1)
    expect(memory.locator(".hex .rd")).to_have_count(0)


def test_a_byte_says_who_wrote_it_and_arrow_keys_move(program: Bench) -> None:
    one = program
    one.go_to(one.frontier)
    memory = one.pane("memory")
    memory.get_by_label("Go to an address, or search").fill("5002")
    memory.get_by_label("Go to an address, or search").press("Enter")
    bar = memory.locator(".bytebar")
    expect(bar).to_contain_text("5002 02 = 2")
    grid = memory.get_by_role("grid")
    grid.focus()
    one.page.keyboard.press("ArrowRight")
    expect(bar).to_contain_text("5003 00 = 0")
    expect(bar).to_contain_text("never written")
    one.page.keyboard.press("ArrowLeft")
    assert one.tick == one.frontier
    bar.get_by_role("button", name=re.compile("step 3")).click()
    one.at(3)


def test_real_mode_has_vectors_and_no_descriptors(program: Bench) -> None:
    one = program
    one.go_to(4)
    memory = one.pane("memory")
    memory.locator(".fold summary", has_text="Interrupt vectors").click()
    expect(memory.locator(".idt tbody tr").filter(has_text="80")).to_contain_text("table")
    memory.locator(".fold summary", has_text="Segment descriptors").click()
    expect(memory).to_contain_text("Real mode uses no descriptors")
    memory.locator(".fold summary", has_text="Page walk").click()
    expect(memory).to_contain_text("Paging is off (CR0.PG = 0)")


def test_the_walk_of_an_address_is_drawn_table_by_table(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=modes")
    one.go_to(one.frontier)
    memory = one.pane("memory")
    memory.locator(".fold summary", has_text="Page walk").click()
    address = memory.get_by_label("Address to walk")
    address.fill("b8000")
    address.press("Enter")
    expect(memory.locator(".walk .levels li")).to_have_text([re.compile("PML4"), re.compile("PDPT"), re.compile("PD")])
    expect(memory.locator(".walk .end")).to_contain_text("000b8000")
    expect(memory.locator(".walk .cut li")).to_have_count(5)
    expect(memory.locator(".walk .levels li").nth(2).locator(".chips .on").nth(-1)).to_have_text("PSset")
    address.fill("40000000000")
    address.press("Enter")
    expect(memory.locator(".walk .end")).to_contain_text("Page fault")
    memory.locator(".fold summary", has_text="Segment descriptors").click()
    expect(memory.locator(".gdt tr.active")).to_have_count(2)


#: A GDT with a call gate into code and an LDT with one segment, which ES holds.
LOCAL = """ lgdt [gdtr]
 mov eax, ldt
 mov [gdt.ldt + 2], ax
 mov eax, entry
 mov [gdt.gate], ax
 mov ax, 0x18
 lldt ax
 mov ax, 4
 mov es, ax
 call 0x20:0
 hlt
entry: retf
gdtr: dw gdt.end - gdt - 1
 dd gdt
gdt: dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
.ldt: dq 0x0000820000000007
.gate: dq 0x00008c0200080000
.end:
ldt: dq 0x00cf92000000ffff
"""


def test_local_descriptors_and_call_gates_are_drawn(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.page.get_by_role("combobox", name="Mode").select_option("protected32")
    one.type_program(LOCAL)
    one.run()
    one.go_to(9)
    memory = one.pane("memory")
    memory.locator(".fold summary", has_text="Segment descriptors").click()
    gate = memory.locator(".gdt tr", has=one.page.get_by_role("rowheader", name="0020"))
    expect(gate).to_contain_text("call gate")
    expect(gate).to_contain_text("entry")
    expect(gate).to_contain_text("copies 2 parameters")
    local = memory.get_by_role("table", name="Local descriptors (LDT)")
    expect(local.locator("tr.active")).to_contain_text("0004")
    expect(local.locator("tr.active")).to_contain_text("data")
    # The descriptor of the table itself is in use, too.
    expect(memory.locator(".gdt tr.active", has_text="0018")).to_contain_text("ldt")
    memory.locator(".gdt .isgate .addr").click()
    expect(memory.locator(".hex .label", has_text="entry")).to_be_visible()


def test_the_map_of_a_process_names_its_areas(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.page.get_by_role("combobox", name="Mode").select_option("user64")
    one.type_program(
        "section .text\nmov eax, 12\nxor edi, edi\nsyscall\nlea rdi, [rax + 0x3000]\nmov eax, 12\nsyscall\n"
        "mov eax, 60\nsyscall\nsection .data\nvar: db 1\n"
    )
    one.run()
    one.go_to(1)
    memory = one.pane("memory")
    memory.locator(".fold summary", has_text="Map of the process").click()
    table = memory.get_by_role("table", name="Map of the process")
    expect(table.locator("tbody tr", has_text="heap")).to_have_count(0)
    expect(table.locator("tr.active")).to_contain_text("code")
    expect(table.locator("tr.active")).to_contain_text("RIP")
    expect(table.locator("tr", has_text="data")).to_contain_text("rw-")
    expect(table.locator("tr", has_text="stack")).to_contain_text("RSP")
    one.go_to(6)
    expect(table.locator("tbody tr", has_text="heap (brk)")).to_contain_text("12 KiB")
    one.open("/play?room=x86&example=sum")
    expect(memory.locator(".fold summary", has_text="Map of the process")).to_be_hidden()


def test_bytes_behind_page_tables_know_their_writers_and_can_be_changed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.page.get_by_role("combobox", name="Mode").select_option("user64")
    one.type_program("section .text\nmov byte [var], 7\nmov eax, 60\nsyscall\nsection .data\nvar: db 1, 2\n")
    one.run()
    one.go_to(1)
    memory = one.pane("memory")
    written = memory.locator(".hex .wr")
    expect(written).to_have_text(["07"])
    one.step()
    written = memory.locator(".hex .recently")
    written.click()
    memory.locator(".bytebar").get_by_role("button", name=re.compile("step 1")).click()
    one.at(1)
    memory.locator(".bytebar .value").hover()
    one.page.get_by_role("button", name=re.compile("^Change ")).click()
    field = one.page.get_by_role("textbox", name=re.compile("^New value"))
    field.fill("9")
    field.press("Enter")
    expect(memory.locator(".bytebar .value")).to_have_text("09")
