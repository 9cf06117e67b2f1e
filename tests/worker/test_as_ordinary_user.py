"""The walls stand for an ordinary user too; only what needs root is missing, and said."""

from __future__ import annotations

import json
import os
import socket

import pytest

from engine.rooms import ROOMS
from engine.worker.limits import WorkerLimits
from engine.worker.rehearsal import read_all
from engine.worker.zygote import Zygote
from tests.worker.entries import misbehave

NOBODY = 65_534


@pytest.mark.skipif(os.geteuid() != 0, reason="whoever is an ordinary user sees this in every other test")
def test_the_self_test_of_an_ordinary_user_misses_only_what_needs_root() -> None:
    assert all(room.module for room in ROOMS)  # loaded now: nobody may not be able to read the interpreter's library
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            zygote = Zygote(socket.socketpair()[0], WorkerLimits(), misbehave, [])
            os.write(writer, json.dumps(zygote._test_protections()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    protections = json.loads(read_all(reader, 20))
    os.close(reader)
    os.waitpid(pid, 0)
    missing = {name for name, outcome in protections.items() if outcome is not True}
    assert "user" in missing
    assert missing <= {"user", "cgroup", "yields_to_others"}
