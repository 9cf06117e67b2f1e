"""Every command of a session and every event that it answers with, on the toy machine."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import Any

import pytest

from engine.errors import CommandError
from engine.machine import Limits
from engine.rooms import Option, Room
from engine.session import CLOSED, FIRST_CREDIT, MAX_WAITING, Session, SessionOver
from engine.trace import FRAME_TRACE, HEADER, VERSION
from engine.wire import EVENTS
from tests import toy

TOY = Room(
    name="toy",
    module_name="tests.toy",
    title="Toy",
    language="toy",
    main_file="main.toy",
    comment="#",
    panes=(),
    options=(Option("speed", ("slow", "fast")),),
)
FIELDS = {event.name: {name for name, _ in event.fields} for event in EVENTS}
ENDS = {event.name for event in EVENTS if event.ends}


def find_room(name: str) -> Room:
    if name != "toy":
        raise CommandError(f"there is no machine {name!r}")
    return TOY


class Page:
    """The other side of a session: sends commands, keeps what comes back, checks its shape against the table."""

    def __init__(self, **options: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.arriving: deque[object] = deque()
        self.looks = 0
        self.on_look = lambda: None
        self.session = Session(
            self.events.append, self.frames.append, self.next_message, find_room=find_room, **options
        )
        self.number = 0

    def next_message(self, timeout_s: float | None) -> object:
        self.looks += 1
        self.on_look()
        if self.arriving:
            return self.arriving.popleft()
        return None if timeout_s is not None else CLOSED

    def command(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.number += 1
        return {"v": 1, "id": self.number, "do": do, **arguments}

    def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Execute; the event that ends the command."""
        command = self.command(do, **arguments)
        before = len(self.events)
        self.session.execute(json.loads(json.dumps(command)))
        new = self.events[before:]
        for event in new:
            json.dumps(event, allow_nan=False)
            assert set(event) - {"v", "re", "event"} == FIELDS[event["event"]], event
            assert event["v"] == 1
        mine = [event for event in new if event["re"] == command["id"] and event["event"] in ENDS]
        assert len(mine) == 1
        return mine[0]

    def open(self, text: str, **options: Any) -> dict[str, Any]:
        return self.do("open", room="toy", files=[{"name": "main.toy", "text": text}], **options)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def steps(self) -> list[int]:
        """The ticks of all trace frames, checked to be consecutive inside a frame."""
        ticks: list[int] = []
        for frame in self.frames:
            version, kind, _, steps, _, _, first = HEADER.unpack_from(frame)
            assert (version, kind) == (VERSION, FRAME_TRACE)
            assert len(frame) <= 16 << 10
            ticks += range(first, first + steps)
        return ticks


@pytest.fixture
def visitor() -> Page:
    page = Page()
    assert page.open(toy.COUNTDOWN)["event"] == "opened"
    return page


def test_open_answers_listing_view_notice_and_limits() -> None:
    page = Page(limits=Limits(max_ticks=77), trace_window=5)
    opened = page.open("add 0 1\nhalt")
    assert opened["room"] == "toy"
    assert [row["op"] for row in opened["listing"]["functions"][0]["rows"]] == ["add", "halt"]
    assert opened["view"]["tick"] == 0
    assert opened["notice"] is None
    assert opened["limits"] == {
        "max_ticks": 77,
        "memory_bytes": 128 << 20,
        "output_bytes": 256 << 10,
        "trace_window": 5,
    }
    assert page.open("add 0 1\n" * 51)["notice"] == {"key": "toy.long", "args": {"rows": 51}}


