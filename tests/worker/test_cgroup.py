"""Control groups, on folders that look like the kernel's: what is written where, and what is said when it cannot be."""

from __future__ import annotations

import os
from pathlib import Path

from engine.worker.cgroup import Cgroup, own_folder
from engine.worker.limits import WorkerLimits


def test_each_worker_gets_a_group_with_its_limits(tmp_path: Path) -> None:
    limits = WorkerLimits(cgroup=str(tmp_path), resident_bytes=64 << 20, cpu_percent=50)
    groups = Cgroup.make(limits)
    assert groups.outcome is True
    groups.add(7, 4711)
    group = tmp_path / f"glassbox-{os.getpid()}" / "7"
    written = {path.name: path.read_text() for path in group.iterdir()}
    assert written == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "cpu.max": "50000 100000",
        "cgroup.procs": "4711",
    }
    groups.add(7, 4712)
    assert (group / "cgroup.procs").read_text() == "4712"
    groups.free(7)
    assert (group / "cgroup.kill").read_text() == "1"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+cpu +memory"


def test_a_group_that_cannot_be_divided_is_reported_and_changes_nothing(tmp_path: Path) -> None:
    groups = Cgroup.make(WorkerLimits(cgroup=str(tmp_path / "missing")))
    assert "cannot be divided" in str(groups.outcome)
    groups.add(1, 4711)
    groups.free(1)
    groups.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_host_without_version_2_has_no_own_group(tmp_path: Path) -> None:
    assert own_folder(tmp_path) is None
