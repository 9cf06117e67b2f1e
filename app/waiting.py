"""The queue of one server: who waits for a place for a session, and whose turn it is.

Everybody who waits has a record of a file, as sessions have (app/places.py), with the moment at which they came: the
clock is the same for all processes of a machine, so the order is, too. Each asks again and again whether its turn has
come; one look at the file answers all who wait in a process.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.places import Places
from engine.errors import LimitExceeded

#: A look that is older than this is taken anew for the next who asks.
LOOK_S = 0.25


class OthersWait(LimitExceeded):
    """There may be a place, but others came earlier."""

    def __init__(self) -> None:
        super().__init__("sessions", "others wait already")


@dataclass(frozen=True, eq=False)
class Ticket:
    """One browser that waits."""

    #: Its record in this server's file.
    number: int
    network: str
    #: When it came, in nanoseconds of this machine's monotonic clock.
    since_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def stamp(self) -> str:
        """When it came, as text that sorts as time does."""
        return _stamp(self.since_ns)


@dataclass(frozen=True)
class Turn:
    """How far a browser has come: how many are before it, and whether it may try to get a place now."""

    before: int
    has_come: bool


class Queue:
    """The queue of this server, as one web process sees it. Thread-safe."""

    def __init__(self, records: Places) -> None:
        """`records` says how many may wait, in all and of one network."""
        self._records = records
        self._lock = threading.Lock()
        self._tickets: dict[Ticket, None] = {}
        self._turns: dict[Ticket, Turn] = {}
        self._looked_at = 0.0

    def join(self, network: str) -> Ticket:
        """Stand at the end. LimitExceeded when as many wait as may, in all or of this network."""
        since_ns = time.monotonic_ns()
        ticket = Ticket(self._records.take(network, _stamp(since_ns)), network, since_ns)
        try:
            self._announce(ticket)
        except LimitExceeded:
            self._records.give_back(ticket.number)
            raise
        with self._lock:
            self._tickets[ticket] = None
        return ticket

    def turn(self, ticket: Ticket) -> Turn:
        """How far somebody who joined and has not left has come."""
        with self._lock:
            if ticket not in self._turns or time.monotonic() - self._looked_at >= LOOK_S:
                self._turns = self._look(list(self._tickets))
                self._looked_at = time.monotonic()
            return self._turns[ticket]

    def leave(self, ticket: Ticket) -> None:
        """Make way: with a place, or without."""
        with self._lock:
            del self._tickets[ticket]
        self._records.give_back(ticket.number)

    def entry(self, ticket: Ticket) -> str:
        """What a ticket is called by everybody who sees the queue."""
        return ticket.stamp

    def taken(self) -> int:
        """How many wait at this server, in all its processes."""
        return self._records.taken()

    def _announce(self, ticket: Ticket) -> None:
        """Tell others than this server; LimitExceeded if they have no room for it."""

    def _look(self, tickets: Sequence[Ticket]) -> dict[Ticket, Turn]:
        """The turns of all who wait in this process."""
        # A record without a stamp had no room on the disk: whoever it is counts for nobody as earlier.
        stamps = sorted(stamp for _, stamp in self._records.records().values() if stamp)
        before = {ticket: bisect_left(stamps, ticket.stamp) for ticket in tickets}
        return {ticket: Turn(count, has_come=count == 0) for ticket, count in before.items()}


def _stamp(since_ns: int) -> str:
    return f"{since_ns:016x}"
