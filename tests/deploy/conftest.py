"""Programs from Debian's packages that a site of several servers is made of, started for a test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.live.conftest import DEADLINE_S, free_port, wait_until


def find(name: str) -> str:
    folders = [*sorted(str(p) for p in Path("/usr/lib/postgresql").glob("*/bin")), os.environ["PATH"], "/usr/sbin"]
    path = shutil.which(name, path=":".join(folders))
    assert path, f"{name} is missing: scripts/setup test installs it"
    return path


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs while the block does."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def nginx_configuration(folder: Path, http: str) -> Path:
    """A whole configuration around what belongs inside of `http`, for an nginx that writes in this folder only."""
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(
        f"daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/nginx.log;\n"
        f"events {{}}\nhttp {{ access_log off; {temporary}\n{http}\n}}\n"
    )
    return path


class Redis:
    """A Redis server of its own, which keeps nothing when it ends."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self._folder = folder

    def __enter__(self) -> Redis:
        command = [find("redis-server"), "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with redis.Redis.from_url(self.url) as client:
            wait_until(lambda: self._answers(client), "Redis answers")
        return self

    def __exit__(self, *arguments: object) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_S)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """While the block runs it takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @staticmethod
    def _answers(client: redis.Redis) -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    with Redis(tmp_path) as server:
        yield server