def test_a_program_that_does_not_assemble_fails_with_every_diagnostic_and_keeps_the_old_one(visitor: Page) -> None:
    visitor.do("seek", tick=5)
    failed = visitor.open("add 0 1\nfrob\nhalt\nknit 2")
    assert failed["event"] == "failed"
    assert failed["error"]["kind"] == "source"
    assert [d["span"] for d in failed["error"]["diagnostics"]] == [[2, 1, 2, 5], [4, 1, 4, 7]]
    assert visitor.do("step")["tick"] == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"room": "none", "files": [{"name": "a", "text": ""}]}, "no machine"),
        ({"room": "toy", "files": []}, "1 to 32 files"),
        ({"room": "toy", "files": ["text"]}, "a file is"),
        ({"room": "toy", "files": [{"name": "a", "text": 1}]}, "name is a text"),
        ({"room": "toy", "files": [{"name": "a", "text": ""}] * 2}, "same name"),
        ({"room": "toy", "files": [{"name": "a", "text": "x" * 70_000}]}, "longer than 64 KiB"),
        ({"room": "toy", "files": [{"name": "a", "text": ""}], "options": {"warp": "9"}}, "no option 'warp'"),
        ({"room": "toy", "files": [{"name": "a", "text": ""}], "options": {"speed": "9"}}, "slow, fast"),
        ({"room": "toy"}, "needs `files`"),
        ({"room": "toy", "files": [], "more": 1}, "no argument 'more'"),
    ],
)
def test_open_refuses_what_is_malformed(arguments: dict[str, Any], message: str) -> None:
    failed = Page().do("open", **arguments)
    assert failed["event"] == "failed"
    assert message in failed["error"]["message"]


@pytest.mark.parametrize("message", ["not JSON", None, 3, {}, {"v": 2, "id": 1}, {"v": 1, "id": "x", "do": "run"}])
def test_what_is_no_command_fails_without_harm(visitor: Page, message: object) -> None:
    visitor.session.execute(message)
    assert visitor.events[-1]["event"] == "failed"
    assert visitor.events[-1]["error"]["kind"] == "command"
    assert visitor.do("step")["tick"] == 1


@pytest.mark.parametrize("do", ["run", "step", "listing", "continue"])
def test_without_a_program_commands_fail(do: str) -> None:
    assert Page().do(do)["error"]["message"] == "no program is open"


def test_run_streams_the_trace_and_output_and_stops_at_the_end(visitor: Page) -> None:
    stopped = visitor.do("run")
    assert (stopped["event"], stopped["tick"], stopped["frontier"], stopped["reason"]) == (
        "stopped",
        1802,
        1802,
        "halt",
    )
    assert stopped["ended"] == {"reason": "halt", "tick": 1802, "detail": {}}
    assert stopped["view"]["tick"] == 1802
    assert visitor.steps() == list(range(1, 1803))
    assert len(visitor.named("output")) == 200
    assert visitor.named("output")[0] == {
        "v": 1,
        "re": 2,
        "event": "output",
        "tick": 6,
        "stream": "stdout",
        "text": "D",
    }
    visitor.do("seek", tick=3)
    visitor.do("run")
    assert len(visitor.named("output")) == 200
    assert len(visitor.steps()) == 1802


def test_a_notice_that_comes_up_on_the_way_is_told_with_the_next_stop(visitor: Page) -> None:
    assert visitor.do("step")["notice"] is None
    visitor.session._program.machine.program.extend([("halt",)] * 50)
    assert visitor.do("step")["notice"] == {"key": "toy.long", "args": {"rows": 61}}


def test_run_stops_at_the_tick_asked_for(visitor: Page) -> None:
    stopped = visitor.do("run", to=100)
    assert (stopped["tick"], stopped["reason"], stopped["ended"]) == (100, "budget", None)
    assert visitor.do("run", to=50)["tick"] == 100
    assert visitor.do("run", to=-1)["event"] == "failed"


def test_after_its_window_a_run_goes_on_untraced_with_progress() -> None:
    now = iter(range(10**9))
    page = Page(trace_window=300, limits=Limits(max_ticks=20_000), clock=lambda: next(now))
    page.open(toy.FOREVER)
    stopped = page.do("run")
    assert (stopped["tick"], stopped["reason"]) == (20_000, "limit")
    assert stopped["detail"]["limit"] == "ticks"
    assert 300 <= len(page.steps()) <= 940
    frontiers = [event["frontier"] for event in page.named("progress")]
    assert frontiers
    assert frontiers == sorted(frontiers)


def test_the_window_is_a_recordings_not_a_runs() -> None:
    page = Page(trace_window=300, limits=Limits(max_ticks=20_000))
    page.open(toy.FOREVER)
    page.do("run", to=200)
    assert page.steps() == list(range(1, 201))
    page.do("run", to=400)
    assert 300 <= len(page.steps()) <= 940
    streamed = len(page.frames)
    page.do("run", to=2000)
    assert len(page.frames) == streamed


