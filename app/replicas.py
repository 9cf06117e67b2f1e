"""What several servers share through Redis: who is in, and links that were read lately.

Each server keeps its own places and its own queue (app/places.py): what one machine can carry. On top of them the
sessions of all servers are counted here, in sorted sets whose scores are the times at which entries expire; each web
process renews its own, so those of one that died go by themselves. When Redis is away every server goes on by itself,
and asks again after a pause: nobody is turned away for that. After a restart of Redis the renewals put everything back.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import redis

from app.places import Places
from engine.errors import LimitExceeded

Answer = TypeVar("Answer")

#: An entry that is not renewed for so long is gone.
TTL_S = 30
PAUSE_S = 5.0
TIMEOUT_S = 1.0
PREFIX = "glassbox"

#: KEYS: all entries, those of the network. ARGV: entry, seconds to live, most in all (0: no limit), most of a network.
TAKE = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local most = tonumber(ARGV[3])
if most > 0 and redis.call('ZCARD', KEYS[1]) >= most then return 1 end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 2 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 0
"""
#: The same for an entry that is in already.
RENEW = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 0
"""
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

    def __init__(self, local: Places, shared: SharedStore, most_in_all: int, *, ttl_s: int = TTL_S) -> None:
        """`most_in_all`: what all servers together may have; 0: what each has places for."""
        self.most = local.most
        self._local, self._shared = local, shared
        self._key, self._most_in_all, self._ttl_s = f"{PREFIX}:sessions", most_in_all, ttl_s
        self._lock = threading.Lock()
        self._own: dict[int, tuple[str, str]] = {}
        self._renewing: threading.Thread | None = None
        self._is_closed = threading.Event()

    def _keys(self, network: str) -> tuple[str, str]:
        return self._key, f"{self._key}:{network}"

    def take(self, network: str, note: str = "") -> int:
        """As `Places.take`; LimitExceeded also when all servers together have no place for this network."""
        number = self._local.take(network, note)
        entry = f"{network}|{note}|{socket.gethostname()}:{os.getpid()}:{number}"
        limits = (self._ttl_s, self._most_in_all, self._local.most_per_network)
        refused = self._shared.ask(lambda r: r.eval(TAKE, 2, *self._keys(network), entry, *limits))
        if refused:
            self._local.give_back(number)
            if refused == 1:
                raise LimitExceeded("sessions", f"all {self._most_in_all} places of all servers are taken")
            most = self._local.most_per_network
            raise LimitExceeded("sessions_per_address", f"one network may have {most} sessions")
        with self._lock:
            self._own[number] = (network, entry)
            if self._renewing is None:
                self._renewing = threading.Thread(target=self._renew, name="renew-places", daemon=True)
                self._renewing.start()
        return number

    def give_back(self, number: int) -> None:
        """As `Places.give_back`."""
        with self._lock:
            network, entry = self._own.pop(number, ("", ""))
        if entry:
            self._drop(network, entry)
        self._local.give_back(number)

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

    def _renew(self) -> None:
        while not self._is_closed.wait(self._ttl_s / 3):
            with self._lock:
                own = list(self._own.values())
            for network, entry in own:
                self._renew_one(network, entry)

    def _renew_one(self, network: str, entry: str) -> None:
        self._shared.ask(lambda r: r.eval(RENEW, 2, *self._keys(network), entry, self._ttl_s))

    def _drop(self, network: str, entry: str) -> None:
        self._shared.ask(lambda r: [r.zrem(key, entry) for key in self._keys(network)])


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
