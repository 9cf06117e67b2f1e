"""The front page: what this is, one moment to play with, the machines, and every example with the shape of its run."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Response, request

from app.catalogue import language_of
from app.tours import address, page
from engine.examples import Example, load_examples, without_marks
from engine.gallery import Picture, load
from engine.rooms import ROOMS, Room, room

#: Lines of a program that its card shows.
SHOWN_LINES = 3
#: Size of a card's drawing in its own units: a stretch is `WIDTH / stretches` wide, a call at most `LEVEL` high.
WIDTH, FLOOR, LEVEL, ROOF = 240, 30, 8, 4


@dataclass(frozen=True)
class Card:
    """One example as the gallery shows it: its lines, the silhouette of its call depth and the places of its events."""

    example: Example
    picture: Picture
    lines: tuple[str, ...]

    @property
    def silhouette(self) -> str:
        """An SVG path: the call depth over the run."""
        picture = self.picture
        level = min(LEVEL, (FLOOR - ROOF) / max(picture.deepest, 1))
        width = WIDTH / len(picture.depth)
        steps = [f"V{FLOOR - depth * level:.1f}H{(n + 1) * width:.1f}" for n, depth in enumerate(picture.depth)]
        return f"M0 {FLOOR}{''.join(steps)}V{FLOOR}Z"

    @property
    def ticks(self) -> str:
        """An SVG path: a stroke under the silhouette wherever something happened."""
        width = WIDTH / len(self.picture.depth)
        places = sorted({where for kind in self.picture.marks.values() for where in kind})
        return "".join(f"M{(where + 0.5) * width:.1f} {FLOOR + 1}v4" for where in places)


def shown_lines(example: Example, line: int) -> tuple[str, ...]:
    """Lines of code of a program from the one before `line` on (from 1; 0: its beginning), shifted to the left."""
    comment = room(example.room).comment
    text = without_marks(example.files[0].text, comment)
    lines = [each.expandtabs(4).rstrip() for each in text.splitlines()[max(0, line - 2) :]]
    found = [each for each in lines if each and not each.lstrip().startswith(comment)][:SHOWN_LINES]
    margin = min((len(each) - len(each.lstrip()) for each in found), default=0)
    return tuple(each[margin:] for each in found)


@functools.cache
def cards() -> dict[str, list[Card]]:
    """The cards of every room. Files of the program itself: they do not change while it runs."""
    pictures = load()
    found: dict[str, list[Card]] = {machine.name: [] for machine in ROOMS}
    for example in load_examples():
        picture = pictures.get(f"{example.room}/{example.name}")
        if picture is not None:
            found[example.room].append(Card(example, picture, shown_lines(example, picture.line)))
    return found


def example_address(example: Example) -> str:
    """The workbench with an example, where its author opens it."""
    return address("/", room=example.room, example=example.name)


def room_address(machine: Room) -> str:
    """The workbench with the first example of a room."""
    first = cards()[machine.name]
    return example_address(first[0].example) if first else address("/play", new=machine.name)


def front_page() -> Response:
    """The page at `/`."""
    first = load_examples()[0]
    language = language_of(request)
    hero = f"/embed?{urlencode({'room': first.room, 'example': first.name, 'tick': first.tick, 'lang': language})}"
    return page(
        "front.html",
        rooms=ROOMS,
        cards=cards(),
        hero=first,
        hero_frame=hero,
        example_address=example_address,
        room_address=room_address,
    )
