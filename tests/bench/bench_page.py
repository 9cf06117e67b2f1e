"""The page's budgets in Chromium without a GPU: first load, paint, shift, latency, scrubbing, size of the document.

Budgets are those of docs/page.md. "Slowed" is a processor slowed four times by the browser. The reference is an empty
page of the same browser in the same run: what its frames and keys cost without us.
"""

import base64
import json
import os
import statistics
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from engine.examples import load_examples
from tests.browser.conftest import ARGUMENTS, BROWSERS
from tests.live.conftest import REAL, LiveServer

DESKTOP = {"width": 1440, "height": 900}
#: Loads, runs and keys of which the median (or 95th percentile) is told.
ROUNDS = 7
KEYS = 40
FRAMES = 150
REGISTERS, STEPS = 250, 100_000

OBSERVE = """
window.seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => { for (const e of list.getEntries()) seen.lcp = e.startTime; })
  .observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) seen.cls += e.value; })
  .observe({ type: "layout-shift", buffered: true });
"""
#: From a press of Run until the frame in which its first state is there.
UNTIL = """async () => {
  const state = () => [document.querySelector("#slider")?.getAttribute("aria-valuenow"),
    document.querySelector("#pane-state .ph .meta")?.textContent, document.querySelector("#run")?.textContent].join();
  const before = state();
  const started = performance.now();
  document.querySelector("#run").click();
  let left = false;
  for (;;) {
    await new Promise(requestAnimationFrame);
    if (state() !== before) left = true;
    if (left && !document.querySelector("#stepno").disabled) break;
    if (performance.now() - started > 20000) throw new Error("nothing happened");
  }
  return performance.now() - started;
}"""
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


