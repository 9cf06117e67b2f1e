"""The CPU's state: widths and formats of registers, what flags say, the stack's meaning, descriptor caches, lanes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

CALLS = """        org 0x100
        mov sp, 0x900
        mov bp, 0x8000
        mov ax, 0xff41
        call inner
        cmp al, 0x42
        jb  below
        hlt
below:  hlt
inner:  push bp
        mov bp, sp
        mov si, text
        pop bp
        ret
text:   db "a text", 0
"""
LANES = """        bits 64
        default rel
        movups xmm1, [numbers]
        paddd xmm1, xmm1
        fld1
        hlt
numbers: dd 1, 0, 0x10, 0xffffffff
"""


def opened(one: Bench, source: str, mode: str) -> Bench:
    one.open("/play?new=x86", ready=False)
    one.page.get_by_role("combobox", name="Mode").select_option(mode)
    one.type_program(source)
    one.run()
    return one


def flag(one: Bench, name: str) -> Locator:
    return one.pane("state").locator(".flags > div").filter(has_text=re.compile(f"^{name}"))


def test_a_register_unfolds_into_all_its_widths_and_stays_unfolded(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=sum&tick=9")
    name = one.pane("state").get_by_role("button", name="AX", exact=True)
    name.click()
    expect(name).to_have_attribute("aria-expanded", "true")
    widths = one.pane("state").get_by_role("table", name="AX in all widths")
    expect(widths.locator("tbody tr")).to_have_text([re.compile("^AX"), re.compile("^AH"), "ALbf191-65·"])
    one.step()
    expect(widths).to_be_visible()
    one.page.reload()
    one.ready()
    expect(one.pane("state").get_by_role("table", name="AX in all widths")).to_be_visible()


def test_the_number_format_is_chosen_once_for_all_registers(bench: Callable[..., Bench]) -> None:
    one = opened(bench(), CALLS, "real16")
    one.go_to(3)
    pick = one.pane("state").get_by_role("combobox", name="Number format")
    for name, text in {
        "signed": "-191",
        "unsigned": "65345",
        "binary": "11111111 01000001",
        "ascii": "A·",
        "hex": "ff41",
    }.items():
        pick.select_option(name)
        expect(one.register("AX").locator(".wrote")).to_have_text(text)


def test_flags_say_who_set_them_and_what_goes_by_them(bench: Callable[..., Bench]) -> None:
    one = opened(bench(), CALLS, "real16")
    one.go_to(10)
    expect(one.pane("listing").locator("tr.now")).to_contain_text("cmp")
    expect(flag(one, "CF")).to_have_text(re.compile("^CF 1carrywritten"))
    expect(flag(one, "IF")).to_have_text(re.compile(r"^IF 0interrupt\s*$"))
    note = one.pane("state").locator(".b-flags .note")
    expect(note).to_contain_text("cmp al, 0x42 @10")
    expect(note).to_contain_text("it had to borrow")
    expect(note).to_contain_text("jb comes next and will be taken, because CF = 1.")
    one.step()
    expect(flag(one, "CF")).to_have_text(re.compile("^CF 1carryread"))
    expect(note).to_contain_text("jb was taken, because CF = 1.")


def test_the_stack_names_return_addresses_frames_and_text(bench: Callable[..., Bench]) -> None:
    one = opened(bench(), CALLS, "real16")
    one.go_to(7)
    rows = one.pane("state").locator(".b-stk tbody tr")
    expect(rows.nth(0)).to_contain_text("frame")
    expect(rows.nth(1)).to_contain_text("return")
    expect(rows.nth(1)).to_contain_text("call 0x11")
    expect(one.register("SI")).to_contain_text('text "a text"')
    one.register("SI").get_by_role("button", name="text").click()
    expect(one.pane("memory").locator(".picked")).to_have_text("61")


def test_descriptor_caches_and_control_registers_are_taken_apart(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=modes")
    one.go_to(one.frontier)
    state = one.pane("state")
    cs = state.locator(".b-seg").get_by_role("button", name="CS", exact=True)
    cs.click()
    expect(state.locator(".b-seg .facts")).to_contain_text("GDT entry 3, RPL 0")
    expect(state.locator(".b-ctl li").filter(has_text="EFER").locator(".chips .on")).to_have_text(
        [re.compile("LME"), re.compile("LMA")]
    )


def test_vector_registers_show_lanes_and_which_of_them_changed(bench: Callable[..., Bench]) -> None:
    one = opened(bench(), LANES, "long64")
    state = one.pane("state")
    state.locator(".fold summary", has_text="Vector registers").click()
    one.go_to(2)
    lanes = state.locator(".vec li").filter(has_text="XMM1").locator(".lanes-of > span")
    expect(lanes).to_have_text(
        [re.compile("^fffffffe"), re.compile("^00000020"), re.compile("^00000000"), re.compile("^00000002")]
    )
    expect(state.locator(".vec li").filter(has_text="XMM1").locator(".wrote")).to_have_count(3)
    state.get_by_role("combobox", name="How the registers are cut").select_option("float")
    expect(lanes.nth(2)).to_have_text("0")
    one.step()
    expect(state.locator(".st tbody tr").first).to_contain_text("1")
