"""Sharing in three tiers: a link that reads well, one that holds everything itself, a short one from the server."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

ASKS = "local name = io.read()\nlocal twice = name .. name\nprint(twice)\n"


def violations(page: Page) -> list[object]:
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in found]


def test_an_untouched_example_has_a_link_that_can_be_read(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.go_to(57)
    one.page.locator("#share").click()
    link = one.page.locator("#share-readable").input_value()
    assert link == f"{one.base}/?room=lua&example=closure&tick=57"
    expect(one.page.locator("#share-readable")).to_be_focused()
    other = bench().open(link.removeprefix(one.base))
    other.at(57)


def test_an_edited_example_has_no_readable_link_and_the_packed_one_carries_the_edit(
    bench: Callable[..., Bench],
) -> None:
    one = bench().open("/?example=closure")
    one.type_program("local edited = 41 + 1\nprint(edited, '世界')\n")
    one.run()
    one.go_to(2)
    requests: list[str] = []
    one.page.on("request", lambda request: requests.append(f"{request.method} {request.url}"))
    one.page.locator("#share").click()
    link = one.page.locator("#share-packed").input_value()
    assert link.startswith(f"{one.base}/play#v1=")
    assert len(link) <= 1800
    expect(one.page.locator("#share-readable")).to_have_count(0)
    assert [line for line in requests if line.startswith("POST")] == []
    other = bench().open(link.removeprefix(one.base))
    other.at(2)
    expect(other.pane("source").locator(".cm-content")).to_contain_text("local edited = 41 + 1")
    other.go_to(other.frontier)
    expect(other.pane("output")).to_contain_text("世界")


def test_links_carry_the_input_that_the_program_was_given(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.type_program(ASKS)
    one.page.locator("#run").click()
    one.pane("output").get_by_role("textbox").fill("Ada")
    one.pane("output").get_by_role("textbox").press("Enter")
    expect(one.pane("output")).to_contain_text("AdaAda")
    one.ready()
    last = one.frontier
    one.go_to(last - 2)
    one.page.locator("#share").click()
    packed = one.page.locator("#share-packed").input_value()
    one.page.locator("#share-make").click()
    short = one.page.locator("#share-link").input_value()
    for link in (packed, short):
        other = bench().open(link.removeprefix(one.base))
        other.at(last - 2)
        assert other.frontier == last
        other.go_to(last)
        expect(other.pane("output")).to_contain_text("AdaAda")


def test_a_long_program_is_sent_to_the_short_link(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    # Text that does not compress.
    one.type_program("\n".join(f"-- {n * 7919 % 65521 * 104729 % 999983} {n * 65537 % 8191}" for n in range(420)))
    one.page.locator("#share").click()
    expect(one.page.locator("#share-packed")).to_have_count(0)
    expect(one.page.get_by_role("dialog")).to_contain_text("use the short link")


@pytest.mark.parametrize("fragment", ["v1=", "v1=%%%", "v1=AAAA", "v1=q1YqAwA"])
def test_a_damaged_link_says_so(bench: Callable[..., Bench], fragment: str) -> None:
    one = bench().open(f"/#{fragment}", ready=False)
    expect(one.page.locator("#notice")).to_contain_text("This link is damaged or incomplete.")
    expect(one.pane("source").locator(".cm-content")).to_be_visible()
    one.run()


def test_the_link_can_be_copied_and_the_focus_comes_back(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    one.page.locator("#share").focus()
    one.page.keyboard.press("Enter")
    dialog = one.page.get_by_role("dialog")
    expect(one.page.locator("#share-readable")).to_be_focused()
    one.page.keyboard.press("Tab")
    one.page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert "example=closure&tick=124" in one.page.evaluate("navigator.clipboard.readText()")
    one.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(one.page.locator("#share")).to_be_focused()


@pytest.mark.parametrize(
    ("width", "theme", "language"), [(1600, "light", "en-GB"), (1024, "dark", "zh-CN"), (390, "light", "zh-CN")]
)
def test_axe_finds_no_violation_in_the_dialog(
    bench: Callable[..., Bench], width: int, theme: str, language: str
) -> None:
    one = bench(viewport={"width": width, "height": 844}, theme=theme, language=language)
    one.open("/?example=closure")
    one.page.locator("#share").click()
    one.page.locator("#share-make").click()
    expect(one.page.locator("#share-link")).to_be_focused()
    assert violations(one.page) == []
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
