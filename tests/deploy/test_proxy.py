"""Hostile and slow clients before nginx with the shipped configuration: what the server promises holds behind it."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import ROOT
from tests.deploy.conftest import find, nginx_configuration, started
from tests.live.conftest import DEADLINE_S, LiveServer, free_port, servers, wait_until
from tests.live.rawclient import RawClient
from tests.live.stand_in import stream_frame


class Proxied:
    """A server behind nginx; `port` is nginx's."""

    def __init__(self, server: LiveServer, folder: Path, stack: ExitStack) -> None:
        self.server, self.port = server, free_port()
        shipped = (ROOT / "deploy" / "nginx.conf").read_text()
        shipped = re.sub(r"\n *server glassbox-2:8000;", "", shipped)
        shipped = shipped.replace("glassbox-1:8000", f"127.0.0.1:{server.port}")
        shipped = shipped.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        stack.enter_context(
            started([find("nginx"), "-c", str(nginx_configuration(folder, shipped)), "-p", str(folder)])
        )
        wait_until(self._answers, "nginx answers")

    def _answers(self) -> bool:
        try:
            return self.get("/health") == 200
        except OSError:
            return False

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def raw(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        connection.sendall(data)
        return connection


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[..., Proxied]]:
    """Starts a server with settings of the test's own, and nginx before it."""
    tmp_path.chmod(0o755)
    with ExitStack() as stack:
        start = stack.enter_context(servers())
        yield lambda **settings: Proxied(start(trusted_proxies=1, **settings), tmp_path, stack)


def test_a_browser_that_does_not_read_is_cut_off(proxied):
    site = proxied(unread_s=1)
    with RawClient(site.port, receive_buffer=4096) as client:
        client.ask("stream", frames=1_000_000, bytes=16384)
        site.server.wait_for_sessions(1)
        site.server.wait_for_sessions(0)


def test_a_slow_reader_gets_every_byte(proxied):
    site = proxied()
    with RawClient(site.port, receive_buffer=4096) as client:
        client.ask("stream", frames=300, bytes=16384)
        for number in range(300):
            assert client.message(piece=3001).payload == stream_frame(number, 16384)


def test_a_reset_in_the_middle_of_a_stream_ends_the_session(proxied):
    site = proxied()
    client = RawClient(site.port, receive_buffer=4096)
    client.ask("stream", frames=1_000_000, bytes=16384)
    client.message()
    client.reset()
    site.server.wait_for_sessions(0)
    assert "Traceback" not in site.server.log


HALF_SENT = {
    "half a head": b"GET / HTTP/1.1\r\nHost: ",
    "half a body": b"POST /api/links HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n{",
}


@pytest.mark.parametrize("case", HALF_SENT)
def test_half_sent_requests_wait_at_the_proxy(proxied, case):
    site = proxied(sessions=1, spare_threads=2, request_s=300)
    slow = [site.raw(HALF_SENT[case]) for _ in range(20)]
    assert site.get("/health") == 200
    for connection in slow:
        connection.close()


def test_nobody_chooses_the_address_that_they_are_counted_by(proxied):
    site = proxied(sockets_per_minute=3)
    statuses = []
    for number in range(4):
        with RawClient(site.port, headers={"X-Forwarded-For": f"192.0.2.{number}"}) as client:
            statuses.append(client.status)
    assert statuses == [101, 101, 101, 429]


@pytest.mark.parametrize("origin", [None, "http://evil.example", "http://127.0.0.1"])
def test_a_page_of_another_origin_is_refused(proxied, origin):
    site = proxied()
    with RawClient(site.port, origin=origin) as client:
        assert client.status == 403
    with RawClient(site.port) as client:
        assert client.status == 101
