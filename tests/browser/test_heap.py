"""The heap around a chosen object: what refers to it, what it refers to, page by page, and what a step did to it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

CHANGES = "local t = { a = 1, b = 2 }\nt.a = 10\nt.c = 3\nt.b = nil\nt[1] = 'x'\nlocal done = t\n"
LARGE = "local t = {}\nfor i = 1, 100 do t[i] = i * i end\nfor i = 1, 40 do t['k' .. i] = { i } end\nlocal done = t\n"


def with_program(bench: Callable[..., Bench], text: str) -> Bench:
    one = bench().open("/play?new=lua", ready=False)
    one.type_program(text)
    one.run()
    return one


def find(one: Bench, opcode: str, nth: int = 1) -> int:
    """Go to the nth execution of an opcode."""
    at = one.page.evaluate("() => 0")
    for tick in range(1, one.frontier + 1):
        one.go_to(tick)
        name = one.pane("listing").locator("tr.now .op").text_content()
        at += name == opcode
        if at == nth:
            return tick
    raise AssertionError(f"{opcode} ran {at} times")


def test_a_reference_leads_to_the_object_and_what_is_around_it(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=metatables&tick=50")
    heap = one.pane("memory")
    one.register("R2").get_by_role("button", name=re.compile("Show table #")).click()
    center, near = heap.locator(".center"), heap.locator(".near")
    expect(center.locator("header b")).to_have_text("p")
    expect(center).to_contain_text("metatable")
    expect(heap.locator(".referrers")).to_contain_text("R2 (p) of main")
    expect(near).to_have_count(1)
    expect(heap.locator(".wires .edge")).to_have_count(1)
    near.get_by_role("button", name=re.compile("Show metatable #")).click()
    expect(center.locator("header b")).to_have_text("Point")
    expect(heap.locator(".referrers")).to_contain_text("upvalue Point of point")
    expect(heap.locator(".referrers")).to_contain_text("metatable of #")
    expect(near.locator("header b")).to_have_text(["norm", "__tostring", "__add", "__eq"])
    assert Axe().run(one.page).response["violations"] == []
    heap.get_by_role("button", name="Back").click()
    expect(center.locator("header b")).to_have_text("p")
    heap.get_by_role("button", name="Back").click()
    expect(heap.locator(".center")).to_have_count(0)
    expect(heap.locator(".obj")).not_to_have_count(0)


def test_two_closures_lead_to_the_box_that_they_share(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    heap = one.pane("memory")
    one.pane("state").locator("tr", has_text="function up #").get_by_role("button").first.click()
    expect(heap.locator(".center header b")).to_have_text("up")
    box = heap.locator(".near", has=one.page.locator('header b:text-is("n")'))
    expect(box).to_contain_text("13")
    expect(heap.locator(".wires .edge")).to_have_count(1)
    heap.locator(".center").get_by_role("button", name=re.compile("Show n #")).click()
    expect(heap.locator(".referrers")).to_contain_text("upvalue n of up")
    expect(heap.locator(".referrers")).to_contain_text("upvalue n of down")


def test_an_object_keeps_its_number_and_is_not_there_before_it_was_made(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=metatables&tick=50")
    one.register("R2").get_by_role("button", name=re.compile("Show table #")).click()
    center = one.pane("memory").locator(".center")
    number = center.locator("header .id").text_content()
    one.go_to(49)
    expect(center.locator("header .id")).to_have_text(str(number))
    one.go_to(10)
    expect(center).to_have_count(0)
    expect(one.pane("memory")).to_contain_text(f"There is no table {number} at this step.")
    one.go_to(50)
    expect(center.locator("header .id")).to_have_text(str(number))


def test_what_a_step_added_changed_and_removed_is_marked_with_a_sign(bench: Callable[..., Bench]) -> None:
    one = with_program(bench, CHANGES)
    signs = one.pane("memory").locator(".sign")
    first = find(one, "SETFIELD", 3)
    expect(signs).to_have_text("≠")
    expect(signs).to_have_attribute("aria-label", "changed by this step")
    one.step()
    expect(signs).to_have_text("+")
    one.step()
    expect(signs).to_have_text("−")
    expect(signs.locator("xpath=..")).to_contain_text("2")
    one.step()
    expect(signs).to_have_text("+")
    assert one.tick == first + 3


def test_an_object_that_a_step_made_is_marked(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=12")
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("NEWTABLE")
    made = one.pane("memory").locator(".obj header", has=one.page.locator('.sign[aria-label="added by this step"]'))
    expect(made).to_have_count(1)
    expect(made).to_contain_text("0 entries")
    one.step()
    expect(made).to_have_count(0)


def test_a_large_table_is_shown_page_by_page(bench: Callable[..., Bench]) -> None:
    one = with_program(bench, LARGE)
    one.go_to(one.frontier - 1)
    one.register("R0").get_by_role("button", name=re.compile("Show table #")).click()
    center = one.pane("memory").locator(".center")
    expect(center.locator(".arr small").first).to_have_text("1")
    expect(center.locator(".pages")).to_contain_text("1 to 24")
    center.get_by_role("button", name="Next").click()
    expect(center.locator(".arr small").first).to_have_text("25")
    expect(center.locator(".arr div").first).to_contain_text("625")
    expect(center.get_by_role("button", name="Next")).to_be_focused()
    for _ in range(20):
        if center.get_by_role("button", name="Next").is_disabled():
            break
        before = center.locator(".pages span").text_content()
        center.get_by_role("button", name="Next").click()
        expect(center.locator(".pages span")).not_to_have_text(str(before))
    expect(center.get_by_role("button", name="Next")).to_be_disabled()
    expect(center.locator("tbody tr")).not_to_have_count(0)
    center.get_by_role("button", name="Previous").click()
    expect(center.get_by_role("button", name="Next")).to_be_enabled()


def test_on_a_phone_a_reference_turns_to_the_heap(bench: Callable[..., Bench]) -> None:
    one = bench(viewport={"width": 390, "height": 844}).open("/?example=metatables&tick=50")
    one.page.get_by_role("tab", name="Registers").click()
    one.register("R2").get_by_role("button", name=re.compile("Show table #")).click()
    expect(one.page.get_by_role("tab", name="Heap", exact=True)).to_have_attribute("aria-selected", "true")
    expect(one.pane("memory").locator(".center header b")).to_have_text("p")
