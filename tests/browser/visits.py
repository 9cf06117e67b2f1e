"""What a first visit to an address transfers, as the browser counts it: bodies as they were sent, and their headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser

#: Nothing was asked for during so long: the page is quiet.
QUIET_MS = 1_000


@dataclass(frozen=True)
class Visit:
    """Bytes until the first state is there, in all until the page is quiet, and in all by file."""

    until_state: int
    whole: int
    files: dict[str, int]


def first_visit(browser: Browser, url: str, coding: str) -> Visit:
    """Open `url` in a fresh browser that takes answers in `coding` only (`gzip` or `br`)."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        names: dict[str, str] = {}
        files: dict[str, int] = {}
        asked: set[str] = set()

        def begins(event: dict[str, Any]) -> None:
            names[event["requestId"]] = event["request"]["url"]
            asked.add(event["requestId"])

        def ends(event: dict[str, Any]) -> None:
            asked.discard(event["requestId"])
            name = names[event["requestId"]]
            files[name] = files.get(name, 0) + int(event["encodedDataLength"])

        devtools.on("Network.requestWillBeSent", begins)
        devtools.on("Network.loadingFinished", ends)
        devtools.on("Network.loadingFailed", lambda event: asked.discard(event["requestId"]))
        devtools.send("Network.enable")
        devtools.send("Network.setExtraHTTPHeaders", {"headers": {"Accept-Encoding": coding}})
        page.goto(url)
        page.locator("#stepno:enabled").wait_for(timeout=60_000)
        page.locator('#workbench[aria-busy="false"]').wait_for(timeout=60_000)
        until = sum(files.values())
        before = -1
        while asked or before != len(names):
            before = len(names)
            page.wait_for_timeout(QUIET_MS)
        return Visit(until, sum(files.values()), files)
    finally:
        context.close()
