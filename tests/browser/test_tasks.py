"""Five tasks as somebody does them who sees the page for the first time, with the number of interactions of each.

An interaction is a click, a choice in a list, a text typed or pasted, or a key. A change that makes a task longer
fails. The fifth task is the same on a phone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
WIDTHS = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])

#: A setting vanishes in a function far from where that is noticed.
VANISHED = """local options = { colour = "red" }
local count = 0
local function reset() options = nil end
local function work(n)
  count = count + n
  if n == 3 then reset() end
end
for i = 1, 5 do work(i) end
print(options.colour)
"""


@dataclass
class Visitor:
    """Somebody at the page; counts what they do."""

    one: Bench
    is_phone: bool
    done: int = 0

    def click(self, what: Locator) -> None:
        self.done += 1
        what.click()

    def choose(self, what: Locator, value: str) -> None:
        self.done += 1
        what.select_option(value)

    def write(self, text: str) -> None:
        self.done += 1
        self.one.type_program(text)

    def tab(self, name: str) -> None:
        """Show a panel: only a phone hides any."""
        if self.is_phone:
            self.click(self.one.page.locator("#tabs-all").get_by_role("tab", name=name))


@pytest.fixture
def visitor(bench: Callable[..., Bench], size: dict[str, int]) -> Visitor:
    one = bench(viewport=size)
    one.page.goto(one.base + "/")
    return Visitor(one, size is PHONE)


@WIDTHS
def test_why_two_closures_share_a_counter(visitor: Visitor) -> None:
    one = visitor.one
    visitor.click(one.page.get_by_role("link", name="Two closures, one upvalue").first)
    one.ready()
    # The box is drawn once, and says how many own it.
    visitor.tab("Heap")
    box = one.pane("memory").locator(".obj.uv")
    expect(box).to_have_count(1)
    expect(box).to_contain_text("2 owners")
    expect(one.pane("memory").locator(".wires path.x")).to_have_count(2)
    # And the words say it.
    visitor.tab("Step")
    expect(one.pane("narration")).to_contain_text("shared by up")
    assert visitor.done == (3 if visitor.is_phone else 1)


@WIDTHS
def test_who_set_a_variable_to_nil(visitor: Visitor) -> None:
    one = visitor.one
    visitor.click(one.page.locator('a[href*="new=lua"]').first)
    expect(one.page.locator("#run")).to_be_enabled()
    visitor.tab("Source")
    visitor.write(VANISHED)
    visitor.click(one.page.locator("#run"))
    one.ready()
    expect(one.page.locator("#notice")).to_contain_text("nil value")
    visitor.click(one.page.get_by_role("button", name="Go to the moment before"))
    visitor.tab("Registers")
    row = one.pane("state").locator(".regs tr", has=one.page.locator('td:text-is("options")'))
    expect(row).to_contain_text("nil")
    visitor.click(row.get_by_role("button", name=re.compile("Go to step")))
    expect(row.locator(".wrote")).to_have_text("nil")
    visitor.tab("Step")
    expect(one.pane("narration")).to_contain_text("reset")
    expect(one.pane("narration").locator(".ph .meta")).to_contain_text("line 3")
    assert visitor.done == (8 if visitor.is_phone else 5)


@WIDTHS
def test_what_hlt_returns_to_the_host(visitor: Visitor) -> None:
    one = visitor.one
    visitor.click(one.page.locator('a[href*="example=kvm"]').first)
    one.ready()
    visitor.tab("Exits")
    exits = one.pane("extra").locator("tbody tr")
    last = exits.filter(has_text="KVM_EXIT_HLT").last
    expect(last).to_be_visible()
    visitor.click(last.get_by_role("button", name="KVM_EXIT_HLT"))
    expect(one.pane("extra")).to_contain_text("exit_reason")
    assert visitor.done == (3 if visitor.is_phone else 2)


@WIDTHS
def test_send_a_colleague_the_exact_moment(visitor: Visitor, bench: Callable[..., Bench], size: dict[str, int]) -> None:
    one = visitor.one
    visitor.click(one.page.get_by_role("link", name="Two closures, one upvalue").first)
    one.ready()
    visitor.click(one.button("Step"))
    one.page.locator("#slider[aria-valuenow='125']").wait_for()
    visitor.click(one.page.locator("#share"))
    # The link is selected already: Ctrl C, or the button beside it.
    link = one.page.locator("#share-readable").input_value()
    visitor.click(one.page.locator(".sharerow").first.get_by_role("button"))
    colleague = bench(viewport=size)
    colleague.page.goto(link)
    colleague.ready()
    colleague.page.locator("#slider[aria-valuenow='125']").wait_for()
    assert visitor.done == 4
