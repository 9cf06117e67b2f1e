"""Programs that try to use up what the server has: each in a worker as visitors get it, each stopped, its past kept.

A program ends by a budget of its machine (instructions, memory, output, work), or by an error of its own making; or it
is still running when PATIENCE_S is over. Then it is paused, which stands for the budget of time, and how long that
takes is the figure. Afterwards the session must still answer: a step back, and the recording up to the end. Budgets of
the process itself (processor time, life) end the session with its reason; there the figure is the time after it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from engine.machine import Limits
from engine.worker.client import Closed, Worker, WorkerPool
from engine.worker.frames import BINARY, Frame
from engine.worker.limits import WorkerLimits
from tests.soak.load import processor_s

PATIENCE_S = 2.0
ANSWER_S = 120.0
LIMITS = WorkerLimits(session=Limits(max_ticks=20_000_000, memory_bytes=64 << 20, output_bytes=256 << 10))

#: name: (program, the endings that are right; `pause` is always)
LUA = {
    "endless loop": ("while true do end", {"limit"}),
    "a string that doubles": ('local s = "x" while true do s = s .. s end', {"limit"}),
    "a huge string at once": ('return ("x"):rep(1e9)', {"limit"}),
    "a table that grows": ("local t = {} while true do t[#t + 1] = {} end", {"limit"}),
    "a table of tables": ("local t = {} for i = 1, 1e9 do t[i] = {i, {i}} end", {"limit"}),
    "output without end": ('while true do print(("x"):rep(1000)) end', {"limit"}),
    "recursion without end": ("local function f() return 1 + f() end f()", {"fault", "limit"}),
    "tail calls without end": ("local function f() return f() end f()", {"limit"}),
    "a pattern that backtracks": ('("a"):rep(40):find(("a?"):rep(40) .. ("a"):rep(40))', {"limit", "halt"}),
    "patterns in patterns": ('("x"):rep(3000):find((".-"):rep(8) .. "y")', {"limit", "halt"}),
    "gsub that grows": ('local s = "x" while true do s = s:gsub("x", "xxxxxxxx") end', {"limit"}),
    "a million coroutines": ("local t = {} for i = 1, 1e7 do t[i] = coroutine.create(print) end", {"limit"}),
    "coroutines in coroutines": ("local function f() coroutine.wrap(f)() end f()", {"fault", "limit"}),
    "finalizers that make finalizers": (
        "local function f() setmetatable({}, {__gc = f}) end f() while true do local x = {} end",
        {"limit"},
    ),
    "a comparator that lies": (
        "local t = {} for i = 1, 5000 do t[i] = i end while 1 do pcall(table.sort, t, function() return true end) end",
        {"limit"},
    ),
    "goto for ever": ("::a:: goto b ::b:: goto a", {"limit"}),
    "error handlers that fail": (
        "local function h() error('x') end while true do xpcall(error, h) end",
        {"limit"},
    ),
    "__index without end": (
        "local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. 1] end print(t.x)",
        {"fault", "limit"},
    ),
    "concat of much": (
        'local t = {} for i = 1, 1e6 do t[i] = ("x"):rep(100) end print(#table.concat(t))',
        {"limit"},
    ),
    "load of ever more": ('local s = "return 1" while true do s = s .. " + 1" load(s) end', {"limit", "fault"}),
    "unpack of much": ("table.unpack({}, 1, 1e8)", {"fault", "limit"}),
    "a format that is wide": ('while true do string.format("%99.99f", 1e308) end', {"limit"}),
    "files that grow": (
        'local f = io.open("x", "w") while true do f:write(("x"):rep(100000)) end',
        {"limit", "fault"},
    ),
    "collecting for ever": ("while true do collectgarbage() end", {"limit"}),
}
ASM = {
    "jump to itself": ("again: jmp again", {"limit"}),
    "halt without interrupts": ("cli\nhlt", {"halt", "fault"}),
    "halt, again and again": ("again: hlt\njmp again", {"limit", "halt"}),
    "stores over all memory": ("again: mov cx, 0xffff\nxor di, di\nrep stosb\njmp again", {"limit", "fault", "halt"}),
    "ports without end": ("again: in al, 0x60\nout 0x80, al\njmp again", {"limit", "input"}),
    "an undefined instruction": ("ud2", {"fault", "halt", "limit"}),
    "it writes itself": ("again: inc byte [patch + 1]\npatch: mov al, 0\njmp again", {"limit"}),
    "an interrupt without a handler": ("int 0x77", {"fault", "halt", "limit"}),
    "a stack that falls through memory": ("again: push ax\njmp again", {"limit", "fault"}),
}
#: Programs against budgets of the process: (limits, program, reason)
PROCESS = {
    "processor time": (WorkerLimits(cpu_s=2, session=Limits(max_ticks=1 << 60)), "while true do end", "limit"),
    "the life of a session": (WorkerLimits(wall_s=2, session=Limits(max_ticks=1 << 60)), "while true do end", "limit"),
}


@dataclass(frozen=True)
class Ending:
    """How a program ended: its reason, seconds after its budget, and what was wrong (nothing, if it is empty)."""

    reason: str
    after_s: float
    wrong: str = ""


class Run:
    """One program in a worker of its own."""

    def __init__(self, worker: Worker, room: str, text: str, options: dict[str, str]) -> None:
        self.worker = worker
        self.number = 0
        name = "main.lua" if room == "lua" else "main.asm"
        files = [{"name": name, "text": text}]
        opened = self.ask("open", room=room, files=files, options=options)
        if opened["event"] != "opened":
            raise AssertionError(opened)

    def command(self, do: str, **arguments: Any) -> int:
        """Send a command; its number."""
        self.number += 1
        self.worker.send(json.dumps({"v": 1, "id": self.number, "do": do, **arguments}).encode())
        return self.number

    def event(self, number: int, timeout_s: float) -> dict[str, Any] | None:
        """The event that answers a command; None when it does not come in time. AssertionError at the session's end."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            frame = self.worker.receive(left)
            if isinstance(frame, Closed):
                raise AssertionError(f"the session ended: {frame}")
            if frame is None:
                continue
            if frame.kind == BINARY:
                self.worker.send(b'{"v": 1, "id": -1, "do": "credit", "frames": 1}')
                continue
            event: dict[str, Any] = json.loads(frame.payload)
            if event["re"] == number and event["event"] not in ("progress", "output", "exit", "grew"):
                return event
        return None

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        event = self.event(self.command(do, **arguments), ANSWER_S)
        assert event is not None, f"no answer to {do}"
        return event


