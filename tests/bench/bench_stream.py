"""The stream into the page, and scrubbing within its trace window, in Chromium without a GPU against a real server.

The program has 1,100,000 steps and its call frames show 250 registers. `run` has streamed 500,000 of them already. The
stream is `trace` of the next 500,000, asked for on the page's own socket: each frame is decoded and kept, and the
timeline is drawn meanwhile; then somebody drags and steps within these 1,000,000 steps. A frame counts as arrived when
the page's handler is through with it. References of the same run: a bare WebSocket client in Python that takes the
same frames and only counts them, and the frames of an empty page.
"""

import time
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, Page

from engine.trace import FRAME_TRACE, HEADER
from tests.bench.pages import (
    EMPTY_FRAMES,
    FRAMES_OF,
    SCRUB,
    frames,
    moment_of,
    open_moment,
    opened,
    spread,
    started,
    table,
    wide_program,
)
from tests.live.conftest import LiveServer
from tests.live.rawclient import BINARY, RawClient

#: What `run` has streamed already, and what is asked for besides.
FIRST, STEPS = 500_001, 500_000
#: Each figure of the stream is the best of so many: other work only ever makes it worse.
ROUNDS = 3
FRAMES = 300
KEYS = 120

#: Counts what the page's own socket brings, after the page is through with it, and what the page sends.
WATCH = """
window.wire = { steps: 0, bytes: 0, ended: false, sent: [], socket: null };
window.WebSocket = class extends WebSocket {
  constructor(...all) { super(...all); wire.socket = this; }
  send(data) { wire.sent.push(JSON.parse(data).do); super.send(data); }
  set onmessage(handle) {
    super.onmessage = (message) => {
      handle(message);
      if (typeof message.data === "string") {
        const { re, event } = JSON.parse(message.data);
        if (re === 777777 && (event === "done" || event === "failed")) wire.ended = true;
        return;
      }
      wire.steps += new DataView(message.data).getUint32(4, true);
      wire.bytes += message.data.byteLength;
    };
  }
};
"""
#: Streams a stretch into the page: seconds, steps, bytes, and how many frames were painted until its end.
STREAM = """async ([from, to]) => {
  Object.assign(wire, { steps: 0, bytes: 0, ended: false });
  const started = performance.now();
  wire.socket.send(JSON.stringify({ v: 1, id: 777777, do: "trace", from, to }));
  const gaps = [];
  for (let last = started; !wire.ended;) {
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last);
    last = performance.now();
    if (last - started > 60000) throw new Error("the stream does not end");
  }
  return { seconds: (performance.now() - started) / 1000, steps: wire.steps, bytes: wire.bytes, gaps };
}"""
#: Holds an arrow key on the timeline: one key a frame.
HOLD = FRAMES_OF.format(
    begin='const slider = document.querySelector("#slider"); slider.focus();',
    each="""slider.dispatchEvent(new KeyboardEvent("keydown",
      { key: i % 3 ? "PageDown" : "ArrowLeft", bubbles: true, cancelable: true }));""",
    end="",
)


def program() -> str:
    """The page's wide program, long enough."""
    return wide_program(FIRST + STEPS + 100_000)


def bare_client(port: int) -> tuple[float, int, int]:
    """(seconds, steps, bytes) of the same stretch for a client that only counts."""
    client = RawClient(port)
    try:
        files = [{"name": "main.lua", "text": program()}]
        client.command("open", 1, room="lua", files=files, options={})
        client.command("credit", 2, frames=1000)
        client.command("run", 3)
        _until(client, 3)
        started = time.perf_counter()
        client.command("trace", 4, **{"from": FIRST, "to": FIRST + STEPS - 1})
        steps, size = _until(client, 4)
        return time.perf_counter() - started, steps, size
    finally:
        client.socket.close()


def _until(client: RawClient, number: int) -> tuple[int, int]:
    """Take messages until the answer to a command: (steps, bytes) of the frames before it."""
    steps = size = frames = 0
    while True:
        message = client.frame(1 << 18)
        if message.opcode != BINARY:
            if message.event["re"] == number and message.event["event"] in ("done", "stopped"):
                return steps, size
            continue
        assert message.payload[1] == FRAME_TRACE
        steps += HEADER.unpack_from(message.payload)[3]
        size += len(message.payload)
        frames += 1
        if frames % 32 == 0:
            client.command("credit", 9, frames=32)


def load(page: Page, base: str) -> None:
    open_moment(page, base, moment_of(program(), FIRST // 2))


def streamed(browser: Browser, base: str) -> dict[str, Any]:
    """One stream into a fresh page."""
    with opened(browser, "") as (page, _):
        page.add_init_script(WATCH)
        load(page, base)
        got: dict[str, Any] = page.evaluate(STREAM, [FIRST, FIRST + STEPS - 1])
        assert got["steps"] == STEPS, got
        return got


def rows(browser: Browser, server: LiveServer) -> Iterator[tuple[str, str, str]]:
    base = f"http://127.0.0.1:{server.port}"
    seconds, steps, size = min(bare_client(server.port) for _ in range(ROUNDS))
    assert steps == STEPS, steps
    yield "stream to a client that only counts (reference)", "", f"{steps / seconds:,.0f} steps/s"
    best = min((streamed(browser, base) for _ in range(ROUNDS)), key=lambda one: float(one["seconds"]))
    rate = best["steps"] / best["seconds"]
    share = rate * seconds / steps
    yield "stream into the page", "1,000,000 steps/s", f"{rate:,.0f} steps/s ({share:.2f} of the client)"
    yield "a step of it", "", f"{size / steps:.1f} bytes"
    yield "frames/s meanwhile", "50", f"{len(best['gaps']) / best['seconds']:.0f}"
    yield "between frames meanwhile, median / 95 %", "", spread(best["gaps"])
    with opened(browser, "") as (page, _):
        page.set_content("<p>nothing</p>")
        idle = frames(page, EMPTY_FRAMES, FRAMES)
        yield "frame of an empty page, median / 95 % (reference)", "", spread(idle.between)
        yield "the same between callbacks", "", spread(idle.called)
    with opened(browser, "") as (page, _):
        page.add_init_script(WATCH)
        load(page, base)
        page.evaluate(STREAM, [FIRST, FIRST + STEPS - 1])
        page.wait_for_timeout(500)
        for what, script, count in (("dragging", SCRUB, FRAMES), ("keys", HOLD, KEYS)):
            page.evaluate("wire.sent.length = 0")
            seen = frames(page, script, count)
            sent = page.evaluate("wire.sent")
            yield f"{what} in 1,000,000 steps: a frame, median / 95 %", "16.7 ms", spread(seen.between)
            yield f"{what}: missed of {len(seen.between)} frames", "", f"{seen.missed}"
            yield f"{what}: between callbacks, after the page's own", "", spread(seen.called)
            asked = ", ".join(f"{sent.count(name)} {name}" for name in sorted(set(sent))) or "none"
            yield f"{what}: requests in {count} frames", "none", asked


def main() -> list[str]:
    with started() as (browser, server):
        return table(rows(browser, server))
