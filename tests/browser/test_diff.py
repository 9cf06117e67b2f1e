"""Two runs side by side: the first difference, the next ones, the state there, and from where the other run comes."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, expect

from engine.wire import TRACE_WINDOW
from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def open_diff(one: Bench) -> Locator:
    one.page.locator("#share").click()
    one.page.locator("#diff-open").click()
    dialog = one.page.get_by_role("dialog", name="Compare with another run")
    expect(dialog).to_be_visible()
    return dialog


def compare(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Compare", exact=True).click()


def test_another_text_is_compared_step_by_step_and_with_its_state(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    dialog = open_diff(one)
    text = dialog.get_by_label("Text of main.lua")
    text.fill(text.input_value().replace("n = n - by", "n = n - by - 1"))
    compare(dialog)
    expect(dialog.get_by_role("status").first).to_contain_text("They part at step 66 here and step 66 there.")
    sides = dialog.locator(".sides section")
    expect(sides.first.locator("tr.differs").first).to_contain_text("nothing here")
    expect(sides.last.locator("tr.differs").first).to_contain_text("ADDI")
    expect(dialog.locator(".facts tbody tr.differs")).not_to_have_count(0)
    assert Axe().run(one.page).response["violations"] == []
    dialog.get_by_role("button", name="Next difference").click()
    expect(dialog.locator(".acts .where")).to_contain_text("Difference 2 of")
    dialog.get_by_role("button", name="Previous difference").click()
    expect(dialog.get_by_role("button", name="Previous difference")).to_be_disabled()
    dialog.get_by_role("button", name="Show step 66 on the page").click()
    expect(dialog).to_have_count(0)
    one.at(66)


def test_the_comparison_goes_on_beyond_what_the_page_holds(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    program = "local n = 0\nfor i = 1, 190000 do\n  n = n + i\n  if i == 185000 then n = n + 1 end\nend\nprint(n)\n"
    one.type_program(program)
    one.run()
    assert one.frontier > TRACE_WINDOW
    dialog = open_diff(one)
    dialog.get_by_label("Text of main.lua").fill(program.replace("n = n + 1 end", "n = n + 2 end"))
    compare(dialog)
    status = dialog.get_by_role("status").first
    expect(status).to_contain_text("They part at step", timeout=60_000)
    found = re.search(r"step ([\d,]+) here", status.inner_text())
    assert found is not None
    assert int(found[1].replace(",", "")) > TRACE_WINDOW
    expect(dialog.locator(".sides tr.differs").first).to_contain_text("ADDI")


def test_later_differences_are_looked_for_when_asked(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    program = "local n = 0\nfor i = 1, 200000 do\n  if i % 90000 == 7 then n = n + 1 end\nend\n"
    one.type_program(program)
    one.run()
    assert one.frontier > TRACE_WINDOW
    dialog = open_diff(one)
    dialog.get_by_label("Text of main.lua").fill(program.replace("n = n + 1", "n = n + 2"))
    compare(dialog)
    expect(dialog.locator(".acts .where")).to_contain_text("Difference 1 of 2")
    dialog.get_by_role("button", name="Compare further").click()
    expect(dialog.locator(".acts .where")).to_contain_text("Difference 1 of 3")


def test_a_link_and_the_page_s_own_step_stay_what_they_are(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    dialog = open_diff(one)
    dialog.get_by_label("Or a link").fill(f"{one.base}/?room=lua&example=closure&tick=3")
    compare(dialog)
    expect(dialog.get_by_role("status").first).to_contain_text("Both runs do the same in 204 steps.")
    dialog.get_by_label("Or a link").fill(f"{one.base}/?room=lua&example=counters")
    compare(dialog)
    expect(dialog.get_by_role("status").first).to_contain_text("They part at step")
    dialog.get_by_role("button", name="Close").click()
    one.at(124)
    one.step()


def test_what_cannot_be_compared_says_why(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    dialog = open_diff(one)
    dialog.get_by_label("Text of main.lua").fill("local = 1")
    compare(dialog)
    expect(dialog.locator(".wrong")).to_contain_text("main.lua:1: <name> expected near '='")
    dialog.get_by_label("Or a link").fill("https://example.org/else")
    compare(dialog)
    expect(dialog.locator(".wrong")).to_have_text("This is no link to a program of this site.")


def test_a_branch_is_compared_with_the_run_as_it_was(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    one.type_program("local sum, step = 1, 2\nfor i = 1, 3 do sum = sum + step end\nprint(sum)\n")
    one.run()
    one.go_to(3)
    one.register("R1").locator("td").nth(1).dblclick()
    field = one.page.get_by_label("New value of R1 step")
    field.fill("10")
    field.press("Enter")
    expect(one.page.locator("#timeline .branchmark b")).to_have_text("BRANCH")
    end = one.frontier
    dialog = open_diff(one)
    # Whoever changed the past wants to see what that did.
    expect(dialog.get_by_label("A branch of this run").locator("option:checked")).to_have_text("the run as it was")
    compare(dialog)
    expect(dialog.get_by_role("status").first).to_contain_text("They part at step")
    differs = dialog.locator(".facts tr.differs")
    expect(differs.filter(has_text="R1 (step)")).to_contain_text("102")
    dialog.get_by_role("button", name="Close").click()
    timeline = one.page.locator("#timeline")
    timeline.get_by_role("button", name="Back to the recording as it was").click()
    expect(timeline.locator(".branchmark b")).to_have_count(0)
    dialog = open_diff(one)
    dialog.get_by_label("A branch of this run").select_option(index=1)
    compare(dialog)
    expect(dialog.get_by_role("status").first).to_contain_text("They part at step")
    expect(differs.filter(has_text="R1 (step)")).to_contain_text("210")
    assert one.frontier == end
