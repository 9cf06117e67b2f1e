"""The timeline: zoom, focus window, branches, the past marked as the past; each without a drag as well."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

COUNTER = "local n = 1\nlocal step = 2\nfor i = 1, 3 do n = n + step end\nprint(n)\n"


def axis(one: Bench) -> list[int]:
    """The steps at the axis' ends, once the page has drawn what it was told."""
    one.ready()
    numbers = [int(text.replace(",", "")) for text in one.page.locator(".axis span").all_text_contents()]
    return [numbers[0], numbers[-1]]


def counter(bench: Callable[..., Bench]) -> Bench:
    one = bench().open("/play?new=lua", ready=False)
    one.type_program(COUNTER)
    one.run()
    one.at(0)
    return one


def outputs(one: Bench) -> list[str]:
    return one.pane("output").locator("li pre").all_text_contents()


def test_zoom_by_buttons_and_by_the_wheel(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    end = one.frontier
    assert axis(one) == [0, end]
    expect(one.button("Zoom out")).to_be_disabled()
    one.button("Zoom in").click()
    expect(one.page.locator(".overview")).to_be_visible()
    first, last = axis(one)
    assert last - first == pytest.approx(end / 2, abs=1)
    assert first < one.tick < last
    one.page.locator(".track").hover(position={"x": 100, "y": 40})
    one.page.mouse.wheel(0, -400)
    expect(one.page.locator(".axis span").first).not_to_have_text(str(first))
    assert axis(one)[1] - axis(one)[0] < end / 2
    one.button("Show the whole recording").click()
    expect(one.page.locator(".overview")).to_be_hidden()
    assert axis(one) == [0, end]


def test_zoom_by_keys_and_a_step_out_of_sight_brings_the_span_along(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    slider = one.page.locator("#slider")
    for _ in range(3):
        slider.press("+")
    expect(one.page.locator(".overview")).to_be_visible()
    slider.press("Home")
    one.at(0)
    assert axis(one)[0] == 0
    slider.press("End")
    one.at(one.frontier)
    assert axis(one)[1] == one.frontier
    slider.press("-")
    slider.press("0")
    expect(one.page.locator(".overview")).to_be_hidden()
    # In a zoomed timeline a press lands where it points.
    slider.press("+")
    first, last = axis(one)
    box = one.page.locator(".track").bounding_box()
    assert box is not None
    one.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 45)
    one.at(round((first + last) / 2))


def test_a_focus_window_by_numbers(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.page.locator("#slider").press("w")
    dialog = one.page.get_by_role("dialog", name="Focus window")
    # The running call is proposed.
    expect(dialog.get_by_label("Name")).to_have_value("down")
    dialog.get_by_label("Name").fill("i = 6")
    dialog.get_by_label("From step").fill("150")
    dialog.get_by_label("To step").fill("113")
    dialog.get_by_role("button", name="Outline", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("the first one smaller")
    assert Axe().run(one.page).response["violations"] == []
    dialog.get_by_label("From step").fill("110")
    dialog.get_by_label("To step").fill("130")
    dialog.get_by_role("button", name="Outline", exact=True).click()
    window = one.page.locator(".focusw")
    expect(window).to_have_text("focus: i = 6")
    box, track = window.bounding_box(), one.page.locator(".track").bounding_box()
    assert box is not None
    assert track is not None
    assert box["x"] - track["x"] == pytest.approx(track["width"] * 110 / one.frontier, abs=3)
    assert box["width"] == pytest.approx(track["width"] * 20 / one.frontier, abs=3)
    one.button("Focus window").click()
    dialog.get_by_role("button", name="Outline and zoom").click()
    first, last = axis(one)
    assert 100 < first <= 110
    assert 130 <= last < 140
    one.button("Focus window").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(window).to_be_hidden()


def test_links_carry_the_focus_window(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124&focus=110-130-i%20%3D%206")
    window = one.page.locator(".focusw")
    expect(window).to_have_text("focus: i = 6")
    one.page.locator("#share").click()
    readable = one.page.locator("#share-readable").input_value()
    packed = one.page.locator("#share-packed").input_value()
    one.page.locator("#share-make").click()
    short = one.page.locator("#share-link")
    expect(short).to_have_value(re.compile(r"/s/\w+$"))
    for link in (readable, packed, short.input_value()):
        other = bench().open(link.removeprefix(one.base))
        expect(other.page.locator(".focusw")).to_have_text("focus: i = 6")
        assert other.tick == 124
    other.open("/?example=closure&tick=124&focus=130-110")
    expect(other.page.locator(".focusw")).to_be_hidden()


def test_playing_stays_inside_of_the_focus_window(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=3&focus=110-114")
    one.button("Play").click()
    one.at(114)
    expect(one.button("Play")).to_be_visible()
    seen = one.page.evaluate(
        """async () => {
          const ticks = [];
          const slider = document.querySelector("#slider");
          new MutationObserver(() => ticks.push(slider.getAttribute("aria-valuenow")))
            .observe(slider, { attributes: true, attributeFilter: ["aria-valuenow"] });
          [...document.querySelectorAll("#timeline .btn.wide")][0].click();
          while (ticks.at(-1) !== "114") await new Promise(requestAnimationFrame);
          return [...new Set(ticks)];
        }"""
    )
    assert seen == ["110", "111", "112", "113", "114"]


def test_a_focus_window_by_dragging_with_shift(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    at = one.tick
    box = one.page.locator(".track").bounding_box()
    assert box is not None
    one.page.keyboard.down("Shift")
    one.page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 45)
    one.page.mouse.down()
    one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 45)
    one.page.mouse.up()
    one.page.keyboard.up("Shift")
    expect(one.page.locator(".focusw")).to_be_visible()
    assert one.tick == at
    one.button("Focus window").click()
    dialog = one.page.get_by_role("dialog", name="Focus window")
    expect(dialog.get_by_label("From step")).to_have_value(str(round(one.frontier / 4)))
    expect(dialog.get_by_label("To step")).to_have_value(str(round(one.frontier / 2)))


def test_a_changed_value_begins_a_branch_and_the_recording_stays(bench: Callable[..., Bench]) -> None:
    one = counter(bench)
    assert outputs(one) == ["7"]
    end = one.frontier
    one.go_to(3)
    one.register("R1").locator("td").nth(1).dblclick()
    field = one.page.get_by_label("New value of R1 step")
    expect(field).to_be_focused()
    expect(field).to_have_value("2")
    field.fill("10")
    field.press("Enter")
    timeline = one.page.locator("#timeline")
    expect(timeline.locator(".branchmark b")).to_have_text("BRANCH")
    expect(timeline).to_have_class(re.compile("branched"))
    one.at(3)
    expect(one.register("R1")).to_contain_text("10")
    assert outputs(one) == ["31"]
    assert one.frontier == end
    expect(one.page.locator('.ev[aria-label*="branch"]')).to_have_count(1)
    assert Axe().run(one.page).response["violations"] == []
    # It has a name, and the way back is one click.
    timeline.get_by_role("button", name="Rename").click()
    dialog = one.page.get_by_role("dialog", name="Rename")
    dialog.get_by_label("Name of the branch").fill("larger steps")
    dialog.get_by_role("button", name="Rename").click()
    expect(timeline.get_by_label("Branch of the recording").locator("option:checked")).to_have_text("larger steps")
    timeline.get_by_role("button", name="Back to the recording as it was").click()
    expect(timeline.locator(".branchmark b")).to_have_count(0)
    expect(one.register("R1")).to_contain_text("2")
    expect(one.pane("output").locator("li pre").first).to_have_text("7")
    timeline.get_by_label("Branch of the recording").select_option(label="larger steps")
    expect(one.pane("output").locator("li pre").first).to_have_text("31")
    one.button("Last step").click()
    one.at(end)
    one.page.locator("#slider").press("ArrowLeft")
    one.at(end - 1)


def test_an_upvalue_is_changed_in_its_place(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?example=closure")
    up = one.pane("state").locator(".up [data-edit]").first
    up.hover()
    one.page.get_by_role("button", name=re.compile("^Change U0 ")).click()
    field = one.page.get_by_label(re.compile("^New value of U0 "))
    field.fill("77")
    field.press("Enter")
    expect(field).to_have_count(0)
    one.ready()
    expect(one.pane("state").locator(".up").first).to_contain_text("77")
    expect(one.page.locator(".branchmark b")).to_be_visible()


def test_what_cannot_be_a_value_is_said_and_escape_leaves(bench: Callable[..., Bench]) -> None:
    one = counter(bench)
    one.go_to(3)
    one.register("R0").locator("td").nth(1).dblclick()
    field = one.page.get_by_label("New value of R0 n")
    field.fill("what")
    field.press("Enter")
    wrong = one.page.locator(".valueform .wrong")
    expect(wrong).to_contain_text("Write nil, true, false, a number, or a text in quotes.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert Axe().run(one.page).response["violations"] == []
    field.fill("99999999999999999999")
    field.press("Enter")
    expect(wrong).to_contain_text("64 bits")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(one.page.locator(".branchmark")).to_be_hidden()
    for text, shown in (("nil", "nil"), ('"a\\"b"', 'a\\"b'), ("-2.5", "-2.5"), ("0x10", "16")):
        one.register("R0").locator("td").nth(1).dblclick()
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_count(0)
        one.ready()
        one.at(3)
        expect(one.register("R0")).to_contain_text(shown)


def test_a_cpu_register_can_be_changed_with_the_keyboard(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=sum")
    one.go_to(2)
    one.page.locator("#slider").press("e")
    dialog = one.page.get_by_role("dialog", name="Change a value at step 2")
    dialog.get_by_label("What to change").select_option(index=0)
    assert Axe().run(one.page).response["violations"] == []
    field = dialog.get_by_role("textbox")
    field.fill("xyz")
    field.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("hexadecimal")
    field.fill("123456789")
    field.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("does not fit into 16 bits")
    field.fill("0xbeef")
    field.press("Enter")
    expect(dialog).to_have_count(0)
    one.ready()
    one.at(2)
    expect(one.register("AX")).to_contain_text("beef")
    expect(one.page.locator(".branchmark b")).to_be_visible()


#: Counts the commands that the page sends.
SENT = """
window.sent = [];
window.WebSocket = class extends WebSocket {
  send(data) { sent.push(JSON.parse(data).do); super.send(data); }
};
"""


def test_a_drag_asks_for_nothing_until_it_rests_and_says_what_is_of_another_step(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.page.add_init_script(SENT)
    one.open("/?example=closure")
    meta = one.pane("state").locator(".ph .meta").first
    expect(meta).to_have_text("after step 124")
    head = one.page.locator("#pane-memory > .ph")
    box = one.page.locator(".track").bounding_box()
    assert box is not None
    # No time passes for the page's clocks while the pointer is down.
    one.page.clock.install()
    one.page.clock.pause_at(one.page.evaluate("Date.now()") + 1000)
    one.page.evaluate("sent.length = 0")
    mouse = one.page.mouse
    mouse.move(box["x"] + 200, box["y"] + 50)
    mouse.down()
    for x in range(200, 620, 6):
        mouse.move(box["x"] + x, box["y"] + 50)
        one.page.clock.run_for(17)
    shown = one.tick
    assert shown != 124
    expect(meta).to_have_text(f"after step {shown}")
    expect(head).to_have_attribute("data-asof", "as of step 124")
    assert one.page.evaluate("sent") == []
    made = one.pane("state").locator(".b-regs tr").all_text_contents()
    one.page.clock.run_for(400)
    one.page.clock.resume()
    expect(head).not_to_have_attribute("data-asof", re.compile(""))
    assert one.page.evaluate("sent") == ["seek"]
    mouse.up()
    assert one.tick == shown
    assert one.pane("state").locator(".b-regs tr").all_text_contents() == made


#: Drags a little in each frame and reads which step each pane shows at its end, for two frames after the last move.
FRAMES = """async (moves) => {
  const track = document.querySelector(".track");
  const { left, width, top } = track.getBoundingClientRect();
  const fire = (type, x) => track.dispatchEvent(new PointerEvent(type,
    { bubbles: true, pointerId: 1, clientX: left + x * width, clientY: top + 40, buttons: 1, isPrimary: true }));
  track.setPointerCapture = () => {};
  track.hasPointerCapture = () => true;
  const number = (of) => Number((document.querySelector(of)?.textContent ?? "").replace(/\\D/g, ""));
  const read = () => ({
    slider: Number(document.querySelector("#slider").getAttribute("aria-valuenow")),
    state: number("#pane-state > .ph .meta"),
    listing: number("#pane-listing tr.now .pc"),
    source: number("#pane-source .gb-no .now") + 1,
    narration: Number(/step (\\d+)/i.exec(document.querySelector("#pane-narration > .ph .meta").textContent)[1]),
  });
  fire("pointerdown", 0.1);
  const seen = [];
  for (let i = 0; i < moves + 2; i++) {
    await new Promise(requestAnimationFrame);
    seen.push(read());
    if (i < moves) fire("pointermove", 0.5 - 0.4 * Math.cos(i / 7));
  }
  return seen;
}"""


def test_while_one_drags_no_pane_is_more_than_a_frame_behind(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    # Step n runs instruction n, which is line n - 1.
    one.type_program("x = 1\n" * 300)
    one.run()
    one.at(0)
    seen = one.page.evaluate(FRAMES, 60)
    followers = ("listing", "source", "narration")
    for before, now in pairwise(seen[2:]):
        assert now["state"] == now["slider"]
        for pane in followers:
            assert now[pane] in (before["slider"], now["slider"]), (pane, before, now)
    behind = [{pane for pane in followers if now[pane] != now["slider"]} for now in seen[2:-2]]
    assert {"listing"} in behind
    assert {"source", "narration"} in behind
    last = seen[-1]
    assert set(last.values()) == {last["slider"]}
    one.at(last["slider"])
    for node in (one.pane("listing").locator("tr.now"), one.pane("source").locator(".cm-line.now")):
        expect(node).to_be_in_viewport(ratio=1)


def test_families_of_instructions_are_drawn_and_told_in_words(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    band = one.page.locator("canvas.fam")
    expect(band).to_have_attribute("aria-label", re.compile(r"Families of instructions: upvalue \d+ %, .*others \d+ %"))
    painted = (
        "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
    )
    assert band.evaluate(painted) > 1000
    band.hover(position={"x": 300, "y": 5})
    expect(band).to_have_attribute("title", re.compile(r"\d+ %"))
    button = one.page.get_by_role("button", name="Families")
    rows = one.page.locator(".famlist li")
    expect(rows.first).to_be_hidden()
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(rows.first).to_contain_text("upvalue")
    assert rows.count() == 6
    assert Axe().run(one.page).response["violations"] == []


def test_the_band_of_families_is_exact_for_the_shown_part(bench: Callable[..., Bench]) -> None:
    """Of 400,000 steps a column has 400: 30 at the end that fill a table are lost in it and alone in the shown part."""
    one = bench()
    one.open("/play?new=lua", ready=False)
    fields = "; ".join(f"t.f{n} = {n}" for n in range(30))
    one.type_program(f"for i = 1, 200000 do local a = i + i end\nlocal t = {{}}\n{fields}\n")
    one.run()
    one.page.locator("#slider").press("End")
    one.at(one.frontier)
    band = one.page.locator("canvas.fam")
    expect(band).to_have_attribute("aria-label", re.compile("arithmetic 50 %"))
    for _ in range(20):
        one.page.locator("#slider").press("+")
    expect(band).to_have_attribute("aria-label", re.compile(r"^Families of instructions: table \d+ %, call \d+ %$"))
    for _ in range(20):
        one.page.locator("#slider").press("-")
    expect(band).to_have_attribute("aria-label", re.compile("arithmetic 50 %"))


def test_steps_beyond_the_window_come_with_their_state_in_one_round_trip(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.page.add_init_script(SENT)
    one.open("/play?new=lua", ready=False)
    one.type_program("local n = 0\nfor i = 1, 400000 do\n  n = n + i\nend\nprint(n)\n")
    one.run()
    one.at(0)
    end = one.frontier
    assert end > 700_000
    one.page.evaluate("sent.length = 0")
    one.go_to(700_000)
    expect(one.pane("listing").locator("tr.now")).to_have_count(1)
    expect(one.pane("state").locator(".ph .meta").first).to_have_text("after step 700,000")
    asked = one.page.evaluate("sent.filter((name) => name !== 'credit')")
    assert asked == ["seek"], asked
