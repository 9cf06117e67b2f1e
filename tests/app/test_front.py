"""The front page: what it leads to, and that it is the front page only where nothing is to be opened."""

from __future__ import annotations

import html
import re

import pytest

from app.front import cards, shown_lines
from engine.examples import load_examples
from engine.rooms import ROOMS, room
from engine.tours import load_tours
from tests.app.test_pages import boot_of


def links(answer) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'href="(/[^"]*)"', answer.text)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_leads_to_every_example_tour_and_machine(client, language):
    answer = client.get(f"/?lang={language}")
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == language
    found = links(answer)
    for example in load_examples():
        assert f"/?room={example.room}&example={example.name}&lang={language}" in found
        assert example.title[language] in html.unescape(answer.text)
    for tour in load_tours():
        assert f"/tours/{tour.name}?lang={language}" in found
    for machine in ROOMS:
        assert f"/play?new={machine.name}&lang={language}" in found
    for path in found:
        if not path.startswith("/static/"):
            assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("query", ["example=closure", "room=lua", "tour=closures&note=1"])
def test_what_names_something_to_open_is_the_workbench(client, query):
    assert boot_of(client.get(f"/?{query}"))["examples"]


def test_a_tour_that_nobody_wrote_is_not_found(client):
    assert client.get("/?tour=nothing").status_code == 404


def test_nothing_of_it_is_inline(client):
    text = client.get("/").text
    assert re.findall(r"<script(?![^>]*src=)|<style| on[a-z]+=| style=", text) == []


def test_a_card_draws_the_run_that_was_made():
    for machine in ROOMS:
        for card in cards()[machine.name]:
            assert card.picture.steps > 0
            assert len(card.picture.depth) == min(96, card.picture.steps)
            assert max(card.picture.depth) == card.picture.deepest
            assert card.silhouette.count("V") == len(card.picture.depth) + 1
            assert 1 <= len(card.lines) <= 3
            assert not any(line.lstrip().startswith(room(card.example.room).comment) for line in card.lines)


def test_a_card_shows_the_lines_where_the_example_opens():
    closure = next(example for example in load_examples() if example.name == "closure")
    assert shown_lines(closure, 11) == ("calls = calls + 1", "n = n - by", "return n")
