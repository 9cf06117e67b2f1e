"""Two servers behind nginx, with PostgreSQL and Redis: real programs from Debian's packages, started here."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.__main__ import run
from app.places import Places
from app.replicas import LinkCache, ReplicaPlaces, SharedStore
from app.settings import ROOT, Settings
from app.store import Store
from engine.errors import HostUnavailable, LimitExceeded
from tests.deploy.conftest import Redis, find, nginx_configuration, started
from tests.live.conftest import DEADLINE_S, REAL, LiveServer, free_port, wait_until
from tests.live.rawclient import RawClient


class Postgres:
    """A database server of its own, as an ordinary user: it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._data = folder / "database"
        self._data.mkdir()
        self._user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self._data, self._user)
        self._run([find("initdb"), "-D", str(self._data), "-U", "glassbox", "-A", "trust", "-E", "UTF8", "--no-sync"])
        self.url = f"postgresql://glassbox@127.0.0.1:{self.port}/postgres"
        self.start()

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command, cwd=self._data, user=self._user if os.geteuid() == 0 else None, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        options = f"-p {self.port} -k {self._data} -c listen_addresses=127.0.0.1"
        log = str(self._data / "log")
        self._run([find("pg_ctl"), "-D", str(self._data), "-l", log, "-w", "-o", options, "start"])

    def stop(self) -> None:
        subprocess.run(
            [find("pg_ctl"), "-D", str(self._data), "-m", "immediate", "stop"],
            cwd=self._data,
            user=self._user if os.geteuid() == 0 else None,
            capture_output=True,
            check=False,
        )


