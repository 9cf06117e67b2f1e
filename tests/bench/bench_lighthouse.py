"""Lighthouse's scores of the pages, desktop profile, in the local Chromium. Budget: 95 of 100 each.

Lighthouse is no part of the product and no dependency of the tests: it is installed into build/ when this is run, from
tests/bench/lighthouse/package.json, and needs Node.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from app.settings import ROOT
from tests.browser.conftest import BROWSERS
from tests.live.conftest import REAL, LiveServer

HERE = Path(__file__).resolve().parent / "lighthouse"
MODULES = ROOT / "build" / "lighthouse"
PAGES = ("/", "/play?example=closure", "/tours", "/tours/closures", "/embed?room=lua&example=closure")


def install() -> None:
    """Lighthouse in its pinned version, once."""
    MODULES.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    if (MODULES / "package.json").is_file() and (MODULES / "package.json").read_text() == wanted:
        return
    shutil.copy(HERE / "package.json", MODULES / "package.json")
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent"], cwd=MODULES, check=True)


def main() -> list[str]:
    chromium = os.environ.get("CHROMIUM") or next((p for p in BROWSERS if Path(p).exists()), None)
    if chromium is None or shutil.which("npm") is None:
        return ["Not measured: it needs Chromium and npm."]
    install()
    out = ["| page | performance | accessibility | best practices | failed |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder), REAL, sessions=8)
        try:
            urls = [f"http://127.0.0.1:{server.port}{page}" for page in PAGES]
            command = ["node", HERE / "measure.mjs", chromium, MODULES, *urls]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        finally:
            server.stop()
    for page, line in zip(PAGES, done.stdout.splitlines(), strict=True):
        found = json.loads(line)
        out.append("| " + " | ".join([f"`{page}`", *map(str, found["scores"]), ", ".join(found["failed"])]) + " |")
    return out
