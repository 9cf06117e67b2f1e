"""Counters of all web processes, and `/metrics`: what Prometheus reads (its text format, version 0.0.4).

Each process counts in a file of its own that all of them map; reading adds the files up. The file of a process that
is gone stays until the server starts again, so that no counter ever falls.
"""

from __future__ import annotations

import contextlib
import ipaddress
import mmap
import os
import struct
import threading
import time
import weakref
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

from flask import Flask, Response, abort, g, request

from app.settings import Settings
from engine.wire import COMMANDS

REASONS = (
    "ended",
    "limit",
    "idle",
    "killed",
    "crashed",
    "shutdown",
    "operator",
    "left",
    "busy",
    "address",
    "host",
    "away",
)
COMMAND_NAMES = tuple(command.name for command in COMMANDS)
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_DOUBLE = struct.Struct("=d")

#: (name, label name, label values, help)
COUNTERS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("glassbox_sessions_started_total", "", (), "Sessions that got a worker."),
    ("glassbox_sessions_resumed_total", "", (), "Times that a browser came back to its session."),
    ("glassbox_sessions_ended_total", "reason", REASONS, "Sessions that are over or were refused, by reason."),
    (
        "glassbox_sessions_over_budget_total",
        "budget",
        ("time", "memory", "processor"),
        "Those that ended because a budget of the session ran out.",
    ),
    ("glassbox_commands_total", "command", COMMAND_NAMES, "Commands handed to workers, by name."),
    ("glassbox_bad_commands_total", "", (), "Commands that were refused."),
    ("glassbox_ticks_total", "", (), "Instructions that workers say they executed, replays included."),
    ("glassbox_frames_total", "kind", ("J", "B"), "Frames relayed to browsers: J events, B parts of a trace."),
    ("glassbox_frame_bytes_total", "kind", ("J", "B"), "Their bytes."),
    ("glassbox_links_stored_total", "", (), "Programs stored as links."),
    ("glassbox_links_read_total", "", (), "Links that were read."),
    ("glassbox_pictures_total", "", (), "Pictures of moments that were drawn."),
    ("glassbox_requests_total", "status", ("1", "2", "3", "4", "5"), "HTTP requests by first digit of the status."),
)
HISTOGRAMS = (
    ("glassbox_request_seconds", "Time of an HTTP request, live sockets not counted."),
    ("glassbox_session_start_seconds", "Time to get a worker for a session."),
    ("glassbox_answer_seconds", "Time from a command handed to a worker to the next frame from it."),
)


def _rows() -> Iterator[tuple[str, str]]:
    """Every number that is kept, as (metric, label in braces or nothing)."""
    for name, label, values, _ in COUNTERS:
        for value in values or ("",):
            yield name, f'{{{label}="{value}"}}' if label else ""
    for name, _ in HISTOGRAMS:
        for bucket in (*BUCKETS_S, "+Inf"):
            yield f"{name}_bucket", f'{{le="{bucket}"}}'
        yield f"{name}_sum", ""
        yield f"{name}_count", ""


#: Where each number is kept. A bucket's number is that of the times which fall into it and into no smaller one.
ROWS = {row: at for at, row in enumerate(_rows())}
#: The same for (counter, value of its label).
COUNTER_ROWS = {
    (name, value): ROWS[(name, f'{{{label}="{value}"}}' if label else "")]
    for name, label, values, _ in COUNTERS
    for value in values or ("",)
}
_LEAST = f'{{le="{BUCKETS_S[0]}"}}'
_FIRST_BUCKETS = {name: ROWS[(f"{name}_bucket", _LEAST)] for name, _ in HISTOGRAMS}
_FRAME_BYTES = {kind: COUNTER_ROWS[("glassbox_frame_bytes_total", kind)] for kind in ("J", "B")}


def _time_steps(name: str, seconds: float) -> tuple[tuple[int, float], ...]:
    """What a time adds to a histogram, as (row, by)."""
    first = _FIRST_BUCKETS[name]
    total = first + len(BUCKETS_S) + 1
    return (first + bisect_left(BUCKETS_S, seconds), 1.0), (total, seconds), (total + 1, 1.0)


def _forget(metrics: Metrics | None) -> None:
    if metrics is not None:
        metrics.forget()


