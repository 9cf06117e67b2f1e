"""The page's budgets in Chromium without a GPU: first load, paint, shift, latency, scrubbing, size of the document.

Budgets are those of docs/page.md. "Slowed" is a processor slowed four times by the browser. The reference is an empty
page of the same browser in the same run: what its frames and keys cost without us.
"""

import statistics
from bisect import bisect
from collections.abc import Callable, Iterator
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from engine.examples import Example, load_examples
from tests.bench.pages import (
    DESKTOP,
    EMPTY_FRAMES,
    SCRUB,
    WIDTHS,
    frames,
    moment_of,
    open_moment,
    opened,
    part,
    ready,
    spread,
    started,
    table,
    wide_program,
)
from tests.browser.visits import first_visit

#: Loads, runs and keys of which the median (or 95th percentile) is told.
ROUNDS = 7
KEYS = 40
FRAMES = 150
STEPS = 100_000

#: Of each machine an example whose first visit is among the largest.
LARGEST = (("lua", "error"), ("x86", "kvm"), ("x86", "snake"))

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


def slowed_load(browser: Browser, url: str, viewport: dict[str, int] = DESKTOP) -> tuple[float, float]:
    """(largest paint in ms, layout shift) of a first load on a slowed processor."""
    with opened(browser, "", viewport) as (page, devtools):
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto(url)
        ready(page)
        page.wait_for_timeout(500)
        seen = page.evaluate("window.seen")
        return float(seen["lcp"]), float(seen["cls"])


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


def traced(page: Page, devtools: CDPSession, act: Callable[[], object]) -> tuple[list[float], int, int]:
    """What `act` costs: processor time of the main thread per frame (ms), frames that were drawn, and dropped.

    Both by the browser's compositor. Tracing takes time itself, so how long frames take is measured without.
    """
    events: list[dict[str, Any]] = []
    done: list[bool] = []
    devtools.on("Tracing.dataCollected", lambda event: events.extend(event["value"]))
    devtools.on("Tracing.tracingComplete", lambda _event: done.append(True))
    hidden = "disabled-by-default-devtools.timeline"
    config = {"includedCategories": ["devtools.timeline", hidden, f"{hidden}.frame", "devtools.timeline.frame"]}
    devtools.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    act()
    devtools.send("Tracing.end")
    while not done:
        page.wait_for_timeout(50)
    callbacks = [e for e in events if e["name"] == "FireAnimationFrame"]
    thread = statistics.mode([(e["pid"], e["tid"]) for e in callbacks])
    calls = sorted(e["ts"] for e in callbacks if (e["pid"], e["tid"]) == thread)
    tasks = [e for e in events if e["name"] == "RunTask" and (e["pid"], e["tid"]) == thread]
    # A frame ends with the task that calls back, once or several times.
    cost = [0.0]
    for task in sorted(tasks, key=lambda e: float(e["ts"])):
        cost[-1] += task.get("tdur", 0) / 1000
        at = bisect(calls, task["ts"])
        if at < len(calls) and calls[at] < task["ts"] + task.get("dur", 0):
            cost.append(0.0)
    drawn, dropped = (sum(e["name"] == name for e in events) for name in ("DrawFrame", "DroppedFrame"))
    return cost[3:-1], drawn, dropped


def layout_shifts(browser: Browser, base: str, viewport: dict[str, int]) -> list[tuple[float, str]]:
    """The layout shift of a slowed first load of each example, largest first."""
    return sorted(
        ((slowed_load(browser, address(base, example), viewport)[1], example.name) for example in load_examples()),
        reverse=True,
    )


def address(base: str, example: Example) -> str:
    return f"{base}/play?room={example.room}&example={example.name}"


def document_sizes(browser: Browser, base: str) -> list[tuple[int, str]]:
    """Elements of the document with each example at its step, largest first."""
    sizes = []
    with opened(browser, "") as (page, _):
        for example in load_examples():
            page.goto(address(base, example))
            ready(page)
            page.wait_for_timeout(300)
            sizes.append((int(page.evaluate("document.querySelectorAll('*').length")), example.name))
    return sorted(sizes, reverse=True)


def rows(browser: Browser, base: str) -> Iterator[tuple[str, str, str]]:
    url = f"{base}/play?example=closure"
    for coding in ("gzip", "br, gzip"):
        visit = first_visit(browser, url, coding)
        yield f"first visit until the first state, {coding}", "", f"{visit.until_state:,} B"
        yield f"first visit in all, {coding}", "150 kB (153,600 B) with gzip", f"{visit.whole:,} B"
    for room, example in LARGEST:
        whole = first_visit(browser, f"{base}/play?room={room}&example={example}&lang=zh", "gzip").whole
        yield f"first visit in all, gzip, {example} in Chinese", "150 kB (153,600 B)", f"{whole:,} B"
    loads = [slowed_load(browser, url) for _ in range(ROUNDS)]
    yield "largest paint, slowed", "1,500 ms", f"{statistics.median(lcp for lcp, _ in loads):,.0f} ms"
    for viewport in WIDTHS:
        shift, name = layout_shifts(browser, base, viewport)[0]
        yield f"layout shift, slowed, {viewport['width']} pixels, largest ({name})", "0.02", f"{shift:.4f}"
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
        idle = frames(page, EMPTY_FRAMES, FRAMES)
        yield "frame of an empty page, median / 95 % (reference)", "", spread(idle.between)
        yield "the same between callbacks", "", spread(idle.called)
    with opened(browser, "") as (page, devtools):
        open_moment(page, base, moment_of(wide_program(STEPS), STEPS // 2))
        drag = frames(page, SCRUB, FRAMES)
        yield "scrubbing: a frame, median / 95 %", "16.7 ms", spread(drag.between)
        yield f"scrubbing: missed of {len(drag.between)} frames", "", f"{drag.missed}"
        yield "scrubbing: between callbacks, after the page's own", "", spread(drag.called)
        cost, drawn, dropped = traced(page, devtools, lambda: page.evaluate(SCRUB, FRAMES))
        yield "scrubbing: processor time a frame, median / 95 %", "", spread(cost)
        yield "scrubbing, traced: drawn and dropped frames", "", f"{drawn}, {dropped}"
    largest, name = document_sizes(browser, base)[0]
    yield f"elements, largest example ({name})", "1,500", f"{largest:,}"


def main() -> list[str]:
    with started() as (browser, server):
        return table(rows(browser, f"http://127.0.0.1:{server.port}"))
