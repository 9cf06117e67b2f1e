"""Every budget is a setting, and what it ends says which it was: from the environment to the browser and back."""

from __future__ import annotations

import signal

import pytest

from tests.live.conftest import DEADLINE_S, REAL, wait_until
from tests.live.rawclient import BINARY, RawClient
from tests.live.test_real_worker import answer, counts, machine_processes

ENDLESS = "while true do end"


def opened(client: RawClient, text: str) -> None:
    client.command("credit", number=1, frames=64)
    assert answer(client, 1)[0]["event"] == "done"
    client.command("open", number=2, room="lua", files=[{"name": "main.lua", "text": text}])
    assert answer(client, 2)[0]["event"] == "opened"


@pytest.fixture(scope="module")
def frugal(make_server):
    return make_server(REAL, max_ticks=3000, memory_bytes=2 << 20, output_bytes=500, source_bytes=300)


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        ("ticks", ENDLESS),
        ("memory", "local t, x = {}, 'x' while true do x = x .. x; t[#t + 1] = x end"),
        ("output", "while true do print('0123456789') end"),
    ],
)
def test_a_budget_of_a_program_stops_the_run_and_its_past_stays(frugal, limit, text):
    with frugal.connect() as client:
        opened(client, text)
        client.command("run", number=3)
        stopped, _ = answer(client, 3)
        assert (stopped["reason"], stopped["detail"]["limit"]) == ("limit", limit)
        assert stopped["tick"] > 0
        client.command("seek", number=4, tick=stopped["tick"] // 2)
        assert answer(client, 4)[0]["tick"] == stopped["tick"] // 2


def test_a_source_that_is_too_long_names_its_budget(frugal):
    with frugal.connect() as client:
        client.command("open", number=1, room="lua", files=[{"name": "main.lua", "text": "-" * 301}])
        assert answer(client, 1)[0]["error"]["limit"] == "source"


SESSIONS = {
    "time": ({"session_s": 1}, "", "The session reached its limit of 1 s."),
    "time, in Chinese": ({"session_s": 1}, "?lang=zh", "会话达到了 1 秒的时间上限。"),
    "processor": ({"cpu_s": 1, "max_ticks": 10**15}, "", "The session used up its 1 s of processor time."),
    "memory": ({"worker_bytes": 1 << 20}, "", "The session's process reached its limit of 1 MiB of memory."),
}


@pytest.mark.parametrize("budget", SESSIONS)
def test_a_budget_of_a_session_ends_it_with_a_sentence_that_names_it(make_server, budget):
    settings, query, sentence = SESSIONS[budget]
    server = make_server(REAL, **settings)
    with server.connect(path=f"/live{query}") as client:
        client.command("credit", number=1, frames=1024)
        client.command("open", number=2, room="lua", files=[{"name": "main.lua", "text": ENDLESS}])
        client.command("run", number=3)
        events, close = client.until_close()
        goodbye = [received for received in events if received.opcode != BINARY][-1].event
        assert (goodbye["event"], goodbye["reason"], goodbye["message"]) == ("goodbye", "limit", sentence)
        assert close.close_code == 1011
    server.wait_for_sessions(0)
    after = counts(server)
    assert after['glassbox_sessions_ended_total{reason="limit"}'] == 1
    assert after[f'glassbox_sessions_over_budget_total{{budget="{budget.partition(",")[0]}"}}'] == 1


def test_a_server_that_stops_does_not_wait_for_programs(start_server):
    server = start_server(REAL, graceful_s=300)
    with server.connect() as client:
        opened(client, ENDLESS)
        client.command("run", number=3)
        wait_until(lambda: bool(machine_processes(server)), "the machine runs")
        server.process.send_signal(signal.SIGTERM)
        events, close = client.until_close()
        assert events[-1].event["reason"] == "shutdown"
        assert close.close_code == 1001
    assert server.process.wait(DEADLINE_S) == 0


def test_what_visitors_write_is_never_in_the_log(start_server):
    secret = "Nightingale"
    server = start_server(REAL, log_level="debug", log_format="json")
    with server.connect(path=f"/live?x={secret}") as client:
        for text in (f"print('{secret}')", f"error('{secret}')", f"{secret} = = 1", f"-- {secret}\n" + ENDLESS):
            client.command("open", number=2, room="lua", files=[{"name": f"{secret}.lua", "text": text}])
            if answer(client, 2)[0]["event"] == "opened":
                client.command("run", number=3, to=50)
                answer(client, 3)
        client.command(secret, number=4)
        assert answer(client, 4)[0]["event"] == "failed"
        client.command("inspect", number=5, query={"kind": secret})
    server.wait_for_sessions(0)
    assert '"session_ended"' in server.log
    assert secret not in server.log
