"""What several servers share through Redis: who is in, who waits, and links that were read lately.

Each server keeps its own places and its own list of who waits (app/places.py, app/waiting.py): what one machine can
carry. On top of them the sessions of all servers are counted here, and their queues are one. Entries expire; each web
process renews its own, so those of one that died go by themselves. When Redis is away every server goes on by itself,
and asks again after a pause: nobody is turned away for that. After a restart of Redis the renewals put everything back.
"""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import redis

from app.admission_scripts import IS_WANTED, JOIN, LOOK, RENEW, TAKE
from app.places import Places
from app.waiting import OthersWait, Queue, Ticket, Turn
from engine.errors import LimitExceeded

Answer = TypeVar("Answer")

#: An entry that is not renewed for so long is gone.
TTL_S = 30
#: The same for somebody who waits: a look renews it, and who was only slow comes back to where they were.
LEASE_S = 5
#: For so long it is believed that a server has no room; its looks say so again.
FULL_S = 2
PAUSE_S = 5.0
TIMEOUT_S = 1.0
PREFIX = "glassbox"
#: Of app/admission_scripts.py.
KEYS = tuple(f"{PREFIX}:{name}" for name in ("sessions", "queue", "queue:leases", "queue:full"))

log = logging.getLogger("glassbox.replicas")


def is_shared(url: str) -> bool:
    """Whether this address of `limits_url` is one that servers can share places through."""
    return url.startswith(("redis://", "rediss://"))


class SharedStore:
    """The connection to Redis, which may be away: then it is left alone for a while. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._away_until = 0.0

    def ask(self, question: Callable[[Any], Answer]) -> Answer | None:
        """What `question` gets from Redis; None when it is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return question(self._redis)
        except redis.RedisError as error:
            log.warning("Redis is away, each server goes on by itself: %s", error.__class__.__name__)
            self._away_until = time.monotonic() + PAUSE_S
            return None

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


class ReplicaPlaces:
    """Places of this server that count for all servers as well: the interface of `Places`."""

    def __init__(
        self,
        local: Places,
        shared: SharedStore,
        most_in_all: int,
        make_room: Callable[[], object] = lambda: None,
        *,
        ttl_s: int = TTL_S,
    ) -> None:
        """`most_in_all`: what all servers together may have; 0: what each has places for.

        `make_room` lets go of a session of this server whose browser is away: somebody waits, here or elsewhere.
        """
        self.most = local.most
        #: What the other servers call this one.
        self.server = f"{socket.gethostname()}:{local.identity}"
        self._local, self._shared, self._make_room = local, shared, make_room
        self._most_in_all, self._ttl_s = most_in_all, ttl_s
        self._lock = threading.Lock()
        self._own: dict[int, tuple[str, str]] = {}
        self._serial = itertools.count()
        self._renewing: threading.Thread | None = None
        self._is_closed = threading.Event()

    def take(self, network: str, note: str = "") -> int:
        """As `Places.take`; LimitExceeded also when all servers together have no place for this network.

        `note`: the entry in the queue of somebody who waits, who leaves it with the place. OthersWait when somebody
        who came earlier could have the place.
        """
        if self.is_full():
            raise LimitExceeded("sessions", f"all {self.most} places are taken")
        entry = f"{network}|{self.server}:{os.getpid()}:{next(self._serial)}"
        most = self._local.most_per_network
        wanted = (entry, self._ttl_s, self._most_in_all, most, self.server, note)
        refused = self._shared.ask(lambda r: r.eval(TAKE, 5, *KEYS, _of_network(network), *wanted))
        if refused == 1:
            raise LimitExceeded("sessions", f"all {self._most_in_all} places of all servers are taken")
        if refused == 2:
            raise LimitExceeded("sessions_per_address", f"one network may have {most} sessions")
        if refused == 3:
            raise OthersWait
        try:
            number = self._local.take(network)
        except LimitExceeded:
            self._drop(network, entry)
            raise
        with self._lock:
            self._own[number] = (network, entry)
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._keep, name="renew-places", daemon=True)
                self._renewing.start()
        return number

    def give_back(self, number: int) -> None:
        """As `Places.give_back`."""
        with self._lock:
            network, entry = self._own.pop(number, ("", ""))
        self._local.give_back(number)  # first, so that whoever is let in by the next line finds it free
        if entry:
            self._drop(network, entry, has_room=True)

    def is_full(self) -> bool:
        """True when this server has no place, whatever the others have."""
        return self._local.taken() >= self.most

    def taken(self) -> int:
        """How many places of this server are taken."""
        return self._local.taken()

    def records(self) -> dict[int, tuple[str, str]]:
        """The taken places of this server."""
        return self._local.records()

    def close(self) -> None:
        """As `Places.close`; what this process has in Redis is removed."""
        self._is_closed.set()
        with self._lock:
            own = list(self._own.values())
        for network, entry in own:
            self._drop(network, entry)
        self._local.close()

    def _keep(self) -> None:
        while not self._is_closed.wait(self._ttl_s / 3):
            self.renew()

    def renew(self) -> None:
        """Say once more what this process has, and make room if somebody at any server waits for that."""
        with self._lock:
            own = list(self._own.values())
        self._shared.ask(partial(self._renew_all, own))
        with self._lock:
            gone = set(own) - set(self._own.values())
        for network, entry in gone:  # given back meanwhile, and put in again
            self._drop(network, entry)
        if self._shared.ask(lambda r: r.eval(IS_WANTED, 4, *KEYS, self._most_in_all)):
            self._make_room()

    def _renew_all(self, own: list[tuple[str, str]], r: Any) -> None:  # noqa: ANN401 - redis has no useful types
        together = r.pipeline()
        for network, entry in own:
            together.eval(RENEW, 2, KEYS[0], _of_network(network), entry, self._ttl_s)
        together.execute()

    def _drop(self, network: str, entry: str, *, has_room: bool = False) -> None:
        def drop(r: Any) -> None:  # noqa: ANN401 - redis has no useful types
            together = r.pipeline()
            for key in (KEYS[0], _of_network(network)):
                together.zrem(key, entry)
            if has_room:
                together.zrem(KEYS[3], self.server)
            together.execute()

        self._shared.ask(drop)


