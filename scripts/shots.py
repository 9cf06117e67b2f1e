#!/usr/bin/env python3
"""Takes the pictures of docs/shots from a running server: each pane and width, both themes, both languages.

Usage: .venv/bin/python scripts/shots.py http://127.0.0.1:8000
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "shots"
BROWSERS = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
WIDE, TABLET, PHONE = (1440, 900), (900, 1100), (390, 844)

#: Name, size, theme, language, address, and what is pressed before the picture is taken (a key, or #id of a button).
SHOTS: tuple[tuple[str, tuple[int, int], str, str, str, tuple[str, ...]], ...] = (
    ("front", WIDE, "light", "en", "/", ()),
    ("lua-light", WIDE, "light", "en", "/play?example=closure", ()),
    ("lua-dark", WIDE, "dark", "zh", "/play?example=coroutines", ()),
    ("x86-dark", WIDE, "dark", "en", "/play?room=x86&example=sum", ()),
    ("x86-light", WIDE, "light", "zh", "/play?room=x86&example=kvm", ()),
    ("contrast", WIDE, "light", "en", "/play?example=closure&theme=contrast", ()),
    ("tablet", TABLET, "light", "en", "/play?example=closure", ()),
    ("palette", WIDE, "light", "en", "/play?example=closure", ("Control+k",)),
    ("tour", WIDE, "light", "en", "/play?tour=closures", ()),
    ("error", WIDE, "light", "zh", "/play?example=error", ()),
    ("tablet-x86", TABLET, "dark", "en", "/play?room=x86&example=linux", ()),
)
#: A picture of each panel of a phone.
PANELS = ("listing", "source", "state", "memory", "output", "narration", "extra")


def ready(page: Page) -> None:
    """Until a run is there to be stepped and drawn."""
    page.locator("#stepno:enabled").wait_for(timeout=30_000)
    page.wait_for_timeout(800)


def page_of(browser: Browser, size: tuple[int, int], theme: str, language: str) -> Page:
    """A page of a fresh browser context."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if theme == "dark" else "light",
        locale="zh-CN" if language == "zh" else "en-GB",
    )
    return context.new_page()


def take(browser: Browser, base: str) -> None:
    """Take every picture."""
    for name, size, theme, language, address, keys in SHOTS:
        page = page_of(browser, size, theme, language)
        page.goto(base + address)
        if address.startswith("/play"):
            ready(page)
        else:
            page.wait_for_timeout(2500)
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(600)
        page.screenshot(path=FOLDER / f"{name}.png")
        page.context.close()
    page = page_of(browser, PHONE, "light", "en")
    page.goto(f"{base}/play?example=closure")
    ready(page)
    for panel in PANELS:
        page.locator(f'#tabs-all [data-tab="{panel}"]').click()
        page.wait_for_timeout(300)
        page.screenshot(path=FOLDER / f"phone-{panel}.png")
    page.context.close()


def main(base: str) -> None:
    """Take the pictures from the server at this address."""
    path = os.environ.get("CHROMIUM") or next((p for p in BROWSERS if Path(p).exists()), None)
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        take(browser, base.rstrip("/"))
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
