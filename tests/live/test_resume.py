"""A session outlives its connection: the browser comes back and misses nothing."""

from __future__ import annotations

import random

import pytest

from tests.live.conftest import REAL, wait_until
from tests.live.rawclient import BINARY, CLOSE, TEXT, RawClient
from tests.live.stand_in import stream_frame

LOOP = "local t, n = {}, 0\nwhile n < 20000 do n = n + 1; t[n % 100] = n end\nprint(n)\n"


class Browser:
    """What a page does to keep its session: counts, cuts, comes back."""

    def __init__(self, server, **options) -> None:
        self.server = server
        self.client: RawClient = server.connect(**options)
        self.client.command("keep", number=1)
        kept = self.client.message().event
        assert kept["event"] == "kept", kept
        self.token, self.seconds = kept["token"], kept["seconds"]
        self.received = 0
        self.sent: list[dict] = []
        self.acknowledges = False

    def command(self, name: str, number: int, **arguments) -> None:
        self.sent.append({"do": name, "number": number, **arguments})
        self.client.command(name, number=number, **arguments)

    def ask(self, kind: str, number: int, **query) -> None:
        self.command("inspect", number, query={"kind": kind, **query})

    def message(self, **options):
        received = self.client.message(**options)
        self.received += 1
        if self.acknowledges and self.received % 64 == 0:
            self.command("credit", 1000 + self.received, frames=64, received=self.received)
        return received

    def cut(self) -> None:
        self.client.socket.close()

    def leave(self) -> None:
        """As a page that is closed."""
        self.client.send_frame(CLOSE, (1001).to_bytes(2, "big"))
        self.client.until_close()
        self.client.close()

    def come_back(self, token: str | None = None, received: int | None = None) -> dict:
        """Over another connection; sends again what the server lacks."""
        self.client = self.server.connect(path="/live?resume=1")
        count = self.received if received is None else received
        self.client.command("resume", number=99, token=token or self.token, received=count)
        answer = self.client.message().event
        if answer["event"] == "resumed":
            assert answer["re"] == 99
            for command in self.sent[answer["received"] :]:
                self.client.command(**command)
        return answer


@pytest.fixture(scope="module")
def kept_server(make_server):
    return make_server(sessions=24, sessions_per_address=24, ping_s=5)


@pytest.fixture
def server(kept_server):
    yield kept_server
    kept_server.leave()
    kept_server.wait_for_sessions(0)


def test_a_stream_that_is_cut_goes_on_without_a_byte_missing_or_doubled(server):
    browser = Browser(server, receive_buffer=4096)
    browser.ask("stream", 2, frames=120, bytes=16384)
    source, number = random.Random(3), 0
    while number < 120:
        for _ in range(source.randrange(1, 12)):
            received = browser.message(piece=3001)
            if received.opcode == BINARY:  # the stand-in answers `credit` as well
                assert received.payload == stream_frame(number, 16384)
                number += 1
            if number >= 120:
                break
        browser.command("credit", 50 + number, frames=0, received=browser.received)
        if number >= 120:
            break
        if source.random() < 0.5:
            browser.client.socket.recv(source.randrange(1, 9000))  # some of it arrives and is lost
        browser.cut()
        assert browser.come_back()["event"] == "resumed"
    assert server.health()["sessions"] == 1
    browser.leave()


def test_commands_that_were_lost_are_sent_again_and_none_is_carried_out_twice(server):
    browser = Browser(server)
    answered = []
    for number in range(2, 40):
        browser.ask("echo", number)
        if number % 3 == 0:
            browser.cut()  # perhaps before the server has read it
            assert browser.come_back()["event"] == "resumed"
        answered.append(browser.message().event["re"])
    assert answered == list(range(2, 40))
    browser.leave()


def test_the_connection_may_be_replaced_while_the_server_thinks_it_lives(server):
    browser = Browser(server)
    old = browser.client
    assert browser.come_back()["event"] == "resumed"
    assert old.until_close()[1].close_code == 1001
    browser.ask("echo", 2)
    assert browser.message().event["re"] == 2
    browser.leave()


def test_a_wrong_token_is_refused_and_harms_nobody(server):
    mine, other = Browser(server), Browser(server)
    assert len(mine.token) > 40
    assert mine.token != other.token
    for token in (mine.token[:-1] + "x", "1." + mine.token.partition(".")[2], "../../x", "", "0"):
        guest = server.connect(path="/live?resume=1")
        guest.command("resume", number=1, token=token, received=0)
        assert guest.until_close()[0][-1].event["reason"] == "gone"
    # A session's own token goes with its own count only: nobody may ask for what was never sent.
    guest = server.connect(path="/live?resume=1")
    guest.command("resume", number=1, token=other.token, received=5)
    assert guest.until_close()[0][-1].event["reason"] == "gone"
    for browser in (mine, other):
        browser.ask("echo", 2)
        assert browser.message().event["re"] == 2
        browser.leave()


def test_what_is_no_resume_gets_no_session(server):
    for message in ('{"v": 1, "id": 1, "do": "keep"}', '{"v": 1, "id": 1, "do": "listing"}', "[]", "{"):
        guest = server.connect(path="/live?resume=1")
        guest.send_frame(TEXT, message.encode())
        assert guest.until_close()[0][-1].event["reason"] == "gone"
    assert server.health()["sessions"] == 0


