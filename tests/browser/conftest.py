"""A real server and a real Chromium: every page is watched for script errors, console errors and policy violations."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect, sync_playwright

from tests.live.conftest import REAL, LiveServer

BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
DESKTOP = {"width": 1600, "height": 1000}
#: Patience for slow machines; nothing waits that long on a fast one.
DEADLINE_MS = 20_000
#: After steps in quick succession source and listing are a frame behind the others (docs/page.md).
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"

expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The program under gunicorn, as `make run` starts it, on a free port."""
    live = LiveServer(tmp_path_factory.mktemp("server"), REAL, sessions=40)
    yield live
    live.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the system's if there is one, else the one that Playwright brought."""
    path = os.environ.get("CHROMIUM") or next((p for p in BROWSERS if Path(p).exists()), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@dataclass
class Bench:
    """The workbench in one page, with the words for what a visitor does and sees."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)

    def open(self, path: str = "/play", *, ready: bool = True) -> Bench:
        """Go to an address; `ready`: wait until a run is there to be stepped."""
        self.page.goto(self.base + path)
        return self.ready() if ready else self

    def ready(self) -> Bench:
        """Wait until the page has shown what it was asked for (it does in its next frame) and nothing is under way."""
        self.page.evaluate(TWO_FRAMES)
        expect(self.page.locator("#stepno")).to_be_enabled()
        expect(self.page.locator("#workbench")).to_have_attribute("aria-busy", "false")
        return self

    def pane(self, place: str) -> Locator:
        return self.page.locator(f"#pane-{place}")

    def type_program(self, text: str) -> None:
        """Replace the source by `text`."""
        self.page.locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def run(self) -> None:
        self.page.locator("#run").click()
        self.ready()

    def choose_room(self, name: str) -> None:
        self.page.locator("#room").select_option(name)
        self.ready()

    def button(self, name: str) -> Locator:
        return self.page.locator("#timeline").get_by_role("button", name=name, exact=True)

    def step(self, count: int = 1) -> None:
        """Press Step (or Step back) and wait for the state each time."""
        goal = self.tick + count
        for _ in range(abs(count)):
            self.button("Step" if count > 0 else "Step back").click()
        self.at(goal)

    def go_to(self, tick: int) -> None:
        """Type a step number into the step box."""
        box = self.page.locator("#stepno")
        box.fill(str(tick))
        box.press("Enter")
        self.at(tick)

    def at(self, tick: int) -> None:
        """Wait until the page shows this step, the state of the machine included."""
        expect(self.page.locator("#slider")).to_have_attribute("aria-valuenow", str(tick))
        expect(self.pane("state").locator(".ph .meta").first).to_have_text(f"after step {tick:,}")
        self.page.evaluate(TWO_FRAMES)

    @property
    def tick(self) -> int:
        return int(self.page.locator("#slider").get_attribute("aria-valuenow") or "-1")

    @property
    def frontier(self) -> int:
        return int(self.page.locator("#slider").get_attribute("aria-valuemax") or "-1")

    def upvalue(self, name: str) -> Locator:
        return self.pane("state").locator(".up", has=self.page.locator(".upname", has_text=name))

    def register(self, name: str) -> Locator:
        return (
            self.pane("state").locator(".regs tr", has=self.page.get_by_role("rowheader", name=name, exact=True)).first
        )


@pytest.fixture
def bench(browser: Browser, server: LiveServer) -> Iterator[Callable[..., Bench]]:
    """Makes workbenches, each in a browser context of its own; at the end none of them may have had an error."""
    made: list[tuple[Bench, BrowserContext]] = []

    def make(*, viewport: dict[str, int] | None = None, theme: str = "light", language: str = "en-GB") -> Bench:
        context = browser.new_context(viewport=viewport or DESKTOP, color_scheme=theme, locale=language)
        context.set_default_timeout(DEADLINE_MS)
        page = context.new_page()
        one = Bench(page, f"http://127.0.0.1:{server.port}")

        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                one.errors.append(f"{message.text} ({message.location})")

        page.on("console", heard)
        page.on("pageerror", lambda error: one.errors.append(str(error)))
        made.append((one, context))
        return one

    yield make
    found = [error for one, _ in made for error in one.errors]
    for _, context in made:
        context.close()
    assert found == []