def part(values: list[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ready(page: Page) -> None:
    page.locator("#stepno:enabled").wait_for(timeout=60_000)
    page.locator('#workbench[aria-busy="false"]').wait_for(timeout=60_000)


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[tuple[Page, CDPSession]]:
    """A page of a fresh context with what watches it, at an address ("" for none)."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.add_init_script(OBSERVE)
    if url:
        page.goto(url)
        ready(page)
    try:
        yield page, context.new_cdp_session(page)
    finally:
        context.close()


def slowed_load(browser: Browser, url: str) -> tuple[float, float]:
    """(largest paint in ms, layout shift) of a first load on a slowed processor."""
    with opened(browser, "") as (page, devtools):
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(url)
        ready(page)
        page.wait_for_timeout(500)
        seen = page.evaluate("window.seen")
        return float(seen["lcp"]), float(seen["cls"])


def loaded_bytes(browser: Browser, url: str) -> int:
    """What a first visit transfers until a program is there to be stepped."""
    with opened(browser, "") as (page, devtools):
        sizes: list[float] = []
        devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        devtools.send("Network.enable")
        page.goto(url)
        ready(page)
        return int(sum(sizes))


def key_to_paint(page: Page, devtools: CDPSession) -> list[float]:
    """Milliseconds from each key on the timeline to the next painted frame, by the browser's own event timing."""
    page.evaluate(
        """() => { window.keys = []; new PerformanceObserver((list) => {
          for (const e of list.getEntries()) if (e.name === "keydown") keys.push(e.duration);
        }).observe({ type: "event", durationThreshold: 16 }); }"""
    )
    page.locator("#slider").focus()
    for n in range(KEYS):
        page.keyboard.press("ArrowRight" if n % 10 < 7 else "ArrowLeft")
        page.wait_for_timeout(40)
    page.wait_for_timeout(300)
    long: list[float] = page.evaluate("window.keys")
    # Shorter than a frame is not reported: such keys count as one frame of the threshold.
    return long + [16.0] * max(0, KEYS - len(long))


def main_thread(page: Page, devtools: CDPSession, act: Callable[[], list[float]]) -> tuple[list[float], list[float]]:
    """(time between frames, processor time of the main thread per frame) of what `act` does, in ms."""
    events: list[dict[str, Any]] = []
    done: list[bool] = []
    devtools.on("Tracing.dataCollected", lambda event: events.extend(event["value"]))
    devtools.on("Tracing.tracingComplete", lambda _event: done.append(True))
    config = {"includedCategories": ["devtools.timeline", "disabled-by-default-devtools.timeline"]}
    devtools.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    between = act()
    devtools.send("Tracing.end")
    while not done:
        page.wait_for_timeout(50)
    frames = [e for e in events if e["name"] == "FireAnimationFrame"]
    thread = statistics.mode([(e["pid"], e["tid"]) for e in frames])
    starts = sorted(e["ts"] for e in frames if (e["pid"], e["tid"]) == thread)
    cost = dict.fromkeys(range(len(starts) + 1), 0.0)
    for event in events:
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) == thread:
            frame = sum(1 for start in starts if start <= event["ts"])
            cost[frame] += event.get("tdur", 0) / 1000
    return between, list(cost.values())[3:-1]


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


def document_sizes(browser: Browser, base: str) -> list[tuple[int, str]]:
    """Elements of the document with each example at its step, largest first."""
    sizes = []
    with opened(browser, "") as (page, _):
        for example in load_examples():
            page.goto(f"{base}/play?room={example.room}&example={example.name}")
            ready(page)
            page.wait_for_timeout(300)
            sizes.append((int(page.evaluate("document.querySelectorAll('*').length")), example.name))
    return sorted(sizes, reverse=True)


def rows(browser: Browser, base: str) -> Iterator[tuple[str, str, str]]:
    url = f"{base}/play?example=closure"
    yield "first load, transferred", "150 kB (153,600 B)", f"{loaded_bytes(browser, url):,} B"
    loads = [slowed_load(browser, url) for _ in range(ROUNDS)]
    yield "largest paint, slowed", "1,500 ms", f"{statistics.median(lcp for lcp, _ in loads):,.0f} ms"
    yield "layout shift", "0.02", f"{max(cls for _, cls in loads):.4f}"
    with opened(browser, url) as (page, devtools):
        runs = []
        for _ in range(ROUNDS):
            # From the end: the first state after a run is that of step 0.
            page.locator("#slider").press("End")
            page.wait_for_timeout(400)
            runs.append(page.evaluate(UNTIL))
        yield "click on Run to first state", "150 ms", f"{statistics.median(runs):.0f} ms"
        keys = key_to_paint(page, devtools)
        yield "key to paint, 95 %", "50 ms", f"{part(keys, 0.95):.0f} ms"
    with opened(browser, "") as (page, devtools):
        page.set_content("<p>nothing</p>")
        idle, _ = main_thread(page, devtools, lambda: page.evaluate(EMPTY_FRAMES, FRAMES))
        yield "frame of an empty page, 95 % (reference)", "", f"{part(idle, 0.95):.1f} ms"
    moment = {
        "v": 1,
        "room": "lua",
        "files": [{"name": "main.lua", "text": wide_program(STEPS)}],
        "options": {},
        "tick": STEPS // 2,
    }
    with opened(browser, "") as (page, devtools):
        page.goto(f"{base}/play{packed(moment)}")
        ready(page)
        page.locator(f'#slider[aria-valuenow="{STEPS // 2}"]').wait_for(timeout=60_000)
        page.wait_for_timeout(1000)
        between, cost = main_thread(page, devtools, lambda: page.evaluate(SCRUB, FRAMES))
        yield "scrubbing: between frames, median", "", f"{statistics.median(between[5:]):.1f} ms"
        yield "scrubbing: between frames, 95 %", "16.7 ms", f"{part(between[5:], 0.95):.1f} ms"
        yield "scrubbing: processor time a frame, median", "", f"{statistics.median(cost):.1f} ms"
        yield "scrubbing: processor time a frame, 95 %", "", f"{part(cost, 0.95):.1f} ms"
    largest, name = document_sizes(browser, base)[0]
    yield f"elements, largest example ({name})", "1,500", f"{largest:,}"


def main() -> list[str]:
    path = os.environ.get("CHROMIUM") or next((p for p in BROWSERS if Path(p).exists()), None)
    out = ["| what | budget | measured |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = LiveServer(Path(folder), REAL, sessions=8)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            for what, budget, measured in rows(browser, f"http://127.0.0.1:{server.port}"):
                out.append(f"| {what} | {budget} | {measured} |")
        finally:
            browser.close()
            server.stop()
    return out
