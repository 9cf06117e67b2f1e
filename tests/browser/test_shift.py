"""What is on the page stays where it is while a program opens: the sum of the browser's layout shifts.

The processor is slowed four times by the browser, so that what could be drawn in two frames is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

#: docs/page.md, "Budgets and proofs".
BUDGET = 0.02
OBSERVE = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry);
}).observe({ type: "layout-shift", buffered: true });
"""
#: Waits for two frames, after which every shift has been told.
TOLD = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
  return shifts.map((entry) => [entry.value, entry.sources.map(({ node }) =>
    node?.parentElement?.outerHTML.slice(0, 120))]);
}"""
WIDTHS = ({"width": 1440, "height": 900}, {"width": 900, "height": 1100}, {"width": 390, "height": 844})
#: One whose step is late in its run, some that end with an error (a line says so and explains it), one with a screen,
#: and of each machine's panes.
OPENED = (
    "room=lua&example=closure",
    "room=lua&example=error",
    "room=lua&example=coroutines",
    "room=x86&example=sum",
    "room=x86&example=guard",
    "room=x86&example=screen",
)


@pytest.mark.parametrize("viewport", WIDTHS, ids=lambda viewport: str(viewport["width"]))
@pytest.mark.parametrize("opened", OPENED)
def test_nothing_moves_while_a_program_opens(
    bench: Callable[..., Bench], viewport: dict[str, int], opened: str
) -> None:
    one = bench(viewport=viewport)
    one.page.add_init_script(OBSERVE)
    one.page.context.new_cdp_session(one.page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    one.open(f"/play?{opened}")
    expect(one.page.locator(".cm-content")).to_be_attached()
    shifts = one.page.evaluate(TOLD)
    assert sum(value for value, _ in shifts) <= BUDGET, shifts


def test_panes_wait_for_the_step_that_a_program_opens_at(bench: Callable[..., Bench]) -> None:
    """While the state is on its way its place is kept empty, and said to be busy; then the step itself is there."""
    one = bench()
    one.page.add_init_script(
        """window.seen = [];
        new MutationObserver(() => {
          const note = document.querySelector("#pane-state .ph .meta");
          if (note?.textContent && getComputedStyle(note).visibility === "visible") seen.push(note.textContent);
        }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });"""
    )
    one.open("/play?example=closure")
    assert set(one.page.evaluate("seen")) == {"after step 124"}


def test_a_refused_program_keeps_nothing_waiting(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.open("/play?example=closure")
    one.type_program("return = 1")
    one.page.locator("#run").click()
    expect(one.page.locator(".problems button").first).to_be_visible()
    expect(one.page.locator("#workbench")).to_have_attribute("aria-busy", "false")
    expect(one.pane("narration").locator(".say")).to_be_visible()
