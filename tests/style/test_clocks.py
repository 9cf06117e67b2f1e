"""A clock that is set back or forwards changes no deadline: what waits or measures uses the monotonic one."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "engine/worker", "engine/timeline")
#: (file, function) that name or date something: no time is measured with them.
DATED = {
    ("app/metrics.py", "time_ns"),  # a file's name
    ("app/store.py", "now"),  # when a link was stored or reported
    ("engine/worker/selftest.py", "time"),  # an attempt to set the clock
}


def readings(path: Path) -> set[str]:
    """The functions of the wall clock that a file calls."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return {
        function.attr
        for function in called
        if isinstance(function.value, ast.Name)
        and (function.value.id, function.attr)
        in {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
    }


def test_only_what_dates_something_reads_the_wall_clock() -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for name in readings(path)
    }
    assert found == DATED
