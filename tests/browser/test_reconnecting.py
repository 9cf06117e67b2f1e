"""The page keeps its session over lost connections: a relay between the two cuts them."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench
from tests.live.conftest import REAL, LiveServer

pytestmark = pytest.mark.browser

LOOP = "local t, n = {}, 0\nwhile n < 30000 do n = n + 1; t[n % 100] = n end\nprint(n)\n"


class Relay:
    """Passes connections on to a server, until it is told to cut them; `is_open` False: takes no new ones."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.is_open = True
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if not self.is_open:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """End all connections, in the middle of whatever they carry."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.cut()


@pytest.fixture
def relay(server: LiveServer) -> Iterator[Relay]:
    one = Relay(server.port)
    yield one
    one.close()


@pytest.fixture
def through(bench: Callable[..., Bench], relay: Relay) -> Bench:
    one = bench()
    one.base = f"http://127.0.0.1:{relay.port}"
    one.open()
    one.choose_room("lua")
    one.type_program(LOOP)
    one.run()
    return one


def test_a_cut_connection_comes_back_at_the_same_step(through: Bench, relay: Relay) -> None:
    one = through
    one.go_to(12_345)
    frontier = one.frontier
    relay.is_open = False
    relay.cut()
    expect(one.page.locator("#notice")).to_contain_text("Your session is kept; reconnecting")
    relay.is_open = True
    expect(one.page.locator("#notice")).to_be_hidden()
    one.at(12_345)
    one.step(-1)
    one.go_to(54_321)
    assert one.frontier == frontier
    one.errors.clear()  # the browser reports the connections that it could not open


def test_a_connection_that_is_cut_in_the_middle_of_a_run(through: Bench, relay: Relay) -> None:
    one = through
    undisturbed = one.frontier
    one.page.locator("#run").click()
    for _ in range(4):
        relay.cut()
        one.page.wait_for_timeout(30)
    one.ready()
    expect(one.page.locator("#notice")).to_be_hidden()
    one.go_to(54_321)
    assert one.frontier == undisturbed
    expect(one.pane("output")).to_contain_text("30000")
    one.errors.clear()  # the browser reports the connections that it could not open


def test_the_page_comes_back_by_itself_after_the_server_was_restarted(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    server = LiveServer(tmp_path, REAL)
    try:
        one = bench()
        one.base = f"http://127.0.0.1:{server.port}"
        one.open()
        one.choose_room("lua")
        one.type_program(
            "local name = io.read()\nlocal t = {}\nfor n = 1, 900 do t[n % 9] = name .. n end\nprint(name)\n"
        )
        one.page.locator("#run").click()
        one.pane("output").get_by_role("textbox").fill("glass")
        one.pane("output").get_by_role("textbox").press("Enter")
        expect(one.pane("output")).to_contain_text("glass")
        one.ready()
        one.go_to(1234)
        frontier, state = one.frontier, one.pane("state").inner_text()
        server.stop()
        expect(one.page.locator("#notice")).to_contain_text("The server is restarting")
        server.start_again()
        expect(one.page.locator("#notice")).to_be_hidden()
        one.ready()
        one.at(1234)
        assert (one.frontier, one.pane("state").inner_text()) == (frontier, state)
        expect(one.pane("output")).to_contain_text("glass")
        one.step(-1)
        one.page.close()
        one.errors.clear()  # the browser reports the connections that it could not open
    finally:
        server.stop()
