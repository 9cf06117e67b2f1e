"""Every end of a session has a reason that reaches the browser, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from app.succession import is_alive, ready_processes, reload
from engine.errors import HostUnavailable
from tests.live.conftest import wait_until
from tests.live.rawclient import CLOSE, DEADLINE_S, TEXT


def test_a_command_reaches_the_worker_and_its_answer_the_browser(server):
    with server.connect() as client:
        client.command("listing", number=7)
        assert client.message().event == {"v": 1, "re": 7, "event": "inspected"}


def test_a_command_that_makes_no_sense_fails_without_ending_the_session(server):
    with server.connect() as client:
        client.command("fly", number=3)
        event = client.message().event
        assert (event["event"], event["re"], event["error"]["kind"]) == ("failed", 3, "command")
        assert "'fly'" in event["error"]["message"]
        client.send_frame(TEXT, b"not json")
        assert client.message().event["re"] is None
        client.send_frame(TEXT, b"[" * 100_000)
        assert client.message().event["error"]["message"] == "the JSON is nested too deeply"
        client.ask("echo")
        assert client.message().event["event"] == "inspected"


def test_a_page_that_sends_nothing_but_nonsense_is_sent_away(server):
    with server.connect() as client:
        for _ in range(33):
            client.command("fly")
        events, close = client.until_close()
        assert len(events) == 33
        assert events[-1].event["event"] == "goodbye"
        assert close.close_code == 1008


@pytest.mark.parametrize("reason", ["limit", "crashed", "killed"])
def test_the_end_of_a_worker_is_told_with_its_reason(server, reason):
    with server.connect() as client:
        client.ask("stream", frames=2, bytes=1000)
        client.message()
        client.message()
        client.ask("die", reason=reason)
        events, close = client.until_close()
        goodbye = events[-1].event
        assert (goodbye["event"], goodbye["re"], goodbye["reason"]) == ("goodbye", None, reason)
        assert goodbye["message"]
        assert close.close_code == 1011
        assert client.is_ended()
    server.wait_for_sessions(0)


def test_an_idle_session_is_ended_with_a_reason(start_server):
    server = start_server(idle_s=0.5)
    with server.connect() as client:
        events, close = client.until_close()
        assert events[-1].event["reason"] == "idle"
        assert close.close_code == 1000
    server.wait_for_sessions(0)


def test_a_browser_that_leaves_ends_its_worker_even_when_that_takes_no_commands(server):
    client = server.connect()
    client.ask("stall")
    client.ask("echo")
    server.wait_for_sessions(1)
    client.close()
    server.wait_for_sessions(0)


def test_the_closing_handshake_of_the_browser_is_answered_with_its_code(server):
    with server.connect() as client:
        client.send_frame(CLOSE, (4001).to_bytes(2, "big") + b"bye")
        assert client.until_close()[1].close_code == 4001
        assert client.is_ended()


def test_sigterm_tells_every_browser_and_ends_the_server_at_once(start_server):
    server = start_server(sessions=40, sessions_per_address=40, graceful_s=300, web_workers=2)
    clients = [server.connect() for _ in range(12)]
    clients[0].ask("stall")
    clients[0].ask("echo")
    clients[1].ask("stream", frames=1_000_000, bytes=16384)  # and it never reads: nobody waits for it
    server.process.send_signal(signal.SIGTERM)
    for client in [clients[0], *clients[2:]]:
        events, close = client.until_close()
        assert events[-1].event["reason"] == "shutdown"
        assert close.close_code == 1001
    # The graceful timeout is five minutes: an exit within the deadline does not come from it.
    assert server.process.wait(DEADLINE_S) == 0
    assert "Traceback" not in server.log


def test_an_interrupt_of_the_terminal_ends_the_server_with_sessions_open(start_server):
    server = start_server(graceful_s=300)
    with server.connect() as client:
        client.ask("echo")
        client.message()
        server.process.send_signal(signal.SIGINT)
        assert client.until_close()[1].close_code == 1001
    assert server.process.wait(DEADLINE_S) == 0


class Asker:
    """Asks for a page again and again, on a connection each, in a thread; `failed` is what went wrong."""

    def __init__(self, server):
        self.server, self.asked, self.failed, self.is_over = server, 0, [], False
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()

    def _ask(self):
        while not self.is_over:
            try:
                status = self.server.get("/health")[0]
            except (OSError, http.client.HTTPException) as error:
                status = repr(error)
            # A web process that is stopping says so to whoever is still on its connections.
            if status not in (200, 503):
                self.failed.append(status)
            self.asked += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


def test_a_reload_changes_every_process_and_refuses_nobody(start_server):
    server = start_server(web_workers=2)
    before = set(server.web_pids())
    data = Path(server.variables["GLASSBOX_DATA_DIR"])
    with Asker(server) as asker, server.connect() as client:
        client.ask("echo")
        client.message()
        old, new = reload(data, 2)
        assert old == server.process.pid
        events, close = client.until_close()
        assert (events[-1].event["reason"], close.close_code) == ("shutdown", 1001)
    assert asker.failed == []
    assert asker.asked > 0
    assert server.process.wait(DEADLINE_S) == 0
    try:
        after = set(ready_processes(data, new))
        assert len(after) == 2
        assert not after & before
        with server.connect() as client:
            client.ask("echo")
            assert client.message().event["event"] == "inspected"
    finally:
        os.kill(new, signal.SIGTERM)
        wait_until(lambda: not is_alive(new), "the new server ends")


def test_a_reload_without_a_server_says_so(tmp_path):
    with pytest.raises(HostUnavailable, match="no server runs"):
        reload(tmp_path, 2)


def test_a_hangup_starts_new_web_processes_and_tells_the_sessions_of_the_old(start_server):
    server = start_server(web_workers=2)
    before = set(server.web_pids())
    with Asker(server) as asker, server.connect() as client:
        client.ask("echo")
        client.message()
        server.process.send_signal(signal.SIGHUP)
        assert client.until_close()[1].close_code == 1001
        wait_until(lambda: len(set(server.web_pids())) == 2 and not set(server.web_pids()) & before, "new processes")
    assert asker.failed == []
    with server.connect() as client:
        client.ask("echo")
        assert client.message().event["event"] == "inspected"


def test_a_web_process_that_dies_is_replaced_and_its_places_are_free(start_server):
    server = start_server(web_workers=2, sessions=6, sessions_per_address=6)
    clients = [server.connect() for _ in range(6)]
    server.wait_for_sessions(6)
    with server.connect() as outside:
        assert outside.until_close()[0][-1].event["reason"] == "busy"
    pids = set(server.web_pids())
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(set(server.web_pids()) - pids) == 2, "two new web processes")
    server.wait_for_sessions(0)
    for client in clients:
        assert client.is_ended()
    with server.connect() as next_one:
        next_one.ask("echo")
        assert next_one.message().event["event"] == "inspected"


def test_a_master_that_is_killed_leaves_no_process_behind(start_server):
    server = start_server(web_workers=2)
    pids = server.web_pids()
    with server.connect() as client:
        client.ask("echo")
        client.message()
        server.process.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in pids), "the web processes end")
        assert client.until_close()[1].close_code == 1001


def test_no_control_socket_and_nothing_else_is_left_in_the_home_folder(start_server):
    server = start_server()
    assert json.loads(server.get("/health")[1])["status"] == "ok"
    assert list(server.home.rglob("*")) == []
