"""Any interleaving of a session's commands, branches included, leaves the state that a fresh run to that tick has.

Both real machines are driven at random; a second machine, always started afresh, runs the same program with the same
changes at the same ticks and says what is right. The trunk must stay what it was, whatever happens on branches.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine import rooms
from engine.machine import Journal, Limits, Machine
from engine.rooms import SourceFile
from tests.session.test_searches import RealPage

LUA = """
local log, total = {}, 0
local function add(n) total = total + n; log[#log + 1] = total; return total end
local co = coroutine.wrap(function(a) for i = 1, 50 do a = coroutine.yield(add(i) + a) end end)
local name = io.read() or "nobody"
for i = 1, 12 do
  local sum = co(i) % 100
  if i % 4 == 0 then pcall(error, "no " .. i); print(name, i, sum) end
  table.sort({ 3, i, 1 }, function(a, b) return a < b end)
end
"""
X86 = """
    mov sp, 0x8000
    mov dx, 0x3f8
    in al, dx
    mov [0x700], al
    mov cx, 30
again:
    mov bx, cx
    mov [bx + 0x2000], cl
    call work
    loop again
    mov al, [0x700]
    out 0xe9, al
    hlt
work:
    push cx
    mov cx, 3
    mov si, 0x2000
    mov di, 0x2020
    rep movsb
    pop cx
    ret
"""


@dataclass(frozen=True)
class Subject:
    """A program, its machine's options, and what of it can be changed."""

    room: str
    text: str
    conditions: tuple[str, ...]
    target: dict[str, Any]
    values: tuple[dict[str, str], ...]
    cpu: str = "unicorn"

    def fresh(self, journal: list[tuple[str, bytes]]) -> Machine:
        return build(self.room, self.text, self.cpu)(Journal(list(journal)))


@cache
def build(room: str, text: str, cpu: str) -> Any:
    module = rooms.room(room).module
    options = {"cpu": cpu} if room == "x86" else {}
    built: Any = module.build([SourceFile(rooms.room(room).main_file, text)], options)
    return lambda journal: module.start(built, journal, Limits())


LUA_SUBJECT = Subject(
    "lua", LUA, ("", "i > 5", "total >= 6"), {"kind": "slot", "thread": 1, "slot": 6}, ({"t": "integer", "s": "5"},)
)
UNICORN = Subject("x86", X86, ("", "cx < 20"), {"kind": "register", "register": "cx"}, ({"t": "bits", "s": "0003"},))
KVM = Subject(UNICORN.room, X86, UNICORN.conditions, UNICORN.target, UNICORN.values, "kvm")


class Commands(RuleBasedStateMachine):
    """Drives a session at random."""

    subject = LUA_SUBJECT

    def __init__(self) -> None:
        super().__init__()
        self.page = RealPage(self.subject.room, self.subject.text, self.subject.cpu)
        opened = self.page.session._opened
        assert opened is not None
        self.machine, self.timeline = opened.machine, opened.timeline
        self.trunk: dict[int, str] = {}

    def teardown(self) -> None:
        self.page.session.close()

    @initialize()
    def run_to_where_it_asks(self) -> None:
        self.page.do("run")
        assert self.page.do("input", text="q\n")["event"] == "done"
        self.page.do("run")

    @rule(tick=st.integers(0, 700))
    def seek(self, tick: int) -> None:
        self.page.do("seek", tick=min(tick, self.timeline.frontier))

    @rule(count=st.integers(-30, 30))
    def step(self, count: int) -> None:
        self.page.do("step", count=count)

    @rule(command=st.sampled_from(["step_over", "step_out", "continue"]), direction=st.sampled_from([1, -1]))
    def motion(self, command: str, direction: int) -> None:
        assert self.page.do(command, direction=direction)["event"] == "stopped"

    @rule(flags=st.sampled_from([["call"], ["return"], ["output"], ["jump", "exit"]]), to=st.sampled_from([1, -1]))
    def find(self, flags: list[str], to: int) -> None:
        assert self.page.do("find", flags=flags, direction=to)["event"] == "stopped"

    @rule(where=st.integers(0, 12), condition=st.integers(0, 2), hits=st.integers(1, 3))
    def set_breakpoint(self, where: int, condition: int, hits: int) -> None:
        text = self.subject.conditions[condition % len(self.subject.conditions)]
        place = {"where": where, "hits": hits, **({"condition": text} if text else {})}
        self.page.do("breakpoints", places=[place])

    @rule()
    def ask(self) -> None:
        assert self.page.do("writers", target=self.subject.target)["event"] in ("writers", "failed")
        assert self.page.do("summary", buckets=7)["event"] == "summary"

    @precondition(lambda self: len(self.timeline.branches) < 6)
    @rule()
    def edit(self) -> None:
        self.page.do("edit", target=self.subject.target, value=self.subject.values[0])

    @precondition(lambda self: len(self.timeline.branches) < 6)
    @rule(text=st.sampled_from(["a\n", "zz\n"]))
    def give_other_input(self, text: str) -> None:
        self.page.do("input", text=text, branch=True)

    @rule(data=st.data())
    def go_to_branch(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.timeline.branches) - 1))
        assert self.page.do("branch", to=number)["event"] == "stopped"

    @rule()
    def run_on(self) -> None:
        self.page.do("run", to=self.timeline.frontier + 150)

    @invariant()
    def the_state_is_that_of_a_fresh_run(self) -> None:
        position, chain, branch = self.timeline.position, [], self.timeline.branch
        while branch.parent is not None:
            if branch.tick <= position:
                chain.insert(0, branch)
            branch = self.timeline.branches[branch.parent]
        fresh = self.subject.fresh(self.machine.journal.entries)
        for one in chain:
            if "target" in one.change:
                run_to(fresh, one.tick)
                fresh.edit(one.change["target"], as_plain(one.change["new"]))
        run_to(fresh, position)
        assert (fresh.tick, fresh.digest()) == (position, self.machine.digest())
        assert fresh.view() == self.machine.view()
        if self.timeline.branch.number == 0:  # the trunk never changes
            assert self.trunk.setdefault(position, fresh.digest()) == fresh.digest()
        fresh.close()


def run_to(machine: Machine, tick: int) -> None:
    while machine.tick < tick:
        before = machine.tick
        machine.run(tick - machine.tick)
        assert machine.tick > before
    if machine.where is None:
        machine.run(1)


def as_plain(shown: dict[str, str]) -> Any:
    return int(shown["s"], 16) if shown["t"] == "bits" else int(shown["s"])


#: The compiler makes room on the stack for its recursion, and leaves it.
pytestmark = pytest.mark.filterwarnings("ignore:The recursion limit will not be reset")

SETTINGS = settings(max_examples=12, stateful_step_count=18, deadline=None)


class TestLua(Commands.TestCase):
    settings = SETTINGS


class OnUnicorn(Commands):
    subject = UNICORN


class TestUnicorn(OnUnicorn.TestCase):
    settings = SETTINGS


class OnKvm(Commands):
    subject = KVM


@pytest.mark.kvm
@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="/dev/kvm cannot be opened on this host")
class TestKvm(OnKvm.TestCase):
    settings = settings(max_examples=6, stateful_step_count=12, deadline=None)
