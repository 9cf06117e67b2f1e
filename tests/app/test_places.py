"""Places for sessions are counted once for all web processes, and freed by the death of a process."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.places import Places
from app.settings import ROOT
from engine.errors import LimitExceeded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "places"


def test_there_are_so_many_places_and_no_more(path):
    places = Places(path, most=3, most_per_network=3)
    numbers = [places.take("192.0.2.1") for _ in range(3)]
    assert sorted(numbers) == [0, 1, 2]
    with pytest.raises(LimitExceeded) as full:
        places.take("192.0.2.2")
    assert full.value.limit == "sessions"
    places.give_back(1)
    assert places.take("192.0.2.2") == 1
    assert places.taken() == 3
    places.close()


def test_one_network_has_its_own_limit_over_all_processes(path):
    one, other = Places(path, most=9, most_per_network=2), Places(path, most=9, most_per_network=2)
    mine = one.take("192.0.2.1")
    other.take("192.0.2.1")
    for places in (one, other):
        with pytest.raises(LimitExceeded) as full:
            places.take("192.0.2.1")
        assert full.value.limit == "sessions_per_address"
    assert one.take("2001:db8:aaaa:bbbb::/64") not in (mine, None)
    one.give_back(mine)
    other.take("192.0.2.1")
    assert one.taken() == other.taken() == 3
    one.close()
    other.close()


def test_threads_of_several_processes_never_share_a_place(path):
    several = [Places(path, most=40, most_per_network=40) for _ in range(4)]
    taken: list[int] = []
    refused: list[str] = []

    def take_many(places: Places) -> None:
        for _ in range(6):
            try:
                taken.append(places.take("192.0.2.1"))
            except LimitExceeded as full:
                refused.append(full.limit)

    threads = [threading.Thread(target=take_many, args=(places,)) for places in several for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(40))
    assert refused == ["sessions"] * 8
    for places in several:
        places.close()


HOLDER = """
import sys, time
from pathlib import Path
from app.places import Places
places = Places(Path(sys.argv[1]), 4, 4)
print(places.take("192.0.2.1"), places.take("192.0.2.1"), flush=True)
time.sleep(600)
"""


def test_the_places_of_a_killed_process_are_free_again(path):
    places = Places(path, most=4, most_per_network=4)
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "0 1\n"
        assert places.taken() == 2
        assert places.take("192.0.2.1") == 2
        holder.send_signal(signal.SIGKILL)
    assert places.taken() == 1
    assert places.take("192.0.2.1") == 0
    places.close()
