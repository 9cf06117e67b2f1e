"""The page's build: pinned packages, a lock file without hosts, clean types, few and small files."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

from engine.rooms import ROOMS

STATIC = Path(__file__).resolve().parents[2] / "static"
DIST = STATIC / "dist"


def test_every_package_is_pinned_to_one_version() -> None:
    package = json.loads((STATIC / "package.json").read_text())
    versions = {**package["dependencies"], **package["devDependencies"]}
    assert [name for name, version in versions.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((STATIC / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)


def test_the_scripts_pass_the_type_check() -> None:
    done = subprocess.run(
        ["node_modules/.bin/tsc", "-p", "jsconfig.json"], cwd=STATIC, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_manifest_names_files_that_exist_with_their_compressed_twins() -> None:
    manifest = json.loads((DIST / "manifest.json").read_text())
    machines = {f"{room.name}.js" for room in ROOMS}
    first = {"workbench.js", "workbench.css", "editor.js", "words-en.js", "words-zh.js"} | machines
    assert set(manifest) >= first | {"words-en-later.js", "words-zh-later.js"}
    for name in manifest.values():
        assert gzip.decompress((DIST / f"{name}.gz").read_bytes()) == (DIST / name).read_bytes()


def test_a_first_visit_loads_few_files_and_each_of_them_is_small() -> None:
    manifest = json.loads((DIST / "manifest.json").read_text())
    loads = json.loads((DIST / "loads.json").read_text())
    sizes = {name: (DIST / f"{name}.gz").stat().st_size for names in loads.values() for name in names}
    assert {f"{name}.gz" for name in sizes} == {path.name for path in DIST.glob("*.gz")}
    assert {f"{name}.br" for name in sizes} == {path.name for path in DIST.glob("*.br")}
    # The packers that are used are worth it.
    script = manifest["editor.js"]
    assert (DIST / f"{script}.br").stat().st_size < sizes[script] < len(gzip.compress((DIST / script).read_bytes(), 9))
    assert set(loads["always"]) == {manifest[name] for name in ("workbench.js", "workbench.css", "editor.js")}
    for name in ("workbench.js", "words-en.js"):
        assert set(imports(manifest[name])) == set()
    for name in ("editor.js", *(f"{room.name}.js" for room in ROOMS)):
        assert set(imports(manifest[name])) == {manifest["workbench.js"]}


def imports(name: str) -> list[str]:
    """What a script imports at once."""
    return re.findall(r'(?:from|import)\s*"\./([^"]+)"', (DIST / name).read_text())


def test_what_is_asked_for_later_is_not_in_the_first_load() -> None:
    manifest = json.loads((DIST / "manifest.json").read_text())
    loads = json.loads((DIST / "loads.json").read_text())
    assert {manifest[name] for name in ("sharing.js", "words-en-later.js")} <= set(loads["later"])
