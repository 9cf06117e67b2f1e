"""How the Lua VM is built: the extension module `engine.lua.core._core` (cffi, API mode)."""

from __future__ import annotations

import re
from pathlib import Path

from engine.cbuild import CModule

FOLDER = Path(__file__).resolve().parent
_MARKED = re.compile(r"/\* cdef begins \*/(.*?)/\* cdef ends \*/", re.DOTALL)
_EXITS = re.compile(r"enum MachineExit \{.*?\};", re.DOTALL)
_ANSWERS = re.compile(r"enum CompileAnswer \{.*?\};", re.DOTALL)
_BATCH = re.compile(r"typedef struct TraceBatch \{.*?\} TraceBatch;", re.DOTALL)


def _found(pattern: re.Pattern[str], path: Path) -> str:
    found = pattern.search(path.read_text())
    if found is None:
        raise SystemExit(f"{path} lacks what cffi has to read")
    return found[found.re.groups]


def _cdef() -> str:
    """What Python sees of the core: the marked parts of its headers, two enums and the trace's columns."""
    parts = [_found(_BATCH, FOLDER.parents[1] / "trace_columns.h"), _found(_EXITS, FOLDER / "state.h")]
    parts += [_found(_ANSWERS, FOLDER / "state.h")]
    parts += [_found(_MARKED, FOLDER / name) for name in ("core.h", "inspect.h", "hostfiles.h")]
    return "\n".join(parts)


CMODULE = CModule(
    name="engine.lua.core._core",
    cdef=_cdef(),
    prelude='#include "state.h"\n#include "core.h"\n#include "inspect.h"\n#include "hostfiles.h"\n',
    sources=tuple(sorted(path.name for path in FOLDER.glob("*.c"))),
    headers=tuple(sorted(path.name for path in FOLDER.glob("*.h"))),
    # Without crossjumping each instruction of the loop has its own indirect jump to the next one.
    flags=("-O2", "-fno-strict-aliasing", "-fno-crossjumping"),
    is_whole=True,
    with_assembly=("switch.c",),
    libraries=("m",),
)