def reason_of(stopped: dict[str, Any]) -> str:
    """Why a run is over."""
    ended = stopped.get("ended")
    return str(ended["reason"] if ended else stopped.get("reason", stopped["event"]))


def end_of(run: Run, right: set[str]) -> Ending:
    """Run the program to its end, or pause it when the time is over; then see that its past is there."""
    number = run.command("run")
    stopped = run.event(number, PATIENCE_S)
    after_s = 0.0
    if stopped is None:
        began = time.monotonic()
        run.command("pause")
        stopped = run.event(number, ANSWER_S)
        after_s = time.monotonic() - began
    if stopped is None or stopped["event"] == "failed":
        return Ending("none", after_s, str(stopped)[:200])
    reason = reason_of(stopped)
    back = run.ask("step", count=-1)
    if stopped["tick"] > 0 and (back["event"] != "stopped" or back["tick"] != stopped["tick"] - 1):
        return Ending(reason, after_s, f"no step back: {str(back)[:200]}")
    if reason not in right | {"pause"}:
        return Ending(reason, after_s, f"ended by {reason}: {str(stopped.get('ended') or stopped['detail'])[:200]}")
    return Ending(reason, after_s)


def all_programs() -> Iterator[tuple[str, str, str, set[str], dict[str, str]]]:
    """(name, room, text, right endings, options)."""
    for name, (text, right) in LUA.items():
        yield name, "lua", text, right, {}
    for name, (text, right) in ASM.items():
        for cpu in ("auto", "unicorn"):
            yield f"{name} ({cpu})", "x86", f"bits 16\n{text}\n", right, {"cpu": cpu}


def process_ending(limits: WorkerLimits, text: str, right: str) -> Ending:
    """A program that its process's own budget ends: of processor time if that is the smaller one, else of its life."""
    by_processor = limits.cpu_s < limits.wall_s
    with WorkerPool(limits) as pool, pool.start() as worker:
        began = time.monotonic()
        run = Run(worker, "lua", text, {})
        run.command("run")
        spent = 0.0
        while not isinstance(answer := worker.receive(0.05), Closed):
            spent = processor_s([worker.pid]) if by_processor else time.monotonic() - began
            if isinstance(answer, Frame) and answer.kind == BINARY:
                worker.send(b'{"v": 1, "id": -1, "do": "credit", "frames": 1}')
    after_s = max(0.0, spent - (limits.cpu_s if by_processor else limits.wall_s))
    return Ending(answer.reason, after_s, "" if answer.reason == right else f"{answer}")


def hostile_programs(only: set[str] | None = None) -> dict[str, Any]:
    """Run them all; the report."""
    endings: dict[str, Ending] = {}
    with WorkerPool(LIMITS) as pool:
        pool.warm()
        for name, room, text, right, options in all_programs():
            if only is not None and name not in only:
                continue
            try:
                with pool.start() as worker:
                    endings[name] = end_of(Run(worker, room, text, options), right)
            except AssertionError as error:
                endings[name] = Ending("none", 0.0, str(error)[:300])
    for name, (limits, text, right_reason) in PROCESS.items():
        if only is None or name in only:
            endings[name] = process_ending(limits, text, right_reason)
    return {
        "programs": len(endings),
        "stopped": sum(not ending.wrong for ending in endings.values()),
        "slowest_s": round(max((ending.after_s for ending in endings.values()), default=0.0), 2),
        "wrong": {name: ending.wrong for name, ending in endings.items() if ending.wrong},
        "endings": {name: [ending.reason, round(ending.after_s, 2)] for name, ending in endings.items()},
    }
