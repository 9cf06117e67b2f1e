"""Questions about the whole recording: writers beyond the trace window, executions of a line, events, conditions."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

#: How many painted pixels each column of the silhouette has.
SILHOUETTE = """() => {
  const canvas = document.querySelector("canvas.sil");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const column = (x) => Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3]);
  const painted = (x) => column(x).filter((a) => a > 128).length;
  return Array.from({ length: width - 2 }, (_, x) => painted(x + 1));
}"""
LOOP = 'local total = 0\nfor i = 1, 5 do\n  total = total + i\nend\nprint(total)\nprint("over")\n'
#: More steps than the server streams; `early` is written before the part that the page fetches around the end.
LONG = "local early = 7\nlocal n = 0\nfor i = 1, 300000 do\n  n = n + i\nend\nprint(early, n)\n"


def program(bench: Callable[..., Bench], text: str) -> Bench:
    one = bench().open("/play", ready=False)
    one.page.locator("#example").select_option("blank")
    one.type_program(text)
    one.run()
    one.at(0)
    return one


def gutter(one: Bench, kind: str, line: int) -> Locator:
    """The cell of a gutter beside a line; the first cell of each gutter is its hidden spacer or line 1."""
    number = one.pane("source").locator(".gb-no .cm-gutterElement", has_text=re.compile(f"^{line}$")).last
    box = number.bounding_box()
    assert box is not None
    cells = one.pane("source").locator(f".gb-{kind} .cm-gutterElement")
    for cell in cells.all():
        place = cell.bounding_box()
        if place is not None and abs(place["y"] - box["y"]) < 2 and place["height"] > 0:
            return cell
    raise AssertionError(f"no cell of {kind} beside line {line}")


def test_pressing_a_lines_count_goes_round_its_executions(bench: Callable[..., Bench]) -> None:
    one = program(bench, LOOP)
    seen: list[int] = []
    now = one.pane("source").locator(".cm-line.now")
    for _ in range(3):
        before = one.tick
        gutter(one, "hue", 3).click()
        expect(one.page.locator("#slider")).not_to_have_attribute("aria-valuenow", str(before))
        expect(now).to_contain_text("total + i")
        seen.append(one.tick)
    assert seen == sorted(set(seen))
    gutter(one, "hue", 3).click(modifiers=["Shift"])
    one.at(seen[1])
    gutter(one, "hue", 6).click()
    expect(now).to_contain_text("over")
    for _ in range(8):  # from the last execution on, round to the first
        gutter(one, "hue", 3).click()
        one.page.wait_for_function(
            "tick => Number(document.querySelector('#slider').ariaValueNow) !== tick", arg=one.tick
        )
        if one.tick == seen[0]:
            break
    assert one.tick == seen[0]


def test_pressing_a_rows_count_goes_to_its_next_execution(bench: Callable[..., Bench]) -> None:
    one = program(bench, LOOP)
    row = one.pane("listing").locator("tr[data-where]", has_text="FORLOOP")
    row.locator(".ht").click()
    expect(row).to_have_attribute("aria-current", "step")
    first = one.tick
    row.locator(".ht").click()
    expect(one.page.locator("#slider")).not_to_have_attribute("aria-valuenow", str(first))
    assert one.tick > first


def test_the_legend_leads_from_event_to_event(bench: Callable[..., Bench]) -> None:
    one = program(bench, LOOP)
    one.page.get_by_role("button", name=re.compile("^Next: output")).click()
    expect(one.page.locator("#slider")).not_to_have_attribute("aria-valuenow", "0")
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("CALL")
    first = one.tick
    one.page.get_by_role("button", name=re.compile("^Next: output")).click()
    expect(one.page.locator("#slider")).not_to_have_attribute("aria-valuenow", str(first))
    assert one.tick > first
    one.button("Previous: output").click()
    one.at(first)
    one.button("Previous: output").click()
    expect(one.page.locator("#notice")).to_contain_text("no such event before")
    one.at(first)


def test_a_value_written_before_the_trace_window_still_leads_to_its_writer(bench: Callable[..., Bench]) -> None:
    one = program(bench, LONG)
    assert one.frontier > 550_000
    one.button("Last step").click()
    one.at(one.frontier)
    one.button("Previous: output").click()
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("CALL")
    row = one.pane("state").locator(".regs tr", has=one.page.locator('td:text-is("early")'))
    row.get_by_role("button", name="Find the step that wrote this").click()
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("LOADI")
    expect(one.pane("source").locator(".cm-line.now")).to_contain_text("early = 7")


def test_the_silhouette_shows_the_part_of_the_recording_that_was_not_streamed(bench: Callable[..., Bench]) -> None:
    one = program(bench, LONG)
    expect(one.pane("state").locator(".ph .meta").first).to_be_visible()
    # One level of height over the whole width: no stretch at the height of nothing, nothing above.
    one.page.wait_for_function(
        f"() => {{ const all = ({SILHOUETTE})(); return all[0] > 4 && all.every((one) => one === all[0]); }}"
    )


def test_a_condition_decides_where_a_breakpoint_stops(bench: Callable[..., Bench]) -> None:
    one = program(bench, LOOP)
    gutter(one, "no", 3).click(button="right")
    dialog = one.page.locator("dialog.dialog")
    dialog.get_by_label("Stop only if").fill("i == 4")
    dialog.get_by_role("button", name="Set", exact=True).click()
    expect(one.pane("source").locator(".gb-bp .dot.if")).to_have_count(1)
    one.button("On to breakpoint").click()
    expect(one.register("R1")).not_to_have_count(0)
    row = one.pane("state").locator(".regs tr", has=one.page.locator('td:text-is("i")')).first
    expect(row).to_contain_text("4")
    at = one.tick
    one.button("On to breakpoint").click()
    one.at(one.frontier)
    assert at < one.frontier
