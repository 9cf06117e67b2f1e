"""The closure example, stepped forwards and backwards in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

CLOSURE = """local function counter(n)
  local function up(by)
    n = n + by
    return n
  end
  n = n + 1
  return up
end
local up = counter(10)
print(up(5))
"""


@pytest.fixture
def closure(bench: Callable[..., Bench]) -> Bench:
    """The program above, run, at tick 0."""
    one = bench().open("/play", ready=False)
    one.page.locator("#example").select_option("blank")
    one.type_program(CLOSURE)
    one.run()
    one.at(0)
    return one


#: Steps forward with the slider's own key, frame by frame, until its value text names the opcode for the nth time.
WALK = """async (slider, [opcode, nth]) => {
  const name = new RegExp(`, ${opcode}\\\\b`);
  for (let seen = 0; Number(slider.ariaValueNow) < Number(slider.ariaValueMax); ) {
    slider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    if (name.test(slider.ariaValueText) && ++seen === nth) return Number(slider.ariaValueNow);
  }
  return -1;
}"""


def find_step(one: Bench, opcode: str, nth: int = 1) -> int:
    """Walk on to the nth execution of an opcode; answers its tick."""
    tick = int(one.page.locator("#slider").evaluate(WALK, [opcode, nth]))
    assert tick > 0, f"{opcode} ran fewer than {nth} times"
    one.at(tick)
    return tick


def test_the_example_opens_at_the_step_that_its_author_chose(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    expect(one.page.locator("#example option:checked")).to_have_text("Two closures, one upvalue")
    one.at(124)
    expect(one.page.locator(".pastmark")).to_contain_text("PAST")
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("SETUPVAL")
    expect(one.upvalue("n").locator(".tag")).to_contain_text("closed")
    expect(one.upvalue("calls").locator(".tag")).to_have_text("open")


def test_an_upvalue_goes_from_open_to_closed_and_back(closure: Bench) -> None:
    one = closure
    made = find_step(one, "CLOSURE", 2)
    # Inside counter: the closure shares the parameter's stack slot.
    slot = one.pane("state").locator("tr.slot-open")
    expect(slot).to_contain_text("n")
    heap = one.pane("memory")
    expect(heap.locator(".obj.fn", has=one.page.locator('b:text-is("up")'))).to_contain_text("counter R0")
    one.page.locator("#slider").press("End")
    one.at(one.frontier)
    first = one.page.locator("#slider")
    first.press("Home")
    one.at(0)
    inside = find_step(one, "SETUPVAL")
    up = one.upvalue("n")
    expect(up.locator(".tag")).to_contain_text("closed")
    expect(up.locator(".old")).to_contain_text("11")
    expect(up.locator(".wrote")).to_have_text("16")
    expect(heap.locator(".obj.uv")).to_contain_text("16")
    one.step(-1)
    expect(up).to_contain_text("11")
    expect(up.locator(".wrote")).to_have_count(0)
    assert made < inside
    one.go_to(made)
    expect(slot).to_contain_text("n")
    expect(heap.locator(".obj.uv")).to_have_count(0)


def test_a_value_leads_to_the_step_that_wrote_it(closure: Bench) -> None:
    one = closure
    inside = find_step(one, "SETUPVAL")
    one.page.locator("#slider").press("End")
    one.at(one.frontier)
    one.go_to(inside + 1)
    one.upvalue("n").get_by_role("button").last.click()
    one.at(inside)


def test_output_waits_for_the_step_that_prints_it(closure: Bench) -> None:
    one = closure
    line = one.pane("output").locator("ol.out li", has_text="16")
    expect(line).to_have_class(re.compile("future"))
    one.button("Last step").click()
    one.at(one.frontier)
    expect(line).not_to_have_class(re.compile("future"))
    expect(one.page.locator(".pastmark")).to_be_hidden()
    line.get_by_role("button").click()
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("CALL")


def test_a_breakpoint_on_a_line_stops_forwards_and_backwards(closure: Bench) -> None:
    one = closure
    one.pane("source").locator(".gb-no .cm-gutterElement", has_text=re.compile("^3$")).click()
    expect(one.pane("source").locator(".gb-bp .dot")).to_have_count(2)  # the gutter's own spacer is one
    expect(one.page.locator(".ev.bp")).to_have_count(1)
    one.button("On to breakpoint").click()
    expect(one.pane("listing").locator("tr.next .op")).to_have_text("GETUPVAL")
    at = one.tick
    assert 0 < at < one.frontier
    one.button("Last step").click()
    one.at(one.frontier)
    one.button("Back to breakpoint").click()
    expect(one.pane("listing").locator("tr.next .op")).to_have_text("GETUPVAL")
    one.at(at)
    one.button("Back to breakpoint").click()
    one.at(0)


def test_a_breakpoint_on_a_row_of_the_listing_stops_there(closure: Bench) -> None:
    one = closure
    call = one.pane("listing").locator("tr[data-where]", has_text="CALL").first
    call.locator(".stop").click()
    expect(call.locator(".stop")).to_have_attribute("aria-pressed", "true")
    one.page.locator("#slider").press("c")
    expect(call).to_have_class(re.compile("next"))


def test_a_syntax_error_is_underlined_with_the_compilers_message(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play", ready=False)
    one.page.locator("#example").select_option("blank")
    one.type_program("local x = 1\nlocal y = = 2\n")
    one.page.locator("#run").click()
    expect(one.pane("source").locator(".problems")).to_contain_text("main.lua:2: unexpected symbol near '='")
    wrong = one.pane("source").locator(".gb-wrong")
    expect(wrong).to_have_text("=")
    expect(wrong).to_have_attribute("title", re.compile("unexpected symbol"))
    one.type_program("local y = 2\nprint(y)\n")
    expect(wrong).to_have_count(0)
    one.run()
    expect(one.pane("output")).to_contain_text("2")


def test_an_error_of_the_program_is_said_and_leads_to_its_step(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play", ready=False)
    one.page.locator("#example").select_option("blank")
    one.type_program("local t\nprint('before')\nprint(t.x)\n")
    one.run()
    notice = one.page.locator("#notice")
    expect(notice).to_contain_text("attempt to index a nil value (local 't')")
    notice.get_by_role("button", name="Go to the moment before").click()
    expect(one.pane("listing").locator("tr.next .op")).to_have_text("GETFIELD")
    expect(one.register("R0")).to_contain_text("nil")
    expect(one.page.locator(".ev.err")).to_have_count(1)


def test_a_shared_step_opens_in_another_browser_at_the_same_step(closure: Bench, bench: Callable[..., Bench]) -> None:
    one = closure
    inside = find_step(one, "SETUPVAL")
    one.page.locator("#share").click()
    one.page.locator("#share-make").click()
    link = one.page.locator("#share-link").input_value()
    other = bench()
    other.page.goto(link)
    other.ready()
    other.at(inside)
    expect(other.upvalue("n").locator(".wrote")).to_have_text("16")
    assert other.frontier == one.frontier


def test_clicking_a_caller_shows_its_registers(closure: Bench) -> None:
    one = closure
    find_step(one, "SETUPVAL")
    calls = one.pane("state").locator(".calls button")
    calls.nth(1).click()
    expect(calls.nth(1)).to_have_attribute("aria-current", "true")
    expect(one.pane("state").locator(".regs tr.sub").first).to_contain_text("main")
    # The listing shows where that caller waits.
    expect(one.pane("listing").locator("tr.wait .op")).to_be_in_viewport()


def test_the_source_underlines_captured_variables_as_open_or_closed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    text = one.pane("source").locator(".cm-content")
    # `n` moved into its box when `counter` returned; `calls` is still a register of the main function.
    expect(text.locator(".uc")).to_have_text(["n"] * 7)
    expect(text.locator(".uo")).to_have_text(["calls"] * 6)
    expect(text.locator(".uc").first).to_have_attribute("title", re.compile("n: captured and closed, in box UpVal #"))
    one.go_to(8)
    expect(text.locator(".uo", has_text=re.compile("^n$"))).to_have_count(7)
    expect(text.locator(".uc")).to_have_count(0)
    one.go_to(0)
    expect(text.locator(".uo, .uc")).to_have_count(0)


def test_of_local_n_is_n_only_the_captured_one_is_underlined(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=lua", ready=False)
    one.type_program("local n = 1\nlocal function up() n = n + 1 end\nup()\nlocal n = n\nprint(n)\n")
    one.run()
    one.page.locator("#slider").press("End")
    one.at(one.frontier)
    one.page.locator("#slider").press("ArrowLeft")
    one.at(one.frontier - 1)
    lines = one.page.locator(".cm-line")
    expect(lines.nth(0).locator(".uo")).to_have_count(1)
    expect(lines.nth(1).locator(".uo")).to_have_count(2)
    # The first of these two is the new variable, which nothing captures.
    expect(lines.nth(3).locator(".uo")).to_have_count(1)
    assert lines.nth(3).evaluate("(line) => line.innerHTML.lastIndexOf('uo') > line.innerHTML.indexOf('=')")
    expect(lines.nth(4).locator(".uo")).to_have_count(0)


def test_a_closed_upvalue_leads_to_the_step_that_closed_it_and_names_who_shares_it(
    bench: Callable[..., Bench],
) -> None:
    one = bench().open("/?example=closure&tick=124")
    expect(one.upvalue("n").locator(".shared")).to_have_text(re.compile(r"shared with up #\d+"))
    one.upvalue("n").locator(".tag .at").click()
    one.at(11)
    expect(one.pane("listing").locator("tr.now .op")).to_have_text("RETURN")


def test_coroutines_stand_side_by_side_and_show_their_frames(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=coroutines&tick=60")
    cards = one.pane("state").locator(".co")
    expect(cards).to_have_count(2)
    expect(cards.first).to_have_class(re.compile("active"))
    cards.nth(1).get_by_role("button").last.click()
    expect(one.pane("state").locator(".regs tr.sub").first).to_contain_text("function <main.lua:3>")
    expect(one.register("R0")).to_contain_text("a")
    one.step()
    expect(one.pane("state").locator(".regs tr.sub").first).to_contain_text("main")


def test_after_an_uncaught_error_the_calls_that_raised_it_are_shown(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=error&tick=53")
    calls = one.pane("state").locator(".b-calls")
    expect(calls).to_contain_text("as they were when it was raised")
    expect(calls.locator(".fname")).to_have_text(["take", "main"])
    expect(one.register("R0")).to_contain_text('"melon"')
    calls.get_by_role("button").last.click()
    expect(one.register("R2")).to_contain_text("ok")


def test_constants_belong_to_the_running_function(closure: Bench) -> None:
    one = closure
    one.go_to(1)
    expect(one.pane("extra")).to_contain_text('"print"')
    find = one.page.locator("#slider")
    find.press("Home")
    one.at(0)
    find_step(one, "SETUPVAL")
    expect(one.pane("extra")).to_contain_text("This function has no constants.")


def test_an_edit_marks_what_is_shown_as_out_of_date_and_a_rerun_keeps_the_step(closure: Bench) -> None:
    one = closure
    one.go_to(5)
    one.page.locator(".cm-content").click()
    one.page.keyboard.press("ControlOrMeta+End")
    one.page.keyboard.type("print('more')")
    expect(one.page.locator(".runinfo")).to_have_text("Edited: run again to see it")
    expect(one.pane("listing")).to_have_class(re.compile("stale"))
    one.page.keyboard.press("ControlOrMeta+Shift+Enter")
    one.at(5)
    expect(one.pane("listing")).not_to_have_class(re.compile("stale"))
    expect(one.pane("output")).to_contain_text("more")


def test_the_drawer_says_what_the_step_read_and_wrote_and_where_the_manual_is(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure&tick=124")
    drawer = one.pane("listing").locator(".decode")
    expect(drawer.get_by_role("link", name="Manual §3.5")).to_have_attribute("href", re.compile(r"manual\.html#3\.5$"))
    expect(drawer.locator("dd").first).to_have_text("R1 13")
    expect(drawer.locator("dd").last).to_contain_text("upvalue n")
    expect(drawer.locator("dd").last.locator(".wrote")).to_have_text("13")
    expect(drawer.locator(".bits .rd small")).to_have_text("A 1: R1")
    one.step(-1)
    expect(drawer.locator("dd").first).to_have_text("R1 19R0 (by) 6")
    # Another row is taken apart without the values of this step.
    one.pane("listing").locator("tr[data-where] .op", has_text="RETURN1").first.click()
    expect(drawer.locator("dd")).to_have_count(0)
