"""The size of the document, at most 1,500 elements whatever example is shown, and of what a first visit transfers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from engine.examples import load_examples
from tests.browser.conftest import Bench
from tests.browser.visits import first_visit
from tests.live.conftest import LiveServer

pytestmark = pytest.mark.browser

MOST = 1_500
#: Bytes of a first visit with gzip, in all; examples with a screen or a fault are above it still (docs/roadmap.md).
VISIT = 150 * 1024
VISITS = {
    "room=lua&example=closure": VISIT,
    "room=lua&example=closure&lang=zh": VISIT,
    "room=lua&example=error": VISIT,
    "room=lua&example=error&lang=zh": VISIT,
    "room=x86&example=kvm": VISIT,
    "room=x86&example=kvm&lang=zh": VISIT,
    "room=x86&example=snake&lang=zh": 158 * 1024,
}
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


@pytest.mark.parametrize(("opened", "most"), VISITS.items(), ids=VISITS)
def test_a_first_visit_transfers_little(browser: Browser, server: LiveServer, opened: str, most: int) -> None:
    """Document, style sheets, scripts and words, with the headers of all, until nothing more is asked for."""
    visit = first_visit(browser, f"http://127.0.0.1:{server.port}/play?{opened}", "gzip")
    assert visit.until_state <= visit.whole <= most, visit.files
    names = [name.rsplit("/", 1)[1].split("-")[0] for name in visit.files if "/static/" in name]
    assert "editor" in names  # it is counted, too
    assert len(visit.files) <= 12