def test_a_browser_that_leaves_properly_leaves_nothing(server):
    browser = Browser(server)
    browser.leave()
    server.wait_for_sessions(0)
    assert browser.come_back()["reason"] == "gone"


def test_time_runs_out(start_server):
    server = start_server(resume_s=0.3)
    browser = Browser(server)
    assert browser.seconds == 0.3
    browser.cut()
    server.wait_for_sessions(0)
    assert browser.come_back()["reason"] == "gone"
    ended = [line for line in server.get("/metrics")[1].decode().splitlines() if "sessions_ended" in line]
    assert 'glassbox_sessions_ended_total{reason="away"} 1' in ended


def test_a_server_may_keep_no_sessions(start_server):
    server = start_server(resume_s=0)
    client = server.connect()
    client.command("keep", number=1)
    assert client.message().event["event"] == "failed"
    client.socket.close()
    server.wait_for_sessions(0)


def test_a_kept_session_counts_and_gives_up_its_place_when_somebody_needs_it(start_server):
    server = start_server(sessions=2, web_workers=2, queue=0)
    browsers = [Browser(server), Browser(server)]
    late = server.connect()
    assert late.until_close()[0][-1].event["reason"] == "busy"  # both have their browser
    browsers[0].cut()
    browsers[1].cut()
    wait_until(lambda: server.health()["sessions"] == 2, "they count")
    new = server.connect()
    new.ask("echo")
    assert new.message().event["event"] == "inspected"
    answers = {browser.come_back()["event"] for browser in browsers}
    assert answers == {"goodbye", "resumed"}


def test_whoever_waits_in_the_queue_gets_the_place_of_one_whose_browser_is_away(start_server):
    server = start_server(sessions=1, queue=2)
    browser = Browser(server)
    second = server.connect()
    assert second.message().event["event"] == "queued"
    browser.cut()
    second.ask("echo")
    while (event := second.message().event)["event"] == "queued":
        pass
    assert event["event"] == "inspected"
    assert browser.come_back()["reason"] == "gone"


def test_a_browser_that_reads_nothing_and_says_nothing_cannot_make_the_server_remember_for_ever(server):
    browser = Browser(server)
    browser.ask("stream", 2, frames=400, bytes=16384)
    for number in range(400):
        assert browser.message().payload == stream_frame(number, 16384)  # 6 MiB without a word of thanks
    browser.cut()
    server.wait_for_sessions(0)
    assert browser.come_back()["reason"] == "gone"


@pytest.fixture(scope="module")
def real_server(make_server):
    return make_server(REAL, web_workers=3)


def record(browser: Browser, number: int) -> tuple[dict, list[bytes]]:
    """Messages up to the end of a command: its event, and the trace frames on the way."""
    frames = []
    while True:
        received = browser.message()
        if received.opcode == BINARY:
            frames.append(received.payload)
        elif received.event["re"] == number and received.event["event"] in ("opened", "stopped", "failed", "done"):
            return received.event, frames


def begin(browser: Browser) -> None:
    browser.acknowledges = True
    browser.command("credit", 2, frames=100)
    assert record(browser, 2)[0]["event"] == "done"
    browser.command("open", 3, room="lua", files=[{"name": "main.lua", "text": LOOP}])
    assert record(browser, 3)[0]["event"] == "opened"


def test_a_run_and_a_stream_are_cut_and_nothing_differs(real_server):
    undisturbed, cut = Browser(real_server), Browser(real_server)
    answers = []
    for browser in (undisturbed, cut):
        begin(browser)
        browser.command("run", 4)
        if browser is cut:
            browser.message()
            cut.cut()  # in the middle of the run
            assert cut.come_back()["event"] == "resumed"
        stopped, _ = record(browser, 4)
        browser.command("trace", 5, **{"from": 1, "to": 60_000})
        frames: list[bytes] = []
        if browser is cut:
            while len(frames) < 3:
                received = cut.message()
                if received.opcode == BINARY:
                    frames.append(received.payload)
            cut.cut()  # in the middle of the stream
            assert cut.come_back()["event"] == "resumed"
        frames += record(browser, 5)[1]
        browser.command("seek", 6, tick=34_567)
        seeked, _ = record(browser, 6)
        browser.leave()
        answers.append((stopped, b"".join(frames), seeked))
    assert answers[0] == answers[1]
    assert answers[0][2]["tick"] == 34_567


def test_it_is_found_whichever_web_process_the_browser_meets(real_server):
    browser = Browser(real_server)
    begin(browser)
    browser.command("run", 4)
    record(browser, 4)
    pids = {browser.token.partition(".")[0]}
    assert pids < {str(pid) for pid in real_server.web_pids()}
    for number in range(5, 45):
        browser.cut()
        assert browser.come_back()["event"] == "resumed"
        browser.command("seek", number, tick=number * 100)
        assert record(browser, number)[0]["tick"] == number * 100
    browser.leave()
    real_server.wait_for_sessions(0)
