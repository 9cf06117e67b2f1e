"""The page for everybody: keyboard, screen reader, both languages, both themes, three widths, the strict policy."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

WIDTHS = {"desktop": (1600, 1000), "tablet": (1024, 768), "phone": (390, 844)}


def size(name: str) -> dict[str, int]:
    width, height = WIDTHS[name]
    return {"width": width, "height": height}


@pytest.mark.parametrize(
    ("room", "width", "theme"),
    [
        ("lua", "desktop", "light"),
        ("lua", "desktop", "dark"),
        ("lua", "tablet", "dark"),
        ("lua", "phone", "light"),
        ("x86", "desktop", "light"),
        ("x86", "desktop", "dark"),
        ("x86", "tablet", "light"),
        ("x86", "phone", "dark"),
    ],
)
def test_axe_finds_no_violation(bench: Callable[..., Bench], room: str, width: str, theme: str) -> None:
    one = bench(viewport=size(width), theme=theme)
    one.open("/?example=closure" if room == "lua" else f"/?room=x86&example={first_x86()}")
    one.button("Step").click()
    found = Axe().run(one.page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []


def first_x86() -> str:
    from engine.examples import load_examples

    return next(example.name for example in load_examples() if example.room == "x86")


@pytest.mark.parametrize("width", [1600, 1366, 1200, 1024, 760, 390, 320])
@pytest.mark.parametrize("path", ["/?example=closure", "/?room=x86&example=sum"])
def test_nothing_sticks_out_of_the_window(bench: Callable[..., Bench], path: str, width: int) -> None:
    one = bench(viewport={"width": width, "height": 844}).open(path)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    box = one.page.locator("#timeline").bounding_box()
    assert box is not None
    # The timeline is in sight at every width without scrolling.
    assert box["y"] + box["height"] <= 844
    for button in one.page.locator("#topbar button:visible, .tbar button:visible").all():
        place = button.bounding_box()
        assert place is not None
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width


def test_on_a_phone_tabs_show_one_pane_at_a_time(bench: Callable[..., Bench]) -> None:
    one = bench(viewport=size("phone")).open("/?example=closure")
    tabs = one.page.locator("#tabs-all [role=tab]")
    expect(tabs).to_have_count(7)
    for index in range(7):
        tab = tabs.nth(index)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        visible = [p for p in one.page.locator("section.pane").all() if p.is_visible()]
        assert [p.get_attribute("id") for p in visible] == [tab.get_attribute("aria-controls")]
    tabs.nth(6).press("ArrowRight")
    expect(tabs.nth(0)).to_be_focused()
    expect(tabs.nth(0)).to_have_attribute("aria-selected", "true")


def test_everything_of_a_run_can_be_done_with_the_keyboard(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    page = one.page
    page.locator(".cm-content").focus()
    page.keyboard.press("ControlOrMeta+Enter")
    one.at(0)
    one.ready()
    page.keyboard.press("F11")
    one.at(1)
    page.keyboard.press("Shift+F11")
    one.at(0)
    # Out of the editor without a mouse: Escape, then Tab.
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.locator(".cm-content")).not_to_be_focused()
    page.locator("#slider").focus()
    for key, tick in (
        ("ArrowRight", 1),
        ("s", 2),
        ("Shift+S", 1),
        ("PageDown", 101),
        ("PageUp", 1),
        ("End", None),
        ("Home", 0),
    ):
        page.keyboard.press(key)
        one.at(one.frontier if tick is None else tick)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Step out of the function")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_single_letters_do_nothing_outside_of_the_panes(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.at(124)
    one.page.locator("#run").focus()
    one.page.keyboard.press("s")
    one.page.locator(".cm-content").click()
    one.page.keyboard.press("End")
    one.page.keyboard.type("s")
    one.page.keyboard.press("Backspace")
    one.at(124)
    one.page.locator("#slider").press("s")
    one.at(125)


def test_stepping_over_a_call_and_back_over_it(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    slider = one.page.locator("#slider")
    one.button("First step").click()
    one.at(0)
    depths = []
    for _ in range(40):
        before = one.tick
        slider.press("F10")
        expect(slider).not_to_have_attribute("aria-valuenow", str(before))
        depths.append(one.tick - before)
    assert max(depths) > 3
    assert one.tick > 40
    there = one.tick
    slider.press("Shift+F10")
    one.at(there - depths[-1])


def test_the_slider_says_where_it_is(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    slider = one.page.get_by_role("slider", name="Timeline")
    expect(slider).to_have_attribute("aria-valuetext", "step 124 of 204, line 11, SETUPVAL in down")


def test_the_narration_is_read_out_on_request(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?example=closure")
    narration = one.pane("narration")
    live = narration.locator("[aria-live=polite]")
    once = narration.get_by_role("status")
    expect(narration.locator(".say")).to_contain_text("SETUPVAL")
    expect(live).to_have_count(0)
    expect(once).to_have_text("")
    one.page.locator("#slider").press("r")
    expect(once).to_contain_text("SETUPVAL")
    toggle = narration.get_by_role("button", name="read out each step")
    expect(toggle).to_have_attribute("aria-pressed", "false")
    toggle.press("Enter")
    expect(toggle).to_have_attribute("aria-pressed", "true")
    expect(live).to_contain_text("SETUPVAL")
    assert Axe().run(one.page).response["violations"] == []
    one.open("/play?example=closure&lang=zh")
    expect(narration.get_by_role("button", name="逐步朗读")).to_have_attribute("aria-pressed", "true")
    expect(live).to_contain_text("SETUPVAL")


def test_dragging_the_timeline_lands_on_the_last_place(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    box = one.page.locator(".track").bounding_box()
    assert box is not None
    y = box["y"] + 40
    mouse = one.page.mouse
    mouse.move(box["x"] + 5, y)
    mouse.down()
    for part in range(1, 50):
        mouse.move(box["x"] + box["width"] * part / 50, y)
    mouse.move(box["x"] + box["width"] / 2, y)
    mouse.up()
    one.at(round(one.frontier / 2))


def test_the_language_can_be_changed_and_is_remembered(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.page.locator("#language").click()
    expect(one.page.locator("#run")).to_contain_text("运行")
    expect(one.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(one.pane("narration")).to_contain_text("存入外层变量")
    expect(one.pane("source").locator("h2")).to_have_text("源码")
    one.page.reload()
    expect(one.page.locator("#run")).to_contain_text("运行")
    one.page.locator("#language").click()
    expect(one.page.locator("#run")).to_contain_text("Run")


def test_a_chinese_browser_gets_chinese_words_at_once(bench: Callable[..., Bench]) -> None:
    one = bench(language="zh-CN").open("/?example=closure")
    expect(one.page.locator("#timeline")).to_contain_text("回放")


def test_the_theme_follows_the_system_until_it_is_chosen(bench: Callable[..., Bench]) -> None:
    one = bench(theme="dark").open("/?example=closure")

    def background() -> str:
        return str(one.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    dark = background()
    one.page.locator("#theme").click()
    expect(one.page.locator("html")).to_have_attribute("data-theme", "light")
    assert background() != dark
    one.page.locator("#theme").click()
    expect(one.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert background() == dark
    one.page.reload()
    expect(one.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_policy_allows_no_inline_script(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    policy = one.page.request.get(one.base + "/play").headers["content-security-policy"]
    assert re.search(r"script-src 'self'(;|$)", policy)
    assert "unsafe" not in policy
    one.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.got = 1'}))"
    )
    assert one.page.evaluate("window.got") is None
    one.errors.clear()  # the browser reported the script that we tried to smuggle in


def test_the_high_contrast_theme_is_a_turn_of_the_switch_and_without_violation(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&theme=dark")
    one.page.locator("#theme").click()
    expect(one.page.locator("#theme")).to_have_attribute("aria-label", "Theme: high contrast")
    expect(one.page.locator("html")).to_have_attribute("data-theme", "contrast")
    found = Axe().run(one.page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []
