"""The page for frames and the oEmbed answer: who may frame what, and what is found under which address."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import pytest

from app import create_app


def test_only_the_page_for_frames_can_be_shown_by_other_sites(client):
    answer = client.get("/embed?example=closure&tick=5")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors *")
    assert "X-Frame-Options" not in answer.headers
    for path in ("/", "/play", "/?example=closure", "/embed?example=missing"):
        answer = client.get(path)
        assert "frame-ancestors *" not in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"


def test_the_sites_that_may_frame_are_a_setting(settings):
    app = create_app(replace(settings, embed_origins=("https://a.example", "https://b.example")))
    app.jinja_env.globals["asset"] = lambda name: f"/static/{name}"
    policy = app.test_client().get("/embed?example=closure").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors https://a.example https://b.example")
    app.extensions["glassbox"].stop()


@pytest.mark.parametrize("path", ["/embed", "/embed?example=missing", "/embed/aaaaaaaaaaaaaaaaaa", "/embed/x"])
def test_what_is_not_there_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_oembed_answers_a_frame_for_examples_and_links(client, store, payload):
    found = client.get("/oembed", query_string={"url": "http://localhost/?example=closure&tick=7", "maxwidth": "500"})
    data = found.get_json()
    assert (data["type"], data["version"], data["width"], data["height"]) == ("rich", "1.0", 500, 480)
    assert 'src="http://localhost/embed?room=lua&amp;example=closure&amp;tick=7"' in data["html"]
    link = store.save(payload).id
    data = client.get("/oembed", query_string={"url": f"http://localhost/s/{link}", "maxheight": "1"}).get_json()
    assert data["height"] == 320
    assert f'src="http://localhost/embed/{link}"' in data["html"]
    assert found.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 404),
        ({"url": "http://elsewhere.example/?example=closure"}, 404),
        ({"url": "http://localhost/health"}, 404),
        ({"url": "http://localhost/?example=missing"}, 404),
        ({"url": "http://localhost/?example=closure", "format": "xml"}, 501),
    ],
)
def test_oembed_refuses_what_is_not_ours(client, query, status):
    answer = client.get("/oembed", query_string=query)
    assert answer.status_code == status
    assert answer.mimetype == "application/json"


def test_pages_with_a_moment_name_their_oembed_answer(client):
    head = client.get("/?example=closure&tick=3").get_data(as_text=True)
    named = re.search(r'type="application/json\+oembed" href="([^"]+)"', head)
    assert client.get(html.unescape(named[1])).get_json()["html"].count("example=closure&amp;tick=3") == 1
    assert "json+oembed" not in client.get("/").get_data(as_text=True)
