"""Every dialog by keyboard alone: opened, gone through, closed; the focus comes back, axe finds nothing meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

CATALOGUE = json.loads((Path(__file__).resolve().parents[2] / "static" / "i18n" / "catalogue.json").read_text())
#: How each dialog is opened from the timeline: keys, or a command of the palette by its words, or steps of both.
WAYS: dict[str, tuple[str, ...]] = {
    "keys": ("?",),
    "palette": ("ControlOrMeta+k",),
    "share": ("l",),
    "focus window": ("w",),
    "value": ("e",),
    "saves": ("palette.saves",),
    "report": ("palette.report",),
    "prediction": ("palette.predict", "s"),
    "comparison": ("l", "#diff-open"),
}
PROGRAM = "local t = {}\nfor i = 1, 3 do t[i] = i end\nprint(#t)\n"
#: The controls of the open dialog that Tab has to come to, with where it went outside of it.
CONTROLS = """() => [...document.querySelector("dialog[open]")
    .querySelectorAll("a[href], button, input, select, textarea, summary")]
  .filter((node) => !node.disabled && node.tabIndex >= 0 && node.checkVisibility({ visibilityProperty: true }))
  .filter((node) => !(node.type === "radio" && !node.checked)).length"""
REACHED = """() => {
  const at = document.activeElement;
  window.reached ??= new Set();
  const dialog = document.querySelector("dialog[open]");
  if (at && at !== document.body && !dialog.contains(at)) return "outside: " + at.outerHTML.slice(0, 80);
  if (at && at !== document.body && at !== dialog) {
    const r = at.getBoundingClientRect();
    if (r.bottom <= 0 || r.top >= innerHeight || !r.width) return "out of sight: " + at.outerHTML.slice(0, 80);
    if (at.matches("a[href], button, input, select, textarea, summary")) reached.add(at);
  }
  return "";
}"""


def shared(one: Bench, language: str) -> None:
    """Open a program that was shared, which can be reported, too."""
    data = {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": PROGRAM}], "options": {}, "tick": 5}
    link = one.page.request.post(f"{one.base}/api/links", data=data).json()
    one.page.goto(f"{link['url']}?lang={language}")
    one.ready()


def opened(one: Bench, name: str, language: str) -> None:
    """Open a dialog from the timeline, by keys alone."""
    page = one.page
    page.locator("#slider").focus()
    for way in WAYS[name]:
        if way.startswith("palette."):
            page.keyboard.press("ControlOrMeta+k")
            expect(page.locator("#palette")).to_be_focused()
            page.keyboard.insert_text(CATALOGUE[way][language])
            expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(CATALOGUE[way][language])
            page.keyboard.press("Enter")
            expect(page.locator("#palette")).to_have_count(0)
        elif way.startswith("#"):
            tab_to(page, way)
            page.keyboard.press("Enter")
            expect(page.locator(way)).to_have_count(0)  # its dialog makes room
        else:
            page.keyboard.press(way)
        if way == "palette.predict":
            expect(page.locator("#slider")).to_be_focused()
        else:
            expect(page.locator("dialog[open]").last).to_be_visible()


def tab_to(page: Page, wanted: str) -> None:
    for _ in range(60):
        if page.locator(wanted).evaluate("(node) => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not come to {wanted}")


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "zh"), ("light", "zh"), ("dark", "en")])
@pytest.mark.parametrize("name", WAYS)
def test_a_dialog_by_keyboard_alone(bench: Callable[..., Bench], name: str, theme: str, language: str) -> None:
    one = bench(theme=theme, language="en-GB" if language == "en" else "zh-CN")
    page = one.page
    shared(one, language)
    opened(one, name, language)
    dialog = page.locator("dialog[open]").last
    assert dialog.evaluate("(node) => node.contains(document.activeElement)")
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(page).response["violations"]] == []
    # Tab goes round in it: to each of its controls, and to nothing behind it.
    said = []
    for _ in range(page.evaluate(CONTROLS) * 2 + 4):
        said.append(page.evaluate(REACHED))
        page.keyboard.press("Tab")
    assert [words for words in said if words] == []
    assert page.evaluate("reached.size") >= page.evaluate(CONTROLS)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#slider")).to_be_focused()


@pytest.mark.parametrize("name", ["keys", "share", "focus window", "value", "saves", "report", "comparison"])
def test_its_button_closes_a_dialog_too(bench: Callable[..., Bench], name: str) -> None:
    one = bench()
    shared(one, "en")
    opened(one, name, "en")
    page = one.page
    close = page.locator("dialog[open]").last.get_by_role("button", name="Close", exact=True)
    close.evaluate("(node) => { node.id = 'last' }")
    tab_to(page, "#last")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#slider")).to_be_focused()


def test_a_breakpoints_condition_and_a_files_name_give_the_focus_back(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?example=closure")
    page = one.page
    editor = page.locator(".cm-content")
    editor.focus()
    page.keyboard.press("Alt+F9")
    expect(page.locator("#condition")).to_be_focused()
    assert Axe().run(page).response["violations"] == []
    page.keyboard.insert_text("n > 1")
    page.keyboard.press("Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(editor).to_be_focused()
    page.keyboard.press("Alt+F9")
    expect(page.locator("#condition")).to_have_value("n > 1")
    page.keyboard.press("Escape")
    expect(editor).to_be_focused()
    add = page.locator(".files").get_by_role("button", name="Add a file")
    add.focus()
    page.keyboard.press("Enter")
    expect(page.locator("input.filename")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("input.filename")).to_have_count(0)
    expect(add).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("input.filename")).to_be_focused()
    page.keyboard.press("Enter")
    shown = page.locator(".files [aria-pressed=true]")
    expect(shown).to_have_text("module.lua")
    expect(shown).to_be_focused()
    page.locator(".files").get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    expect(shown).not_to_have_text("module.lua")
    expect(shown).to_be_focused()
