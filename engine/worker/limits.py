"""What a worker process may use, as plain data that crosses to the zygote."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.machine import Limits

__all__ = ["Limits", "WorkerLimits"]


@dataclass(frozen=True)
class WorkerLimits:
    """Budgets of one worker process and of all together. Beyond one, the process is ended with reason `limit`.

    `session` holds the machine's own budgets, which end a program but leave its session usable.
    """

    cpu_s: int = 600
    wall_s: int = 2700
    resident_bytes: int = 512 << 20
    data_bytes: int = 1 << 30
    address_bytes: int = 8 << 30
    file_bytes: int = 16 << 20
    open_files: int = 64
    processes: int = 32  # with threads; kept only where each worker has a user id of its own
    workers: int = 200
    helpers: int = 4  # processes at once that run programs of the system for workers
    cpu_percent: int = 100  # of one processor, for one worker; kept only where there is a cgroup
    cgroup: str = ""  # folder of a cgroup (version 2) that is ours to divide; empty: find our own
    session: Limits = field(default_factory=Limits)

    def to_json(self) -> str:
        """As text for the zygote's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> WorkerLimits:
        """The opposite of `to_json`."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{**values, "session": Limits(**values["session"])})
