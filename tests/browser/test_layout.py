"""The layout: four columns, two, or one; lines between panes that can be moved, and stay where they were put."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def width(one: Bench, place: str) -> float:
    box = one.pane(place).bounding_box()
    assert box is not None
    return box["width"]


def height(one: Bench, place: str) -> float:
    box = one.pane(place).bounding_box()
    assert box is not None
    return box["height"]


def line(one: Bench, name: str) -> Locator:
    return one.page.get_by_role("separator", name=name)


def drag(one: Bench, grip: Locator, right: float, down: float) -> None:
    box = grip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + min(box["height"] / 2, 40)
    one.page.mouse.move(x, y)
    one.page.mouse.down()
    one.page.mouse.move(x + right / 2, y + down / 2)
    one.page.mouse.move(x + right, y + down)
    one.page.mouse.up()


def test_a_line_between_columns_can_be_dragged_and_is_remembered(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    source, listing, state = (width(one, place) for place in ("source", "listing", "state"))
    drag(one, line(one, "Line between source and listing"), 80, 0)
    assert width(one, "source") == pytest.approx(source + 80, abs=2)
    assert width(one, "listing") == pytest.approx(listing - 80, abs=2)
    assert width(one, "state") == pytest.approx(state, abs=2)
    # The bottom row keeps to the same line.
    assert width(one, "output") == pytest.approx(source + 80, abs=2)
    one.page.reload()
    one.ready()
    assert width(one, "source") == pytest.approx(source + 80, abs=2)
    line(one, "Line between source and listing").dblclick()
    assert width(one, "source") == pytest.approx(source, abs=2)


def test_a_line_stops_at_the_least_width(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    drag(one, line(one, "Line between source and listing"), -900, 0)
    assert width(one, "source") == pytest.approx(220, abs=2)
    line(one, "Line between source and listing").press("End")
    assert width(one, "listing") == pytest.approx(330, abs=2)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= 1600


def test_lines_obey_keys_and_buttons(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    grip = line(one, "Line between listing and state")
    before, at = width(one, "listing"), one.tick
    was = grip.get_attribute("aria-valuetext")
    grip.press("ArrowLeft")
    assert width(one, "listing") == pytest.approx(before - 16, abs=2)
    grip.press("Shift+ArrowRight")
    assert width(one, "listing") == pytest.approx(before + 48, abs=2)
    assert grip.get_attribute("aria-valuetext") != was
    assert one.tick == at, "arrow keys on a line do not step"
    one.page.get_by_role("button", name="Line between listing and state: to the left").click()
    assert width(one, "listing") == pytest.approx(before - 16, abs=2)
    one.page.get_by_role("button", name="Line between listing and state: put back").click()
    assert width(one, "listing") == pytest.approx(before, abs=2)


def test_the_bottom_row_can_be_higher(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    before = height(one, "output")
    drag(one, line(one, "Line above the bottom row"), 0, -60)
    assert height(one, "output") == pytest.approx(before + 60, abs=2)
    line(one, "Line above the bottom row").press("Enter")
    assert height(one, "output") == pytest.approx(before, abs=2)


def test_a_tablet_has_lines_of_its_own(bench: Callable[..., Bench]) -> None:
    one = bench(viewport={"width": 900, "height": 1000}).open("/?example=closure")
    expect(one.page.get_by_role("separator")).to_have_count(2)
    before = width(one, "source")
    line(one, "Line between source and listing").press("ArrowRight")
    assert width(one, "source") == pytest.approx(before + 16, abs=2)
    tall = height(one, "listing")
    line(one, "Line under source and listing").press("ArrowDown")
    assert height(one, "listing") == pytest.approx(tall + 16, abs=2)
    # The wide layout has sizes of its own.
    one.page.set_viewport_size({"width": 1500, "height": 1000})
    expect(one.page.get_by_role("separator")).to_have_count(4)


def test_a_phone_has_no_lines(bench: Callable[..., Bench]) -> None:
    one = bench(viewport={"width": 390, "height": 844}).open("/?example=closure")
    expect(one.page.get_by_role("separator")).to_have_count(0)


@pytest.mark.parametrize(("wide", "columns"), [(1100, 4), (1099, 2), (760, 2), (759, 1)])
def test_columns_by_width(bench: Callable[..., Bench], wide: int, columns: int) -> None:
    one = bench(viewport={"width": wide, "height": 900}).open("/?example=closure")
    tops = [one.pane(place).bounding_box() for place in ("source", "listing", "state", "memory")]
    upper = [box for box in tops if box is not None and box["width"] > 0 and box["y"] < 120]
    assert len(upper) == columns
