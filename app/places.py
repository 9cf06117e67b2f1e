"""Places for live sessions, counted over all web processes of this machine, whatever happens to any of them.

A place is a record of a file that its web process keeps locked: the kernel frees the places of a process that dies. The
record holds the network that the session comes from. Byte 0 is the gate: whoever holds its lock decides alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LimitExceeded

RECORD_BYTES = 80
#: struct flock of 64-bit Linux: type, whence, start, length, pid (must be 0 for locks of an open file).
FLOCK = struct.Struct("@hhqqi4x")


class Places:
    """The places of one machine, as one web process sees them. Thread-safe."""

    def __init__(self, path: Path, most: int, most_per_network: int) -> None:
        """`most` places in all, `most_per_network` for each network. OSError if the file cannot be made."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.most = most
        self.most_per_network = most_per_network
        # Locks belong to this open file, so two of these objects exclude each other even within one process.
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._lock = threading.Lock()
        self._own: dict[int, str] = {}
        with contextlib.suppress(OSError):  # room for all records now, so that a disk that fills up later matters not
            os.posix_fallocate(self._file, 0, _start(most))
        at = os.fstat(self._file)
        #: The same for all who open this file, different for every other one of this machine.
        self.identity = f"{at.st_dev:x}.{at.st_ino:x}"

    def take(self, network: str, note: str = "") -> int:
        """The number of a place that is now this network's. LimitExceeded if there is none for it.

        `note` is a short word that everybody who looks at the places sees beside the network.
        """
        with self._lock, self._gate():
            networks = self._networks()
            if len(networks) >= self.most:
                raise LimitExceeded("sessions", f"all {self.most} places are taken")
            if sum(_network(record) == network for record in networks.values()) >= self.most_per_network:
                raise LimitExceeded("sessions_per_address", f"one network may have {self.most_per_network} sessions")
            number = next(n for n in range(self.most) if n not in networks)
            record = f"{network}|{note}"
            # Without room on the disk the place is taken all the same: the lock is what counts, the text is lost.
            with contextlib.suppress(OSError):
                os.pwrite(self._file, record.encode()[:RECORD_BYTES].ljust(RECORD_BYTES, b"\0"), _start(number))
            self._change(fcntl.F_WRLCK, _start(number), RECORD_BYTES)
            self._own[number] = record
            return number

    def give_back(self, number: int) -> None:
        """The place is free again. Nothing happens after `close`, which freed it already."""
        with self._lock:
            if self._file < 0:
                return
            self._change(fcntl.F_UNLCK, _start(number), RECORD_BYTES)
            del self._own[number]

    def taken(self) -> int:
        """How many places are taken now, in all processes."""
        with self._lock, self._gate():
            return len(self._networks())

    def records(self) -> dict[int, tuple[str, str]]:
        """The taken places of all processes: {number: (network, note)}."""
        with self._lock, self._gate():
            found = self._networks()
        return {number: (_network(record), record.partition("|")[2]) for number, record in found.items()}

    def close(self) -> None:
        """Free the places of this process and let go of the file; the last call but for `give_back`."""
        with self._lock:
            os.close(self._file)
            self._file = -1

    def _networks(self) -> dict[int, str]:
        """The taken places with their records; the gate is held."""
        networks: dict[int, str] = {}
        for number in range(self.most):
            if number in self._own:
                networks[number] = self._own[number]
            elif self._is_taken_elsewhere(number):
                record = os.pread(self._file, RECORD_BYTES, _start(number))
                networks[number] = record.rstrip(b"\0").decode("utf-8", "replace")
        return networks

    def _is_taken_elsewhere(self, number: int) -> bool:
        question = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _start(number), RECORD_BYTES, 0)
        answer = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, question)
        kind: int = FLOCK.unpack(answer)[0]
        return kind != fcntl.F_UNLCK

    @contextmanager
    def _gate(self) -> Iterator[None]:
        self._change(fcntl.F_WRLCK, 0, 1, wait=True)
        try:
            yield
        finally:
            self._change(fcntl.F_UNLCK, 0, 1)

    def _change(self, kind: int, start: int, length: int, *, wait: bool = False) -> None:
        command = fcntl.F_OFD_SETLKW if wait else fcntl.F_OFD_SETLK
        fcntl.fcntl(self._file, command, FLOCK.pack(kind, os.SEEK_SET, start, length, 0))


def _network(record: str) -> str:
    return record.partition("|")[0]


def _start(number: int) -> int:
    return RECORD_BYTES * (number + 1)
