"""Real servers for the tests: gunicorn with the program's own configuration, on a free port."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.settings import ROOT
from tests.live.rawclient import DEADLINE_S, RawClient

STAND_IN = "tests.live.stand_in:create()"
REAL = "app:create_app()"


class LiveServer:
    """One gunicorn. `log` is what it has written so far; `home` its home folder."""

    def __init__(self, folder: Path, application: str, **settings: object) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._log_path = folder / "log"
        self.port = free_port()
        self._open: list[socket.socket] = []
        self.variables = variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GLASSBOX_BIND": f"127.0.0.1:{self.port}",
            "GLASSBOX_DATA_DIR": str(folder / "data"),
            "GLASSBOX_WEB_WORKERS": "1",
            # Tests that want these say so: most want to be told at once, and ask often.
            "GLASSBOX_QUEUE": "0",
            "GLASSBOX_SOCKETS_PER_MINUTE": "0",
            "GLASSBOX_REQUESTS_PER_MINUTE": "0",
        }
        variables.update({f"GLASSBOX_{name.upper()}": str(value) for name, value in settings.items()})
        self._application = application
        self.process = self._launch()
        wait_until(self._answers, "the server answers")

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._log_path.open("a") as log:
            return subprocess.Popen(
                # The program itself and not `-m`: it starts itself again for a reload.
                [str(Path(sys.executable).with_name("gunicorn")), "-c", "app/gunicorn_conf.py", self._application],
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def start_again(self) -> None:
        """After `stop`: a new one on the same port, with the same data."""
        self.process = self._launch()
        wait_until(self._answers, "the server answers")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        return self._log_path.read_text()

    def get(self, path: str, timeout_s: float = DEADLINE_S) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def health(self) -> dict[str, Any]:
        data = json.loads(self.get("/health")[1])
        assert isinstance(data, dict)
        return data

    def web_pids(self) -> list[int]:
        """The web processes: the children of gunicorn's master."""
        pid = self.process.pid
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def resident_bytes(self) -> int:
        """Memory of the web processes."""
        statuses = [Path(f"/proc/{pid}/status").read_text() for pid in self.web_pids()]
        return sum(int(s.split("VmRSS:")[1].split()[0]) << 10 for s in statuses)

    def connect(self, **options: Any) -> RawClient:
        """A WebSocket client; `leave` closes it at the latest."""
        client = RawClient(self.port, **options)
        self._open.append(client.socket)
        return client

    def raw(self, data: bytes) -> socket.socket:
        """A connection on which these bytes were sent; `leave` closes it."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        self._open.append(connection)
        connection.sendall(data)
        return connection

    def leave(self) -> None:
        """Close every client of this server."""
        for connection in self._open:
            connection.close()
        self._open.clear()

    def wait_for_sessions(self, count: int) -> None:
        wait_until(lambda: self.health()["sessions"] == count, f"{count} sessions are open")

    def stop(self) -> None:
        self.leave()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


@contextmanager
def servers() -> Iterator[Callable[..., LiveServer]]:
    """A function that starts servers, which are stopped at the end."""
    started: list[LiveServer] = []
    with tempfile.TemporaryDirectory() as folder:

        def start(application: str = STAND_IN, **settings: object) -> LiveServer:
            place = Path(folder) / str(len(started))
            place.mkdir()
            started.append(LiveServer(place, application, **settings))
            return started[-1]

        try:
            yield start
        finally:
            for server in started:
                server.stop()


@pytest.fixture
def start_server() -> Iterator[Callable[..., LiveServer]]:
    """Starts a server with settings of the test's own: `start_server(idle_s=1)`."""
    with servers() as start:
        yield start


@pytest.fixture(scope="module")
def make_server() -> Iterator[Callable[..., LiveServer]]:
    """As `start_server`, for fixtures that a whole file shares."""
    with servers() as start:
        yield start


@pytest.fixture(scope="session")
def shared_server() -> Iterator[LiveServer]:
    with servers() as start:
        yield start(sessions=24, sessions_per_address=24, ping_s=5)


@pytest.fixture
def server(shared_server: LiveServer) -> Iterator[LiveServer]:
    """A server that tests share; the next test finds it without sessions."""
    yield shared_server
    shared_server.leave()
    shared_server.wait_for_sessions(0)
