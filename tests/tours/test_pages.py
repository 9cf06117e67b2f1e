"""The tours as articles, and what the workbench is told to play one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import Settings
from engine.tours import Tour, load_tours

TOURS = load_tours()
LANGUAGES = ("en", "zh")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    app = create_app(Settings(data_dir=str(tmp_path / "data")))
    app.jinja_env.globals["asset"] = lambda name: f"/static/{name}"
    yield app.test_client()
    app.extensions["glassbox"].stop()


class Text(HTMLParser):
    """The words of a page, its links and its headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        assert not any(name.startswith("on") or name == "style" for name in values)
        if tag == "a":
            self.links.append(values["href"] or "")
        if re.fullmatch(r"h\d", tag):
            self.levels.append(int(tag[1]))
        if "id" in values:
            self.ids.append(values["id"] or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_names_every_tour(client: FlaskClient, language: str) -> None:
    answer = client.get(f"/tours?lang={language}")
    assert answer.status_code == 200
    page = Text(answer.text)
    for tour in TOURS:
        assert tour.title[language] in page.text
        assert tour.about[language] in page.text
        assert f"/tours/{tour.name}?lang={language}" in page.links
        assert f"/?tour={tour.name}&note=1&lang={language}" in page.links


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tour", TOURS, ids=lambda tour: tour.name)
def test_an_article_has_every_note_with_its_code_and_its_step(client: FlaskClient, tour: Tour, language: str) -> None:
    answer = client.get(f"/tours/{tour.name}?lang={language}")
    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == language
    assert f'<html lang="{"zh-Hans" if language == "zh" else "en"}"' in answer.text
    page = Text(answer.text)
    for number, note in enumerate(tour.notes, 1):
        assert note.title[language] in page.text
        assert note.text[language].replace("`", "") in page.text
        assert note.code in page.text
        assert f"/?room={note.room}&example={note.example}&tick={note.tick}&lang={language}" in page.links
        assert f"/?tour={tour.name}&note={number}&lang={language}" in page.links
        assert f"note-{number}" in page.ids
    assert "`" not in page.text
    assert page.levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in zip(page.levels, page.levels[1:], strict=False))
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("path", ["/tours", "/tours/opcodes", "/tours/nothing", "/?tour=kvm", "/?tour=nothing"])
def test_the_pages_carry_the_security_headers_and_nothing_inline(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert re.findall(r"<script(?![^>]*(?:src=|application/json))|<style| style=|javascript:", answer.text) == []


@pytest.mark.parametrize("asked", ["zh-CN,zh;q=0.9", "en-GB"])
def test_the_language_is_the_visitors(client: FlaskClient, asked: str) -> None:
    answer = client.get("/tours/kvm", headers={"Accept-Language": asked})
    assert answer.headers["Content-Language"] == asked[:2]
    assert "Accept-Language" in answer.headers["Vary"]
    page = Text(answer.text)
    other = "en" if asked.startswith("zh") else "zh"
    assert f"/tours/kvm?lang={other}" in page.links
    # Who did not ask by the address need not be asked by it further on.
    assert "/?tour=kvm&note=1" in page.links


def test_a_theme_that_the_address_names_is_kept_and_no_other_word_gets_into_the_page(client: FlaskClient) -> None:
    page = client.get("/tours/kvm?theme=dark").text
    assert 'data-theme="dark"' in page
    assert "/?tour=kvm&amp;note=1&amp;theme=dark" in page
    wrong = client.get('/tours/kvm?theme="><b>x').text
    assert "data-theme" not in wrong
    assert "<b>" not in wrong


def test_a_tour_that_nobody_wrote_is_not_found(client: FlaskClient) -> None:
    answer = client.get("/tours/nothing?lang=zh")
    assert answer.status_code == 404
    assert "没有这个导览" in answer.text
    assert client.get("/?tour=nothing").status_code == 404
    assert client.get("/tours/../opcodes.toml").status_code == 404


def boot_of(text: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="boot"[^>]*>(.*?)</script>', text, re.S)
    assert found
    boot: dict[str, object] = json.loads(found.group(1))
    return boot


def test_the_workbench_is_given_the_tour_that_it_shall_play(client: FlaskClient) -> None:
    answer = client.get("/?tour=closures&note=3")
    tour = next(tour for tour in TOURS if tour.name == "closures")
    assert boot_of(answer.text)["tour"] == tour.to_wire()
    assert 'id="tour"' in answer.text
    assert "/static/tour-bar.css" in answer.text


def test_the_workbench_without_a_tour_carries_nothing_of_one(client: FlaskClient) -> None:
    answer = client.get("/play")
    assert boot_of(answer.text)["tour"] is None
    assert 'id="tour"' not in answer.text
    # It knows where the style sheet is, for a visitor's own notes, and does not load it.
    assert 'href="/static/tour-bar.css"' not in answer.text
