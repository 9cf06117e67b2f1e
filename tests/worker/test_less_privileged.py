"""The walls stand for an ordinary user and in a container too; only what needs root is missing, and said."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from engine.rooms import ROOMS
from engine.worker.limits import WorkerLimits
from engine.worker.zygote import Zygote
from tests.worker.entries import misbehave
from tests.worker.throwaway import answered_elsewhere

NOBODY = 65_534
#: What a worker of a server without privileges may lack.
NEEDS_PRIVILEGES = {"user", "cgroup", "yields_to_others"}


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is an ordinary user sees this in every other test")
def test_the_self_test_of_an_ordinary_user_misses_only_what_needs_root() -> None:
    assert all(room.module for room in ROOMS)  # loaded now: nobody may not be able to read the interpreter's library

    def as_nobody() -> dict[str, bool | str]:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        return Zygote(socket.socketpair()[0], WorkerLimits(), misbehave, [])._test_protections()

    protections = answered_elsewhere(as_nobody)
    missing = {name for name, outcome in protections.items() if outcome is not True}
    assert "user" in missing
    assert missing <= NEEDS_PRIVILEGES


#: What containers are made of: as an ordinary user starts them, and as deploy/compose.yaml asks for them.
CONTAINERS = {
    "namespaces of an ordinary user": ["unshare", "--map-root-user", "--mount-proc", "--pid", "--fork", "--net"],
    "no capabilities": ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"],
}
SERVER = """
import json
from engine.worker.client import WorkerPool
with WorkerPool() as pool:
    protections = pool.warm()["protections"]
    with pool.start() as worker:
        files = [{"name": "main.lua", "text": "print(6 * 7)"}]
        worker.send(json.dumps({"v": 1, "id": 1, "do": "open", "room": "lua", "files": files}).encode())
        opened = json.loads(worker.receive(20).payload)["event"]
print(json.dumps({"protections": protections, "event": opened}))
"""


@pytest.mark.parametrize("kind", CONTAINERS)
def test_in_an_unprivileged_container_the_walls_stand_and_programs_run(kind: str) -> None:
    tried = subprocess.run([*CONTAINERS[kind], "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this host makes no such container: {tried.stderr.strip()}")
    command = [*CONTAINERS[kind], sys.executable, "-c", SERVER]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    missing = {name for name, outcome in said["protections"].items() if outcome is not True}
    assert missing <= NEEDS_PRIVILEGES, said
    assert said["event"] == "opened"
