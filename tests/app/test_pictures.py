"""Pictures of moments: what is drawn, that nothing of a program gets in as markup, that a worker does the running."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import create_app
from app.drawing import FONTS, HEIGHT, PALETTES, WIDTH, Words, draw, rasterize
from app.moments import Fact, Group, Moment, Row
from app.settings import Settings
from app.studio import Studio
from engine.errors import HostUnavailable

WORDS = Words("step", "PAST", "open", "closed", "line {n}", str)
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '"/><script>alert(1)</script><image href="file:///etc/passwd"/>&amp;\x00\u202e'
needs_fonts = pytest.mark.skipif(not FONTS[0].is_file(), reason="the fonts are not installed")


def moment(text: str = "n") -> Moment:
    rows = tuple(Row(str(n), 10 + n // 3, "SETUPVAL", "1 1", text, now=n == 8, next=n == 9) for n in range(1, 20))
    registers = Group("Registers", (Fact("R0", text, "open", text, None), Fact("R1", "", "", text, "19")))
    upvalues = Group("Upvalues", tuple(Fact(f"{text}{n}", "", "closed", text, "") for n in range(12)))
    return Moment(124, 204, "halt", text, rows, (registers, upvalues), (1, 2, 1, 3), (1, 0, 16, 0), 51)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("theme", PALETTES)
def test_a_drawing_shows_listing_state_and_where_the_step_is(theme: str) -> None:
    svg = draw(moment(), "Two closures", theme, WORDS, "  n = n - by")
    root = ElementTree.fromstring(svg)
    assert (root.get("width"), root.get("height")) == (str(WIDTH), str(HEIGHT))
    said = texts(svg)
    for wanted in ("Glassbox", "Two closures", "124 / 204", "PAST", "line 12", "n = n - by", "SETUPVAL", "19", "→"):
        assert wanted in said, wanted
    assert PALETTES[theme]["pane"] in svg


def test_the_row_that_ran_is_drawn_however_long_the_function_is() -> None:
    long = replace(moment(), rows=tuple(Row(str(n), n, "ADD", str(n), "", n == 22, n == 23) for n in range(24)))
    assert "22" in texts(draw(long, "x", "light", WORDS))


def test_what_a_program_wrote_is_only_text() -> None:
    svg = draw(moment(HOSTILE), HOSTILE, "light", WORDS, HOSTILE)
    root = ElementTree.fromstring(svg)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} == {"svg", "title", "style", "rect", "path", "text"}
    assert not any("href" in name or name.startswith("on") for node in root.iter() for name in node.attrib)
    assert any("<script>" in text for text in texts(svg))
    assert not any("\u202e" in text for text in texts(svg))


def test_nothing_to_show_is_drawn_too() -> None:
    empty = Moment(0, 0, None, "", (), (), (), (), 1)
    assert "0 / 0" in texts(draw(empty, "", "dark", WORDS))


@needs_fonts
def test_a_png_has_the_size_that_sites_expect_and_an_svg_can_carry_its_font() -> None:
    svg = draw(moment("世界"), "世界", "light", WORDS)
    png = rasterize(svg)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (WIDTH, HEIGHT)
    assert png != rasterize(draw(moment("世间"), "世间", "light", WORDS))
    carried = draw(moment(), "x", "light", WORDS, embed_fonts=True)
    assert carried.count("@font-face") == 2
    ElementTree.fromstring(carried)


def test_a_server_without_fonts_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.drawing.FONTS", (Path("/nowhere/font.ttf"),))
    with pytest.raises(HostUnavailable) as refused:
        rasterize(draw(moment(), "x", "light", WORDS))
    assert refused.value.hint == "install fonts-jetbrains-mono"


def test_a_studio_keeps_the_pictures_that_were_asked_for_last() -> None:
    studio = Studio(most=2)
    for name in ("a", "b"):
        studio.keep(name, name.encode())
    assert studio.kept("a") == b"a"
    studio.keep("c", b"c")
    assert [studio.kept(name) for name in ("a", "b", "c")] == [b"a", None, b"c"]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application with workers of its own."""
    made = create_app(Settings(data_dir=str(tmp_path_factory.mktemp("data")), pictures_per_minute=0))
    made.jinja_env.globals["asset"] = lambda name: f"/static/{name}"
    yield made
    made.extensions["glassbox"].stop()


