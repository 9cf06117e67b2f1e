"""Which names of a Lua text stand for variables: what the source pane may underline."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).resolve().parents[2] / "static" / "js" / "panes" / "rooms" / "lua-captures.js"

#: The module without its import of words, which only a bundle can resolve.
SCRIPT = """
import { readFileSync } from "node:fs";
const { path, text } = JSON.parse(readFileSync(0, "utf8"));
const source = readFileSync(path, "utf8").replace(/^import .*$/m, "const t = (key) => key;");
const { variableNames } = await import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
console.log(JSON.stringify(variableNames(text)));
"""


def variables(text: str) -> list[dict[str, Any]]:
    """What is said of each variable in the text."""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=json.dumps({"path": str(MODULE), "text": text}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert all(text[one["from"] : one["to"]] == one["name"] for one in found)
    return found


def names(text: str) -> list[tuple[str, int]]:
    """(name, line) of each variable in the text."""
    return [(one["name"], one["line"]) for one in variables(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local n = 1\nreturn n", [("n", 1), ("n", 2)]),
        ("a.n = b:n(n)", [("a", 1), ("b", 1), ("n", 1)]),
        ("x = a..b", [("x", 1), ("a", 1), ("b", 1)]),
        ("t = { n = n, [n] = 1, m }", [("t", 1), ("n", 1), ("n", 1), ("m", 1)]),
        ("t = { f = function() n = 1 end, n = 2 }", [("t", 1), ("n", 1)]),
        (
            "t = { function(a) if a then n, m = 1, 2 end end; k = n == m }",
            [("t", 1), ("a", 1), ("a", 1), ("n", 1), ("m", 1), ("n", 1), ("m", 1)],
        ),
        ("-- n\n--[[ n\nn ]] n", [("n", 3)]),
        ("--[==[ ]] n ]==] n", [("n", 1)]),
        ("s = 'n\\'n' .. [[\nn]] .. [=[ ]] n]=]\nn()", [("s", 1), ("n", 3)]),
        ("goto n ::n:: n = 0x1n", [("n", 1)]),
        ("for i = 1, 1e3 do end repeat local u until u", [("i", 1), ("u", 1), ("u", 1)]),
    ],
)
def test_names_of_variables(text: str, expected: list[tuple[str, int]]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("local n = n", "10"),
        ("local n, m = n, n n = m", "1001"),
        ("local n <const> = n + 1 local n = n", "1021"),
        ("local n = 1 n = n local n = n * n print(n)", "1112112"),
        ("local n = function() return n end print(n)", "101"),
        ("local n = { n, n = n } f(n)", "1001"),
        ("local n = n\nn = n", "1000"),
        ("local n = (n)(n) .. 'a' n()", "1001"),
        ("local n = f'n' n = f{ n }", "111"),
        ("local function n() return n() end", "11"),
        ("local n; n = 1", "11"),
        ("local n = not n -- n\n", "10"),
        ("do local n = n end", "10"),
        ("local n = #n + -n local m = n", "1001"),
    ],
)
def test_a_local_begins_after_its_values(text: str, seen: str) -> None:
    """How many locals n of its line have begun at each n."""
    assert "".join(str(one["seen"]) for one in variables(text) if one["name"] == "n") == seen
