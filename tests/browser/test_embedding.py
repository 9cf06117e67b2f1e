"""A moment inside of another site's page, and how that site finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><title>Article</title><h1>Article</h1><p id="height"></p>
<script>addEventListener("message", (event) => {
  if (event.data.glassbox === "height") document.getElementById("height").textContent = event.data.height;
});</script><iframe title="Glassbox" width="800" height="480" src="%s"></iframe>"""


@pytest.fixture
def article() -> Iterator[Callable[[str], str]]:
    """Serves, from another origin, a page with a frame of the given address; answers where."""
    source = ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (PAGE % source).encode() if self.path == "/" else b""
            self.send_response(200 if body else 204)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()

    def serve(url: str) -> str:
        nonlocal source
        source = url
        return f"http://localhost:{server.server_port}/"

    yield serve
    server.shutdown()
    server.server_close()


def test_a_frame_on_another_site_shows_the_moment_and_can_be_stepped(
    bench: Callable[..., Bench], article: Callable[[str], str]
) -> None:
    one = bench()
    one.page.goto(article(f"{one.base}/embed?example=closure&tick=124&theme=dark&lang=zh"))
    frame = one.page.frame_locator("iframe")
    slider = frame.locator("#slider")
    expect(slider).to_have_attribute("aria-valuenow", "124")
    expect(frame.locator("#pane-listing tr.now .op")).to_have_text("SETUPVAL")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    expect(frame.locator("html")).to_have_attribute("lang", "zh-Hans")
    frame.get_by_role("button", name="前进一步", exact=True).first.click()
    expect(slider).to_have_attribute("aria-valuenow", "125")
    expect(frame.get_by_role("link")).to_have_attribute("href", "/?room=lua&example=closure&tick=125")
    expect(frame.locator(".cm-content")).to_have_count(0)
    expect(one.page.locator("#height")).to_have_text("480")


def test_other_pages_cannot_be_framed(bench: Callable[..., Bench], article: Callable[[str], str]) -> None:
    one = bench()
    one.page.goto(article(f"{one.base}/?example=closure"))
    one.page.wait_for_timeout(300)
    assert any("frame-ancestors" in error for error in one.errors)
    one.errors.clear()


@pytest.mark.parametrize(("path", "theme"), [("example=closure", "light"), ("example=sum&room=x86", "dark")])
@pytest.mark.parametrize("width", [800, 390])
def test_axe_finds_no_violation_in_the_frames_page(
    bench: Callable[..., Bench], path: str, theme: str, width: int
) -> None:
    one = bench(viewport={"width": width, "height": 480})
    one.page.goto(f"{one.base}/embed?{path}&theme={theme}")
    expect(one.page.locator("body")).to_have_attribute("aria-busy", "false")
    expect(one.page.locator("#stepno")).to_be_enabled()
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(one.page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []


def test_a_short_link_can_be_framed(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?example=closure")
    one.go_to(60)
    one.page.locator("#share").click()
    one.page.locator("#share-make").click()
    link = one.page.locator("#share-link").input_value()
    one.page.goto(link.replace("/s/", "/embed/"))
    expect(one.page.locator("#slider")).to_have_attribute("aria-valuenow", "60")
    expect(one.page.get_by_role("link")).to_have_attribute("href", link.removeprefix(one.base))
