"""A control group for each worker: memory and processor time that the kernel itself keeps, where the host lets us.

Only version 2 is used. The folder must be ours: writable, with the controllers `cpu` and `memory` handed down, and
without processes of its own (the kernel refuses to divide a group that holds some). Facts: the kernel's
admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from engine.worker.limits import WorkerLimits
from engine.worker.walls import Outcome

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
#: What a worker shares with the zygote is not counted here; its own pages and the kernel's for it are.
CONTROLLERS = "+cpu +memory"


def own_folder(root: Path = ROOT) -> Path | None:
    """The folder of this process's own cgroup; None where there is no version 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    folder = None if path is None else root / path
    return folder if folder is not None and (folder / "cgroup.controllers").exists() else None


class Cgroup:
    """The folder in which each worker gets one. `outcome` is True, or why there is none."""

    def __init__(self, folder: Path | None, limits: WorkerLimits, outcome: Outcome) -> None:
        self._folder = folder
        self._limits = limits
        self.outcome = outcome

    @classmethod
    def make(cls, limits: WorkerLimits) -> Cgroup:
        """A folder of this zygote's own, below the given or the own cgroup."""
        parent = Path(limits.cgroup) if limits.cgroup else own_folder()
        if parent is None:
            return cls(None, limits, "the host has no cgroup of version 2")
        folder = parent / f"glassbox-{os.getpid()}"
        try:
            (parent / "cgroup.subtree_control").write_text(CONTROLLERS)
            folder.mkdir()
            (folder / "cgroup.subtree_control").write_text(CONTROLLERS)
        except OSError as error:
            with contextlib.suppress(OSError):
                folder.rmdir()
            return cls(None, limits, f"the cgroup {parent} cannot be divided: {error.strerror}")
        return cls(folder, limits, True)

    def add(self, number: int, pid: int) -> None:
        """Put a process of worker `number` into its group, which is made for the first one."""
        if self._folder is None:
            return
        group = self._folder / str(number)
        try:
            if not group.exists():
                group.mkdir()
                (group / "memory.max").write_text(str(self._limits.resident_bytes))
                with contextlib.suppress(OSError):  # there where the host has swap
                    (group / "memory.swap.max").write_text("0")
                quota = PERIOD_US * self._limits.cpu_percent // 100
                (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            self.outcome = f"no cgroup for a worker: {error.strerror}"

    def free(self, number: int) -> None:
        """End what is left in a worker's group and remove it."""
        if self._folder is None:
            return
        group = self._folder / str(number)
        with contextlib.suppress(OSError):
            (group / "cgroup.kill").write_text("1")
        with contextlib.suppress(OSError):
            group.rmdir()

    def remove(self) -> None:
        """Remove everything, with every worker gone."""
        if self._folder is None:
            return
        for group in self._folder.iterdir():
            if group.is_dir():
                self.free(int(group.name))
        with contextlib.suppress(OSError):
            self._folder.rmdir()
