"""The sentences of the narration, in both languages, for every step of every example: made by the page's own script."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.examples import Example, load_examples
from engine.lua.opcodes import OPCODES
from engine.session import Session

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = [example for example in load_examples() if example.room == "lua"]
LANGUAGES = ("en", "zh")

#: The page's modules in Node: `words:…` comes from the catalogue, as build.mjs makes it.
SCRIPT = """
import { readFileSync } from "node:fs";
import { register } from "node:module";
const { root, words, language, runs } = JSON.parse(readFileSync(0, "utf8"));
const hooks = `let words; export const initialize = (data) => { words = data; };
export const resolve = (name, context, next) =>
  name.startsWith("words:") ? { url: name, shortCircuit: true } : next(name, context);
export const load = (url, context, next) => url.startsWith("words:")
  ? { format: "module", shortCircuit: true, source: "export default " + JSON.stringify(words) } : next(url, context);`;
register("data:text/javascript," + encodeURIComponent(hooks), { data: words });
const node = () => ({ append() {}, setAttribute() {} });
globalThis.Node = class {};
globalThis.document = { documentElement: {}, createElement: node };
const js = (name) => import(root + "/static/js/" + name);
const [{ setLanguage }, { lua }, { Program }, { TraceWindow }] =
  await Promise.all([js("i18n.js"), js("panes/rooms/lua.js"), js("program.js"), js("trace.js")]);
await setLanguage(language);
const told = runs.map(({ listing, frames, views }) => {
  const program = new Program(listing);
  const trace = new TraceWindow();
  trace.natives = listing.natives;
  for (const frame of frames) {
    const bytes = Buffer.from(frame, "base64");
    trace.add(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  }
  const out = [];
  for (let tick = 1; trace.has(tick); tick++) {
    const step = trace.step(tick);
    const { row, routine } = program.at(step.where);
    const view = views[tick] ?? null;
    const state = { program, trace, view, viewTick: view ? tick : -1, tick };
    const decoded = row.op === "EXTRAARG" ? null : lua.decode(state, row, routine).fields.map((field) => field.label);
    out.push({
      op: row.op,
      sentence: lua.sentence(state, row, routine),
      places: step.writes.map((write) => lua.place(state, write, step)),
      more: lua.more(state, step),
      read: lua.read(state, row, routine, step).map(([name, value]) => name + " = " + value.s),
      decoded,
    });
  }
  return out;
});
console.log(JSON.stringify(told));
"""


def recorded(example: Example) -> dict[str, Any]:
    """A run of the example as the page gets it: listing, trace frames, and the views of some steps."""
    events: list[dict[str, Any]] = []
    frames: list[bytes] = []
    session = Session(events.append, frames.append)

    def do(name: str, **arguments: object) -> dict[str, Any]:
        session.execute({"v": 1, "id": 0, "do": "credit", "frames": 1000})
        session.execute({"v": 1, "id": 1, "do": name, **arguments})
        return events[-1]

    do("open", room=example.room, files=example.to_wire()["files"], options=example.options)
    frontier = do("run")["frontier"]
    views = {tick: do("seek", tick=tick)["view"] for tick in range(1, frontier + 1, 5)}
    listing = do("listing")["listing"]
    session.close()
    return {"listing": listing, "frames": [base64.b64encode(f).decode() for f in frames], "views": views}


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    return [recorded(example) for example in EXAMPLES]


@pytest.fixture(scope="module", params=LANGUAGES)
def told(request: pytest.FixtureRequest, runs: list[dict[str, Any]]) -> tuple[str, list[list[dict[str, Any]]]]:
    """What the page says of every step, in one language."""
    catalogue = json.loads((ROOT / "static" / "i18n" / "catalogue.json").read_text(encoding="utf-8"))
    words = {key: entry[request.param] for key, entry in catalogue.items()}
    words |= {f"op.{op.name}": getattr(op, request.param) for op in OPCODES}
    data = {"root": ROOT.as_uri(), "words": words, "language": request.param, "runs": runs}
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return request.param, json.loads(done.stdout)


Told = tuple[str, list[list[dict[str, Any]]]]


def test_every_sentence_is_whole(told: Told) -> None:
    language, runs = told
    raw = re.compile(r"\{\w+[:}]|undefined|NaN|null|\[object")
    for example, steps in zip(EXAMPLES, runs, strict=True):
        for tick, step in enumerate(steps, 1):
            texts = [step["sentence"], *step["places"], *step["more"], *step["read"], *(step["decoded"] or ())]
            for text in texts:
                # What stands between quotes is the program's own.
                own = re.sub(r'"(?:\\.|[^"\\])*"?…?', '""', text)
                assert own.strip(), (example.name, tick, step)
                assert not raw.search(own), (language, example.name, tick, text)
            assert step["sentence"].endswith("。" if language == "zh" else "."), step["sentence"]


def test_chinese_sentences_are_chinese_and_english_ones_are_not(told: Told) -> None:
    language, runs = told
    for steps in runs:
        for step in steps:
            own = re.sub(r'"(?:\\.|[^"\\])*"?…?', "", step["sentence"])
            assert bool(re.search(r"[\u4e00-\u9fff]", own)) == (language == "zh"), step["sentence"]


def test_the_examples_have_a_sentence_for_every_instruction_that_is_executed(told: Told) -> None:
    _language, runs = told
    seen = {step["op"] for steps in runs for step in steps}
    # These two are carried out within the step of the instruction before them.
    assert {op.name for op in OPCODES} - seen == {"EXTRAARG", "TFORLOOP"}


def test_what_a_step_reads_is_told_with_its_values(told: Told) -> None:
    _language, runs = told
    closure = runs[[example.name for example in EXAMPLES].index("closure")]
    assert closure[123]["op"] == "SETUPVAL"
    assert closure[123]["read"] == ["R1 = 13"]
    assert closure[122]["read"] == ["R1 = 19", "R0 (by) = 6"]


def test_a_register_has_the_name_that_it_has_when_it_is_read_or_written(told: Told) -> None:
    language, runs = told
    closure = runs[[example.name for example in EXAMPLES].index("closure")]
    # `local up, down = counter(10)`: the call reads the function from the register that becomes `up`.
    call = next(step for step in closure if step["op"] == "CALL")
    assert "(up)" not in call["sentence"]
    assert call["read"] == ["R2 = function", "R3 = 10"]
    made = next(step for step in closure if step["op"] == "LOADI")
    assert ("R0 (calls)" in made["sentence"], made["places"]) == (True, ["R0 (calls)"])
    assert language in LANGUAGES
