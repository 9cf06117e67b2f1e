"""The warm process's heap is arranged for its children: what they run works as before and costs them little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.worker.client import WorkerPool
from engine.worker.frames import Frame

#: The goal is 4 MiB (docs/reliability.md); builds of Python differ a little.
MOST_IDLE_BYTES = 5 << 20

ARRANGED = """
import gc, os, sys
from engine.worker.settling import fork, settle

def outer(n):
    def inner(m):
        return [m * k for k in range(n)]
    return inner(n)

def untouched(n):
    return n

before, other = outer.__code__, untouched.__code__
kept = settle(lambda: outer(3))
assert outer.__code__ is not before and untouched.__code__ is other
assert outer(3) == [0, 3, 6]
assert gc.get_freeze_count() > 0
pid = fork()
if pid == 0:
    os._exit(7 if os.getppid() != os.getpid() and outer(2) == [0, 2] else 1)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_what_is_moved_runs_as_before_also_in_a_child() -> None:
    done = subprocess.run([sys.executable, "-c", ARRANGED], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("7\n", "")


def test_a_session_at_rest_owns_little_memory() -> None:
    with WorkerPool() as pool, pool.start() as worker:
        text = "local t = {} for i = 1, 100 do t[i] = i * i end print(#t)"
        command = {"v": 1, "id": 1, "do": "open", "room": "lua", "files": [{"name": "main.lua", "text": text}]}
        worker.send(json.dumps(command).encode())
        answer = worker.receive(20)
        assert isinstance(answer, Frame)
        assert b'"opened"' in answer.payload
        try:
            lines = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            pytest.skip(f"user {os.geteuid()} may not look into a worker here")
        private = sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_"))
        assert 0 < private <= MOST_IDLE_BYTES
