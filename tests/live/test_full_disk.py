"""A disk that is really full: sessions and stored links go on, also after a restart; only new links are refused."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import DEADLINE_S, LiveServer


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"this host mounts no disk for a test: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def store(server: LiveServer, text: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
    program = {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": text}], "tick": 0}
    connection.request("POST", "/api/links", json.dumps(program), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    data = json.loads(answer.read())
    connection.close()
    return answer.status, data


def fill_the_database(server: LiveServer) -> None:
    """Store until no page is left in what the database's files have already."""
    for number in range(1000):
        status, data = store(server, f"{number} {'x' * 9000}")
        if status != 201:
            assert (status, "disk is full" in data["error"]["hint"]) == (503, True)
            return
    raise AssertionError("the disk never was full")


def everything_but_storing_works(server: LiveServer, link: str) -> None:
    health = server.health()
    assert (health["status"], health["store"]) == ("ok", True)
    assert json.loads(server.get(f"/api/links/{link}")[1])["payload"]["files"][0]["text"] == "print(1)"
    assert server.get(f"/s/{link}")[0] == 200
    assert b"glassbox_sessions 0" in server.get("/metrics")[1]
    with server.connect() as client:
        client.ask("echo")
        assert client.message().event["event"] == "inspected"
    server.wait_for_sessions(0)


def test_only_new_links_are_refused_while_the_disk_is_full(disk, start_server):
    server = start_server(data_dir=disk / "data", web_workers=2)
    status, stored = store(server, "print(1)")
    assert status == 201
    filler = fill(disk)
    fill_the_database(server)
    pids = server.web_pids()
    everything_but_storing_works(server, stored["id"])
    assert server.web_pids() == pids
    server.stop()
    filler.unlink()
    fill(disk)  # what stopping made free, too
    server.start_again()
    pids = server.web_pids()
    everything_but_storing_works(server, stored["id"])
    assert server.web_pids() == pids
    filler.unlink()
    status, again = store(server, "print(2)")
    assert status == 201
    assert json.loads(server.get(f"/api/links/{again['id']}")[1])["payload"]["files"][0]["text"] == "print(2)"
    assert "Traceback" not in server.log
    assert "SIGBUS" not in server.log


def test_a_server_that_finds_no_room_for_its_first_file_says_so(disk, start_server):
    fill(disk)
    with pytest.raises(AssertionError, match=r"the disk of \S* is full"):
        start_server(data_dir=disk / "data")
