"""When all places are taken browsers wait, know their number, and get in one after the other."""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import sys
import threading

from app.settings import ROOT
from tests.live.conftest import LiveServer, wait_until
from tests.live.rawclient import CLOSE, RawClient


def test_browsers_wait_in_the_order_in_which_they_came(start_server):
    server = start_server(sessions=1, queue=2, web_workers=2)
    first = server.connect()
    first.ask("echo")
    assert first.message().event["event"] == "inspected"
    second = server.connect()
    assert second.message().event == {"v": 1, "re": None, "event": "queued", "place": 1}
    third = server.connect()
    assert third.message().event["place"] == 2
    assert server.health()["queue"] == 2
    late = server.connect()
    assert late.until_close()[0][-1].event["reason"] == "busy"
    third.ask("echo")  # sent while it waits, answered once it is in
    first.close()
    second.ask("echo")
    assert second.message().event["event"] == "inspected"
    assert third.message().event["place"] == 1
    second.close()
    assert third.message().event["event"] == "inspected"
    assert server.health()["queue"] == 0


def test_whoever_leaves_the_queue_makes_way(start_server):
    server = start_server(sessions=1, queue=3)
    server.connect().ask("echo")
    server.wait_for_sessions(1)
    second, third = server.connect(), None
    assert second.message().event["place"] == 1
    third = server.connect()
    assert third.message().event["place"] == 2
    second.close()
    assert third.message().event["place"] == 1


def moves_up_to(client: RawClient, place: int) -> None:
    while client.message().event["place"] != place:
        pass


def queued(server: LiveServer, place: int) -> RawClient:
    """One more browser, which stands in the queue already."""
    client = server.connect()
    moves_up_to(client, place)
    return client


def test_who_floods_and_who_says_goodbye_leaves_the_queue(start_server):
    server = start_server(sessions=1, queue=3)
    server.connect().ask("echo")
    server.wait_for_sessions(1)
    flood, polite, last = (queued(server, place) for place in (1, 2, 3))
    for _ in range(100):
        flood.ask("echo")
    assert flood.until_close()[1].close_code == 1008
    moves_up_to(last, 2)
    polite.send_frame(CLOSE, (1001).to_bytes(2, "big"))
    moves_up_to(last, 1)
    assert server.health()["queue"] == 1


def test_who_answers_no_ping_leaves_the_queue(start_server):
    server = start_server(sessions=1, queue=2, ping_s=0.3)
    inside = server.connect()
    threading.Thread(target=answer_pings, args=(inside,), daemon=True).start()
    server.wait_for_sessions(1)
    gone, last = queued(server, 1), queued(server, 2)
    moves_up_to(last, 1)
    assert gone.until_close()[1].close_code == 1008


def answer_pings(client: RawClient) -> None:
    with contextlib.suppress(EOFError, OSError):
        while True:
            client.message()


def test_a_server_that_stops_tells_the_queue(start_server):
    server = start_server(sessions=1, queue=1)
    server.connect().ask("echo")
    server.wait_for_sessions(1)
    waiting = server.connect()
    assert waiting.message().event["event"] == "queued"
    server.process.terminate()
    assert waiting.until_close()[0][-1].event["reason"] == "shutdown"


def admin(server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.run(command, cwd=ROOT, env=server.variables, capture_output=True, text=True, check=False)


def test_the_operator_lists_and_ends_sessions(start_server):
    server = start_server(web_workers=2, log_format="json")
    clients = [server.connect() for _ in range(4)]
    server.wait_for_sessions(4)
    lines = admin(server, "sessions").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["session"] * 4
    for line in lines:
        assert admin(server, "end", line.split()[1]).stdout == "ended\n"
    reasons = [client.until_close()[0][-1].event["reason"] for client in clients]
    assert reasons == ["operator"] * 4
    assert admin(server, "end", "77").returncode == 1
    wait_until(lambda: server.log.count('"session_ended"') == 4, "four ends in the log")
    ends = [json.loads(line) for line in server.log.splitlines() if '"session_ended"' in line]
    assert {end["reason"] for end in ends} == {"operator"}
    assert set(ends[0]) == {
        "time", "level", "event", "pid", "session", "reason", "seconds", "commands", "frames", "bytes",
    }  # fmt: skip


def test_sockets_of_one_address_are_limited_by_the_minute(start_server):
    server = start_server(sockets_per_minute=3)
    assert [server.connect().status for _ in range(4)] == [101, 101, 101, 429]


def test_a_source_that_is_too_long_is_refused_and_the_session_stays(start_server):
    server = start_server(source_bytes=100)
    with server.connect() as client:
        client.command("open", room="lua", files=[{"name": "main.lua", "text": "-" * 101}])
        assert client.message().event["error"]["limit"] == "source"
        client.command("open", room="lua", files=[{"name": "main.lua", "text": "-" * 100}])
        assert client.message().event["event"] == "inspected"


def test_an_executable_that_is_too_long_is_refused_and_the_session_stays(start_server):
    server = start_server(upload_bytes=99)
    with server.connect() as client:
        content = base64.b64encode(bytes(100)).decode()
        client.command("open", room="x86", files=[{"name": "program", "text": "", "base64": content}])
        assert client.message().event["error"]["limit"] == "upload"
        content = base64.b64encode(bytes(99)).decode()
        client.command("open", room="x86", files=[{"name": "program", "text": "", "base64": content}])
        assert client.message().event["event"] == "inspected"


def test_only_a_program_may_make_a_command_long(start_server):
    with start_server().connect() as client:
        client.command("inspect", query={"kind": "x" * (200 << 10)})
        assert "192 KiB" in client.message().event["error"]["message"]
