"""How many instructions a worker has executed: one number, in a page of memory that it shares with the zygote alone.

The page is made before the fork of its worker and kept from the workers that are forked later, so a worker whose
machine was taken over can falsify its own number and nobody else's. The zygote believes no number that falls, and no
more instructions than a processor could have executed since it looked before.
"""

from __future__ import annotations

import contextlib
import mmap

#: More instructions per second than any machine here can execute.
MOST_PER_S = 10_000_000_000
_MOST = (1 << 64) - 1


class Tally:
    """One worker's number. The worker calls `add`; the zygote, which made it, all else."""

    def __init__(self, now: float) -> None:
        """A number of 0 at the time `now`, in seconds of a monotonic clock. OSError when there is no memory."""
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        # Eight aligned bytes, which are read and written at once.
        self._number = memoryview(self._page).cast("Q")
        self._seen, self._seen_at = 0, now

    def add(self, ticks: int) -> None:
        """Count `ticks` more instructions."""
        self._number[0] = min(_MOST, self._number[0] + ticks)

    def keep_from_others(self) -> None:
        """After the fork of the worker: processes that are forked from here on do not get the page."""
        with contextlib.suppress(OSError):  # a kernel without it: the page is shared with later workers
            self._page.madvise(mmap.MADV_DONTFORK)

    def take(self, now: float) -> int:
        """The instructions since the last call, as far as they can be believed."""
        number = self._number[0]
        ticks = min(max(0, number - self._seen), int(MOST_PER_S * max(0.0, now - self._seen_at)))
        self._seen, self._seen_at = max(self._seen, number), now
        return ticks

    def close(self) -> None:
        """Free the page."""
        self._number.release()
        self._page.close()
