"""What the benchmarks of the page share: a server and a browser, pages opened and watched, a wide program, drags.

"Slowed" is a processor slowed four times by the browser. No figure is of a page with other programs at work in it: each
page has a browser context of its own.
"""

import base64
import json
import os
import statistics
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.live.conftest import REAL, LiveServer

DESKTOP = {"width": 1440, "height": 900}
#: The widths of the three layouts.
WIDTHS = (DESKTOP, {"width": 900, "height": 1100}, {"width": 390, "height": 844})
REGISTERS = 250
#: A frame of a screen that shows 60 a second.
FRAME_MS = 1000 / 60

OBSERVE = """
window.seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
#: Does something in each of a number of frames. `clock`: when each began, by the clock that the browser keeps for its
#: frames (one that was not ready in time leaves a gap of two); `called`: when the callback of this script ran, which
#: is after those of the page, so it tells how long the page had been at work in that frame as well.
FRAMES_OF = """async (frames) => {{
  {begin}
  const clock = [], called = [];
  for (let i = 0; i < frames; i++) {{
    clock.push(await new Promise(requestAnimationFrame));
    called.push(performance.now());
    {each}
  }}
  {end}
  return {{ clock, called }};
}}"""
EMPTY_FRAMES = FRAMES_OF.format(begin="", each="", end="")
#: Drags over the timeline.
SCRUB = FRAMES_OF.format(
    begin="""
  const track = document.querySelector(".track");
  const { left, width, top } = track.getBoundingClientRect();
  const fire = (type, x) => track.dispatchEvent(new PointerEvent(type,
    { bubbles: true, pointerId: 1, clientX: x, clientY: top + 40, buttons: 1, button: 0, isPrimary: true }));
  track.setPointerCapture = () => {};
  track.hasPointerCapture = () => true;
  fire("pointerdown", left + 2);""",
    each='fire("pointermove", left + width * (0.2 + 0.6 * Math.abs(Math.sin(i / 50))));',
    end='fire("pointerup", left + 100);',
)
#: The first frames of a script are not counted.
SETTLING = 5


@dataclass(frozen=True)
class Frames:
    """What a script made with FRAMES_OF saw, in ms from frame to frame: by the browser's clock, by its callbacks."""

    between: list[float]
    called: list[float]

    @property
    def missed(self) -> int:
        """Frames that were not ready in time."""
        return sum(round(gap / FRAME_MS) - 1 for gap in self.between)


def frames(page: Page, script: str, count: int) -> Frames:
    """Run a script made with FRAMES_OF."""
    seen: dict[str, list[float]] = page.evaluate(script, count)
    gaps = ([b - a for a, b in pairwise(seen[name])][SETTLING:] for name in ("clock", "called"))
    return Frames(*gaps)


@contextmanager
def started() -> Iterator[tuple[Browser, LiveServer]]:
    """A browser, and a real server on a free port."""
    path = os.environ.get("CHROMIUM") or next((p for p in BROWSERS if Path(p).exists()), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LiveServer(Path(folder), REAL, sessions=8)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser, server
        finally:
            browser.close()
            server.stop()


def table(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    """(what, budget, measured) as lines of Markdown."""
    return ["| what | budget | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]


def part(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} / {part(values, 0.95):.1f} ms"


def ready(page: Page) -> None:
    page.locator("#stepno:enabled").wait_for(timeout=60_000)
    page.locator('#workbench[aria-busy="false"]').wait_for(timeout=60_000)


@contextmanager
def opened(browser: Browser, url: str, viewport: dict[str, int] = DESKTOP) -> Iterator[tuple[Page, CDPSession]]:
    """A page of a fresh context with what watches it, at an address ("" for none)."""
    context = browser.new_context(viewport=viewport)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    if url:
        page.goto(url)
        ready(page)
    try:
        yield page, context.new_cdp_session(page)
    finally:
        context.close()


def open_moment(page: Page, base: str, moment: dict[str, Any]) -> None:
    """Open a moment by its link and wait until its step is shown."""
    page.goto(f"{base}/play{packed(moment)}")
    ready(page)
    page.locator(f'#slider[aria-valuenow="{moment["tick"]}"]').wait_for(timeout=60_000)
    page.wait_for_timeout(1000)


def moment_of(text: str, tick: int) -> dict[str, Any]:
    """A Lua program at a step."""
    return {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": text}], "options": {}, "tick": tick}


def wide_program(steps: int) -> str:
    """A Lua program whose call frames show 250 registers, for some `steps` steps."""
    names = [f"local a{n} = {n}" for n in range(190)]
    body = [f"  local b{n} = n + {n}" for n in range(REGISTERS - 190)]
    rounds = steps // (len(body) + 6)
    return "\n".join(
        [*names, "local function f(n)", *body, "  return b59", "end", f"for i = 1, {rounds} do a0 = f(i) end"]
    )


def packed(moment: dict[str, Any]) -> str:
    """The moment as the fragment of an address."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(json.dumps(moment).encode()) + packer.flush()
    return "#v1=" + base64.urlsafe_b64encode(data).decode().rstrip("=")
