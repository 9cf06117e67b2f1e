"""The application without a server: its own data folder, and a page built of two small files."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.settings import Settings
from app.store import Store

SCRIPT = "export const answer = 42;\n" * 100


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=str(tmp_path / "deep" / "data"))


@pytest.fixture
def app(settings: Settings, tmp_path: Path) -> Iterator[Flask]:
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "workbench-1a2b.js").write_text(SCRIPT)
    (dist / "workbench-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (dist / "workbench-3c4d.css").write_text("body { margin: 0 }\n")
    names = {"workbench.js": "workbench-1a2b.js", "workbench.css": "workbench-3c4d.css"}
    (dist / "manifest.json").write_text(json.dumps(names))
    made = create_app(settings)
    services = made.extensions["glassbox"]
    services.assets.folder = dist
    made.jinja_env.globals["asset"] = lambda name: f"/static/{name}"
    yield made
    services.stop()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.close()


@pytest.fixture
def payload() -> dict[str, object]:
    """A program as the page shares it."""
    return {
        "v": 1,
        "room": "lua",
        "files": [{"name": "main.lua", "text": "print('</script><b>hi</b> 世界')\n"}],
        "options": {},
        "tick": 12,
        "panes": ["source", "lua-state"],
        "breakpoints": [{"line": 1}, {"line": 2, "file": "main.lua"}, {"where": 7}],
        "input": [{"text": "Ada\n", "end": False}, {"text": "", "end": True}],
    }
