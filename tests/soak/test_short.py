"""The short form of `make soak`: small numbers, every byte compared; processes killed under it; nothing timed."""

from __future__ import annotations

from tests.live.conftest import REAL
from tests.soak.crowds import crowd
from tests.soak.durability import kills, writers
from tests.soak.faults import faults
from tests.soak.load import load, openings, workers

SETTINGS = {"sessions": 24, "sessions_per_address": 24, "web_workers": 2, "links_per_day": 0}


def test_visitors_that_step_at_once_are_all_sent_the_same_bytes(start_server):
    report = load(start_server(REAL, **SETTINGS), sessions=12, hz=20, seconds=4)
    assert report["errors"] == {}
    assert report["opened"] == 12
    assert report["steps"] >= 12


def test_sessions_and_workers_open_one_after_another(start_server):
    assert openings(start_server(REAL, **SETTINGS), rounds=3)["rounds"] == 3
    assert workers(rounds=2)["rounds"] == 2


def test_a_service_whose_processes_are_killed_loses_no_link_and_serves_the_next_visitor(start_server):
    report = faults(start_server(REAL, **SETTINGS), rounds=5)
    assert (report["links"], report["lost"]) == (5, 0)


def test_hostile_clients_of_every_kind_at_once_stop_nobody(start_server):
    report = crowd(start_server(REAL, **SETTINGS), each=5, seconds=4)
    assert report["same_processes"]
    assert report["gets"] > 3
    assert report["failed"] == 0
    assert report["growth_mib"] < 100


def test_links_that_were_acknowledged_survive_kills_of_their_writer(tmp_path):
    report = kills(tmp_path, rounds=4, links=200)
    assert report["acknowledged"] >= 200
    assert (report["lost"], report["sound"]) == (0, True)


def test_writers_at_once_store_everything(start_server):
    report = writers(start_server(REAL, **SETTINGS), count=4, seconds=1.0)
    assert report["failed"] == 0
    assert report["links"] >= 4
