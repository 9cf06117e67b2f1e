"""How fast this machine runs and saves here, and what follows: how long a slice is, how far checkpoints are apart.

Measured times decide only where checkpoints lie and how often the timeline looks up; never what a state is.
"""

from __future__ import annotations

#: Work between two looks at what else is wanted (pause, credit).
SLICE_S = 0.010
#: The least replay that is worth a checkpoint.
INTERVAL_S = 0.010
#: Checkpoints while recording may take one part in this many of the time.
SAVE_SHARE = 10

#: A replay that takes longer is worth a checkpoint at its end, however few its steps.
SLOW_S = 0.003

#: Runs are added up to this before they count: a single short one says more about the clock than about the machine.
_LEARN_S = 100e-6
#: After this long at a new speed the old one is forgotten.
_FORGET_S = 0.002


class _Speed:
    """A moving average of ticks per second."""

    def __init__(self) -> None:
        self.ticks_per_s = 100_000.0
        self._ticks = 0
        self._seconds = 0.0

    def ran(self, ticks: int, seconds: float) -> None:
        self._ticks += ticks
        self._seconds += seconds
        if self._ticks > 0 and self._seconds >= _LEARN_S:
            weight = min(1.0, self._seconds / _FORGET_S)
            self.ticks_per_s += weight * (self._ticks / self._seconds - self.ticks_per_s)
            self._ticks, self._seconds = 0, 0.0


class Pace:
    """Moving averages of speed and of the cost of a checkpoint.

    How often to look up is a question of the clock on the wall. What costs more, a checkpoint or a replay, is one of
    processor time: how busy the computer is has no part in it, and neither has a single long interruption.
    """

    def __init__(self) -> None:
        self._on_the_wall = _Speed()
        self._working = _Speed()
        self.save_s = 100e-6
        self._learn()

    def ran(self, ticks: int, seconds: float, work_seconds: float) -> None:
        """Learn from one run, which took so long by the clock and so much processor time."""
        self._on_the_wall.ran(ticks, seconds)
        self._working.ran(ticks, work_seconds)
        self._learn()

    def saved(self, work_seconds: float) -> None:
        """Learn from one checkpoint, by its processor time."""
        self.save_s += 0.5 * (work_seconds - self.save_s)
        self._learn()

    def _learn(self) -> None:
        #: Ticks to run between two looks up.
        self.slice_ticks = max(1, int(self._on_the_wall.ticks_per_s * SLICE_S))
        #: Ticks between two checkpoints while recording.
        self.interval_ticks = max(1, int(self._working.ticks_per_s * max(INTERVAL_S, SAVE_SHARE * self.save_s)))
        #: A distance so short that replaying it costs about as much as saving and restoring a checkpoint.
        self.near_ticks = max(16, int(self._working.ticks_per_s * 4 * self.save_s))
