"""How the x86 core is built (see engine/cbuild.py). It links against the Unicorn library of the pip wheel."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from engine.cbuild import CModule

FOLDER = Path(__file__).resolve().parent


def _unicorn() -> Path:
    """The folder of the installed `unicorn` package (found without importing it, which would load the library)."""
    spec = importlib.util.find_spec("unicorn")
    if spec is None or spec.origin is None:
        raise SystemExit("the Python package `unicorn` is missing; run `make build`")
    return Path(spec.origin).parent


def _cdef() -> str:
    """The declarations that Python needs, cut out of the headers, so that there is one copy of each."""
    columns = (FOLDER.parents[1] / "trace_columns.h").read_text(encoding="utf-8")
    header = (FOLDER / "core.h").read_text(encoding="utf-8")
    batch = re.search(r"typedef struct TraceBatch \{.*?\} TraceBatch;", columns, re.S)
    kinds = re.search(r"enum \{ /\* what executes a row \*/.*?\n\};", header, re.S)
    if not batch or not kinds:
        raise SystemExit("the headers of the x86 core are not as build.py expects them")
    defines = re.findall(
        r"#define (?:MAX_\w+|SERVICE_BYTES|OLD_BYTES|HASH_BITS|NO_REGISTER|NO_PORT|RECENT_\w+|GUEST_\w+) \w+", header
    )
    structs = header[header.index("typedef struct Segment {") : header.index("/* record.c */")]
    calls = header[
        header.index("/* what Python calls */") : header.index("#endif", header.index("/* what Python calls */"))
    ]
    text = "\n".join([*defines, "enum { ES, CS, SS, DS, FS, GS, SEGMENTS };", batch[0], structs, calls])
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    # cffi evaluates no expressions in array lengths.
    text = text.replace("old[OLD_BYTES + 64]", "old[...]").replace("rows[1 << HASH_BITS]", "rows[...]")
    return text.replace("ranges[MAX_OPERANDS + 8]", "ranges[...]").replace("[SEGMENTS]", "[6]")


CMODULE = CModule(
    name="engine.x86.core._core",
    cdef=_cdef(),
    prelude='#include "core.h"',
    sources=(
        "record.c",
        "protected.c",
        "system.c",
        "privilege.c",
        "simple.c",
        "calls.c",
        "user.c",
        "exec.c",
        "kvm.c",
        "uc.c",
    ),
    headers=("core.h", "kvm_user.h"),
    libraries=(":libunicorn.so.2",),
    include_dirs=(str(_unicorn() / "include"),),
    library_dirs=(str(_unicorn() / "lib"),),
)
