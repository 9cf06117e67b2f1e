"""Guided tours in Chromium: read as an article, played as steps, with keys and on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from engine.tours import load_tours
from tests.browser.conftest import Bench

TOURS = {tour.name: tour for tour in load_tours()}
PHONE = {"width": 390, "height": 844}
TABLET = {"width": 900, "height": 1100}


def shows(page: Page, tour: str, number: int, language: str = "en") -> None:
    """Wait until the bar shows this note."""
    note = TOURS[tour].notes[number - 1]
    expect(page.locator("#tour h2")).to_have_text(note.title[language])
    expect(page.locator("#tour .text")).to_have_text(note.text[language].replace("`", ""))


def test_from_the_list_to_the_article_to_the_step_and_back(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.open("/play")
    one.page.get_by_role("link", name="Tours", exact=True).click()
    one.page.get_by_role("link", name="Closures and upvalues", exact=True).click()
    expect(one.page.locator("h1")).to_have_text("Closures and upvalues")
    one.page.locator("#note-6").get_by_role("link", name="Play from here: note 6").click()
    one.ready().at(11)
    shows(one.page, "closures", 6)
    one.page.get_by_role("link", name="Read as an article").click()
    expect(one.page.locator("#note-6")).to_be_in_viewport()
    one.page.locator("#note-7").get_by_role("link", name="Open this step: 7, Meanwhile, one is still open").click()
    one.ready().at(25)
    expect(one.page.locator("#tour")).to_have_count(0)


def test_notes_go_forwards_and_backwards_within_one_run_and_over_to_the_next_example(
    bench: Callable[..., Bench],
) -> None:
    one = bench().open("/?tour=closures&note=9")
    one.at(64)
    one.page.locator("#tour-next").click()
    shows(one.page, "closures", 10)
    one.at(182)
    assert one.page.url.endswith("tour=closures&note=10")
    one.page.locator("#tour-next").click()
    shows(one.page, "closures", 11)
    one.at(6)
    expect(one.page.locator("#example")).to_have_value("lua/counters")
    one.page.locator("#tour-previous").click()
    shows(one.page, "closures", 10)
    one.at(182)
    expect(one.page.locator("#tour-previous")).to_be_focused()


def test_the_pane_to_look_at_is_marked_and_a_way_back_to_the_step_is_there(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?tour=closures&note=6")
    one.at(11)
    expect(one.pane("memory")).to_have_class(re.compile("pointed"))
    one.step(2)
    one.page.get_by_role("button", name="Back to this step").click()
    one.at(11)


def test_the_ends_of_a_tour_have_no_way_beyond(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?tour=globals&note=999")
    last = len(TOURS["globals"].notes)
    shows(one.page, "globals", last)
    expect(one.page.locator("#tour-next")).to_be_disabled()
    one.page.keyboard.press("]")
    shows(one.page, "globals", last)
    expect(one.page.locator("#tour .where")).to_contain_text(f"Note {last} of {last}")


def test_brackets_turn_the_notes_unless_text_is_typed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?tour=globals&note=2")
    one.at(2)
    one.page.keyboard.press("]")
    shows(one.page, "globals", 3)
    one.at(3)
    one.page.keyboard.press("[")
    shows(one.page, "globals", 2)
    one.at(2)
    one.page.locator(".cm-content").click()
    one.page.keyboard.type("]")
    shows(one.page, "globals", 2)


def test_another_language_keeps_the_note(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?tour=globals&note=2")
    one.page.keyboard.press("]")
    shows(one.page, "globals", 3)
    one.page.locator("#language").click()
    shows(one.page, "globals", 3, "zh")
    one.page.keyboard.press("]")
    shows(one.page, "globals", 4, "zh")
    one.page.reload()
    one.ready()
    shows(one.page, "globals", 4, "zh")


@pytest.mark.parametrize(("viewport", "tabs"), [(PHONE, "#tabs-all"), (TABLET, "#tabs-middle")])
def test_on_narrow_screens_the_tab_to_look_at_comes_forward(
    bench: Callable[..., Bench], viewport: dict[str, int], tabs: str
) -> None:
    one = bench(viewport=viewport).open("/?tour=closures&note=6")
    expect(one.pane("memory")).to_be_visible()
    expect(one.page.locator(f"{tabs} [aria-selected=true]")).to_have_attribute("data-tab", "memory")
    one.page.locator("#tour-next").click()
    shows(one.page, "closures", 7)
    expect(one.page.locator(f"{tabs} [aria-selected=true]")).to_have_attribute("data-tab", "state")
    expect(one.pane("state")).to_be_visible()
    assert one.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("name", TOURS)
def test_every_tour_plays_to_its_end(bench: Callable[..., Bench], name: str) -> None:
    tour = TOURS[name]
    one = bench().open(f"/?tour={name}")
    # The long tour is sampled: each of its parts is one example.
    numbers = [n for n in range(1, len(tour.notes) + 1) if len(tour.notes) < 20 or n % 9 == 1]
    for number in numbers:
        while one.page.locator("#tour .where").inner_text().find(f"Note {number} of") < 0:
            one.page.keyboard.press("]")
        shows(one.page, name, number)
    last = tour.notes[numbers[-1] - 1]
    expect(one.page.locator("#slider")).to_have_attribute("aria-valuenow", str(last.tick))


@pytest.mark.parametrize("viewport", [PHONE, TABLET], ids=["phone", "tablet"])
@pytest.mark.parametrize("path", ["/tours", *(f"/tours/{name}" for name in TOURS)])
def test_an_article_fits_narrow_screens(bench: Callable[..., Bench], path: str, viewport: dict[str, int]) -> None:
    one = bench(viewport=viewport, language="zh-CN").open(path, ready=False)
    expect(one.page.locator("h1")).to_be_visible()
    assert one.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/tours", "/tours/opcodes", "/tours/exits?lang=zh"])
def test_axe_finds_no_violation_in_the_articles(bench: Callable[..., Bench], path: str, theme: str) -> None:
    one = bench(theme=theme).open(path, ready=False)
    found = Axe().run(one.page)
    assert found.response["violations"] == [], found.generate_report()


@pytest.mark.parametrize("viewport", [PHONE, TABLET, None], ids=["phone", "tablet", "desktop"])
def test_axe_finds_no_violation_while_a_tour_is_played(
    bench: Callable[..., Bench], viewport: dict[str, int] | None
) -> None:
    one = bench(viewport=viewport, theme="dark").open("/?tour=closures&note=6")
    one.at(11)
    found = Axe().run(one.page)
    assert found.response["violations"] == [], found.generate_report()
