"""Servers that share a Redis have one queue: in order of arrival, with the right number, whatever befalls them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from app.places import Places
from app.replicas import ReplicaPlaces, ReplicaQueue, SharedStore
from engine.errors import LimitExceeded
from tests.deploy.conftest import Redis
from tests.live.conftest import LiveServer, servers
from tests.live.rawclient import RawClient

Start = Callable[..., LiveServer]


@pytest.fixture
def start(redis_server: Redis) -> Iterator[Start]:
    """Starts servers of two web processes each that share a Redis."""
    with servers() as start_one:
        yield lambda **settings: start_one(limits_url=redis_server.url, web_workers=2, **settings)


def let_in(server: LiveServer) -> RawClient:
    client = server.connect()
    client.ask("echo")
    assert client.message().event["event"] == "inspected"
    return client


def queued(server: LiveServer) -> tuple[RawClient, int]:
    """A browser that waits, and the number that it was told. Its question is answered once it is in."""
    client = server.connect()
    client.ask("echo")
    return client, number(client)


def number(client: RawClient) -> int:
    event = client.message().event
    assert event["event"] == "queued", event
    return int(event["place"])


def moves_to(client: RawClient, place: int) -> None:
    """At last; on the way there the servers come back one after the other."""
    while number(client) != place:
        pass


def is_let_in(client: RawClient) -> bool:
    return bool(client.message().event["event"] == "inspected")


def kill(server: LiveServer) -> None:
    """End every process of a server at once."""
    victims = [server.process.pid, *server.web_pids()]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()


def test_the_places_of_a_house_are_given_in_order_of_arrival_whichever_server_somebody_waits_at(start):
    a, b = (start(sessions=4, queue=4, sessions_in_all=2) for _ in range(2))
    inside = [let_in(a), let_in(b)]
    waiting = [queued(b), queued(a), queued(b)]
    assert [place for _, place in waiting] == [1, 2, 3]
    first, second, third = (client for client, _ in waiting)
    inside[0].close()  # at a: whoever waits at b comes first
    assert is_let_in(first)
    assert [number(second), number(third)] == [1, 2]
    inside[1].close()
    assert is_let_in(second)
    assert number(third) == 1
    late, place = queued(a)
    assert place == 2
    second.close()
    assert is_let_in(third)
    assert number(late) == 1
    third.close()
    assert is_let_in(late)
    assert (a.health()["queue"], b.health()["queue"]) == (0, 0)


def test_who_leaves_the_queue_makes_way_at_the_other_server(start):
    a, b = (start(sessions=4, queue=4, sessions_in_all=1) for _ in range(2))
    let_in(a)
    (first, _), (second, place) = queued(a), queued(b)
    assert place == 2
    first.close()
    assert number(second) == 1


def test_a_place_that_only_its_own_server_can_give_goes_to_the_first_who_waits_there(start):
    a, b = (start(sessions=1, queue=4) for _ in range(2))
    at_a, _ = let_in(a), let_in(b)
    (_, one), (second, two), (third, three) = queued(b), queued(a), queued(a)
    assert (one, two, three) == (1, 2, 3)
    at_a.close()
    assert is_let_in(second)
    assert number(third) == 2
    second.close()
    assert is_let_in(third)
    assert b.health()["queue"] == 1


def test_who_waits_at_a_server_that_is_killed_holds_nobody_up(start):
    a, b = (start(sessions=4, queue=4, sessions_in_all=1) for _ in range(2))
    inside = let_in(b)
    (_, one), (second, two) = queued(a), queued(b)
    assert (one, two) == (1, 2)
    kill(a)
    assert number(second) == 1
    inside.close()
    assert is_let_in(second)


def test_while_redis_is_away_each_server_has_its_own_queue_and_afterwards_everybody_is_where_they_were(
    start, redis_server
):
    a, b = (start(sessions=1, queue=4, sessions_in_all=2) for _ in range(2))
    inside = [let_in(a), let_in(b)]
    (first, one), (second, two), (third, three) = queued(a), queued(b), queued(a)
    assert (one, two, three) == (1, 2, 3)
    with redis_server_away(redis_server):
        assert [number(second), number(third)] == [1, 2]
        inside[1].close()
        assert is_let_in(second)  # of its own server, without Redis
        late, place = queued(b)
        assert place == 1
    moves_to(late, 3)  # back in one queue, behind those who came before it
    inside[0].close()
    assert is_let_in(first)
    moves_to(third, 1)
    moves_to(late, 2)


def test_a_redis_that_answers_nothing_turns_nobody_away(start, redis_server):
    a = start(sessions=2, queue=4, sessions_in_all=1, requests_per_minute=600, sockets_per_minute=600)
    inside = let_in(a)
    waiting, place = queued(a)
    assert place == 1
    with redis_server.frozen():
        assert is_let_in(waiting)  # this server has room, and nobody says that the others have none
        late, place = queued(a)
        assert place == 1
        inside.close()
        assert is_let_in(late)
        assert a.get("/examples")[0] == 200


@contextlib.contextmanager
def redis_server_away(server: Redis) -> Iterator[None]:
    server.__exit__()
    try:
        yield
    finally:
        server.__enter__()


class Replica:
    """What one web process of a server has of places and queue."""

    def __init__(self, folder: Path, name: str, shared: SharedStore, most_in_all: int, **options: object) -> None:
        self.places = ReplicaPlaces(Places(folder / f"{name}-places", 8, 2), shared, most_in_all, **options)
        self.queue = ReplicaQueue(Places(folder / f"{name}-queue", 8, 2), self.places, shared)


@pytest.fixture
def replica(redis_server: Redis, tmp_path: Path) -> Iterator[Callable[..., Replica]]:
    shared = SharedStore(redis_server.url)
    made: list[Replica] = []

    def make(name: str, most_in_all: int = 1, **options: object) -> Replica:
        made.append(Replica(tmp_path, name, shared, most_in_all, **options))
        return made[-1]

    yield make
    for one in made:
        one.places.close()
    shared.close()


def test_one_network_has_its_limit_in_the_queue_over_all_servers(replica):
    a, b = replica("a"), replica("b")
    mine = a.queue.join("192.0.2.1")
    b.queue.join("192.0.2.1")
    for one in (a, b):
        with pytest.raises(LimitExceeded) as full:
            one.queue.join("192.0.2.1")
        assert full.value.limit == "sessions_per_address"
        one.queue.join("192.0.2.2")
    a.queue.leave(mine)
    b.queue.join("192.0.2.1")
    assert (a.queue.taken(), b.queue.taken()) == (1, 3)


def test_nobody_passes_those_who_wait_and_many_at_once_get_one_place(replica):
    a, b = replica("a"), replica("b")
    inside = a.places.take("192.0.2.1")
    first = b.queue.join("192.0.2.2")
    a.places.give_back(inside)
    with pytest.raises(LimitExceeded, match="others wait"):
        a.places.take("192.0.2.3")
    assert b.queue.turn(first).has_come
    taken: list[int] = []
    refused: list[str] = []

    def take() -> None:
        try:
            taken.append(b.places.take("192.0.2.2", b.queue.entry(first)))
        except LimitExceeded as full:
            refused.append(full.limit)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), refused) == (1, ["sessions"] * 5)


def test_somebody_who_waits_elsewhere_gets_the_place_of_a_session_whose_browser_is_away(replica):
    let_go: list[str] = []
    a = replica("a", make_room=lambda: let_go.append("a"))
    b = replica("b")
    a.places.take("192.0.2.1")
    a.places.renew()
    assert not let_go  # nobody waits
    ticket = b.queue.join("192.0.2.2")
    a.places.renew()
    assert let_go == ["a"]
    b.queue.leave(ticket)
    a.places.renew()
    assert let_go == ["a"]


def test_what_is_left_from_before_the_clock_was_set_back_holds_nobody_up(replica, redis_server):
    a = replica("a")
    with redis.Redis.from_url(redis_server.url) as client:
        day = client.time()[0] + 86_400
        client.zadd("glassbox:sessions", {"left": day})
        client.zadd("glassbox:sessions:192.0.2.1", {"left": day, "behind": day})
        client.zadd("glassbox:queue", {"gone|192.0.2.9|1|0": 1})
        client.zadd("glassbox:queue:leases", {"gone|192.0.2.9|1|0": day})
        client.zadd("glassbox:queue:full", {a.places.server: day})
    a.places.take("192.0.2.1")
    ticket = a.queue.join("192.0.2.1")
    turn = a.queue.turn(ticket)
    assert (turn.before, turn.has_come) == (0, True)


def test_nobody_who_joins_comes_before_somebody_who_waits_though_the_clock_be_set_back(replica, redis_server):
    a, b = replica("a"), replica("b")
    first = a.queue.join("192.0.2.1")
    with redis.Redis.from_url(redis_server.url) as client:
        later = int(client.time()[0] * 1e6 + 600e6)  # as if it had come ten minutes from now
        client.zadd("glassbox:queue", {a.queue.entry(first): later})
    second = b.queue.join("192.0.2.2")
    assert (a.queue.turn(first).before, b.queue.turn(second).before) == (0, 1)
