"""The live sessions of one web process: who is let in, and how all of them are told when the server stops."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from app.places import Places
from engine.errors import LimitExceeded
from engine.worker.client import Closed
from engine.worker.frames import Frame


class Worker(Protocol):
    """One visitor's machine in a process of its own: what the relay uses of `engine.worker.client.Worker`."""

    def send(self, command: bytes, timeout_s: float = 10.0) -> None:
        """Hand one command over; a worker that is gone or does not read is noticed by `receive`."""
        ...

    def receive(self, timeout_s: float | None = None) -> Frame | Closed | None:
        """The next frame; None after `timeout_s`; Closed once the worker is gone."""
        ...

    def kill(self, reason: str = "killed", message: str | None = None) -> None:
        """End the process; `receive` then says so. Idempotent; any thread may call it."""
        ...


class Pool(Protocol):
    """Where workers come from: what is used of `engine.worker.client.WorkerPool`."""

    #: What protects this host from the programs of visitors, once the pool is warm.
    report: dict[str, Any]

    def start(self, timeout_s: float = 20.0) -> Worker:
        """A fresh worker. LimitExceeded or HostUnavailable if there can be none."""
        ...

    def warm(self, timeout_s: float = 60.0) -> dict[str, Any]:
        """Get ready to start workers fast; answers what protects this host."""
        ...

    def close(self) -> None:
        """End every worker. Idempotent."""
        ...


class Endable(Protocol):
    """A session that can be told to end."""

    def shut_down(self) -> None:
        """Tell the visitor that the server stops, and end. Returns at once; any thread may call it."""
        ...


class Sessions:
    """Admission and register. Thread-safe; the lock is never held while a session is talked to."""

    def __init__(self, places: Places, pool: Pool) -> None:
        self.places = places
        self.pool = pool
        self._lock = threading.Lock()
        self._open: set[Endable] = set()
        self._draining = False

    @property
    def is_draining(self) -> bool:
        """True once the server has begun to stop: nobody is let in any more."""
        return self._draining

    @contextmanager
    def place(self, address: str) -> Iterator[None]:
        """A place for one session from that network address, given back at the end. LimitExceeded if there is none.

        There are fewer places than threads, so plain requests are answered however many sessions there are.
        """
        if self._draining:
            raise LimitExceeded("sessions", "the server is stopping")
        number = self.places.take(network_of(address))
        try:
            yield
        finally:
            self.places.give_back(number)

    @contextmanager
    def registered(self, session: Endable) -> Iterator[None]:
        """While the block runs, `drain` reaches this session."""
        with self._lock:
            self._open.add(session)
            late = self._draining
        if late:
            session.shut_down()
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(session)

    def drain(self) -> None:
        """Let nobody in any more and tell every open session to end. Returns at once; idempotent."""
        with self._lock:
            self._draining = True
            sessions = list(self._open)
        for session in sessions:
            session.shut_down()


def network_of(address: str) -> str:
    """What counts as one visitor's network: an IPv4 address, or the /64 that an IPv6 host picks its addresses from."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # a unix socket's peer
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), 64), strict=False))
    return str(parsed)
