"""Where two recordings part, found by the page's own script from the trace frames of real runs."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.session import Session

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import { readFileSync } from "node:fs";
const { root, pairs } = JSON.parse(readFileSync(0, "utf8"));
const js = (name) => import(root + "/static/js/" + name);
const [{ compare }, { Program }, { TraceWindow }] =
  await Promise.all([js("diff/comparing.js"), js("program.js"), js("trace.js")]);
const run = ({ listing, frames }) => {
  const trace = new TraceWindow();
  for (const frame of frames) {
    const bytes = Buffer.from(frame, "base64");
    trace.add(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }
  return { program: new Program(listing), trace };
};
console.log(JSON.stringify(pairs.map(([a, b]) => compare(run(a), run(b)))));
"""


def recorded(text: str, given: str = "") -> dict[str, Any]:
    """A run of a Lua program: listing and trace frames."""
    events: list[dict[str, Any]] = []
    frames: list[bytes] = []
    session = Session(events.append, frames.append)

    def do(name: str, **arguments: object) -> dict[str, Any]:
        session.execute({"v": 1, "id": 0, "do": "credit", "frames": 1000})
        session.execute({"v": 1, "id": 1, "do": name, **arguments})
        return events[-1]

    do("open", room="lua", files=[{"name": "main.lua", "text": text}])
    if do("run")["reason"] == "input":
        do("input", text=given, end=True)
        do("run")
    listing = do("listing")["listing"]
    session.close()
    return {"listing": listing, "frames": [base64.b64encode(frame).decode() for frame in frames]}


def compared(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=json.dumps({"root": ROOT.as_uri(), "pairs": pairs}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


LOOP = "local sum = 0\nfor i = 1, 20 do\n  local t = { i }\n  sum = sum + t[1]\nend\nprint(sum)\n"


def test_the_same_run_does_not_differ_from_itself() -> None:
    (found,) = compared((recorded(LOOP), recorded(LOOP)))
    assert found["differences"] == []
    assert found["stepsA"] == found["stepsB"] > 100


def test_another_value_is_found_at_its_step_and_everywhere_it_goes() -> None:
    other = LOOP.replace("local sum = 0", "local sum = 5")
    (found,) = compared((recorded(LOOP), recorded(other)))
    kinds = [one["kind"] for one in found["differences"]]
    # The instruction that loads the number is another one; then each addition has another sum, and what is printed.
    assert (kinds[0], found["differences"][0]["a"], found["differences"][0]["b"]) == ("path", 2, 2)
    assert kinds[1:].count("value") == 21


def test_numbers_of_objects_do_not_count() -> None:
    other = "local before = {}\n" + LOOP
    (found,) = compared((recorded(LOOP), recorded(other)))
    assert all(one["kind"] == "path" for one in found["differences"][:1])
    assert found["differences"][0]["toB"] - found["differences"][0]["b"] >= 1


def test_after_a_detour_the_runs_are_together_again() -> None:
    detour = LOOP.replace(
        "  local t = { i }\n", "  if i == 7 then local a, b = 1, 2; a = a + b end\n  local t = { i }\n"
    )
    plain = LOOP.replace(
        "  local t = { i }\n", "  if i == 99 then local a, b = 1, 2; a = a + b end\n  local t = { i }\n"
    )
    (found,) = compared((recorded(plain), recorded(detour)))
    longer = [one for one in found["differences"] if one["toB"] - one["b"] > one["toA"] - one["a"]]
    assert len(longer) == 1
    assert found["stepsB"] - found["stepsA"] == longer[0]["toB"] - longer[0]["b"] - (longer[0]["toA"] - longer[0]["a"])


@pytest.mark.parametrize(("given", "parts"), [("Ada\n", False), ("Bob\n", True)])
def test_another_input_parts_the_runs_where_it_is_read(given: str, parts: bool) -> None:
    text = "local name = io.read()\nlocal n = 0\nif name == 'Ada' then n = 1 else n = 2 end\nprint(n)\n"
    (found,) = compared((recorded(text, "Ada\n"), recorded(text, given)))
    assert bool(found["differences"]) == parts
    if parts:
        assert found["differences"][0]["kind"] == "value"
        assert any(one["kind"] == "path" for one in found["differences"])


def test_one_run_may_simply_be_longer() -> None:
    (found,) = compared((recorded("local a = 1\n"), recorded("local a = 1\nlocal b = 2\n")))
    last = found["differences"][-1]
    assert last["kind"] == "path"
    assert last["toB"] - last["b"] >= last["toA"] - last["a"]
