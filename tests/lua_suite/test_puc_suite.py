"""PUC's own test suite of 5.4.8, file by file, in the mode for other implementations' libraries (`_port`, `_soft`)."""

from __future__ import annotations

import pytest

from tests.lua_library.running import on_ours
from tests.reference.puc import suite_dir

SETTINGS = b"_U = true; _port = true; _soft = true; _nomsg = true\n"
#: Everything but main.lua (it needs a shell), all.lua (it calls the others) and heavy.lua (it fills any memory).
FILES = (
    "api", "attrib", "big", "bitwise", "bwcoercion", "calls", "closure", "code", "constructs", "coroutine",
    "cstack", "db", "errors", "events", "files", "gc", "gengc", "goto", "literals", "locals", "math", "nextvar",
    "pm", "sort", "strings", "tpack", "utf8", "vararg", "verybig",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_file_of_the_suite_passes(name: str) -> None:
    files = [(path.name, path.read_bytes()) for path in suite_dir().glob("*.lua")]
    source = SETTINGS + b"dofile('%s.lua')\nprint('reached the end')\n" % name.encode()
    outcome = on_ours(source, "suite.lua", files=files)
    assert outcome.error is None, outcome.stdout[-300:]
    assert b"reached the end\n" in outcome.stdout
