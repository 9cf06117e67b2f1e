"""PUC's own test suite of 5.4.8: all of it as its all.lua runs it, and each file alone.

`_U` says "not on the machine of the authors": `_port` leaves out what asks for a shell or for libraries in C, `_soft`
what fills memory.
"""

from __future__ import annotations

import pytest

from tests.lua_library.running import Outcome, on_ours
from tests.reference.puc import suite_dir

SETTINGS = b"_U = true; _port = true; _soft = true; _nomsg = true\n"
#: Everything but main.lua (it needs a shell), all.lua (it calls the others) and heavy.lua (it fills any memory).
FILES = (
    "api", "attrib", "big", "bitwise", "bwcoercion", "calls", "closure", "code", "constructs", "coroutine",
    "cstack", "db", "errors", "events", "files", "gc", "gengc", "goto", "literals", "locals", "math", "nextvar",
    "pm", "sort", "strings", "tpack", "utf8", "vararg", "verybig",
)  # fmt: skip
#: The ones that also pass without any allowance, and do not take long that way.
STRICT = (
    "api", "attrib", "bitwise", "bwcoercion", "calls", "closure", "coroutine", "cstack", "db", "events", "gengc",
    "goto", "literals", "locals", "math", "nextvar", "pm", "sort", "strings", "tpack", "utf8", "vararg",
)  # fmt: skip


def run(source: bytes) -> Outcome:
    """Run the program among the suite's files; it must end well."""
    files = [(path.name, path.read_bytes()) for path in suite_dir().glob("*.lua")]
    folder = ("libs/P1/here", b"")  # attrib.lua makes files in this folder
    outcome = on_ours(source, "suite.lua", files=[*files, folder])
    assert outcome.error is None, outcome.stdout[-300:]
    return outcome


@pytest.mark.parametrize("name", FILES)
def test_file_of_the_suite_passes(name: str) -> None:
    outcome = run(SETTINGS + b"dofile('%s.lua')\nprint('reached the end')\n" % name.encode())
    assert b"reached the end\n" in outcome.stdout


@pytest.mark.parametrize("name", STRICT)
def test_file_of_the_suite_passes_without_allowances(name: str) -> None:
    outcome = run(b"_nomsg = true\ndofile('%s.lua')\nprint('reached the end')\n" % name.encode())
    assert b"reached the end\n" in outcome.stdout


def test_whole_suite_reaches_its_final_ok() -> None:
    outcome = run(b"_U = true\ndofile('all.lua')\n")
    assert b"final OK !!!" in outcome.stdout
    assert outcome.stderr.count(b"Lua warning: #This is") == 2
