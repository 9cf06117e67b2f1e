"""Pages, plain texts, built files and the JSON interface: what they answer, and with which headers."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace

import pytest

from app import create_app
from app.security import content_security_policy
from engine.rooms import ROOMS
from tests.app.conftest import SCRIPT


def boot_of(answer):
    """The data that the page's script starts from."""
    text = re.search(r'<script type="application/json" id="boot"[^>]*>(.*?)</script>', answer.text, re.S).group(1)
    return json.loads(text)


def policy_of(answer):
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {part.split(" ")[0]: part.split(" ")[1:] for part in parts}


def test_the_page_knows_every_machine_and_example(client):
    answer = client.get("/play")
    assert answer.status_code == 200
    boot = boot_of(answer)
    assert [room["name"] for room in boot["rooms"]] == [room.name for room in ROOMS]
    keys = {"name", "title", "language", "main_file", "comment", "panes", "options"}
    assert all(set(room) >= keys and "module_name" not in room for room in boot["rooms"])
    assert boot["shared"] is None
    assert boot["error"] is None
    assert boot["languages"] == ["en", "zh"]
    assert boot["limits"] == {"source_bytes": 65536, "link_bytes": 65536, "trace_window": 500000}
    whole = client.get("/examples").json["examples"]
    texts = ("files", "about")
    assert [{k: v for k, v in row.items() if k not in texts} for row in boot["examples"]] == [
        {k: v for k, v in row.items() if k not in texts} for row in whole
    ]
    # The texts of the one that is shown are there, the others come when they are opened.
    assert [row for row in boot["examples"] if "files" in row] == whole[:1]
    last = whole[-1]
    named = boot_of(client.get(f"/?room={last['room']}&example={last['name']}"))
    assert [row for row in named["examples"] if "files" in row] == [last]
    assert client.get(f"/examples/{last['room']}/{last['name']}").json == last
    assert client.get(f"/examples/{last['room']}/nothing").json["error"]["kind"] == "not_found"
    assert {example["room"] for example in boot["examples"]} == {room.name for room in ROOMS}


def test_a_shared_program_is_embedded_as_data_and_cannot_end_its_script(client, payload):
    link = client.post("/api/links", json=payload).json
    answer = client.get(f"/s/{link['id']}")
    assert answer.status_code == 200
    assert boot_of(answer)["shared"] == {"id": link["id"], "payload": payload}
    assert "<b>hi</b>" not in answer.text


def test_a_link_that_nobody_stored_shows_the_page_with_a_message(client):
    answer = client.get("/s/0000000000000000x")
    assert answer.status_code == 404
    boot = boot_of(answer)
    assert boot["shared"] is None
    assert boot["error"]["kind"] == "not_found"
    assert boot["error"]["message"]


@pytest.mark.parametrize("suffix", ["lua", "txt"])
def test_the_source_of_a_link_is_there_as_plain_text(client, payload, suffix):
    link_id = client.post("/api/links", json=payload).json["id"]
    answer = client.get(f"/s/{link_id}.{suffix}")
    assert answer.text == payload["files"][0]["text"]
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"/s/{link_id}.html").status_code == 404
    assert client.get(f"/s/0000000000000000x.{suffix}").status_code == 404


@pytest.mark.parametrize(
    ("asked", "cookie", "query", "language"),
    [
        ("", "", "", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "", "zh"),
        ("fr, de", "", "", "en"),
        ("zh-CN", "", "?lang=en", "en"),
        ("en", "zh", "", "zh"),
        ("en", "zh", "?lang=en", "en"),
        ("en", "", "?lang=xx", "en"),
    ],
)
def test_the_language_is_the_visitors(client, asked, cookie, query, language):
    if cookie:
        client.set_cookie("lang", cookie)
    answer = client.get("/play" + query, headers={"Accept-Language": asked})
    assert boot_of(answer)["language"] == language
    assert answer.headers["Content-Language"] == language


