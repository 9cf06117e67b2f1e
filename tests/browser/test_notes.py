"""A visitor's own notes: pinned to steps, listed, marked on the timeline, shared, played, saved as a tour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from engine.examples import load_examples
from engine.tourpins import executed, tick_of
from engine.tours import parse
from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def pin(one: Bench, tick: int, text: str) -> None:
    """Write a note on a step with the keyboard."""
    one.go_to(tick)
    one.page.locator("#note-add").click()
    area = one.pane("narration").get_by_role("textbox")
    expect(area).to_be_focused()
    area.fill(text)
    area.press("ControlOrMeta+Enter")
    expect(one.pane("narration").locator(f'[data-note="{tick}"]')).to_contain_text(text.replace("`", ""))


@pytest.fixture
def noted(bench: Callable[..., Bench]) -> Bench:
    one = bench().open("/?example=closure&tick=124")
    pin(one, 124, "Both closures see `13`.")
    pin(one, 11, "The return closes `n`.")
    return one


def test_a_note_may_name_where_to_look(noted: Bench) -> None:
    one = noted
    one.page.get_by_role("button", name="Edit the note on step 11").click()
    one.pane("narration").get_by_role("combobox", name="Where to look").select_option("heap")
    one.page.get_by_role("button", name="Keep").click()
    expect(one.pane("narration").locator('[data-note="11"]')).to_contain_text("Look at: Heap")
    one.page.locator("#notes-play").click()
    one.page.keyboard.press("[")
    expect(one.page.locator("#pane-memory.pointed")).to_be_visible()
    one.page.locator("#share").click()
    link = one.page.locator("#share-packed").input_value()
    other = one.open(link.removeprefix(one.base))
    expect(other.pane("narration").locator('[data-note="11"]')).to_contain_text("Look at: Heap")


def test_notes_are_listed_in_the_order_of_their_steps_and_marked_on_the_timeline(noted: Bench) -> None:
    one = noted
    notes = one.pane("narration").locator(".pinned li")
    expect(notes).to_have_text(["@11The return closes n.EditDelete", "@124Both closures see 13.EditDelete"])
    marks = one.page.locator('.ev[title*="note:"]')
    expect(marks).to_have_count(2)
    marks.last.click()
    one.at(124)
    notes.first.get_by_role("button").first.click()
    one.at(11)
    assert Axe().run(one.page).response["violations"] == []


def test_a_note_is_changed_and_deleted(noted: Bench) -> None:
    one = noted
    first = one.pane("narration").locator('[data-note="11"]')
    first.get_by_role("button", name="Edit the note on step 11").click()
    area = one.pane("narration").get_by_role("textbox")
    expect(area).to_have_value("The return closes `n`.")
    area.fill("Another text")
    area.press("Escape")
    expect(first).to_contain_text("The return closes n.")
    first.get_by_role("button", name="Edit the note on step 11").click()
    area.fill("Another text")
    one.pane("narration").get_by_role("button", name="Keep").click()
    expect(first).to_contain_text("Another text")
    first.get_by_role("button", name="Delete the note on step 11").click()
    expect(first).to_have_count(0)
    expect(one.page.locator('.ev[title*="note:"]')).to_have_count(1)
    expect(one.page.locator("#note-add")).to_be_focused()


@pytest.mark.parametrize("kind", ["packed", "short"])
def test_links_carry_notes_and_open_with_them_being_played(
    kind: str, noted: Bench, bench: Callable[..., Bench]
) -> None:
    noted.page.locator("#share").click()
    expect(noted.page.locator("#share-readable")).to_have_count(0)
    if kind == "short":
        noted.page.locator("#share-make").click()
    link = noted.page.locator("#share-link" if kind == "short" else "#share-packed").input_value()
    other = bench().open(link.removeprefix(noted.base))
    other.at(11)
    bar = other.page.locator("#tour")
    expect(bar).to_contain_text("Note 1 of 2")
    expect(bar).to_contain_text("The return closes n.")
    bar.get_by_role("button", name="Next note").click()
    other.at(124)
    expect(bar).to_contain_text("Both closures see 13.")
    assert "tour=" not in other.page.url
    expect(other.pane("narration").locator(".pinned li")).to_have_count(2)
    bar.get_by_role("button", name="Leave the tour").click()
    expect(bar).to_have_count(0)
    other.at(124)


def test_notes_are_played_with_the_keys_of_a_tour(noted: Bench) -> None:
    one = noted
    one.page.locator("#notes-play").click()
    bar = one.page.locator("#tour")
    expect(bar).to_contain_text("Note 1 of 2")
    one.page.keyboard.press("]")
    one.at(124)
    one.page.keyboard.press("[")
    one.at(11)


def test_the_transcript_has_the_notes_under_their_steps(noted: Bench, tmp_path: Path) -> None:
    noted.page.locator("#share").click()
    with noted.page.expect_download() as download:
        noted.page.locator("#export-markdown").click()
    path = tmp_path / "run.md"
    download.value.save_as(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    at = lines.index("  > The return closes `n`.")
    assert lines[at - 2].startswith("- **11** (14) `RETURN`")


def test_the_tour_file_is_one_that_the_server_takes(noted: Bench, tmp_path: Path) -> None:
    with noted.page.expect_download() as download:
        noted.page.locator("#notes-save").click()
    path = tmp_path / "mine.toml"
    download.value.save_as(path)
    examples = {example.name: example for example in load_examples()}
    tour = parse("mine", path.read_text(encoding="utf-8"), examples)
    assert [note.text["zh"] for note in tour.notes] == ["The return closes `n`.", "Both closures see `13`."]
    steps = executed(examples["closure"])
    assert [tick_of(note, steps) for note in tour.notes] == [11, 124]
    assert [note.op for note in tour.notes] == ["RETURN", "SETUPVAL"]
