"""A program of several files: tabs, `require`, following the current line, problems in the file they are in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

MAIN = 'local greet = require("greet")\nprint(greet("Ada"))\n'
GREET = 'return function(name)\n  return "Hello, " .. name\nend\n'


def tabs(one: Bench) -> Locator:
    return one.pane("source").locator(".file[aria-pressed]")


def tool(one: Bench, name: str) -> Locator:
    return one.pane("source").locator(".files").get_by_role("button", name=name, exact=True)


def add(one: Bench, name: str, text: str) -> None:
    tool(one, "Add a file").click()
    field = one.pane("source").get_by_label("Name of the file")
    field.fill(name)
    field.press("Enter")
    expect(tabs(one).last).to_have_attribute("aria-pressed", "true")
    one.type_program(text)


@pytest.fixture
def two(bench: Callable[..., Bench]) -> Bench:
    """A main program and the module that it requires, run, at tick 0."""
    one = bench().open("/play", ready=False)
    one.page.locator("#example").select_option("blank")
    one.type_program(MAIN)
    add(one, "greet.lua", GREET)
    one.run()
    one.at(0)
    return one


def test_require_finds_a_file_that_was_added(two: Bench) -> None:
    expect(two.pane("output")).to_contain_text("Hello, Ada")
    assert tabs(two).all_text_contents() == ["main.lua", "greet.lua"]


def test_the_shown_file_is_the_one_of_the_shown_step(two: Bench) -> None:
    one = two
    one.go_to(1)
    expect(tabs(one).nth(0)).to_have_attribute("aria-pressed", "true")
    step = one.page.locator("#slider")
    while "greet.lua" not in (tabs(one).and_(one.page.locator('[aria-pressed="true"]')).text_content() or ""):
        assert one.tick < one.frontier
        one.step()
    expect(one.pane("source").locator(".cm-line.now")).to_contain_text("function(name)")
    # A visitor may look at another file; the next step brings the right one back.
    tabs(one).nth(0).click()
    expect(one.pane("source").locator(".cm-content")).to_contain_text("require")
    step.press("Home")
    one.at(0)


def test_a_problem_in_a_module_shows_its_file_and_line(two: Bench) -> None:
    one = two
    tabs(one).nth(1).click()
    one.type_program("return return\n")
    tabs(one).nth(0).click()
    one.type_program("x = = 1\n")
    tabs(one).nth(1).click()
    one.page.locator("#run").click()
    expect(one.pane("source").locator(".problems")).to_contain_text("main.lua:1")
    expect(tabs(one).nth(0)).to_have_attribute("aria-pressed", "true")
    expect(one.pane("source").locator(".gb-wrong")).to_have_text("=")


def test_each_file_keeps_its_own_undo(two: Bench) -> None:
    one = two
    content = one.pane("source").locator(".cm-content")
    tabs(one).nth(0).click()
    content.click()
    one.page.keyboard.press("ControlOrMeta+End")
    one.page.keyboard.type("-- more")
    tabs(one).nth(1).click()
    content.click()
    one.page.keyboard.press("ControlOrMeta+z")
    one.page.keyboard.press("ControlOrMeta+z")
    one.page.keyboard.press("ControlOrMeta+z")
    expect(content).not_to_contain_text("more")
    tabs(one).nth(0).click()
    expect(content).to_contain_text("-- more")
    content.click()
    one.page.keyboard.press("ControlOrMeta+z")
    expect(content).not_to_contain_text("-- more")
    expect(content).to_contain_text("require")


def test_files_are_renamed_and_deleted_and_names_are_checked(two: Bench) -> None:
    one = two
    tabs(one).nth(1).click()
    tool(one, "Rename").click()
    field = one.pane("source").get_by_label("Name of the file")
    field.fill("main.lua")
    field.press("Enter")
    assert field.evaluate("node => node.validationMessage") == "Another file has this name"
    field.fill("no spaces")
    field.press("Enter")
    assert "Letters" in field.evaluate("node => node.validationMessage")
    field.fill("hello.lua")
    field.press("Enter")
    expect(tabs(one).nth(1)).to_have_text("hello.lua")
    expect(one.page.locator(".runinfo")).to_have_text("Edited: run again to see it")
    one.page.once("dialog", lambda dialog: dialog.accept())
    tool(one, "Delete").click()
    expect(tabs(one)).to_have_count(1)
    expect(tool(one, "Delete")).to_have_count(0)


def test_a_shared_program_brings_its_files_along(two: Bench, bench: Callable[..., Bench]) -> None:
    two.page.locator("#share").click()
    two.page.locator("#share-make").click()
    link = two.page.locator("#share-link").input_value()
    other = bench()
    other.page.goto(link)
    other.ready()
    assert tabs(other).all_text_contents() == ["main.lua", "greet.lua"]
    expect(other.pane("output")).to_contain_text("Hello, Ada")


def test_assembly_is_one_file(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=sum")
    bar = one.pane("source").locator(".files")
    expect(bar.get_by_role("button")).to_have_text(["main.asm", "Open a file…"])
