"""Who draws in which frame while the shown step moves (static/js/turns.js), run in Node."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]

#: Plays frames of (what has changed, moving); answers for each who draws, with what it hears of, and whether one waits.
PLAY = """
import { readFileSync } from "node:fs";
const { Turns } = await import(%r);
const input = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(input.runs.map(({ turns, frames }) => {
  const all = turns.map((turn, name) => (turn === null ? { name } : { name, turn }));
  const order = new Turns();
  return frames.map(({ changed, moving }) => {
    const due = order.take(all, new Set(changed), moving).map(([{ name }, news]) => [name, [...news].sort()]);
    return { due, waiting: order.waiting };
  });
})));
"""
FRAME = st.fixed_dictionaries(
    {"changed": st.lists(st.sampled_from(["tick", "trace", "view", "level"]), unique=True), "moving": st.booleans()}
)
RUN = st.fixed_dictionaries(
    {
        "turns": st.lists(st.sampled_from([None, 1, 2, 3]), min_size=1, max_size=7),
        "frames": st.lists(FRAME, min_size=1, max_size=30),
    }
)


def play(runs: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    script = PLAY % f"{ROOT.as_uri()}/static/js/turns.js"
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        input=json.dumps({"runs": runs}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer: list[list[dict[str, Any]]] = json.loads(done.stdout)
    return answer


def test_everybody_draws_in_order_while_nothing_moves() -> None:
    frame = {"changed": ["tick", "view"], "moving": False}
    (told,) = play([{"turns": [1, 2, None, 1], "frames": [frame, frame]}])
    assert told == [{"due": [[n, ["tick", "view"]] for n in range(4)], "waiting": False}] * 2


def test_turns_alternate_while_the_step_moves_and_the_rest_follows_in_the_frame_after() -> None:
    move = {"changed": ["tick"], "moving": True}
    still = {"changed": [], "moving": False}
    (told,) = play([{"turns": [1, 2, None], "frames": [move, move, move, still, still]}])
    assert [[name for name, _ in frame["due"]] for frame in told] == [[0, 2], [1, 2], [0, 2], [0, 1, 2], [0, 1, 2]]
    assert [frame["waiting"] for frame in told] == [True, True, True, False, False]
    assert dict(map(tuple, told[3]["due"])) == {0: [], 1: ["tick"], 2: []}


@settings(max_examples=20, deadline=None)
@given(st.lists(RUN, min_size=1, max_size=10))
def test_nobody_misses_a_change_or_is_behind_for_long(runs: list[dict[str, Any]]) -> None:
    for run, told in zip(runs, play(runs), strict=True):
        turns = run["turns"]
        groups = len({turn for turn in turns if turn is not None})
        missed: list[set[str]] = [set() for _ in turns]
        age = [0] * len(turns)
        for frame, answer in zip(run["frames"], told, strict=True):
            for names in missed:
                names.update(frame["changed"])
            drawn = [name for name, _ in answer["due"]]
            assert drawn == sorted(set(drawn))
            for name, news in answer["due"]:
                assert set(news) == missed[name]
                missed[name] = set()
            age = [0 if name in drawn else age[name] + 1 for name in range(len(turns))]
            assert max(age) <= max(0, groups - 1)
            assert all(turns[name] is not None for name in range(len(turns)) if name not in drawn)
            if not frame["moving"]:
                assert len(drawn) == len(turns)
            assert answer["waiting"] == (len(drawn) < len(turns))