def test_a_run_shows_what_is_worth_a_glance_and_a_search_does_not() -> None:
    now = iter(range(10**9))
    page = Page(trace_window=0, limits=Limits(max_ticks=20_000), clock=lambda: next(now))
    page.open(toy.FOREVER)
    opened = page.session._program
    opened.machine.glance = lambda: {"screen": opened.machine.tick}
    page.do("run")
    seen = [(event["frontier"], event["glance"]["screen"]) for event in page.named("progress")]
    assert seen
    assert all(shown == frontier for frontier, shown in seen)
    page.events.clear()
    page.do("executions", place={"where": 1}, limit=1000)
    page.do("seek", tick=5)
    assert all(event["glance"] is None for event in page.named("progress"))


def test_seek_and_step_move_both_ways_and_say_why_they_stopped(visitor: Page) -> None:
    there, back, on = visitor.do("seek", tick=500), visitor.do("step", count=-3), visitor.do("step")
    assert [there[key] for key in ("tick", "frontier", "reason")] == [500, 500, "seek"]
    assert [back[key] for key in ("tick", "frontier", "reason")] == [497, 500, "step"]
    assert [on[key] for key in ("tick", "frontier", "reason")] == [498, 500, "step"]
    assert visitor.do("step", count=-9999)["tick"] == 0
    assert visitor.do("seek", tick=5000)["reason"] == "halt"
    assert visitor.do("step")["reason"] == "halt"
    assert visitor.do("seek", tick=-1)["event"] == "failed"
    assert visitor.frames == []


def test_stopped_carries_the_flags_of_the_step_that_led_there(visitor: Page) -> None:
    assert [visitor.do("seek", tick=tick)["flags"] for tick in (0, 6, 5, 10, 1802)] == [0, 1, 0, 4096, 0]


def test_breakpoints_on_a_line_stop_at_its_rows_in_both_directions(visitor: Page) -> None:
    answer = visitor.do("breakpoints", places=[{"line": 3}])
    assert answer["places"] == [{"where": 4, "line": 3, "file": "main.toy"}]
    hits = [visitor.do("continue")["tick"] for _ in range(3)]
    assert hits == [4, 13, 22]
    assert visitor.do("continue")["reason"] == "breakpoint"
    assert [visitor.do("continue", direction=-1)["tick"] for _ in range(4)] == [22, 13, 4, 0]
    assert visitor.events[-1]["reason"] == "start"
    visitor.do("breakpoints", places=[])
    assert visitor.do("continue")["reason"] == "halt"
    assert visitor.do("continue", direction=0)["event"] == "failed"


def test_breakpoints_name_rows_or_the_next_line_that_has_code(visitor: Page) -> None:
    places = [{"where": 2}, {"line": 5, "file": "main.toy"}, {"line": 99}, {"where": 12345}, {"line": 1, "file": "x"}]
    answer = visitor.do("breakpoints", places=places)
    assert [(p["where"], p["line"]) for p in answer["places"]] == [(2, 2), (8, 5)]
    for bad in ([3], [{"where": 1, "line": 1}], [{"line": "3"}], [{}], [{"line": 1}] * 1001):
        assert visitor.do("breakpoints", places=bad)["event"] == "failed"


def test_trace_streams_a_recorded_range_and_the_position_stays(visitor: Page) -> None:
    visitor.do("seek", tick=1000)
    assert visitor.do("trace", **{"from": 10, "to": 700})["event"] == "done"
    assert visitor.steps() == list(range(10, 701))
    assert visitor.do("step")["tick"] == 1001
    for first, last in ((0, 5), (5, 4), (1, 1002)):
        assert visitor.do("trace", **{"from": first, "to": last})["event"] == "failed"


def test_listing_and_inspect_answer_at_the_position(visitor: Page) -> None:
    visitor.do("seek", tick=4)
    assert visitor.do("listing")["listing"]["machine"] == "toy"
    answer = visitor.do("inspect", query={"kind": "memory", "address": 37})
    assert (answer["tick"], answer["answer"]) == (4, {"byte": 200})
    assert visitor.do("inspect", query={"kind": "dreams"})["error"]["kind"] == "command"


