"""Other ways on from a moment of the past: each branch is a recording of its own that shares its parent's beginning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.machine import Checkpoint, Stop
from engine.timeline.checkpoints import Checkpoints
from engine.timeline.eventlog import EventLog
from engine.timeline.summary import Summary

MAX_BRANCHES = 32
TRUNK = 0


@dataclass
class Recording:
    """What a timeline knows of one branch: how far it reaches, how it ended, what happened, its checkpoints."""

    frontier: int
    ended: Stop | None
    ended_by_itself: bool
    waiting: Stop | None
    events: EventLog
    summary: Summary
    checkpoints: Checkpoints
    last_checkpoint_tick: int
    journal: list[tuple[str, bytes]]


@dataclass
class Branch:
    """One branch. It leaves its parent at `tick`, where `change` was made: {target, old, new} or {input}.

    `forks` are the states that it cannot reach by running: at its own tick and those of its ancestors. `recording` is
    None while the timeline is on this branch.
    """

    number: int
    name: str
    parent: int | None
    tick: int
    change: Mapping[str, Any]
    forks: Mapping[int, Checkpoint] = field(default_factory=dict)
    recording: Recording | None = None