class Metrics:
    """The numbers of this process, made at its first count, and the sums over all. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._numbers: memoryview[float] | None = None
        kept = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _forget(kept()))

    def count(self, name: str, label: str = "", by: float = 1.0) -> None:
        """Add to a counter; `label` is the value of its label. A label that is not in the table is not counted."""
        at = COUNTER_ROWS.get((name, label))
        if at is not None:
            self._add(((at, by),))

    def observe(self, name: str, seconds: float) -> None:
        """Add a time to a histogram."""
        self._add(_time_steps(name, seconds))

    def count_frame(self, kind: str, size: int, answered_s: float | None) -> None:
        """Add a frame that was relayed, and the time since the command that it answers, if it is the first since."""
        steps = ((COUNTER_ROWS[("glassbox_frames_total", kind)], 1.0), (_FRAME_BYTES[kind], float(size)))
        self._add(steps if answered_s is None else (*steps, *_time_steps("glassbox_answer_seconds", answered_s)))

    def _add(self, steps: Iterable[tuple[int, float]]) -> None:
        with self._lock:
            if self._numbers is None:
                self._numbers = self._opened()
            numbers = self._numbers
            for row, by in steps:
                numbers[row] += by

    def _opened(self) -> memoryview[float]:
        """The file of this process; counts stay in its memory where none can be made."""
        size = len(ROWS) * _DOUBLE.size
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(self._folder / f"{os.getpid()}-{time.time_ns()}", "w+b") as file:
                # Room now: writing to mapped memory that a full disk has no room for would kill this process.
                os.posix_fallocate(file.fileno(), 0, size)
                return memoryview(mmap.mmap(file.fileno(), size)).cast("d")
        return memoryview(bytearray(size)).cast("d")

    def forget(self) -> None:
        """This process was forked: it counts in a file of its own, and what its parent held is not its concern."""
        self._numbers = None
        self._lock = threading.Lock()

    def sums(self) -> list[float]:
        """Every row's sum over all processes."""
        size = len(ROWS) * _DOUBLE.size
        sums = [0.0] * len(ROWS)
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            with contextlib.suppress(OSError):
                data = path.read_bytes()
                if len(data) == size:
                    sums = [a + b for a, (b,) in zip(sums, _DOUBLE.iter_unpack(data), strict=True)]
        return sums

    def text(self, gauges: Iterable[tuple[str, str, float]]) -> str:
        """Everything in Prometheus' text format; `gauges` are (name, help, value) as of now."""
        lines = []
        for name, words, value in gauges:
            lines += [f"# HELP {name} {words}", f"# TYPE {name} gauge", f"{name} {value:g}"]
        kinds = [(name, "counter", words) for name, _, _, words in COUNTERS]
        kinds += [(name, "histogram", words) for name, words in HISTOGRAMS]
        sums = self.sums()
        for family, kind, words in kinds:
            lines += [f"# HELP {family} {words}", f"# TYPE {family} {kind}"]
            members = {family} if kind == "counter" else {f"{family}_{part}" for part in ("bucket", "sum", "count")}
            below = 0.0
            for (name, label), at in ROWS.items():
                if name in members:
                    is_bucket = name.endswith("_bucket")
                    below += sums[at] if is_bucket else 0.0
                    lines.append(f"{name}{label} {below if is_bucket else sums[at]:.15g}")
        return "\n".join(lines) + "\n"


def clear(folder: Path) -> None:
    """Forget the counts of the processes of an earlier start."""
    for path in folder.glob("*") if folder.is_dir() else ():
        path.unlink(missing_ok=True)


def install(app: Flask, settings: Settings) -> None:
    """Add `/metrics`, for the networks of the settings, and count the requests."""
    networks = [ipaddress.ip_network(network, strict=False) for network in settings.metrics_for]

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        kept: Metrics = app.extensions["glassbox"].metrics
        kept.count("glassbox_requests_total", str(response.status_code)[:1])
        if request.path != "/live" and "began" in g:
            kept.observe("glassbox_request_seconds", time.monotonic() - g.began)
        return response

    @app.get("/metrics")
    def metrics() -> Response:
        """Counters of all web processes of this server."""
        try:
            address = ipaddress.ip_address(request.remote_addr or "")
        except ValueError:
            abort(404)
        if not any(address in network for network in networks):
            abort(404)
        found = app.extensions["glassbox"]
        sessions = found.sessions
        gauges = (
            ("glassbox_sessions", "Live sessions now.", float(sessions.places.taken())),
            ("glassbox_sessions_limit", "Live sessions that may be open at once.", float(sessions.places.most)),
            ("glassbox_queue", "Browsers that wait for a place.", float(sessions.queue.taken())),
            ("glassbox_store_up", "1 when the database of links answers.", float(found.store.is_up())),
        )
        answer = Response(found.metrics.text(gauges), content_type="text/plain; version=0.0.4; charset=utf-8")
        answer.cache_control.no_store = True
        return answer
