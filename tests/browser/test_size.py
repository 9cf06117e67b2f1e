"""The size of the document: at most 1,500 elements, whatever example is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.examples import load_examples
from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

MOST = 1_500
#: Counted when what depends on the panes' sizes has been drawn again.
COUNT = """async () => {
  for (let n = 0; n < 4; n++) await new Promise(requestAnimationFrame);
  return document.querySelectorAll("*").length;
}"""


def test_every_example_at_every_place_of_its_run_is_a_small_document(bench: Callable[..., Bench]) -> None:
    one = bench(viewport={"width": 1440, "height": 900})
    sizes: dict[tuple[str, str], int] = {}
    for example in load_examples():
        one.open(f"/play?room={example.room}&example={example.name}")
        sizes[example.name, "as it opens"] = one.page.evaluate(COUNT)
        one.page.locator("#slider").press("End")
        one.at(one.frontier)
        sizes[example.name, "at the end"] = one.page.evaluate(COUNT)
    assert {place: size for place, size in sizes.items() if size > MOST} == {}