@pytest.fixture
def visitor(real: Flask) -> FlaskClient:
    return real.test_client()


@needs_fonts
def test_a_page_of_a_moment_names_its_picture_and_the_picture_is_there(visitor: FlaskClient) -> None:
    page = visitor.get("/?room=lua&example=closure&tick=57&lang=en").text
    assert '<meta property="og:title" content="Two closures, one upvalue, step 57">' in page
    address = page.split('<meta property="og:image" content="')[1].split('"')[0].replace("&amp;", "&")
    assert address == "http://localhost/picture.png?room=lua&example=closure&tick=57&lang=en"
    answer = visitor.get(address.removeprefix("http://localhost"))
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.cache_control.max_age == 86400
    again = visitor.get(address.removeprefix("http://localhost"), headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/", "/tours/closures?lang=zh", "/tours/kvm"])
def test_the_front_page_and_the_tours_name_a_picture_that_is_there(path: str, visitor: FlaskClient) -> None:
    page = visitor.get(path).text
    address = page.split('<meta property="og:image" content="')[1].split('"')[0].replace("&amp;", "&")
    answer = visitor.get(address.removeprefix("http://localhost").replace(".png", ".svg"))
    assert answer.status_code == 200
    assert "Glassbox" in texts(answer.text)


def test_a_stored_moment_is_drawn_with_its_input(visitor: FlaskClient) -> None:
    program = {"name": "main.lua", "text": "local name = io.read()\nlocal twice = name .. name\nprint(twice)\n"}
    link = {"v": 1, "room": "lua", "files": [program], "tick": 10, "input": [{"text": "Ada\n", "end": False}]}
    stored = visitor.post("/api/links", json=link).json
    answer = visitor.get(f"/s/{stored['id']}/picture.svg?theme=dark")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    said = texts(answer.text)
    assert '"AdaAda"' in said
    assert "main.lua" in said
    page = visitor.get(f"/s/{stored['id']}").text
    assert f'content="http://localhost/s/{stored["id"]}/picture.png?lang=en"' in page


def test_a_moment_that_a_page_sends_is_drawn_and_not_stored(visitor: FlaskClient) -> None:
    program = {"name": "main.lua", "text": "local a = 41\na = a + 1\n"}
    sent = {"moment": {"v": 1, "room": "lua", "files": [program], "tick": 3}, "title": "Mine", "lang": "zh"}
    answer = visitor.post("/api/pictures", json=sent)
    assert answer.status_code == 200
    assert answer.cache_control.no_store
    said = texts(answer.text)
    assert {"Mine", "寄存器", "41", "42", "a = a + 1"} <= set(said)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"moment": {"v": 1, "room": "lua", "files": [{"name": "a.lua", "text": "x ="}]}}, 422, "a.lua:1:"),
        ({"moment": {"v": 2}}, 400, "`v` must be 1"),
        ({"format": "gif"}, 400, "`format` is svg or png"),
        ({"more": 1}, 400, "a picture is asked for by"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_reason(
    change: dict[str, object], status: int, words: str, visitor: FlaskClient
) -> None:
    good = {"moment": {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": ""}]}}
    answer = visitor.post("/api/pictures", json={**good, **change})
    assert answer.status_code == status
    assert words in answer.json["error"]["message"]


def test_a_program_without_an_end_is_drawn_where_it_was_asked_for(visitor: FlaskClient) -> None:
    program = {"name": "main.lua", "text": "local n = 0\nwhile true do n = n + 1 end\n"}
    sent = {"moment": {"v": 1, "room": "lua", "files": [program], "tick": 1000}}
    answer = visitor.post("/api/pictures", json=sent)
    assert answer.status_code == 200
    assert any(text.startswith("1,000 / ") for text in texts(answer.text))


def test_there_is_no_picture_of_what_does_not_exist(visitor: FlaskClient) -> None:
    assert visitor.get("/picture.png?example=nothing").status_code == 404
    assert visitor.get("/picture.gif?example=closure").status_code == 404
    assert visitor.get("/s/00000000000000000/picture.png").status_code == 404
