"""Sessions that may be resumed: found by a token that only their own browser knows, let go when places are needed."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.line import Connection
from app.livesocket import CloseReason, LiveSocket


class Resumable(Protocol):
    """A session that a browser may come back to."""

    #: The network that it counts for.
    network: str

    @property
    def lost_at(self) -> float | None:
        """Since when it waits for its browser (monotonic seconds); None while it has one."""
        ...

    def knows(self, has: int) -> bool:
        """May a browser of this session say that it has so many of its messages?"""
        ...

    def resume(self, connection: Connection, has: int, number: int) -> None:
        """Go on over this connection, as the answer to command `number`; returns when that is done with."""
        ...

    def give_up(self) -> None:
        """End it, because its place is needed. Returns at once."""
        ...


class Kept:
    """The sessions of this web process that a browser may come back to. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Resumable] = {}

    def add(self, session: Resumable) -> str:
        """From now on whoever has the answered token may resume it. The token names this process for the others."""
        token = f"{os.getpid()}.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._sessions[token] = session
        return token

    def find(self, token: str) -> Resumable | None:
        """The session of a token, or None."""
        with self._lock:
            return self._sessions.get(token)

    def remove(self, token: str) -> None:
        """It is over."""
        with self._lock:
            self._sessions.pop(token, None)

    def make_room(self, network: str | None = None) -> bool:
        """Let go of the session (of that network) which has waited longest for its browser; False without one."""
        with self._lock:
            waiting = [
                (session.lost_at, number, session)
                for number, session in enumerate(self._sessions.values())
                if session.lost_at is not None and network in (None, session.network)
            ]
        if not waiting:
            return False
        min(waiting)[2].give_up()
        return True


class Returning:
    """Connections that want to go on with a session and have not said yet with which. Thread-safe.

    Each takes a thread. A browser says it in its first message, so when there is one connection too many the one that
    has been silent longest is ended; a browser on a slow line tries again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._silent: dict[LiveSocket, None] = {}

    @contextmanager
    def admitted(self, socket: LiveSocket) -> Iterator[None]:
        """While the block runs the connection is one of them, and may be closed."""
        with self._lock:
            too_many = next(iter(self._silent)) if len(self._silent) >= self._most else None
            if too_many is not None:
                del self._silent[too_many]
            self._silent[socket] = None
        if too_many is not None:
            too_many.close(CloseReason.TRY_AGAIN_LATER, "too many connections are silent")
        try:
            yield
        finally:
            with self._lock:
                self._silent.pop(socket, None)