def test_the_policy_of_the_page_allows_nothing_inline_but_styles_with_this_answers_nonce(client):
    first, second = client.get("/play"), client.get("/play")
    policy = policy_of(first)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["base-uri"] == policy["default-src"]
    assert policy["frame-ancestors"] == policy["form-action"] == ["'self'"]
    assert policy["connect-src"] == ["'self'", "ws://localhost", "wss://localhost"]
    nonce = policy["style-src"][1].removeprefix("'nonce-").removesuffix("'")
    assert len(nonce) >= 16
    assert nonce in first.text
    assert policy_of(second)["style-src"] != policy["style-src"]
    inline = re.findall(r"<script(?![^>]*(?:src=|application/json))|<style| on[a-z]+=| style=", first.text)
    assert inline == []


def test_a_host_that_is_no_name_does_not_get_into_the_policy():
    policy = content_security_policy("n", "x; script-src *")
    assert "connect-src 'self';" in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    "path", ["/", "/play", "/examples", "/health", "/nothing", "/api/links/x", "/static/nothing-1a2b.js"]
)
def test_every_answer_carries_the_security_headers(client, path):
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("name", ["workbench-1a2b.js", "workbench-3c4d.css"])
def test_parts_of_a_page_carry_what_browsers_heed_for_parts(client, name):
    headers = client.get(f"/static/{name}").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert {"Referrer-Policy", "X-Frame-Options", "Content-Security-Policy"} & set(headers.keys()) == set()


def test_over_https_browsers_are_told_to_stay_there(client):
    assert "Strict-Transport-Security" in client.get("/", base_url="https://localhost").headers


