"""The CPU's panes for everybody: axe on each of their states, in both languages, themes and at three widths."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1440, 900), "tablet": (900, 1000), "phone": (390, 844)}


@pytest.mark.parametrize(
    ("width", "theme", "language"),
    [("desktop", "light", "en-GB"), ("tablet", "dark", "zh-CN"), ("phone", "light", "zh-CN")],
)
def test_axe_finds_no_violation_in_any_state_of_the_panes(
    bench: Callable[..., Bench], width: str, theme: str, language: str
) -> None:
    size = {"width": SIZES[width][0], "height": SIZES[width][1]}
    one = bench(viewport=size, theme=theme, language=language).open("/play?room=x86&example=paging&tick=7")
    page = one.page

    def show(place: str) -> None:
        for tab in page.locator(f"[role=tab][data-tab={place}]:visible").all():
            tab.click()

    def check(what: str) -> None:
        found = Axe().run(page).response["violations"]
        assert [(what, v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []

    show("state")
    expect(page.locator(".b-fault")).to_be_visible()
    page.locator(".regname", has_text="RDI").click()
    page.locator(".b-seg .regname").first.click()
    check("a fault, an unfolded register, a descriptor cache")
    show("memory")
    for block in page.locator("#pane-memory .fold:not([hidden]) > summary").all():
        block.click()
    expect(page.locator(".walk .end")).to_be_visible()
    expect(page.locator(".gdt tbody tr").first).to_be_visible()
    page.locator(".hex [data-at]").first.click()
    check("the page walk, the tables, a byte")
    show("extra")
    page.locator("#pane-extra select").select_option("calls")
    expect(page.locator(".calls-log tbody tr").first).to_be_visible()
    check("the calls")
    one.open("/play?room=x86&example=snake")
    show("memory")
    expect(page.locator("canvas.vga")).to_be_visible()
    check("the screen")
    one.open("/play?room=x86&example=dot&tick=8")
    show("state")
    block = page.locator(".b-fault ~ .fold > summary, #pane-state .fold > summary").first
    block.click()
    expect(page.locator(".vec li").first).to_be_visible()
    check("vector registers")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
