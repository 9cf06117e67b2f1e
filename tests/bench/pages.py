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
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.live.conftest import REAL, LiveServer

DESKTOP = {"width": 1440, "height": 900}
#: The widths of the three layouts.
WIDTHS = (DESKTOP, {"width": 900, "height": 1100}, {"width": 390, "height": 844})
REGISTERS = 250

OBSERVE = """
window.seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
#: Drags over the timeline for a number of frames; the time between frames.
SCRUB = """async (frames) => {
  const track = document.querySelector(".track");
  const { left, width, top } = track.getBoundingClientRect();
  const fire = (type, x) => track.dispatchEvent(new PointerEvent(type,
    { bubbles: true, pointerId: 1, clientX: x, clientY: top + 40, buttons: 1, button: 0, isPrimary: true }));
  track.setPointerCapture = () => {};
  track.hasPointerCapture = () => true;
  fire("pointerdown", left + 2);
  const out = [];
  let last = performance.now();
  for (let i = 0; i < frames; i++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    out.push(now - last);
    last = now;
    fire("pointermove", left + width * (0.2 + 0.6 * Math.abs(Math.sin(i / 50))));
  }
  fire("pointerup", left + 100);
  return out;
}"""
EMPTY_FRAMES = """async (frames) => {
  const out = [];
  let last = performance.now();
  for (let i = 0; i < frames; i++) {
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    out.push(now - last);
    last = now;
  }
  return out;
}"""


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
