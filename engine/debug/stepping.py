"""Where a step of a debugger ends, found in the trace: over calls, into them, out of them, back.

A trace's columns say of each step in which thread, at which depth and at which row it began, so they describe the state
*before* it: a search for the step that begins where a person wants to stop ends one tick earlier. Searches look at
millions of steps, so most are passed over by whole-column operations that work on bytes.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum

from engine.trace import TraceBatch

_LOW, _HIGH = (0, 1) if sys.byteorder == "little" else (1, 0)


class Way(Enum):
    """What a step forward does with calls. ROW is OVER by single rows instead of lines."""

    OVER = "over"
    ROW = "row"
    INTO = "into"
    OUT = "out"


@dataclass(frozen=True)
class Scene:
    """Where a step begins: the running thread, its depth, the statement; and the threads that wait for that thread.

    Control comes to one of those only when the thread yields or ends: that is a return, as far as steps go.
    """

    thread: int
    depth: int
    statement: object
    resumers: frozenset[int] = frozenset()


@dataclass
class Steps:
    """The columns of a stretch of consecutive steps, the first with tick `first_tick`."""

    first_tick: int
    wheres: memoryview[int]
    depths: memoryview[int]
    threads: memoryview[int]

    @classmethod
    def of(cls, batch: TraceBatch) -> Steps:
        """The steps of a batch, which may be reused afterwards."""
        columns = []
        for name, code in (("where", "I"), ("depth", "H"), ("thread", "I")):
            columns.append(memoryview(batch.column(name).tobytes()).cast(code))  # type: ignore[call-overload]
        return cls(batch.first_tick, *columns)

    def in_threads(self, threads: Collection[int]) -> int:
        """A mask (see `mask_bytes`) of the steps in one of `threads`."""
        count = len(self.wheres)
        data = self.threads.tobytes()
        for thread in threads:
            if data == struct.pack("=I", thread) * count:
                return int.from_bytes(b"\1" * count, "little")
        return int.from_bytes(bytes(thread in threads for thread in self.threads), "little") if threads else 0

    def no_deeper_than(self, depth: int) -> int:
        """A mask of the steps whose depth is at most `depth`."""
        if depth < 0:
            return 0
        data = self.depths.tobytes()
        high, low = divmod(min(depth, 0xFFFF), 256)
        below = data[_HIGH::2].translate(bytes(value < high for value in range(256)))
        equal = data[_HIGH::2].translate(bytes(value == high for value in range(256)))
        small = data[_LOW::2].translate(bytes(value <= low for value in range(256)))
        numbers = [int.from_bytes(part, "little") for part in (below, equal, small)]
        return numbers[0] | (numbers[1] & numbers[2])

    def mask_bytes(self, mask: int) -> bytes:
        """One byte a step, 1 where the mask has it."""
        return mask.to_bytes(len(self.wheres), "little")


@dataclass(frozen=True)
class Goal:
    """The end of a step forward from `scene`: asked batch by batch. `statement` names what a row belongs to."""

    way: Way
    scene: Scene
    statement: Callable[[int], object]

    def is_met(self, thread: int, depth: int, where: int) -> bool:
        """True for a state where this step ends."""
        scene = self.scene
        if self.way is Way.INTO:
            return (thread, depth) != (scene.thread, scene.depth) or self.statement(where) != scene.statement
        if thread in scene.resumers:
            return True
        if thread != scene.thread:
            return False
        if depth < scene.depth:
            return True
        if self.way is Way.OUT or depth > scene.depth:
            return False
        return self.way is Way.ROW or self.statement(where) != scene.statement

    def find(self, steps: Steps, after: int) -> int | None:
        """The tick of the first step after tick `after` that begins where this step ends."""
        first = max(0, after + 1 - steps.first_tick)
        if self.way is Way.INTO:
            marks = b"\1" * len(steps.wheres)
        else:
            limit = self.scene.depth - (self.way is Way.OUT)
            mask = steps.in_threads((self.scene.thread,)) & steps.no_deeper_than(limit)
            marks = steps.mask_bytes(mask | steps.in_threads(self.scene.resumers))
        at = marks.find(1, first)
        while at >= 0:
            if self.is_met(steps.threads[at], steps.depths[at], steps.wheres[at]):
                return steps.first_tick + at
            at = marks.find(1, at + 1)
        return None


@dataclass
class BackwardSearch:
    """Looks for the beginning of the statement before (or around) a place, stretch by stretch towards the past."""

    scene: Scene
    statement: Callable[[int], object]
    breakpoints: frozenset[int]
    _later: tuple[int, tuple[int, int, object]] | None = field(default=None, init=False)

    def find(self, steps: Steps) -> int | None:
        """The tick of the step that begins where to stop, if it is in this stretch, which lies before the last one."""
        found = self._find_start(steps)
        if self.breakpoints.intersection(steps.wheres):
            end = found - steps.first_tick if found is not None else -1
            for at in range(len(steps.wheres) - 1, max(end, -1), -1):
                if steps.wheres[at] in self.breakpoints:
                    return steps.first_tick + at
        return found

    def _find_start(self, steps: Steps) -> int | None:
        scene = self.scene
        mask = steps.in_threads((scene.thread,)) & steps.no_deeper_than(scene.depth)
        marks = steps.mask_bytes(mask | steps.in_threads(scene.resumers))
        at = marks.rfind(1)
        while at >= 0:
            thread, depth, where = steps.threads[at], steps.depths[at], steps.wheres[at]
            if thread == self.scene.thread and depth > self.scene.depth:
                at = marks.rfind(1, 0, at)
                continue
            if thread not in (self.scene.thread, *self.scene.resumers):
                at = marks.rfind(1, 0, at)
                continue
            here = (thread, depth, self.statement(where))
            if self._later is not None and here != self._later[1]:
                return self._later[0]
            self._later = (steps.first_tick + at, here)
            if (thread, depth) != (self.scene.thread, self.scene.depth):
                # Back in who called: from here on, its own statements count.
                self.scene = Scene(thread, depth, None, self.scene.resumers - {thread})
            at = marks.rfind(1, 0, at)
        return None

    @property
    def earliest(self) -> int:
        """The tick of the step that begins where to stop when nothing lies before the stretches seen so far."""
        return self._later[0] if self._later is not None else 1
