"""What a room lets a visitor choose, and what panes tell each other."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def test_the_address_and_the_title_follow_the_chosen_example(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play")
    one.page.locator("#example").select_option("x86/sum")
    one.ready()
    expect(one.page).to_have_title(re.compile("^Sum a table"))
    one.page.reload()
    one.ready()
    expect(one.page.locator("#example")).to_have_value("x86/sum")
    expect(one.page.locator("#room")).to_have_value("x86")


def test_a_line_and_its_instructions_light_up_together(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    line = one.pane("source").locator(".cm-line").nth(10)
    rows = one.pane("listing").locator("tr[data-line='11']")
    rows.first.hover()
    expect(line).to_have_class(re.compile("pair"))
    expect(rows.last).to_have_class(re.compile("pair"))
    one.pane("source").locator(".cm-line").nth(9).hover()
    expect(line).not_to_have_class(re.compile("pair"))
    expect(one.pane("listing").locator("tr[data-line='10']").first).to_have_class(re.compile("pair"))
    expect(rows.first).not_to_have_class(re.compile("pair"))


def test_a_click_on_an_instruction_takes_it_apart(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    drawer = one.pane("listing").locator(".decode")
    expect(drawer).to_contain_text("U[B] := R[A]")
    expect(drawer.locator(".bits .wr")).to_contain_text("B 1: n")
    expect(drawer.locator(".bits .rd")).to_contain_text("A 1: R1")
    one.pane("listing").locator("tr[data-where] .op", has_text="ADDI").click()
    expect(drawer).to_contain_text("Add 1 to R1")
    bits = [text.split("\n")[0] for text in drawer.locator(".bits > span").all_inner_texts()]
    assert len("".join(bits)) == 32
    one.step()
    expect(drawer).to_contain_text("GETUPVAL")


def test_the_next_instruction_gets_a_breakpoint_from_the_keyboard(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    slider = one.page.locator("#slider")
    slider.press("b")
    expect(one.page.locator(".ev.bp")).not_to_have_count(0)
    slider.press("End")
    one.at(204)
    slider.press("Shift+C")
    one.at(124)
    slider.press("b")
    expect(one.page.locator(".ev.bp")).to_have_count(0)


def test_a_folded_function_opens_and_closes(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    fold = one.pane("listing").get_by_role("button", name=re.compile("counter lines 3–15"))
    # Only the rows in sight are in the document.
    one.pane("listing").locator(".body").evaluate("body => { body.scrollTop = body.scrollHeight }")
    expect(fold).to_have_attribute("aria-expanded", "false")
    rows = one.pane("listing").locator("tr[data-line='4']")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    expect(rows).to_have_count(0)


def test_the_software_cpu_shows_the_same_steps(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=sum")
    one.page.get_by_label("CPU").select_option("unicorn")
    expect(one.page.locator(".runinfo")).to_contain_text("run again")
    one.run()
    expect(one.pane("state").locator(".b-seg, .b-ctl, .note").filter(has_text="Unicorn").first).to_be_visible()
    one.go_to(50)
    assert one.frontier == 74
    expect(one.register("AX").locator(".wrote")).to_have_text("0b03")


def test_bytes_in_hexadecimal_run_as_they_are(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=sum")
    one.page.locator("#example").select_option("blank")
    one.page.get_by_label("Syntax").select_option("hex")
    one.type_program("b8 34 12 f4")
    one.run()
    one.at(0)
    assert one.frontier == 2
    one.step()
    expect(one.register("AX").locator(".wrote")).to_have_text("1234")
    expect(one.pane("listing").locator("tr.now")).to_contain_text("mov")


def test_a_program_that_asks_gets_what_is_typed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=greet", ready=False)
    ask = one.pane("output").locator(".ask")
    expect(ask).to_be_visible()
    ask.get_by_role("textbox").fill("Ada")
    ask.get_by_role("button", name="Give").click()
    expect(one.pane("output").locator("ol.out")).to_contain_text("ADA")


@pytest.mark.parametrize("room", ["lua", "x86"])
def test_every_example_opens_runs_and_can_be_walked_through(bench: Callable[..., Bench], room: str) -> None:
    from engine.examples import load_examples

    one = bench()
    for example in load_examples():
        if example.room != room or example.expectation.input or example.expectation.plays:
            continue
        one.open(f"/?room={room}&example={example.name}")
        one.at(example.tick)
        one.page.locator("#slider").press("End")
        one.at(one.frontier)
        for line in example.expectation.output[:3]:
            expect(one.pane("output").locator("ol.out")).to_contain_text(" ".join(line.split()))
        notice = one.page.locator("#notice")
        if example.expectation.error:
            expect(notice).to_contain_text("ended with an error")
        else:
            expect(notice).to_be_hidden()
