"""A connection may send so many messages a second; a flood is told to rest as long as it takes."""

import pytest

from app import livesocket
from app.livesocket import Allowance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, as one number in a list."""
    now = [100.0]
    monkeypatch.setattr(livesocket, "monotonic", lambda: now[0])
    return now


def test_what_is_too_much_at_once_has_to_rest(clock: list[float]) -> None:
    allowance = Allowance(50)
    allowance.spend(100)
    assert allowance.rest_s() == 0
    allowance.spend(25)
    assert allowance.rest_s() == 0.5
    clock[0] += 0.5
    assert allowance.rest_s() == 0


def test_a_steady_rate_below_the_limit_never_rests(clock: list[float]) -> None:
    allowance = Allowance(50)
    for _ in range(500):
        clock[0] += 1 / 49
        allowance.spend(1)
        assert allowance.rest_s() == 0


def test_silence_saves_up_two_seconds_and_no_more(clock: list[float]) -> None:
    allowance = Allowance(50)
    clock[0] += 1000
    allowance.rest_s()
    allowance.spend(150)
    assert allowance.rest_s() == 1


def test_without_a_limit_nobody_rests(clock: list[float]) -> None:
    allowance = Allowance(0)
    allowance.spend(10_000)
    assert allowance.rest_s() == 0