def test_a_program_that_grew_says_so_once() -> None:
    page = Page()
    page.open("add 0 1\ngrow\nadd 0 1\nhalt")
    page.do("run")
    assert [len(event["listing"]["functions"]) for event in page.named("grew")] == [2]
    page.do("seek", tick=0)
    page.do("run")
    assert len(page.named("grew")) == 1


def test_rows_that_are_discovered_by_looking_are_announced_before_the_answer(visitor: Page) -> None:
    machine = visitor.session._program.machine
    look = machine.view

    def view() -> dict[str, Any]:
        machine.listed = 3
        machine.events.append(toy.Event("program_grew", machine.tick))
        return look()

    visitor.do("seek", tick=50)
    machine.view = view
    visitor.do("seek", tick=10)
    assert [event["event"] for event in visitor.events[-2:]] == ["grew", "stopped"]


def test_input_is_asked_for_given_and_replayed() -> None:
    page = Page()
    page.open("in 1\nin 2\nhalt")
    assert page.do("input", text="early")["event"] == "failed"
    stopped = page.do("run")
    assert (stopped["reason"], stopped["detail"]) == ("input", {"channel": "keys"})
    assert page.do("input", text="")["event"] == "failed"
    assert page.do("input", text="häh", end=True)["event"] == "done"
    assert page.do("input", text="again")["event"] == "failed"
    assert page.do("run")["view"]["registers"][1:3] == [4, 0]


def test_a_fault_keeps_everything_up_to_it() -> None:
    page = Page()
    page.open("add 0 1\nfault boom\nhalt")
    stopped = page.do("run")
    assert (stopped["reason"], stopped["detail"]["message"], stopped["tick"]) == ("fault", "boom", 2)
    assert page.do("step", count=-1)["view"]["registers"][0] == 1


def test_a_limit_of_the_machine_keeps_everything_up_to_it() -> None:
    page = Page(limits=Limits(output_bytes=5))
    page.open(toy.COUNTDOWN)
    stopped = page.do("run")
    assert (stopped["reason"], stopped["detail"]["limit"]) == ("limit", "output")
    assert stopped["ended"]["tick"] == stopped["tick"]
    assert page.do("step", count=-40)["tick"] == stopped["tick"] - 40


def test_output_bytes_that_make_one_character_come_as_one(visitor: Page) -> None:
    visitor.session._on_event(toy.Event("output", 1, {"stream": "serial", "bytes": b"\xe4\xbd"}))
    visitor.session._on_event(toy.Event("output", 2, {"stream": "serial", "bytes": b"\xa0\xff"}))
    assert [(event["tick"], event["text"]) for event in visitor.named("output")] == [(2, "你\\xff")]


# -- while a command is at work ---------------------------------------------------------------------------------------


def test_an_endless_program_pauses_and_stays_usable() -> None:
    page = Page(trace_window=0)
    page.open(toy.FOREVER)
    page.on_look = lambda: page.looks == 10 and page.arriving.append(page.command("pause"))
    stopped = page.do("run")
    assert stopped["reason"] == "pause"
    assert 0 < stopped["tick"] == stopped["frontier"]
    assert page.named("done")[0]["re"] == 3
    assert page.do("step", count=-1)["tick"] == stopped["tick"] - 1


def test_without_credit_the_machine_waits_and_goes_on_when_it_comes() -> None:
    page = Page()
    page.open(toy.FOREVER)
    waited = []

    def grant_when_stuck() -> None:
        if len(page.frames) >= FIRST_CREDIT + 10 * len(waited) and len(waited) < 3:
            waited.append(len(page.frames))
            page.arriving.append(page.command("credit", frames=10))
        elif len(waited) == 3 and len(page.frames) == FIRST_CREDIT + 30:
            page.arriving.append(page.command("pause"))

    page.on_look = grant_when_stuck
    stopped = page.do("run")
    assert waited == [32, 42, 52]
    assert len(page.frames) == FIRST_CREDIT + 30
    assert stopped["reason"] == "pause"
    ticks = page.steps()
    assert ticks == list(range(1, len(ticks) + 1))


