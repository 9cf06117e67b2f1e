"""The kept checkpoints of one timeline: sorted by tick, thinned with age, under a budget of memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

from engine.machine import Checkpoint

#: More checkpoints than this do not make seeking faster, only thinning slower.
MAX_COUNT = 2048
#: Checkpoints made while replaying, near the position.
MAX_LOCAL = 96
#: The oldest part of a long run keeps gaps this many times as wide as the newest part.
AGE_RATIO = 2
#: Thinning goes down to this part of the budget, so that it is not needed again at once.
LOW_WATER = 0.9


@dataclass(frozen=True)
class _Kept:
    checkpoint: Checkpoint
    is_local: bool
    is_pinned: bool = False


class Checkpoints:
    """Checkpoints by tick. The one at tick 0, the newest one and pinned ones are never thinned away."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._ticks: list[int] = []
        self._kept: dict[int, _Kept] = {}
        self._local_count = 0
        # What is held, or more: exact after each count, plus what came since.
        self._held_at_most = 0

    @property
    def ticks(self) -> list[int]:
        """The ticks, ascending."""
        return list(self._ticks)

    @property
    def held_bytes(self) -> int:
        """What all of them hold now, counted afresh."""
        self._held_at_most = sum(kept.checkpoint.size_bytes for kept in self._kept.values())
        return self._held_at_most

    def before(self, tick: int) -> Checkpoint:
        """The last one at or before `tick`."""
        return self._kept[self._ticks[bisect_right(self._ticks, tick) - 1]].checkpoint

    def after(self, tick: int, otherwise: int) -> int:
        """The tick of the first one at or after `tick`; `otherwise` without one."""
        at = bisect_left(self._ticks, tick)
        return self._ticks[at] if at < len(self._ticks) else otherwise

    def has(self, tick: int) -> bool:
        """Is there one exactly at `tick`?"""
        return tick in self._kept

    def add(self, checkpoint: Checkpoint, *, is_local: bool, position: int) -> None:
        """Keep one more. `is_local`: made while replaying near `position`, the first to go when memory is short."""
        tick = checkpoint.tick
        if tick in self._kept:
            return
        insort(self._ticks, tick)
        self._kept[tick] = _Kept(checkpoint, is_local)
        self._local_count += is_local
        self._held_at_most += checkpoint.size_bytes
        if self._local_count > MAX_LOCAL:
            self._drop_locals(position, MAX_LOCAL // 2)
        if self._held_at_most > self._budget_bytes or len(self._ticks) > MAX_COUNT:
            self._thin(position)

    def pin(self, checkpoint: Checkpoint) -> None:
        """Keep one for good: the state that it holds cannot be reached by running."""
        self.add(checkpoint, is_local=False, position=checkpoint.tick)
        self._kept[checkpoint.tick] = _Kept(checkpoint, is_local=False, is_pinned=True)

    def fork(self, before: int) -> Checkpoints:
        """A second collection that begins with those before tick `before`, which both hold then."""
        other = Checkpoints(self._budget_bytes)
        other._ticks = self._ticks[: bisect_left(self._ticks, before)]
        other._kept = {tick: self._kept[tick] for tick in other._ticks}
        other._local_count = sum(kept.is_local for kept in other._kept.values())
        return other

    def set_budget(self, budget_bytes: int, position: int) -> None:
        """Hold at most so much from now on."""
        self._budget_bytes = budget_bytes
        self._thin(position)

    def _drop(self, tick: int) -> None:
        del self._ticks[bisect_left(self._ticks, tick)]
        self._local_count -= self._kept.pop(tick).is_local

    def _drop_locals(self, position: int, keep: int) -> None:
        """Drop local checkpoints, those farthest from `position` first, until `keep` are left."""
        local = [tick for tick in self._ticks if self._kept[tick].is_local and tick > 0]
        local.sort(key=lambda tick: abs(tick - position))
        for tick in local[keep:]:
            self._drop(tick)

    def _thin(self, position: int) -> None:
        """Drop what is missed least until the budget is kept with some room, or only the two fixed ones are left."""
        if self.held_bytes <= self._budget_bytes and len(self._ticks) <= MAX_COUNT:
            return
        if self._local_count:
            self._drop_locals(position, min(self._local_count // 2, MAX_LOCAL // 4))
        while self.held_bytes > LOW_WATER * self._budget_bytes or len(self._ticks) > LOW_WATER * MAX_COUNT:
            if self._local_count:
                self._drop_locals(position, 0)
            elif not self._drop_a_tenth():
                return

    def _drop_a_tenth(self) -> bool:
        """Drop a tenth of the inner checkpoints, never two neighbours at once; False if there are none.

        What is missed least: the one whose removal leaves the narrowest gap, where a gap of age a weighs
        1 / (1 + (AGE_RATIO - 1) * a / age of the whole run). So gaps widen with age, and stay bounded for any length.
        """
        ticks = self._ticks
        if len(ticks) <= 2:
            return False
        newest = ticks[-1] or 1
        ranked = sorted(
            ((ticks[i + 1] - ticks[i - 1]) / (1 + (AGE_RATIO - 1) * (newest - ticks[i]) / newest), i)
            for i in range(1, len(ticks) - 1)
            if not self._kept[ticks[i]].is_pinned
        )
        if not ranked:
            return False
        chosen: set[int] = set()
        for _, i in ranked:
            if i - 1 not in chosen and i + 1 not in chosen:
                chosen.add(i)
                if len(chosen) * 10 >= len(ranked):
                    break
        for tick in [ticks[i] for i in chosen]:
            self._drop(tick)
        return True
