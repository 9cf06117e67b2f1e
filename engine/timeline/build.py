"""How the scanner of recorded steps is built (see engine/cbuild.py)."""

from __future__ import annotations

import re
from pathlib import Path

from engine.cbuild import CModule

FOLDER = Path(__file__).resolve().parent


def _found(pattern: str, path: Path) -> str:
    found = re.search(pattern, path.read_text(), re.DOTALL)
    if found is None:
        raise SystemExit(f"{path} lacks what cffi has to read")
    return found.group(1)


CMODULE = CModule(
    name="engine.timeline._scan",
    cdef=_found(r"(typedef struct TraceBatch \{.*?\} TraceBatch;)", FOLDER.parent / "trace_columns.h")
    + _found(r"/\* cdef begins \*/(.*?)/\* cdef ends \*/", FOLDER / "scan.h"),
    prelude='#include "scan.h"\n',
    sources=("scan.c",),
    headers=("scan.h",),
)