def test_credit_outside_its_bounds_is_refused(visitor: Page) -> None:
    for frames in (0, -1, 5000):
        assert visitor.do("credit", frames=frames)["event"] == "failed"
    assert visitor.do("credit", frames=1)["event"] == "done"
    assert visitor.do("pause")["event"] == "done"


def test_other_commands_wait_their_turn_and_are_served_in_order() -> None:
    page = Page(trace_window=0, limits=Limits(max_ticks=5000))
    page.arriving.extend(
        [
            page.command("open", room="toy", files=[{"name": "m", "text": toy.FOREVER}]),
            page.command("run"),
            page.command("seek", tick=7),
            "nonsense",
            page.command("credit", frames=3),
            page.command("step", count=-2),
        ]
    )
    page.session.serve()
    answered = [(event["re"], event["event"], event.get("tick")) for event in page.events if event["event"] in ENDS]
    assert answered[0][:2] == (1, "opened")
    assert set(answered[1:4]) <= {(4, "done", None), (2, "stopped", 5000), (None, "failed", None), (3, "stopped", 7)}
    assert answered[-1] == (5, "stopped", 5)
    assert len(answered) == 6


def test_more_commands_than_may_wait_are_refused_one_by_one() -> None:
    page = Page(trace_window=0, limits=Limits(max_ticks=3000))
    page.open(toy.FOREVER)
    page.arriving.extend(page.command("step") for _ in range(MAX_WAITING + 5))
    page.do("run")
    refused = [event for event in page.named("failed") if "wait already" in event["error"]["message"]]
    assert len(refused) == 5


def test_a_closed_connection_ends_a_command_at_work() -> None:
    page = Page(trace_window=0)
    page.open(toy.FOREVER)
    page.on_look = lambda: page.looks == 5 and page.arriving.append(CLOSED)
    with pytest.raises(SessionOver):
        page.session.execute(page.command("run"))


def test_a_bug_becomes_a_failed_event_of_kind_internal(visitor: Page, caplog: pytest.LogCaptureFixture) -> None:
    visitor.session._program.machine.view = lambda: 1 / 0
    failed = visitor.do("seek", tick=9)
    assert failed["error"]["kind"] == "internal"
    assert "division" not in json.dumps(failed)
    assert "ZeroDivisionError" in caplog.text
    del visitor.session._program.machine.view
    assert visitor.do("seek", tick=9)["tick"] == 9


def test_no_memory_becomes_a_limit_and_the_session_goes_on(visitor: Page) -> None:
    def no_memory(previous: object = None) -> object:
        raise MemoryError

    visitor.do("seek", tick=100)
    machine = visitor.session._program.machine
    machine.save = no_memory
    failed = visitor.do("trace", **{"from": 1, "to": 3})
    assert (failed["error"]["kind"], failed["error"]["limit"]) == ("limit", "memory")
    del machine.save
    assert visitor.do("seek", tick=3)["tick"] == 3


def test_the_toy_is_found_where_the_room_says() -> None:
    assert TOY.module is sys.modules["tests.toy"]


def test_a_seek_answers_with_the_steps_around_and_the_state() -> None:
    page = Page(trace_window=0, limits=Limits(max_ticks=3000))
    page.open(toy.FOREVER)
    page.do("run")
    assert page.frames == []
    stopped = page.do("seek", tick=1000, around=40)
    assert (stopped["event"], stopped["tick"], stopped["view"]["tick"]) == ("stopped", 1000, 1000)
    assert page.steps() == list(range(960, 1041))
    page.frames.clear()
    assert page.do("seek", tick=10, around=40)["tick"] == 10
    assert page.steps() == list(range(1, 51))
    page.frames.clear()
    assert page.do("seek", tick=3000, around=2)["view"]["tick"] == 3000
    assert page.steps() == [2998, 2999, 3000]
    refused = page.do("seek", tick=10, around=10_001)
    assert "`around` of `seek` is 0 to 10000" in refused["error"]["message"]


def test_a_seek_before_anything_ran_has_no_steps_around(visitor: Page) -> None:
    visitor.frames.clear()
    assert visitor.do("seek", tick=0, around=5)["tick"] == 0
    assert visitor.frames == []
