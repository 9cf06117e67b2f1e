"""What `make lint` makes of the answers of pip-audit and npm: stand-ins say what those say."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from app.settings import ROOT

CLEAN = "No known vulnerabilities found"
NPM_CLEAN = "found 0 vulnerabilities"


def audit(folder: Path, pip_says: tuple[str, int], npm_says: tuple[str, int], pins: str = "flask==3.1.3"):
    """The script in a checkout of its own whose tools answer that."""
    tools = folder / ".venv" / "bin"
    for place in (tools, folder / "scripts", folder / "static"):
        place.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "audit", folder / "scripts")
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        (folder / name).write_text(f"# Pinned.\n{pins}\n")
    for name, (words, status) in {"python": ("", 0), "pip-audit": pip_says, "npm": npm_says}.items():
        (tools / name).write_text(f"#!/bin/sh\necho '{words}' >&2\nexit {status}\n")
        (tools / name).chmod(0o755)
    return subprocess.run([folder / "scripts" / "audit"], capture_output=True, text=True, check=False)


def test_without_known_weaknesses_it_says_so(tmp_path):
    done = audit(tmp_path, (CLEAN, 0), (NPM_CLEAN, 0))
    assert done.returncode == 0
    assert done.stdout.count(CLEAN) == 3
    assert NPM_CLEAN in done.stdout


@pytest.mark.parametrize(
    ("pip_says", "npm_says"),
    [
        (("Found 1 known vulnerability in 1 package", 1), (NPM_CLEAN, 0)),
        (("Found 2 known vulnerabilities in 1 package\nx could not be audited: x", 1), (NPM_CLEAN, 0)),
        ((CLEAN, 0), ("1 high severity vulnerability", 1)),
    ],
)
def test_a_known_weakness_fails_it(tmp_path, pip_says, npm_says):
    done = audit(tmp_path, pip_says, npm_says)
    assert done.returncode == 1
    assert "vulnerabilit" in done.stdout


def test_a_service_that_is_away_is_named_and_fails_nothing(tmp_path):
    done = audit(tmp_path, ("Connection refused", 1), ("npm error audit endpoint returned an error", 1))
    assert done.returncode == 0
    assert done.stdout.count("its service did not answer (Connection refused)") == 3
    assert "npm audit (static): not audited" in done.stdout


def test_a_service_that_does_not_know_the_packages_is_named(tmp_path):
    done = audit(tmp_path, ("flask Dependency not found and could not be audited: flask", 0), (NPM_CLEAN, 0))
    assert done.returncode == 0
    assert (
        "pip-audit (requirements.txt): not (wholly) audited: the service does not know 1 of the packages" in done.stdout
    )


def test_what_is_not_pinned_fails_it(tmp_path):
    done = audit(tmp_path, (CLEAN, 0), (NPM_CLEAN, 0), pins="flask>=3")
    assert done.returncode == 1
    assert "not pinned" in done.stderr
