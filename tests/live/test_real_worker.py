"""The whole way, with nothing put in: a browser's commands to a machine in its own process, and back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from engine.examples import Example, load_examples
from engine.rooms import ROOMS
from tests.live.conftest import REAL, wait_until
from tests.live.rawclient import BINARY, RawClient


def first_example(room: str) -> Example:
    return next(example for example in load_examples() if example.room == room)


def answer(client: RawClient, number: int) -> tuple[dict, int]:
    """The event that ends command `number`, and how many trace frames came before it."""
    frames = 0
    while True:
        received = client.message()
        if received.opcode == BINARY:
            frames += 1
        elif received.event["re"] == number and received.event["event"] in ("opened", "stopped", "failed", "done"):
            return received.event, frames


def open_example(client: RawClient, room: str) -> dict:
    files = [{"name": file.name, "text": file.text} for file in first_example(room).files]
    client.command("credit", number=1, frames=64)
    assert answer(client, 1)[0]["event"] == "done"
    client.command("open", number=2, room=room, files=files, options=first_example(room).options)
    return answer(client, 2)[0]


@pytest.fixture(scope="module")
def real_server(make_server):
    return make_server(REAL)


@pytest.mark.parametrize("room", [room.name for room in ROOMS])
def test_an_example_is_opened_run_and_stepped_back_over_the_socket(real_server, room):
    with real_server.connect() as client:
        opened = open_example(client, room)
        assert opened["event"] == "opened", opened
        client.command("run", number=3)
        stopped, frames = answer(client, 3)
        assert stopped["ended"]["reason"] == "halt"
        assert frames > 0
        client.command("step", number=4, count=-1)
        assert answer(client, 4)[0]["tick"] == stopped["tick"] - 1
    real_server.wait_for_sessions(0)


def counts(server) -> dict[str, float]:
    lines = [line for line in server.get("/metrics")[1].decode().splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_seeks_and_instructions_are_counted(real_server):
    before = counts(real_server)
    with real_server.connect() as client:
        open_example(client, ROOMS[0].name)
        client.command("run", number=3)
        tick = answer(client, 3)[0]["tick"]
        client.command("seek", number=4, tick=0)
        client.command("seek", number=5, tick=tick)
        assert answer(client, 5)[0]["tick"] == tick
    real_server.wait_for_sessions(0)
    wait_until(
        lambda: counts(real_server)["glassbox_ticks_total"] - before["glassbox_ticks_total"] >= tick,
        "the instructions are counted",
    )
    seeks = 'glassbox_commands_total{command="seek"}'
    assert counts(real_server)[seeks] - before[seeks] == 2


def test_a_machine_that_is_killed_is_reported_to_its_browser_only(real_server):
    with real_server.connect() as other:
        open_example(other, ROOMS[0].name)
        before = machine_processes(real_server)
        client = real_server.connect()
        assert open_example(client, ROOMS[0].name)["event"] == "opened"
        (pid,) = machine_processes(real_server) - before
        os.kill(pid, signal.SIGKILL)
        events, close = client.until_close()
        assert events[-1].event["event"] == "goodbye"
        assert close.close_code == 1011
        other.command("listing", number=9)
        assert other.message().event["re"] == 9
    real_server.wait_for_sessions(0)
    wait_until(lambda: not machine_processes(real_server), "the machines are gone")


def machine_processes(server) -> set[int]:
    """The processes of sessions: the children of the children of the web processes."""
    zygotes = [child for pid in server.web_pids() for child in children(pid)]
    return {machine for zygote in zygotes for machine in children(zygote)}


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]
