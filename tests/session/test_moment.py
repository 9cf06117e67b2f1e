"""The command `moment`: a step as plain rows, the same for every machine."""

from __future__ import annotations

from typing import Any

import pytest

from engine.examples import Example, load_examples
from engine.session import Session

EXAMPLES = {example.name: example for example in load_examples()}


class Page:
    """Commands to a session, and the event that ends each."""

    def __init__(self, example: Example) -> None:
        self.events: list[dict[str, Any]] = []
        self.session = Session(self.events.append, lambda frame: None)
        wire = example.to_wire()
        self.do("open", room=example.room, files=wire["files"], options=wire["options"])

    def do(self, name: str, **arguments: object) -> dict[str, Any]:
        self.session.execute({"v": 1, "id": 1, "do": name, **arguments})
        return self.events[-1]


def test_a_moment_has_the_rows_around_the_step_and_what_the_step_changed() -> None:
    page = Page(EXAMPLES["closure"])
    page.do("seek", tick=204)
    page.do("seek", tick=124)
    seen = page.do("moment")
    assert (seen["event"], seen["tick"], seen["frontier"], seen["ended"]) == ("moment", 124, 204, "halt")
    assert seen["function"] == "down"
    assert [(r["number"], r["line"], r["op"]) for r in seen["rows"] if r["now"]] == [("8", 11, "SETUPVAL")]
    assert [r["op"] for r in seen["rows"] if r["next"]] == ["GETUPVAL"]
    facts = {group["title"]: {f["name"]: f for f in group["facts"]} for group in seen["groups"]}
    assert facts["Registers"]["R0"] == {"name": "R0", "label": "by", "cue": "", "value": "6", "old": None}
    assert facts["Upvalues"]["n"] == {"name": "n", "label": "", "cue": "closed", "value": "13", "old": "19"}
    assert facts["Upvalues"]["calls"]["cue"] == "open"
    # It looked one step back, and is where it was.
    assert page.do("step", count=0)["tick"] == 124


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=lambda one: f"{one.room}-{one.name}")
def test_every_example_has_a_moment_at_its_start_and_where_it_opens(example: Example) -> None:
    page = Page(example)
    for tick in (0, example.tick or 3):
        page.do("seek", tick=tick)
        seen = page.do("moment")
        assert seen["event"] == "moment"
        assert sum(row["next"] or row["now"] for row in seen["rows"]) >= 1
        assert all(len(text) <= 80 for row in seen["rows"] for text in (row["op"], row["args"], row["comment"]))
        assert any(group["facts"] for group in seen["groups"])
        if tick == 0:
            assert all(fact["old"] is None for group in seen["groups"] for fact in group["facts"])
    page.session.close()