def _of_network(network: str) -> str:
    """The key of the sessions of one network."""
    return f"{KEYS[0]}:{network}"


class ReplicaQueue(Queue):
    """The queue of all servers. Who waits here is in the list of this server, too, which counts while Redis is away."""

    def __init__(self, records: Places, places: ReplicaPlaces, shared: SharedStore, *, lease_s: int = LEASE_S) -> None:
        """`records` says how many may wait at this server, and how many of one network at all."""
        super().__init__(records)
        self._places, self._shared, self._lease_s = places, shared, lease_s

    def leave(self, ticket: Ticket) -> None:
        """As in `Queue`."""
        super().leave(ticket)
        entry = self.entry(ticket)
        self._shared.ask(lambda r: r.pipeline().zrem(KEYS[1], entry).zrem(KEYS[2], entry).execute())

    def entry(self, ticket: Ticket) -> str:
        """What a ticket is called in the queue of all servers."""
        return f"{self._places.server}|{ticket.network}|{os.getpid()}|{ticket.stamp}"

    def _announce(self, ticket: Ticket) -> None:
        most = self._records.most_per_network
        asked = (self.entry(ticket), self._lease_s, ticket.network, most)
        if self._shared.ask(lambda r: r.eval(JOIN, 4, *KEYS, *asked)):
            raise LimitExceeded("sessions_per_address", f"one network may have {most} browsers in the queue")

    def _look(self, tickets: Sequence[Ticket]) -> dict[Ticket, Turn]:
        now_ns = time.monotonic_ns()
        asked: list[str | int] = [self._places.server, int(self._places.is_full()), self._lease_s, FULL_S]
        for ticket in tickets:
            asked += [self.entry(ticket), (now_ns - ticket.since_ns) // 1000]
        answers = self._shared.ask(lambda r: r.eval(LOOK, 4, *KEYS, *asked))
        if answers is None:
            return super()._look(tickets)
        each = zip(tickets, answers[::2], answers[1::2], strict=True)
        return {ticket: Turn(before, has_come=bool(come)) for ticket, before, come in each}


class LinkCache:
    """Payloads of links that were read lately, for all servers; without Redis there is nothing in it."""

    def __init__(self, shared: SharedStore | None, keep_s: int) -> None:
        self._shared, self._keep_s = shared, keep_s

    def get(self, link_id: str) -> bytes | None:
        """The payload, if it is here."""
        if self._shared is None or not self._keep_s:
            return None
        return self._shared.ask(lambda r: r.get(f"{PREFIX}:link:{link_id}"))

    def put(self, link_id: str, payload: bytes) -> None:
        """Keep a payload for a while."""
        if self._shared is not None and self._keep_s:
            self._shared.ask(lambda r: r.set(f"{PREFIX}:link:{link_id}", payload, ex=self._keep_s))

    def drop(self, link_id: str) -> None:
        """The link was deleted."""
        if self._shared is not None:
            self._shared.ask(lambda r: r.delete(f"{PREFIX}:link:{link_id}"))
