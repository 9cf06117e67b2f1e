"""What happens while a machine runs: the names of step events, and the events that carry data.

A step's events travel as bits of the trace's `flags` column; an event with data (output, a VM exit, an error)
is an `Event` as well. Both use this one table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any


class StepFlag(IntFlag):
    """Bits of the `flags` column: what a step did besides its writes."""

    OUTPUT = 1 << 0
    INPUT = 1 << 1
    CALL = 1 << 2
    RETURN = 1 << 3
    ERROR = 1 << 4
    UPVALUE_OPEN = 1 << 5
    UPVALUE_CLOSE = 1 << 6
    COROUTINE = 1 << 7
    COLLECTION = 1 << 8
    EXIT = 1 << 9
    HALT = 1 << 10
    FAULT = 1 << 11
    JUMP = 1 << 12
    COMPILE = 1 << 13
    INTERRUPT = 1 << 14
    TRUNCATED = 1 << 15

    def words(self) -> list[str]:
        """The set bits as lower-case words in bit order, as the command line and the page print them."""
        return [flag.name.lower() for flag in StepFlag if flag & self and flag.name]


@dataclass(frozen=True)
class Event:
    """Something with data that happened in the step numbered `tick` (the step that made the clock read `tick`).

    kind `output`: data {stream: "stdout"|"stderr"|"serial", bytes: bytes}
    kind `error`:  data {message: str, traceback: str}
    kind `exit`:   data {reason: str, …the fields of the VM exit}
    kind `program_grew`: data {} (the listing has new functions or rows; ask for it again)
    """

    kind: str
    tick: int
    data: Mapping[str, Any] = field(default_factory=dict)
