"""The front page in Chromium: a live moment, links of before, an empty program, and no barrier."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def test_the_moment_on_it_can_be_stepped(bench: Callable[..., Bench]) -> None:
    one = bench().open("/", ready=False)
    frame = one.page.frame_locator("#hero")
    slider = frame.locator("#slider")
    expect(slider).to_have_attribute("aria-valuenow", "124")
    frame.locator("#timeline").get_by_role("button", name="Step back", exact=True).click()
    expect(slider).to_have_attribute("aria-valuenow", "123")


def test_a_link_with_a_program_behind_it_opens_the_workbench(bench: Callable[..., Bench]) -> None:
    one = bench().open()
    one.type_program("print(6 * 7)")
    one.run()
    one.page.locator("#share").click()
    link = one.page.locator("#share-packed").input_value().partition("#")[2]
    other = bench().open(f"/#{link}")
    assert "/play" in other.page.url
    expect(other.pane("source")).to_contain_text("print(6 * 7)")
    expect(other.pane("output")).to_contain_text("42")


def test_a_new_program_is_empty_and_of_the_machine_that_was_asked_for(bench: Callable[..., Bench]) -> None:
    one = bench().open("/", ready=False)
    one.page.get_by_role("link", name="New x86 program").click()
    expect(one.page.locator("#room")).to_have_value("x86")
    expect(one.page.locator(".cm-content")).to_have_text("")


def test_it_has_the_theme_that_was_chosen_in_the_workbench(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play")
    one.page.evaluate("localStorage.setItem('glassbox.theme', 'dark')")
    one.open("/", ready=False)
    expect(one.page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(one.page.frame_locator("#hero").locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [1440, 900, 360])
@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh")])
def test_it_has_no_barrier_and_does_not_scroll_sideways(
    bench: Callable[..., Bench], width: int, theme: str, language: str
) -> None:
    one = bench(viewport={"width": width, "height": 900}, theme=theme).open(f"/?lang={language}", ready=False)
    expect(one.page.frame_locator("#hero").locator("#slider")).to_have_attribute("aria-valuenow", "124")
    found = Axe().run(one.page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []
    assert one.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
