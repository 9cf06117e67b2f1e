"""Where pictures are drawn in one web process: few at a time, and those drawn last are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from engine.errors import HostUnavailable

#: Pictures that are kept (some 40 KiB each), and how many are drawn at a time; seconds that one waits for its turn.
KEPT = 64
AT_ONCE = 2
TURN_S = 10.0


class Studio:
    """Turns to draw, and the pictures drawn last by what was asked for. Thread-safe."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._turns = threading.Semaphore(AT_ONCE)

    def kept(self, key: str) -> bytes | None:
        """The picture of that key, if it is one of those drawn last."""
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def keep(self, key: str, picture: bytes) -> None:
        """Keep a picture, and let the one go that nobody asked for longest."""
        with self._lock:
            self._pictures[key] = picture
            self._pictures.move_to_end(key)
            while len(self._pictures) > self._most:
                self._pictures.popitem(last=False)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn to draw. HostUnavailable when it does not come in time."""
        if not self._turns.acquire(timeout=TURN_S):
            raise HostUnavailable("too many pictures are being drawn", hint="try again in a minute")
        try:
            yield
        finally:
            self._turns.release()
