"""Every tour is complete and true: each note stands at the step that it talks about."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest

from engine.examples import load_examples
from engine.lua.opcodes import OPCODES
from engine.tourpins import Step, executed, pinned, tick_of
from engine.tours import FOLDER, LANGUAGES, PANES, Note, Tour, load_tours, parse

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = {example.name: example for example in load_examples()}
TOURS = load_tours()
NOTES = [(tour, number, note) for tour in TOURS for number, note in enumerate(tour.notes, 1)]
#: Instructions that never are a step of their own: the one before them in the listing carries them out.
CARRIED = {"EXTRAARG": {"NEWTABLE", "LOADKX", "SETLIST"}, "TFORLOOP": {"TFORCALL"}}
HAN = re.compile(r"[\u4e00-\u9fff]")


@functools.cache
def steps_of(name: str) -> list[Step]:
    return executed(EXAMPLES[name])


def named(value: object) -> str:
    return f"{value[0].name}-{value[1]}" if isinstance(value, tuple) else ""


def test_there_are_six_tours() -> None:
    assert [tour.name for tour in TOURS] == ["opcodes", "closures", "globals", "kvm", "exits", "modes"]


@pytest.mark.parametrize("entry", NOTES, ids=named)
def test_a_note_stands_at_the_step_that_it_talks_about(entry: tuple[Tour, int, Note]) -> None:
    note = entry[2]
    steps = steps_of(note.example)
    assert note.tick == tick_of(note, steps), "run `python -m engine.tourpins`"
    assert 0 <= note.tick < len(steps)
    for op in note.also:
        assert note.op in CARRIED[op]
        assert steps[note.tick].following == op
        assert op not in {step.op for step in steps}


@pytest.mark.parametrize("entry", NOTES, ids=named)
def test_a_note_shows_the_line_that_its_step_comes_from(entry: tuple[Tour, int, Note]) -> None:
    note = entry[2]
    if note.op:
        assert note.code
        assert note.line > 0
    assert bool(note.code) == bool(note.shown)


def test_every_opcode_is_visited() -> None:
    visited = {op for tour in TOURS for note in tour.notes for op in (note.op, *note.also)}
    assert {row.name for row in OPCODES} - visited == set()


@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.name)
def test_a_tour_is_written_in_both_languages(tour: Tour) -> None:
    texts = [tour.title, tour.about]
    texts += [text for part in tour.parts for text in (part.title, part.text)]
    texts += [note.text for note in tour.notes]
    for text in texts:
        assert set(text) == set(LANGUAGES)
        assert HAN.search(text["zh"]), text["zh"]
        assert not HAN.search(text["en"]), text["en"]
    for note in tour.notes:
        # The same things are named in both; a name may be said again in one of them.
        code = {language: set(re.findall(r"`([^`]+)`", text)) for language, text in note.text.items()}
        assert code["en"] == code["zh"], note.title


def test_every_pane_that_a_note_may_name_has_its_words() -> None:
    catalogue = json.loads((ROOT / "static/i18n/catalogue.json").read_text(encoding="utf-8"))
    assert {pane for pane in PANES if f"pane.{pane}" not in catalogue} == set()


def test_wrong_ticks_are_put_right_and_nothing_else_is_touched() -> None:
    path = FOLDER / "globals.toml"
    right = path.read_text(encoding="utf-8")
    wrong = right.replace("tick = 18\n", "tick = 7\n")
    assert wrong != right
    steps = {name: steps_of(name) for name in ("globals", "load_env")}
    assert pinned(wrong, parse("globals", wrong, EXAMPLES), steps) == right


NOTE = 'title = "T"\nop = "MOVE"\nline = 5\ntick = 6\npane = "registers"\nen = "a"\nzh = "b"\n'
HEAD = 'title = "T"\nabout = "A"\n[[part]]\nexample = "op_loads"\ntitle = "P"\ntext = "P"\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEAD, "a tour without notes"),
        (f"{HEAD}[[part.note]]\n{NOTE}colour = 1\n", "note 1: unknown key `colour`"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace("op_loads", "nothing"), "there is no example `nothing`"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace("line = 5", "line = 500"), "op_loads has no line 500"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace("registers", "kitchen"), "`pane` is one of calls, constants"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace("tick = 6", "tick = 0"), "has an `op`, or stands at tick 0"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace('zh = "b"\n', ""), "`text` in zh is empty"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace('en = "a"', 'en = "`a"'), "a lone backquote"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace("tick = 6\n", ""), "tick"),
        (f"{HEAD}[[part.note]]\n{NOTE}".replace('title = "P"', 'title = { en = "P" }'), "`title` needs a text in each"),
    ],
)
def test_what_is_wrong_with_a_tour_is_said_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"tour draft.*{re.escape(complaint)}"):
        parse("draft", text, EXAMPLES)


def test_a_step_that_never_happens_is_an_error() -> None:
    tour = parse("draft", f"{HEAD}[[part.note]]\n{NOTE}nth = 2\n", EXAMPLES)
    with pytest.raises(ValueError, match="`MOVE` runs 1 times on line 5, not 2"):
        tick_of(tour.notes[0], steps_of("op_loads"))
