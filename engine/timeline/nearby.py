"""The last few steps on the way to a position: traced, because the flags of the very last one are wanted."""

from __future__ import annotations

from engine.trace import TraceBatch

#: So few steps are traced at once: one call of the machine instead of one for the way and one for the last step.
NEAR_STEPS = 16
_WRITES = 1024


class Nearby:
    """A trace sink that keeps nothing: the timeline learns what it has to know while the steps pass."""

    def __init__(self) -> None:
        self.steps = TraceBatch(NEAR_STEPS, _WRITES, 2 * TraceBatch.text_margin)

    def batch(self) -> TraceBatch | None:
        """The batch."""
        return self.steps

    def deliver(self, batch: TraceBatch) -> None:
        """Nothing more is wanted of it."""
