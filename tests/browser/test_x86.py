"""A program for the CPU, stepped forwards and backwards in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

SUM = """bits 16
org 0
start:  mov sp, 0x100
        mov ax, 0xfff0
        add ax, 0x0020
        push ax
        mov al, 'A'
        mov dx, 0x3f8
        out dx, al
        inc al
        out dx, al
        pop bx
        hlt
"""


@pytest.fixture
def program(bench: Callable[..., Bench]) -> Bench:
    """The program above, run, at tick 0."""
    one = bench().open("/play", ready=False)
    one.choose_room("x86")
    one.page.locator("#example").select_option("blank")
    one.type_program(SUM)
    one.run()
    one.at(0)
    return one


def test_registers_and_flags_change_with_each_step_and_back_again(program: Bench) -> None:
    one = program
    assert one.frontier == 11
    one.step(2)
    expect(one.register("AX")).to_contain_text("fff0")
    one.step()
    expect(one.register("AX").locator(".old")).to_contain_text("fff0")
    expect(one.register("AX").locator(".wrote")).to_have_text("0010")
    carry = one.pane("state").locator(".flags > div").filter(has_text="CF")
    expect(carry).to_have_text(re.compile("^CF 1"))
    expect(carry).to_have_class(re.compile("changed"))
    one.step(-1)
    expect(carry).to_have_text(re.compile("^CF 0"))
    expect(one.register("AX").locator(".wrote")).to_have_text("fff0")


def test_the_stack_and_memory_show_what_was_pushed(program: Bench) -> None:
    one = program
    one.go_to(4)
    expect(one.page.locator(".reads")).to_contain_text("AX = 0010")
    expect(one.register("SP").locator(".wrote")).to_have_text("00fe")
    expect(one.pane("memory").locator(".hex .wr")).to_have_text(["10", "00"])
    stack = one.pane("state").locator(".b-stk tbody tr").first
    expect(stack).to_contain_text("0010")
    stack.get_by_role("button", name="Go to step 4").click()
    one.at(4)


def test_every_exit_to_the_host_is_listed_and_output_waits_for_its_step(program: Bench) -> None:
    one = program
    exits = one.pane("extra").locator("tbody tr")
    expect(exits).to_have_count(3)
    expect(exits.nth(0)).to_contain_text("0x3f8")
    expect(exits.nth(0)).to_contain_text("'A'")
    expect(exits.nth(0)).to_have_class(re.compile("future"))
    output = one.pane("output").locator("li pre")
    expect(output).to_have_text("AB")
    expect(output.locator(".f")).to_have_text(["A", "B"])
    one.go_to(7)
    expect(output.locator(".f")).to_have_text(["B"])
    expect(exits.nth(0)).to_have_class(re.compile("last"))
    exits.nth(2).get_by_role("button").first.click()
    one.at(11)
    expect(output.locator(".f")).to_have_count(0)


def test_the_current_and_the_next_instruction_stand_out_in_the_disassembly(program: Bench) -> None:
    one = program
    one.go_to(3)
    listing = one.pane("listing")
    expect(listing.locator("tr.now")).to_contain_text("add")
    expect(listing.locator("tr.now")).to_have_attribute("aria-current", "step")
    expect(listing.locator("tr.next")).to_contain_text("push")
    expect(one.pane("source").locator(".cm-line.now")).to_contain_text("add ax, 0x0020")
    expect(one.pane("narration")).to_contain_text("Adds 0x20 to ax")


def test_a_shared_step_opens_in_another_browser_at_the_same_step(program: Bench, bench: Callable[..., Bench]) -> None:
    one = program
    one.go_to(6)
    one.page.locator("#share").click()
    one.page.locator("#share-make").click()
    link = one.page.locator("#share-link").input_value()
    assert re.search(r"/s/\w+$", link)
    other = bench()
    other.page.goto(link)
    other.ready()
    other.at(6)
    expect(other.register("DX").locator(".wrote")).to_have_text("03f8")
    expect(other.pane("source").locator(".cm-content")).to_contain_text("mov ax, 0xfff0")


def test_every_problem_of_the_source_is_underlined_and_listed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play", ready=False)
    one.choose_room("x86")
    one.page.locator("#example").select_option("blank")
    one.type_program("bits 16\nmov ax, nowhere\nfrob cx\nhlt\n")
    one.page.locator("#run").click()
    problems = one.pane("source").locator(".problems li")
    expect(problems).to_have_count(2)
    expect(problems.nth(0)).to_contain_text("line 2")
    expect(one.pane("source").locator(".cm-line:has(.gb-wrong)")).to_have_count(2)


def test_a_chosen_option_is_explained_and_keeps_the_focus(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=sum")
    mode = one.page.get_by_role("combobox", name="Mode")
    mode.focus()
    mode.select_option("boot16")
    expect(one.page.locator("#notice")).to_contain_text("512 bytes with 55 AA at the end")
    expect(mode).to_be_focused()
    expect(mode).to_have_value("boot16")
    mode.select_option("real16")
    one.run()
    expect(one.page.locator("#notice")).to_be_hidden()
    expect(one.pane("state").locator(".b-ctl .note")).to_contain_text("Real mode: an address is segment × 16 + offset")
