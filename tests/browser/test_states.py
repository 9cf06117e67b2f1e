"""axe over every page and every state of the page: what is there before a run, after it, after an error, in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

DESKTOP, TABLET, PHONE = (
    {"width": 1440, "height": 900},
    {"width": 900, "height": 1000},
    {"width": 390, "height": 844},
)


def violations(one: Bench) -> list[tuple[str, list[str]]]:
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(one.page).response["violations"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize("path", ["/", "/tours", "/tours/closures", "/embed?room=lua&example=closure"])
def test_pages(bench: Callable[..., Bench], path: str, language: str, theme: str) -> None:
    one = bench(viewport=DESKTOP, theme=theme, language=language)
    one.page.goto(one.base + path, wait_until="load")
    if path.startswith("/embed"):
        expect(one.page.locator("#stepno")).to_be_enabled()
    assert violations(one) == []


@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE], ids=["desktop", "tablet", "phone"])
def test_a_fresh_program_an_error_an_edit_and_the_past(bench: Callable[..., Bench], size: dict[str, int]) -> None:
    one = bench(viewport=size)
    page = one.page
    page.goto(f"{one.base}/play?new=lua")
    expect(page.locator("#run")).to_be_enabled()
    assert violations(one) == []
    if size is PHONE:
        page.locator("#tabs-all").get_by_role("tab", name="Source").click()
    one.type_program("local x = = 1\n")
    page.locator("#run").click()
    expect(page.locator(".problems li")).to_have_count(1)
    assert violations(one) == []
    one.type_program("local t = nil\nprint(t.x)\n")
    page.locator("#run").click()
    expect(page.locator("#notice")).to_contain_text("nil value")
    assert violations(one) == []
    one.type_program("print(1)\n")
    expect(page.locator("#pane-source")).to_have_class("pane p-source edited")
    assert violations(one) == []
    one.run()
    assert violations(one) == []


@pytest.mark.parametrize("room", ["lua", "x86"])
def test_every_tab_of_a_phone(bench: Callable[..., Bench], room: str) -> None:
    example = "closure" if room == "lua" else "sum"
    one = bench(viewport=PHONE, theme="dark", language="zh-CN")
    one.page.goto(f"{one.base}/play?room={room}&example={example}")
    one.ready()
    for tab in one.page.locator("#tabs-all [role=tab]").all():
        tab.click()
        assert violations(one) == []


@pytest.mark.parametrize(("tour", "size"), [("closures", DESKTOP), ("exits", TABLET), ("kvm", PHONE)])
def test_a_tour_being_played(bench: Callable[..., Bench], tour: str, size: dict[str, int]) -> None:
    one = bench(viewport=size).open(f"/play?tour={tour}")
    assert violations(one) == []


def test_high_contrast_in_chinese(bench: Callable[..., Bench]) -> None:
    one = bench(viewport=DESKTOP, language="zh-CN").open("/play?room=x86&example=sum&theme=contrast")
    assert violations(one) == []


def test_the_share_dialog(bench: Callable[..., Bench]) -> None:
    one = bench(viewport=PHONE).open("/play?example=closure")
    one.page.locator("#share").click()
    expect(one.page.locator("#share-readable")).to_be_visible()
    assert violations(one) == []


@pytest.mark.parametrize("viewport", [DESKTOP, TABLET, PHONE], ids=lambda size: str(size["width"]))
@pytest.mark.parametrize("path", ["/play?example=closure", "/play?room=x86&example=sum", "/play?tour=closures"])
def test_the_keyboard_reaches_everything_and_sees_where_it_is(
    bench: Callable[..., Bench], path: str, viewport: dict[str, int]
) -> None:
    """Tab goes through the whole page and out of it again; each control has its turn and is in sight while it has."""
    one = bench(viewport=viewport).open(path)
    page = one.page
    tabs = page.locator("#tabs-all").get_by_role("tab")
    for panel in range(tabs.count() if viewport is PHONE else 1):
        if viewport is PHONE:
            tabs.nth(max(0, panel - 1)).focus()
            page.keyboard.press("ArrowRight" if panel else "Home")
            expect(tabs.nth(panel)).to_have_attribute("aria-selected", "true")
            one.ready()
        reached = tabbed_through(page)
        assert [found["name"] for found in reached if not found["seen"]] == []
        assert page.evaluate(MISSED) == []
        assert {"#run", "#share", "#commands", "#stepno", "#slider"} <= {found["name"] for found in reached}


def tabbed_through(page: Page) -> list[dict[str, Any]]:
    """Press Tab from the start of the page until it has been everywhere: what had the focus, and if it was seen."""
    page.evaluate("window.reached = new Set()")
    page.locator(".skip").focus()
    reached = []
    for _ in range(400):
        found = page.evaluate(FOCUSED)
        if found["again"]:
            return reached
        if found["name"] == "cm-content":
            # Tab indents in the editor: Escape, then Tab leaves it.
            page.keyboard.press("Escape")
        reached.append(found)
        page.keyboard.press("Tab")
    raise AssertionError("Tab does not come to an end")


#: What has the focus, and whether some of it can be seen: the element on top in one of its places belongs to it.
FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || reached.has(at)) return { name: "", seen: true, again: true };
  reached.add(at);
  const words = (at.getAttribute("aria-label") ?? at.textContent ?? "").trim().slice(0, 40);
  const name = at.id ? `#${at.id}` : at.classList.contains("cm-content") ? "cm-content" : `${at.tagName} ${words}`;
  const r = at.getBoundingClientRect();
  const [left, right] = [Math.max(r.left, 0), Math.min(r.right, innerWidth)];
  const [above, below] = [Math.max(r.top, 0), Math.min(r.bottom, innerHeight)];
  let seen = false;
  for (const x of [0.02, 0.5, 0.98]) for (const y of [0.05, 0.5, 0.95]) {
    const top = document.elementFromPoint(left + x * (right - left), above + y * (below - above));
    if (top && (at.contains(top) || top.contains(at) || top.closest("label")?.contains(at))) seen = true;
  }
  return { name, seen, again: false };
}"""
#: Visible controls that Tab never came to.
MISSED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")]
  .filter((node) => !node.disabled && node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }))
  .filter((node) => !reached.has(node)).map((node) => node.outerHTML.slice(0, 120))"""
