"""A visitor's endless recursion ends as on the reference, within the memory that a session has by default."""

from __future__ import annotations

from typing import Any

import pytest

from engine.session import CLOSED, Session


@pytest.mark.parametrize(
    "body", ["function r() r() end r()", "local function s(n) local a, b, c = 1, 2, 3 return 1 + s(n + 1) end s(1)"]
)
def test_endless_recursion_is_a_stack_overflow(body: str) -> None:
    events: list[dict[str, Any]] = []
    never = lambda timeout_s: CLOSED if timeout_s is None else None  # noqa: E731 - nobody sends anything more
    session = Session(events.append, lambda frame: None, never, trace_window=0)
    files = [{"name": "main.lua", "text": body}]
    session.execute({"v": 1, "id": 1, "do": "open", "room": "lua", "files": files})
    session.execute({"v": 1, "id": 2, "do": "run"})
    stopped = events[-1]
    assert (stopped["event"], stopped["reason"]) == ("stopped", "fault"), stopped
    assert "main.lua:1: stack overflow" in str(stopped)
