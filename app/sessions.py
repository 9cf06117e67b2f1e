"""The live sessions of one web process: who is let in, and how all of them are told when the server stops."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from app.places import Places
from app.replicas import ReplicaPlaces
from app.waiting import OthersWait, Queue
from engine.errors import LimitExceeded
from engine.worker.client import Closed
from engine.worker.frames import Frame


class Worker(Protocol):
    """One visitor's machine in a process of its own: what the relay uses of `engine.worker.client.Worker`."""

    def send(self, command: bytes, timeout_s: float = 10.0) -> None:
        """Hand one command over; a worker that is gone or does not read is noticed by `receive`."""
        ...

    def try_send(self, command: bytes) -> bool:
        """As `send`, if that can be done without waiting; False, and nothing was sent, if not."""
        ...

    def receive(self, timeout_s: float | None = None) -> Frame | Closed | None:
        """The next frame; None after `timeout_s`; Closed once the worker is gone."""
        ...

    def kill(self, reason: str = "killed", message: str | None = None) -> None:
        """End the process; `receive` then says so. Idempotent; any thread may call it."""
        ...

    def close(self, reason: str = "ended") -> None:
        """End the process and free what belongs to it. Idempotent; for the thread that receives."""
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


#: How often a browser in the queue asks whether its turn has come, and is found to have left.
QUEUE_LOOK_S = 0.3
#: When a session without its browser is let go, its place is looked for so often, at such intervals.
ROOM_LOOKS = 20
ROOM_LOOK_S = 0.1


class Endable(Protocol):
    """A session that can be told to end."""

    def shut_down(self) -> None:
        """Tell the visitor that the server stops, and end. Returns at once; any thread may call it."""
        ...

    def end_by_operator(self) -> None:
        """Tell the visitor that whoever runs the server ended the session. As `shut_down`."""
        ...


class Sessions:
    """Admission and register. Thread-safe; the lock is never held while a session is talked to."""

    def __init__(
        self,
        places: Places | ReplicaPlaces,
        queue: Queue,
        pool: Pool,
        make_room: Callable[[str | None], bool] = lambda _: False,
    ) -> None:
        """`make_room` lets go of one session (of that network, or of any) whose browser is away; False without one."""
        self.places = places
        self.queue = queue
        self.pool = pool
        self._make_room = make_room
        self._lock = threading.Lock()
        self._open: dict[Endable, int] = {}
        self._draining = False

    @property
    def is_draining(self) -> bool:
        """True once the server has begun to stop: nobody is let in any more."""
        return self._draining

    @contextmanager
    def place(self, address: str, waiting: Callable[[int], bool] | None = None) -> Iterator[int]:
        """A place for one session from that network address, given back at the end. LimitExceeded if there is none.

        When all are taken, and `waiting` is given, the caller waits for its turn: `waiting` gets its place in the queue
        again and again, and says whether it still wants one. There are fewer places than threads, so plain requests are
        answered however many sessions there are.
        """
        network = network_of(address)
        try:
            number = self._take_or_make_room(network)
        except LimitExceeded as full:
            if full.limit != "sessions" or waiting is None or self._draining:
                raise
            number = self._queue_for(network, waiting)
        try:
            yield number
        finally:
            self.places.give_back(number)

    def _take(self, network: str) -> int:
        if self._draining:
            raise LimitExceeded("sessions", "the server is stopping")
        if self.queue.taken():
            raise OthersWait
        return self.places.take(network)

    def _take_or_make_room(self, network: str) -> int:
        """A place that is free, or that a session without its browser gives up."""
        try:
            return self._take(network)
        except LimitExceeded as full:
            is_hopeless = self._draining or isinstance(full, OthersWait)
            if is_hopeless or not self._make_room(None if full.limit == "sessions" else network):
                raise
        for _ in range(ROOM_LOOKS):
            with contextlib.suppress(LimitExceeded):
                return self._take(network)
            time.sleep(ROOM_LOOK_S)  # it is about to end
        return self._take(network)

    def _queue_for(self, network: str, waiting: Callable[[int], bool]) -> int:
        """Wait until all who came before have a place, and one is free."""
        ticket = self.queue.join(network)
        try:
            while not self._draining:
                turn = self.queue.turn(ticket)
                if turn.has_come:
                    try:
                        return self.places.take(network, self.queue.entry(ticket))
                    except LimitExceeded as full:
                        if full.limit != "sessions":
                            raise
                        self._make_room(None)
                if not waiting(turn.before + 1):
                    raise LimitExceeded("left", "the browser left the queue")
                time.sleep(QUEUE_LOOK_S)
            raise LimitExceeded("sessions", "the server is stopping")
        finally:
            self.queue.leave(ticket)

    @contextmanager
    def registered(self, session: Endable, number: int = -1) -> Iterator[None]:
        """While the block runs, `drain` reaches this session, and `end` the one with this place."""
        with self._lock:
            self._open[session] = number
            late = self._draining
        if late:
            session.shut_down()
        try:
            yield
        finally:
            with self._lock:
                del self._open[session]

    def end(self, number: int) -> bool:
        """End the session that has this place, if it is one of this process."""
        with self._lock:
            found = [session for session, place in self._open.items() if place == number]
        for session in found:
            session.end_by_operator()
        return bool(found)

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
