"""What of an example's file the page shows."""

from engine.examples import load_examples, without_marks
from engine.rooms import room


def test_the_marks_around_a_program_are_left_out_and_those_inside_stay() -> None:
    text = "--@ title: T\n\nprint(1)\n--> kept\nprint(2)\n\n--> 1\n--@ order: 1\n"
    assert without_marks(text, "--") == "print(1)\n--> kept\nprint(2)\n"


def test_no_example_shows_its_title_mark_on_the_page() -> None:
    for example in load_examples():
        wire = example.to_wire()
        mark = room(example.room).comment + "@"
        assert all(mark not in file["text"] for file in wire["files"]), example.name  # type: ignore[attr-defined]
        assert all(file["text"].strip() for file in wire["files"])  # type: ignore[attr-defined]
