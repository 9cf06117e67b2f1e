"""State that the page makes from the trace alone is the machine's own: compared at many ticks of the examples."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.examples import Example, load_examples
from engine.session import Session

ROOT = Path(__file__).resolve().parents[2]
#: Ticks of an example that are compared, and from how many other ticks' views the page starts at each.
MOST_TICKS, STARTS = 400, 3

LUA = """
const past = await import(input.js + "/panes/rooms/lua-past.js");
const told = (state) => {
  const made = past.pastFrames(state);
  return made && {
    thread: made.thread,
    frames: made.frames.map((f) => ({
      base: f.base, proto: f.function.proto, pc: f.pc,
      registers: f.registers.map(({ index, slot, name, value }) => ({ index, slot, name, value })),
    })),
  };
};
"""
X86 = """
const past = await import(input.js + "/panes/rooms/x86-past.js");
const told = (state) => past.pastRegisters(state);
"""
WALK = """
const window = new TraceWindow();
for (const text of input.frames) window.add(frame(text));
window.natives = input.listing.natives ?? [];
const program = new Program(input.listing);
const base = { trace: window, program, branches: [], branch: 0, frontier: input.frontier };
console.log(JSON.stringify(input.pairs.map(([viewTick, tick]) =>
  told({ ...base, tick, viewTick, view: viewTick === null ? null : input.views[viewTick] }))));
"""


def recorded(example: Example) -> tuple[dict[str, Any], list[str], list[dict[str, Any]]]:
    """(listing, frames, the view at each tick) of an example's first steps."""
    events: list[dict[str, Any]] = []
    frames: list[bytes] = []
    session = Session(events.append, frames.append)

    def do(name: str, **arguments: Any) -> dict[str, Any]:
        session.execute({"v": 1, "id": 1, "do": name, **arguments})
        assert events[-1]["event"] != "failed", events[-1]
        return events[-1]

    files = [{"name": f.name, "text": f.text} for f in example.files]
    do("open", room=example.room, files=files, options=dict(example.options))
    do("credit", frames=1000)
    views: list[dict[str, Any]] = []
    last = do("run", to=MOST_TICKS)["frontier"]
    views = [do("seek", tick=tick)["view"] for tick in range(last + 1)]
    listing = do("listing")["listing"]
    session.close()
    return listing, [base64.b64encode(f).decode() for f in frames], views


def made(script: str, data: dict[str, Any]) -> list[Any]:
    """What the page's modules make of a recording at the pairs (tick of the view or null, tick)."""
    program = (
        f'import {{ TraceWindow }} from "{ROOT.as_uri()}/static/js/trace.js";\n'
        f'import {{ Program }} from "{ROOT.as_uri()}/static/js/program.js";\n'
        'import { readFileSync } from "node:fs";\n'
        'const input = JSON.parse(readFileSync(0, "utf8"));\n'
        "const frame = (text) => { const b = Buffer.from(text, 'base64'); "
        "return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); };\n" + script + WALK
    )
    done = subprocess.run(
        ["node", "--input-type=module", "-e", program],
        input=json.dumps({"js": f"{ROOT.as_uri()}/static/js", **data}),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer: list[Any] = json.loads(done.stdout)
    return answer


def walk(example: Example, script: str) -> list[tuple[dict[str, Any], Any]]:
    """(the machine's view, what the page made) for many ticks, starting from no view and from views of any tick."""
    listing, frames, views = recorded(example)
    rng = random.Random(len(views))
    last = len(views) - 1
    pairs = [
        (start, tick) for tick in range(last) for start in [None, *(rng.randrange(last + 1) for _ in range(STARTS))]
    ]
    data = {"listing": listing, "frames": frames, "views": views, "pairs": pairs, "frontier": last}
    return [(views[tick], one) for (_, tick), one in zip(pairs, made(script, data), strict=True)]


def named(room: str) -> list[Any]:
    return [pytest.param(one, id=one.name) for one in load_examples() if one.room == room]


def is_same(true: dict[str, Any], made_value: dict[str, Any]) -> bool:
    """Is this the value, or as much of it as a trace has: 60 bytes of a string, no name or number of a function?"""
    if true["t"] != made_value["t"] or (true.get("id") != made_value.get("id") and true["t"] != "native"):
        return False
    text: str = made_value["s"]
    if true["t"] == "function":
        return text in ("function", true["s"])
    return text == true["s"] or (true["t"] == "string" and text.endswith('…"') and true["s"].startswith(text[:-2]))


@pytest.mark.parametrize("example", named("lua"))
def test_frames_made_from_the_trace_are_those_of_the_machine(example: Example) -> None:
    known = total = told = 0
    pairs = walk(example, LUA)
    for view, answer in pairs:
        if answer is None:
            continue
        told += 1
        thread = next(one for one in view["threads"] if one["id"] == view["thread"])
        assert answer["thread"] == view["thread"]
        frames = thread["frames"]
        assert len(answer["frames"]) <= len(frames)
        for have, want in zip(answer["frames"], frames, strict=False):
            assert want["kind"] == "lua", (view["tick"], have)
            assert (have["base"], have["proto"], have["pc"]) == (want["base"], want["function"]["proto"], want["pc"])
            assert [(r["index"], r["slot"], r["name"]) for r in have["registers"]] == [
                (r["index"], r["slot"], r["name"]) for r in want["registers"]
            ], view["tick"]
            for mine, true in zip(have["registers"], want["registers"], strict=True):
                total += 1
                if mine["value"]["t"] != "unknown":
                    known += 1
                    assert is_same(true["value"], mine["value"]), (view["tick"], true, mine)
    assert told >= 0.8 * len(pairs)
    assert known >= 0.9 * total


@pytest.mark.parametrize("example", named("x86"))
def test_registers_made_from_the_trace_are_those_of_the_machine(example: Example) -> None:
    told = 0
    pairs = walk(example, X86)
    for view, answer in pairs:
        if answer is None:
            continue
        told += 1
        true = {r["name"].lower().strip("er"): r for r in view["registers"]}
        for have in answer["registers"]:
            # Names grow with what the program uses: ax may be eax by then.
            want = true[have["name"].lower().strip("er")]
            digits = min(have["bits"], want["bits"]) // 4
            assert have["value"][-digits:] == want["value"].rjust(digits, "0")[-digits:], (view["tick"], have, want)
        assert int(answer["flags"]["value"], 16) == int(view["flags"]["value"], 16), view["tick"]
        assert {b["name"]: b["set"] for b in answer["flags"]["bits"]} == {
            b["name"]: b["set"] for b in view["flags"]["bits"]
        }
    # A view to start from is needed, with the code segment and the mode of the tick.
    assert told >= 0.3 * len(pairs)