class Site:
    """Everything together; `port` is nginx's."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.postgres = Postgres(folder)
        stack.callback(self.postgres.stop)
        redis = stack.enter_context(Redis(folder))
        self.shared = SharedStore(redis.url)
        stack.callback(self.shared.close)
        self.servers = []
        for name in ("one", "two"):
            (folder / name).mkdir()
            server = LiveServer(
                folder / name,
                REAL,
                database_url=self.postgres.url,
                limits_url=redis.url,
                trusted_proxies=1,
                links_per_day=8,
                sessions=8,
                sessions_per_address=6,
            )
            stack.callback(server.stop)
            self.servers.append(server)
        self.port = free_port()
        stack.enter_context(started([find("nginx"), "-c", str(self._nginx(folder)), "-p", str(folder)]))
        wait_until(self._answers, "nginx answers")

    def _nginx(self, folder: Path) -> Path:
        """The configuration that the project ships, with these ports."""
        shipped = (ROOT / "deploy" / "nginx.conf").read_text()
        for number, server in enumerate(self.servers, 1):
            shipped = shipped.replace(f"glassbox-{number}:8000", f"127.0.0.1:{server.port}")
        shipped = shipped.replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        return nginx_configuration(folder, shipped)

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/health")[0] == 200
        except OSError:
            return False

    def request(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if data[:1] == b"{" else {}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.chmod(folder, 0o755)
        yield Site(Path(folder), stack)


def program(text: str) -> dict[str, object]:
    return {"v": 1, "room": "lua", "files": [{"name": "main.lua", "text": text}], "tick": 0}


def test_a_link_stored_through_one_server_is_read_through_the_other(site: Site) -> None:
    status, made = site.request("POST", "/api/links", program("print('世界')"))
    assert status == 201
    for server in site.servers:
        found = json.loads(server.get(f"/api/links/{made['id']}")[1])
        assert found["payload"]["files"][0]["text"] == "print('世界')"


def test_sessions_of_both_servers_run_through_the_proxy(site: Site) -> None:
    clients = [RawClient(site.port) for _ in range(4)]
    for client in clients:
        client.command("open", 1, room="lua", files=[{"name": "main.lua", "text": "print(6 * 7)"}])
        assert client.message().event["event"] == "opened"
        client.command("run", 2)
        seen = []
        while not seen or seen[-1] != "stopped":
            received = client.message()
            seen.append(received.event["event"] if received.opcode == 1 else "frame")
        assert "output" in seen
    assert [server.health()["sessions"] for server in site.servers] == [2, 2]
    for client in clients:
        client.close()
    for server in site.servers:
        server.wait_for_sessions(0)


def test_the_limit_of_links_holds_over_both_servers(site: Site) -> None:
    statuses = [site.request("POST", "/api/links", program(f"print({n})"))[0] for n in range(10)]
    assert statuses.count(201) <= 8
    assert statuses[-1] == 429


def test_counters_are_not_for_the_outside(site: Site) -> None:
    assert site.request("GET", "/metrics")[0] == 404
    assert b"glassbox_sessions" in site.servers[0].get("/metrics")[1]


def test_the_sessions_of_one_address_are_counted_over_both_servers(site: Site) -> None:
    clients = [RawClient(site.port) for _ in range(6)]
    for client in clients:
        client.command("listing", 1)
        assert client.message().event["event"] == "failed"  # nothing is open, but the session is there
    assert sum(server.health()["sessions"] for server in site.servers) == 6
    with RawClient(site.port) as one_more:
        events, close = one_more.until_close()
        assert (events[-1].event["reason"], close.close_code) == ("address", 1013)
    for client in clients:
        client.close()
    for server in site.servers:
        server.wait_for_sessions(0)
    with RawClient(site.port) as again:
        again.command("listing", 1)
        assert again.message().event["event"] == "failed"


def test_a_link_that_was_read_is_read_while_the_database_is_away_and_is_gone_when_deleted(site: Site) -> None:
    store = Store(Settings(database_url=site.postgres.url), LinkCache(site.shared, 600))
    known, other = store.save(program("print('kept')")), store.save(program("print('not read')"))
    assert site.request("GET", f"/api/links/{known.id}")[0] == 200
    site.postgres.stop()
    try:
        assert site.request("GET", f"/api/links/{known.id}")[0] == 200
        assert site.request("GET", f"/api/links/{other.id}")[0] == 503
        assert site.request("POST", "/api/links", program("print('refused')"))[0] in (429, 503)
    finally:
        site.postgres.start()
    assert store.remove(known.id)
    assert {json.loads(server.get(f"/api/links/{known.id}")[1])["error"]["kind"] for server in site.servers} == {
        "not_found"
    }
    store.close()


def test_places_of_a_process_that_died_expire_and_a_redis_that_is_away_turns_nobody_away(
    site: Site, tmp_path: Path
) -> None:
    def places(name: str, ttl_s: int, shared: SharedStore) -> ReplicaPlaces:
        return ReplicaPlaces(Places(tmp_path / name, 8, 8), shared, 3, ttl_s=ttl_s)

    first, second = places("first", 600, site.shared), places("second", 600, site.shared)
    dying = places("dying", 1, site.shared)
    dying._renewing = threading.current_thread()  # as if its process were gone: nobody renews
    dying.take("192.0.2.1")
    number = first.take("192.0.2.2")
    second.take("192.0.2.3")
    wait_until(lambda: can_take(second, "192.0.2.4"), "the place of the dead process is free")
    with pytest.raises(LimitExceeded, match="all 3 places of all servers"):
        first.take("192.0.2.5")
    first.give_back(number)
    assert can_take(second, "192.0.2.5")
    away = places("away", 600, SharedStore(f"redis://127.0.0.1:{free_port()}"))
    assert [away.take("192.0.2.6") for _ in range(8)] == list(range(8))
    for opened in (first, second, dying, away):
        opened.close()
    again = places("again", 600, site.shared)
    assert can_take(again, "192.0.2.7")
    again.close()


def can_take(places: ReplicaPlaces, network: str) -> bool:
    try:
        places.take(network)
    except LimitExceeded:
        return False
    return True


def test_a_server_that_is_away_is_gone_around(site: Site) -> None:
    victim = site.servers[1]
    os.kill(victim.process.pid, signal.SIGSTOP)
    os.kill(victim.process.pid, signal.SIGCONT)
    victim.stop()
    assert {site.request("GET", "/examples")[0] for _ in range(6)} == {200}


def test_the_store_keeps_what_it_acknowledged_when_the_database_dies(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        postgres = Postgres(Path(folder))
        try:
            store = Store(Settings(database_url=postgres.url, data_dir=str(tmp_path)))
            links = [store.save(program(f"print({n})")) for n in range(20)]
            postgres.stop()
            with pytest.raises(HostUnavailable):
                store.save(program("lost"))
            with pytest.raises(HostUnavailable):
                store.load(links[0].id)
            assert not store.is_up()
            postgres.start()
            assert [store.load(link.id) for link in links] == links
            assert store.save(program("again")).id
            settings = Settings(database_url=postgres.url, data_dir=str(tmp_path))
            file = str(tmp_path / "backup.gz")
            assert run(["backup", file], settings) == (0, ["21 links written"])
            other = Settings(data_dir=str(tmp_path / "sqlite"))
            assert run(["restore", file], other) == (0, ["21 of 21 links put back, the others were here"])
            with store.engine.begin() as connection:
                connection.exec_driver_sql("ALTER DATABASE postgres SET default_transaction_read_only = on")
            store.engine.dispose()
            with pytest.raises(HostUnavailable) as refused:
                store.save(program("never"))
            assert "no new links" in str(refused.value.hint)
            assert store.load(links[0].id) == links[0]
            store.close()
        finally:
            postgres.stop()
