"""What whoever runs the server sees and may do: metrics, reports, backup, limits, protections that must be there."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.__main__ import backup, restore, run
from app.metrics import Metrics, clear
from app.services import missing_protections
from app.settings import ROOT, Settings
from app.store import Store
from engine.errors import HostUnavailable


def program(number: int) -> dict[str, object]:
    return {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": f"print({number})"}], "tick": 0}


def numbers(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_counters_of_several_processes_add_up_and_survive_them(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.count("glassbox_commands_total", "seek", by=3)
    metrics.count("glassbox_commands_total", "run")
    pid = os.fork()
    if pid == 0:
        metrics.count("glassbox_commands_total", "seek", by=4)
        os._exit(0)
    os.waitpid(pid, 0)
    found = numbers(metrics.text(()))
    assert found['glassbox_commands_total{command="seek"}'] == 7
    assert found['glassbox_commands_total{command="run"}'] == 1
    clear(tmp_path)
    assert numbers(Metrics(tmp_path).text(()))['glassbox_commands_total{command="seek"}'] == 0


def test_a_histogram_counts_each_time_in_every_bucket_that_it_fits_in(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    for seconds in (0.003, 0.3, 100.0):
        metrics.observe("glassbox_request_seconds", seconds)
    found = numbers(metrics.text([("glassbox_sessions", "Now.", 5)]))
    assert found['glassbox_request_seconds_bucket{le="0.0025"}'] == 0
    assert found['glassbox_request_seconds_bucket{le="0.005"}'] == 1
    assert found['glassbox_request_seconds_bucket{le="0.5"}'] == 2
    assert found['glassbox_request_seconds_bucket{le="+Inf"}'] == found["glassbox_request_seconds_count"] == 3
    assert found["glassbox_sessions"] == 5


def test_metrics_are_for_the_networks_of_the_settings(client: FlaskClient) -> None:
    client.post("/api/links", json=program(1))
    answer = client.get("/metrics")
    found = numbers(answer.text)
    assert (found["glassbox_links_stored_total"], found["glassbox_store_up"]) == (1, 1)
    assert found['glassbox_requests_total{status="2"}'] == 1
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 404


def test_one_address_stores_so_many_links_a_day(settings: Settings) -> None:
    client = create_app(replace(settings, links_per_day=2)).test_client()
    assert [client.post("/api/links", json=program(n)).status_code for n in range(3)] == [201, 201, 429]
    refused = client.post("/api/links", json=program(9))
    assert refused.json is not None
    assert refused.json["error"]["kind"] == "limit"
    assert int(refused.headers["Retry-After"]) > 0
    other = {"REMOTE_ADDR": "192.0.2.1"}
    assert client.post("/api/links", json=program(9), environ_base=other).status_code == 201
    assert client.get("/health").status_code == 200


def test_pages_are_limited_and_files_of_the_page_are_not(settings: Settings) -> None:
    client = create_app(replace(settings, requests_per_minute=2)).test_client()
    assert [client.get("/examples").status_code for _ in range(3)] == [200, 200, 429]
    assert {client.get("/static/none.js").status_code for _ in range(5)} == {404}
    assert {client.get("/health").status_code for _ in range(5)} == {200}


def test_a_counter_that_is_away_turns_nobody_away(settings: Settings) -> None:
    away = replace(settings, limits_url="redis://127.0.0.1:1", requests_per_minute=5)
    client = create_app(away).test_client()
    assert client.get("/examples").status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_pages_of_other_origins_change_nothing(client: FlaskClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/api/links", json=program(1), headers=headers).status_code == status


def test_a_reported_link_is_listed_and_deleted(client: FlaskClient, settings: Settings) -> None:
    made = client.post("/api/links", json=program(1)).json
    assert made is not None
    link = made["id"]
    assert client.post(f"/api/links/{link}/reports", json={"reason": "not nice\n"}).status_code == 202
    assert client.post(f"/api/links/{link}/reports", json={"reason": "x" * 501}).status_code == 400
    assert client.post(f"/api/links/{'a' * 17}/reports", json={"reason": "x"}).status_code == 404
    status, lines = run(["reports"], settings)
    assert (status, [line.split()[0] for line in lines]) == (0, [link])
    assert lines[0].endswith(json.dumps("not nice\n"))
    assert run(["delete", link], settings) == (0, ["deleted"])
    assert run(["delete", link], settings) == (1, ["there is no such link"])
    assert run(["reports"], settings) == (0, [])
    assert client.get(f"/api/links/{link}").status_code == 404


def test_a_backup_brings_back_every_link_under_its_own_id(store: Store, tmp_path: Path) -> None:
    links = [store.save(program(number)) for number in range(20)]
    file = tmp_path / "links.gz"
    assert backup(store, file) == 20
    empty = Store(Settings(data_dir=str(tmp_path / "other")))
    assert restore(empty, file) == (20, 20)
    assert restore(empty, file) == (0, 20)
    assert [empty.load(link.id) for link in links] == links
    assert sorted(path.name for path in tmp_path.glob("links*")) == ["links.gz"]
    empty.close()


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: b"no backup", lambda data: b""])
def test_a_spoilt_backup_changes_nothing(store: Store, tmp_path: Path, spoil: object) -> None:
    store.save(program(1))
    file = tmp_path / "links.gz"
    backup(store, file)
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    empty = Store(Settings(data_dir=str(tmp_path / "other")))
    with pytest.raises(HostUnavailable):
        restore(empty, file)
    assert list(empty.all_links()) == []
    empty.close()


def test_a_backup_without_its_last_line_is_refused(store: Store, tmp_path: Path) -> None:
    store.save(program(1))
    file = tmp_path / "links.gz"
    backup(store, file)
    lines = gzip.decompress(file.read_bytes()).splitlines()[:-1]
    file.write_bytes(gzip.compress(b"\n".join(lines)))
    with pytest.raises(HostUnavailable, match="no complete backup"):
        restore(store, file)


def test_a_full_disk_is_said_and_reading_goes_on(store: Store) -> None:
    kept = store.save(program(1))
    with store.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        large = {**program(2), "files": [{"name": "main.lua", "text": "-" * 60_000}]}
    with pytest.raises(HostUnavailable) as refused:
        store.save(large)
    assert "disk is full" in str(refused.value.hint)
    assert store.load(kept.id) == kept
    assert store.is_up()


def test_a_database_that_can_only_be_read_is_read(store: Store, settings: Settings) -> None:
    kept = store.save(program(1))
    url = f"sqlite:///file:{settings.data_path}/links.sqlite?mode=ro&uri=true"
    reader = Store(replace(settings, database_url=url))
    assert reader.load(kept.id) == kept
    assert reader.is_up()
    with pytest.raises(HostUnavailable) as refused:
        reader.save(program(2))
    assert "no new links" in str(refused.value.hint)
    reader.close()


def test_a_database_on_a_host_that_is_away_is_asked_again_later(settings: Settings) -> None:
    client = create_app(replace(settings, database_url="postgresql://nobody@127.0.0.1:1/none")).test_client()
    assert client.get("/health").status_code == 503
    answer = client.post("/api/links", json=program(1))
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["error"]["hint"] == "try again in a moment"
    assert client.get("/examples").status_code == 200


def test_a_database_from_before_the_migrations_keeps_its_links(store: Store, settings: Settings) -> None:
    kept = store.save(program(1))
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
        connection.exec_driver_sql("DROP TABLE reports")
    again = Store(settings)
    assert again.load(kept.id) == kept
    assert again.reports() == []
    again.close()


@pytest.mark.parametrize(
    ("required", "missing"),
    [("", []), ("walls", ["files: no landlock"]), ("all", ["files: no landlock", "user: not root"])],
)
def test_the_setting_says_which_protections_must_be_there(required: str, missing: list[str]) -> None:
    protections = {"files": "no landlock", "user": "not root", "system_calls": True}
    assert missing_protections(required, protections) == missing
    assert missing_protections("walls", {}) == ["the protections are not known"]


def test_a_server_that_must_be_protected_and_is_not_does_not_start(tmp_path: Path) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "GLASSBOX_BIND": f"unix:{tmp_path}/socket",
        "GLASSBOX_DATA_DIR": str(tmp_path),
        "GLASSBOX_CGROUP": str(tmp_path / "missing"),
        "GLASSBOX_REQUIRE_SANDBOX": "all",
        "GLASSBOX_WEB_WORKERS": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "app/gunicorn_conf.py", "app:create_app()"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "cgroup" in done.stderr
