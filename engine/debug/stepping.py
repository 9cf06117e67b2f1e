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

    @classmethod
    def single(cls, tick: int, where: int, depth: int, thread: int) -> Steps:
        """One step, as it would be recorded."""
        values = ((where, "I"), (min(depth, 0xFFFF), "H"), (thread, "I"))
        columns = (memoryview(struct.pack("=" + code, value)).cast(code) for value, code in values)  # type: ignore[call-overload]
        return cls(tick, *columns)

    def in_threads(self, threads: Collection[int]) -> int:
        """A mask (see `marks`) of the steps in one of `threads`."""
        count = len(self.wheres)
        data = self.threads.tobytes()
        for thread in threads:
            if data == struct.pack("=I", thread) * count:
                return self.everything
        return int.from_bytes(bytes(map(threads.__contains__, self.threads)), "little") if threads else 0

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

    def outside(self, statement: object, statement_of: Callable[[int], object]) -> int:
        """A mask of the steps whose rows belong to other statements."""
        others = {where for where in set(self.wheres) if statement_of(where) != statement}
        return int.from_bytes(bytes(map(others.__contains__, self.wheres)), "little") if others else 0

    @property
    def everything(self) -> int:
        """The mask of all steps."""
        return int.from_bytes(b"\1" * len(self.wheres), "little")

    def marks(self, mask: int) -> bytes:
        """One byte a step, 1 where the mask has it."""
        return mask.to_bytes(len(self.wheres), "little")


@dataclass(frozen=True)
class Goal:
    """The end of a step forward from `scene`: asked batch by batch. `statement` names what a row belongs to."""

    way: Way
    scene: Scene
    statement: Callable[[int], object]

    def find(self, steps: Steps, after: int) -> int | None:
        """The tick of the first step after tick `after` that begins where this step ends."""
        scene = self.scene
        own, outer = steps.in_threads((scene.thread,)), steps.no_deeper_than(scene.depth - 1)
        here = own & steps.no_deeper_than(scene.depth)
        if self.way is Way.INTO:
            stays = here & ~outer
            mask = (steps.everything ^ stays) | steps.outside(scene.statement, self.statement)
        else:
            mask = (own & outer) | steps.in_threads(scene.resumers)
            if self.way is Way.OVER and here:  # in a long call nothing is
                mask |= here & steps.outside(scene.statement, self.statement)
            elif self.way is Way.ROW:
                mask |= here
        at = steps.marks(mask).find(1, max(0, after + 1 - steps.first_tick))
        return steps.first_tick + at if at >= 0 else None


@dataclass
class BackwardSearch:
    """Looks for the beginning of the statement before (or around) a place, stretch by stretch towards the past.

    A row of `breakpoints` ends it earlier if `stops(tick)`, asked for the tick before the row's step, says so.
    """

    scene: Scene
    statement: Callable[[int], object]
    breakpoints: frozenset[int]
    stops: Callable[[int], bool]
    #: The earliest step seen of the frame and statement in question: (its tick, its statement).
    _later: tuple[int, object] | None = field(default=None, init=False)

    def find(self, steps: Steps) -> int | None:
        """The tick of the step that begins where to stop, if it is in this stretch, which lies before the last one."""
        found = self._find_start(steps)
        if self.breakpoints.intersection(steps.wheres):
            end = found - steps.first_tick if found is not None else -1
            for at in range(len(steps.wheres) - 1, max(end, -1), -1):
                if steps.wheres[at] in self.breakpoints and self.stops(steps.first_tick + at - 1):
                    return steps.first_tick + at
        return found

    def _find_start(self, steps: Steps) -> int | None:
        end = len(steps.wheres)
        if self._later is None:
            end = steps.marks(self._frame(steps)).rfind(1)
            if end < 0:
                return None
            # Perhaps in who called: from here on, its own statements count.
            thread, depth = steps.threads[end], steps.depths[end]
            self.scene = Scene(thread, depth, self.statement(steps.wheres[end]), self.scene.resumers - {thread})
            self._later = (steps.first_tick + end, self.scene.statement)
        scene = self.scene
        frame = self._frame(steps)
        if not frame:  # the inside of a long call
            return None
        own_others = frame & steps.outside(scene.statement, self.statement)
        outer = steps.in_threads((scene.thread,)) & steps.no_deeper_than(scene.depth - 1)
        before = steps.marks(own_others | outer | steps.in_threads(scene.resumers)).rfind(1, 0, end)
        first = steps.marks(frame).find(1, before + 1, end)
        if first >= 0:
            self._later = (steps.first_tick + first, scene.statement)
        return self._later[0] if before >= 0 else None

    def _frame(self, steps: Steps) -> int:
        """The steps of the frame in question, and of what it returns to."""
        own = steps.in_threads((self.scene.thread,)) & steps.no_deeper_than(self.scene.depth)
        return own | steps.in_threads(self.scene.resumers)

    @property
    def earliest(self) -> int:
        """The tick of the step that begins where to stop when nothing lies before the stretches seen so far."""
        return self._later[0] if self._later is not None else 1