def test_built_files_go_out_as_small_as_the_browser_takes_them(app, client):
    folder = app.extensions["glassbox"].assets.folder
    (folder / "workbench-1a2b.js.br").write_bytes(b"as Brotli packed it")
    small = client.get("/static/workbench-1a2b.js", headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    assert (small.headers["Content-Encoding"], small.data) == ("br", b"as Brotli packed it")
    assert small.headers["ETag"] == '"workbench-1a2b.js.br"'
    refused = client.get("/static/workbench-1a2b.js", headers={"Accept-Encoding": "gzip, br;q=0"})
    assert refused.headers["Content-Encoding"] == "gzip"
    sheet = client.get("/static/workbench-3c4d.css", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in sheet.headers  # without twins it goes out as it is


def test_built_files_are_compressed_and_kept_for_ever(client):
    packed = client.get("/static/workbench-1a2b.js", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data).decode() == SCRIPT
    plain = client.get("/static/workbench-1a2b.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == SCRIPT
    for answer in (packed, plain):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.mimetype == "text/javascript"
        assert {"immutable", "public", "max-age=31536000"} <= set(answer.headers["Cache-Control"].split(", "))
    again = client.get("/static/workbench-1a2b.js", headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "workbench-1a2b.js.gz",
        "loads.json",
        "../pyproject.toml",
        "..%2f..%2fpyproject.toml",
        "none.js",
        "%00",
    ],
)
def test_nothing_but_built_files_is_served(client, name):
    assert client.get(f"/static/{name}").status_code == 404


def test_a_page_that_was_never_built_says_what_to_do(app, client, tmp_path):
    assets = app.extensions["glassbox"].assets
    assert assets.url("workbench.js") == "/static/workbench-1a2b.js"
    assets.folder = tmp_path / "nothing"
    app.jinja_env.globals["asset"] = assets.url
    answer = client.get("/play")
    assert answer.status_code == 503
    assert "make build" in answer.text


def test_a_link_is_made_read_and_made_again(client, payload):
    made = client.post("/api/links", json=payload)
    assert made.status_code == 201
    link = made.json
    assert link["url"] == f"http://localhost/s/{link['id']}" == made.headers["Location"]
    read = client.get(f"/api/links/{link['id']}").json
    assert read == {"id": link["id"], "payload": payload}
    assert client.post("/api/links", json=payload).json["id"] == link["id"]


def refuse(answer, status, kind):
    assert answer.status_code == status
    error = answer.json["error"]
    assert set(error) >= {"kind", "message", "hint", "diagnostics"}
    assert error["kind"] == kind
    return error


@pytest.mark.parametrize("body", [b"", b"{", b"nope", b"[" * 50_000, b'{"v": NaN}', b"\xff", b"1" * 5000, b'"\\ud800"'])
def test_what_is_no_json_is_refused_in_the_common_shape(client, body):
    refuse(client.post("/api/links", data=body, content_type="application/json"), 400, "command")


def test_every_error_of_the_interface_has_the_same_shape(client, payload):
    error = refuse(client.post("/api/links", json={**payload, "room": "z80"}), 400, "command")
    assert (error["message"], error["hint"]) == ("there is no machine 'z80'", "one of lua, x86")
    payload["files"][0]["text"] = "x" * 70_000
    assert refuse(client.post("/api/links", json=payload), 413, "limit")["limit"] == "link_bytes"
    refuse(client.post("/api/links", data=b"x" * 300_000, content_type="application/json"), 413, "limit")
    refuse(client.post("/api/links", data={"v": "1"}), 415, "request")
    refuse(client.get("/api/links"), 405, "request")
    refuse(client.delete("/api/links/0000000000000000x"), 405, "request")
    refuse(client.get("/api/links/0000000000000000x"), 404, "not_found")
    refuse(client.get("/api/nothing"), 404, "not_found")


def test_a_failure_of_the_server_tells_nothing_of_its_inside(app, client, payload, monkeypatch):
    def fail(_data):
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(app.extensions["glassbox"].store, "save", fail)
    error = refuse(client.post("/api/links", json=payload), 500, "error")
    assert "secret" not in json.dumps(error)


def test_the_database_being_away_is_an_error_that_says_so(app, client, payload, settings):
    app.extensions["glassbox"].store.close()
    (settings.data_path / "links.sqlite").unlink()
    refuse(client.post("/api/links", json=payload), 503, "host")
    page = client.get("/s/0000000000000000x")
    assert page.status_code == 503
    assert boot_of(page)["error"]["kind"] == "host"
    health = client.get("/health")
    assert (health.status_code, health.json["status"], health.json["store"]) == (503, "degraded", False)


def test_health_tells_what_there_is(client):
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json["status"] == "ok"
    assert answer.json["sessions"] == 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["version"])
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_live_socket_is_nothing_for_a_plain_request(client):
    assert client.get("/live").status_code == 400


def test_a_host_that_is_not_ours_is_refused_when_hosts_are_set(settings):
    app = create_app(replace(settings, hosts=("glassbox.example",)))
    client = app.test_client()
    assert client.get("/examples", base_url="http://evil.example").status_code == 400
    assert client.get("/examples", base_url="http://glassbox.example").status_code == 200
    assert client.get("/examples", base_url="http://glassbox.example:8000").status_code == 200
    assert client.get("/nothing", base_url="http://evil.example").status_code == 400
    assert client.get("/live", base_url="http://evil.example").status_code == 400
    app.extensions["glassbox"].stop()


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_health_checks_and_counters_are_asked_for_under_any_name(settings, path):
    """A container's health check asks 127.0.0.1, Kubernetes and Prometheus the address of the pod."""
    app = create_app(replace(settings, hosts=("glassbox.example",)))
    assert app.test_client().get(path, base_url="http://10.0.0.7:8000").status_code == 200
    app.extensions["glassbox"].stop()


def test_forwarded_headers_count_only_behind_a_trusted_proxy(settings, payload):
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "glassbox.example", "X-Forwarded-For": "203.0.113.9"}
    for proxies, start in ((0, "http://localhost/s/"), (1, "https://glassbox.example/s/")):
        app = create_app(replace(settings, trusted_proxies=proxies))
        answer = app.test_client().post("/api/links", json=payload, headers=forwarded)
        assert answer.json["url"].startswith(start)
        app.extensions["glassbox"].stop()


def test_texts_are_compressed_for_browsers_that_take_it(client):
    plain = client.get("/examples")
    assert "Content-Encoding" not in plain.headers
    packed = client.get("/examples", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.data) == plain.data
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    # A few bytes are not worth it, and a client that refuses gets plain text.
    assert "Content-Encoding" not in client.get("/health?", headers={"Accept-Encoding": "gzip;q=0"}).headers
