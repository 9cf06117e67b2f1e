"""What makes the page pleasant: palette, key map, saves, predictions, reports, and a way out of every long wait."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def violations(one: Bench) -> list[tuple[str, list[str]]]:
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in Axe().run(one.page).response["violations"]]


def test_the_palette_finds_and_does_everything(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    page = one.page
    page.locator("#slider").focus()
    page.keyboard.press("ControlOrMeta+k")
    dialog = page.get_by_role("dialog", name="Commands")
    field = dialog.get_by_role("combobox", name="Find a command")
    expect(field).to_be_focused()
    assert dialog.get_by_role("option").count() > 30
    field.fill("stpout")
    expect(dialog.get_by_role("option").first).to_contain_text("Step out of the function")
    expect(dialog.get_by_role("option").first).to_contain_text("F")
    assert violations(one) == []
    field.fill("first step")
    field.press("Enter")
    expect(dialog).to_have_count(0)
    one.at(0)
    expect(page.locator("#slider")).to_be_focused()
    page.locator("#commands").click()
    field.fill("zzzzqq")
    expect(dialog).to_contain_text("Nothing is called that.")
    field.fill("example count")
    field.press("ArrowDown")
    field.press("ArrowUp")
    name = dialog.locator("[aria-selected=true] span").first.text_content() or ""
    field.press("Enter")
    expect(page).to_have_title(re.compile(re.escape(name.removeprefix("Example: "))))


def test_the_key_map_lists_every_key_and_turns_single_keys_off(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    at = one.tick
    slider = one.page.locator("#slider")
    slider.press("?")
    dialog = one.page.get_by_role("dialog", name="Keys")
    for text in ("All commands", "Step out of the function", "Change a value at this step", "Focus window"):
        expect(dialog).to_contain_text(text)
    assert violations(one) == []
    dialog.get_by_label("Single keys do something").uncheck()
    one.page.keyboard.press("Escape")
    slider.press("s")
    slider.press("n")
    assert one.tick == at
    slider.press("ArrowRight")
    one.at(at + 1)
    one.page.reload()
    one.ready()
    slider.press("s")
    slider.press("ArrowLeft")
    one.at(at - 1)
    one.page.locator("#commands").click()
    one.page.get_by_role("combobox", name="Find a command").fill("this list")
    one.page.keyboard.press("Enter")
    dialog.get_by_label("Single keys do something").check()
    one.page.keyboard.press("Escape")
    slider.press("s")
    one.at(at)


def test_what_is_written_is_kept_listed_restored_and_deleted(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    page = one.page
    one.type_program('print("mine")\n')
    expect(page.locator("#pane-source")).to_have_class(re.compile("edited"))
    for _ in range(100):
        if page.evaluate("localStorage.getItem('glassbox.saves') ?? ''").find("mine") > 0:
            break
        page.wait_for_timeout(100)
    page.reload()
    one.ready()
    notice = page.locator("#notice")
    expect(notice).to_contain_text("You changed this example before")
    notice.get_by_role("button", name="Open").click()
    expect(one.pane("output").locator("li pre")).to_have_text(["mine"])
    expect(page.locator(".cm-content")).to_contain_text('print("mine")')
    # Another program of one's own is another entry.
    page.locator("#example").select_option("blank")
    one.type_program('print("other")\n')
    for _ in range(100):
        if page.evaluate("localStorage.getItem('glassbox.saves') ?? ''").find("other") > 0:
            break
        page.wait_for_timeout(100)
    page.locator("#commands").click()
    page.get_by_role("combobox", name="Find a command").fill("kept in this browser")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Programs kept in this browser")
    rows = dialog.locator(".saved li")
    expect(rows).to_have_count(2)
    assert violations(one) == []
    rows.nth(1).get_by_label("Name").fill("first try")
    rows.nth(1).get_by_label("Name").press("Tab")
    rows.nth(0).get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(1)
    expect(rows.get_by_label("Name")).to_have_value("first try")
    dialog.get_by_role("button", name="Open: ").click()
    expect(one.pane("output").locator("li pre")).to_have_text(["mine"])
    assert "other" not in page.evaluate("localStorage.getItem('glassbox.saves')")


def test_predict_then_check_asks_before_it_shows(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.open("/play?example=closure&tick=0&predict=1")
    one.at(0)
    expect(one.page.locator("#workbench")).to_have_class(re.compile("predicting"))
    slider = one.page.locator("#slider")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    dialog = one.page.get_by_role("dialog", name="Before step 2")
    expect(dialog).to_contain_text("LOADI")
    assert one.tick == 1
    assert violations(one) == []
    field = dialog.get_by_label("What will")
    field.fill("17")
    field.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("Not quite")
    expect(dialog.get_by_role("status")).to_contain_text("0 of 1 right so far")
    assert one.tick == 1
    one.page.keyboard.press("Enter")
    one.at(2)
    slider.press("ArrowRight")
    dialog = one.page.get_by_role("dialog", name="Before step 3")
    dialog.get_by_label("What will").fill("function")
    one.page.keyboard.press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("1 of 2 right so far")
    one.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert one.tick == 2
    # The link that is shared opens in the same way.
    one.page.locator("#share").click()
    expect(one.page.locator("#share-readable")).to_have_value(re.compile("predict=1"))


def test_a_shared_program_can_be_reported(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    link = one.page.request.post(
        f"{one.base}/api/links",
        data={"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": "print(1)"}], "options": {}, "tick": 0},
    ).json()
    one.page.goto(link["url"])
    one.ready()
    one.page.locator("#report").click()
    dialog = one.page.get_by_role("dialog", name="Report this program")
    assert violations(one) == []
    dialog.get_by_label("What is wrong with it?").fill("It is a test.")
    dialog.get_by_role("button", name="Send").click()
    expect(dialog.get_by_role("status")).to_contain_text("Thank you")


def test_a_search_that_takes_long_says_so_and_can_be_cancelled(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    # Few steps, each with much work: the run does not reach its limit while this looks on.
    one.type_program("local s = ('a'):rep(300)\nwhile true do s:find('a-b') end\n")
    one.page.locator("#run").click()
    expect(one.page.locator(".runinfo")).to_contain_text("steps so far")
    expect(one.page.locator("#run")).to_have_text("Stop")
    one.page.locator("#run").click()
    one.ready()
    one.page.locator("#slider").press("n")  # no event comes: it records on to look for one
    slow = one.page.locator(".slow")
    expect(slow).to_contain_text("Looking through the recording")
    assert violations(one) == []
    slow.get_by_role("button", name="Cancel").click()
    expect(slow).to_be_hidden()
    one.ready()
