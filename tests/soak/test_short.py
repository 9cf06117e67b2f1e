"""The short form of `make soak`: few sessions, few seconds, every byte compared; processes killed under it."""

from __future__ import annotations

from tests.live.conftest import REAL
from tests.soak.load import faults, load

SETTINGS = {"sessions": 24, "sessions_per_address": 24, "web_workers": 2, "links_per_day": 0}


def test_visitors_that_step_at_once_are_all_sent_the_same_bytes(start_server):
    report = load(start_server(REAL, **SETTINGS), sessions=12, hz=20, seconds=4)
    assert report["differing"] == 0
    assert report["steps"] >= 12


def test_a_service_whose_processes_are_killed_loses_no_link_and_serves_the_next_visitor(start_server):
    report = faults(start_server(REAL, **SETTINGS), rounds=5)
    assert (report["links"], report["lost"]) == (5, 0)
