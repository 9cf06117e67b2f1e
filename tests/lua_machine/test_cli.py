"""`python -m engine lua …` does what the reference's programs do, on the same streams with the same exit status."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lua_machine.programs import EXAMPLES, NESTED, ROOT
from tests.reference import puc


def engine(*arguments: str | Path, cwd: Path = ROOT, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "engine", "lua", *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=cwd, input=given, capture_output=True, check=False, timeout=60, env=environment)


def reference(*arguments: str | Path, cwd: Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    # The shell gives the program the name that it shows in messages.
    command = ["/bin/bash", "-c", 'exec -a lua "$0" "$@"', puc.puc_lua(), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, input=given, capture_output=True, check=False, timeout=60)


def without_depth(report: bytes) -> str:
    """A report of an error; how deep a full stack is depends on what the host program keeps on it."""
    return re.sub(r"skipping \d+ levels", "skipping levels", report.decode())


PROGRAMS = {
    **{p.stem: p.read_text(encoding="utf-8") for p in EXAMPLES},
    **{f"nested-{name}": text for name, text in NESTED.items()},
    "uncaught": "local function f(t)\n  return t.x.y\nend\nprint(1)\nlocal ok = f({})\n",
    "uncaught-table": "error({})",
    "uncaught-object": "error(setmetatable({}, { __tostring = function() return 'an object' end }))",
    "uncaught-nil": "error(nil)",
    "uncaught-level-2": "local function check(x)\n  error('no ' .. x, 2)\nend\n\nlocal x = 1\ncheck('luck')\n",
    "deep": "local function f(n)\n  if n == 0 then error('deep') end\n  f(n - 1)\n  return 1\nend\nf(40)",
    "stack-overflow": "local function f() return 1 + f() end\nprint(pcall(f))\nf()",
    "syntax": "local x = = 1",
    "arguments": "print(#arg, arg[0], arg[1], arg[2], arg[3], ...)",
    "standard-error": "io.stderr:write('to stderr\\n') io.write('to stdout\\n')",
    "exit": "print('before') os.exit(3) print('after')",
    "in-a-coroutine": "local co = coroutine.wrap(function() local t = nil; t() end)\nco()",
    "in-a-native": "table.sort({3, 2, 1}, function(a, b) return a.x < b.x end)",
    "method": "local o = {}\nfunction o:m() self.n = self.n + 1 end\no:m()",
    "global-function": "function broken() local s = 'a' + 1 end\nbroken()",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_as_on_the_reference(name: str, tmp_path: Path) -> None:
    (tmp_path / "main.lua").write_text(PROGRAMS[name], encoding="utf-8")
    ours = engine("run", "main.lua", "one", "2", cwd=tmp_path)
    theirs = reference("main.lua", "one", "2", cwd=tmp_path)
    assert ours.stdout.decode() == theirs.stdout.decode()
    assert without_depth(ours.stderr) == without_depth(theirs.stderr)
    assert ours.returncode == theirs.returncode


def test_a_program_from_the_standard_input(tmp_path: Path) -> None:
    text = b"print(...)\nerror('from stdin')"
    ours, theirs = engine("run", "-", "x", given=text), reference("-", "x", cwd=tmp_path, given=text)
    assert (ours.stdout, ours.stderr, ours.returncode) == (theirs.stdout, theirs.stderr, theirs.returncode)


def test_a_chunk_of_the_command_line_runs_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "main.lua").write_text("print(x, ...)")
    assert engine("run", "-e", "x = 5", "-e", "x = x + 1", "main.lua", "a", cwd=tmp_path).stdout == b"6\ta\n"
    assert engine("run", "-e", "print(1)").stdout == b"1\n"
    done = engine("run", "-e", "x = = 1")
    assert done.returncode == 1
    assert done.stderr == b"lua: (command line):1: unexpected symbol near '='\n"


def test_the_standard_input_is_what_io_read_reads(tmp_path: Path) -> None:
    (tmp_path / "main.lua").write_text("for line in io.lines() do print('<' .. line .. '>') end print(io.read())")
    assert engine("run", "main.lua", cwd=tmp_path, given=b"a\nb").stdout == b"<a>\n<b>\nnil\n"


def test_a_folder_becomes_the_machines_file_system(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "data.txt").write_text("hello")
    (tmp_path / "mod.lua").write_text("return { answer = 42 }")
    (tmp_path / "main.lua").write_text("print(require('mod').answer, io.open('sub/data.txt'):read('a'))")
    done = engine("run", "--root", tmp_path, tmp_path / "main.lua")
    assert (done.stdout, done.stderr) == (b"42\thello\n", b"")


def test_the_program_itself_is_looked_for_in_the_root_first(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "main.lua").write_text(
        "print(arg[0], debug.getinfo(1, 'S').source, io.open('main.lua') ~= nil)"
    )
    (tmp_path / "main.lua").write_text("print('another')")
    assert engine("run", "--root", "root", "main.lua", cwd=tmp_path).stdout == b"main.lua\t@main.lua\ttrue\n"
    (tmp_path / "other.lua").write_text("print('of the host')")
    assert engine("run", "--root", "root", "other.lua", cwd=tmp_path).stdout == b"of the host\n"


def test_an_error_in_a_chunk_of_the_command_line_has_the_references_traceback(tmp_path: Path) -> None:
    ours, theirs = engine("run", "-e", "error('x')"), reference("-e", "error('x')", cwd=tmp_path)
    assert (ours.stderr, ours.returncode) == (theirs.stderr, theirs.returncode)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-memory", "12Q", b"'12Q' is no number of bytes; write 1000000, 64M or 1G"),
        ("--max-instructions", "-1", b"'-1' is no number of instructions; write 1000000"),
    ],
)
def test_a_limit_that_is_no_number_is_refused_in_words(option: str, value: str, words: bytes) -> None:
    done = engine("run", f"{option}={value}", "-e", "x = 1")
    assert done.returncode == 2
    assert words in done.stderr


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = engine("run", "nowhere.lua", cwd=tmp_path)
    assert done.returncode == 2
    assert b"cannot open nowhere.lua" in done.stderr


def test_limits_end_a_program_with_a_message() -> None:
    done = engine("run", "--max-instructions", "1000", "-e", "while true do end")
    assert (done.returncode, done.stderr) == (1, b"lua: (command line):1: the limit of 1000 instructions is reached\n")
    done = engine("run", "--max-memory", "8M", "-e", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end")
    assert done.returncode == 1
    assert b"not enough memory" in done.stderr


def test_statistics_count_instructions_bytes_and_collections() -> None:
    done = engine("run", "--stats", "-e", "collectgarbage()")
    found = dict(line.split() for line in done.stderr.decode().splitlines())
    assert set(found) == {"instructions", "bytes", "peak_bytes", "objects", "collections"}
    assert int(found["collections"]) >= 1
    assert int(found["peak_bytes"]) >= int(found["bytes"]) > 0


def test_the_trace_is_one_object_a_line() -> None:
    path = ROOT / "examples" / "lua" / "closure.lua"
    lines = engine("trace", "--json", path).stdout.splitlines()
    steps = [json.loads(line) for line in lines]
    assert [s["tick"] for s in steps] == list(range(1, 205))
    step = steps[123]
    assert (step["function"], step["pc"], step["line"], step["op"], step["depth"]) == ("down", 8, 11, "SETUPVAL", 2)
    (write,) = step["writes"]
    assert (write["kind"], write["name"], write["index"], write["old"], write["new"]) == ("upvalue", "n", 1, 19, 13)
    assert steps[10]["events"] == ["return", "upvalue_close"]
    assert steps[1]["writes"] == [
        {"kind": "register", "index": 0, "name": "calls", "owner": 1, "old": None, "new": 0},
    ]
    part = engine("trace", "--json", "--from", "100", "--to", "103", path).stdout.splitlines()
    assert part == lines[99:103]


def test_a_trace_for_people_has_a_line_a_step_too() -> None:
    path = ROOT / "examples" / "lua" / "closure.lua"
    lines = engine("trace", "--to", "12", path).stdout.decode().splitlines()
    assert len(lines) == 12
    assert "VARARGPREP" in lines[0]


def test_the_state_at_a_tick_is_the_view() -> None:
    path = ROOT / "examples" / "lua" / "closure.lua"
    done = engine("state", "--tick", "124", "--json", path)
    view = json.loads(done.stdout)
    assert view["tick"] == 124
    assert view["threads"][0]["frames"][0]["function"]["name"] == "down"
    assert engine("state", "--tick", "100000", path).returncode == 2
