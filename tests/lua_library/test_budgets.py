"""No native works for long without giving the host a chance to stop it: its work is charged inside its loops."""

from __future__ import annotations

from typing import Any

import pytest

from engine.machine import Stop, StopReason
from engine.timeline import Timeline
from tests.lua_library.running import finish, machine_for

LONG = "local s = string.rep('abc ', 250000)"  # a million bytes
TABLE = "local t = {} for i = 1, 100000 do t[i] = (i * 7919) % 100003 end"
WORK_BYTES = 40_000

#: What to prepare, and the one call that must let the host look in.
CALLS = {
    "rep": ("", "string.rep('x', 1000000)"),
    "rep with a separator": ("", "string.rep('x', 300000, ', ')"),
    "byte": (LONG, "s:byte(1, 500000)"),
    "char": (TABLE, "pcall(string.char, table.unpack(t, 1, 90000))"),
    "reverse": (LONG, "s:reverse()"),
    "upper": (LONG, "s:upper()"),
    "sub": (LONG, "s:sub(2)"),
    "plain find": (LONG, "s:rep(2):find('abd', 1, true)"),
    "find that backtracks": ("", "('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))"),
    "find that backtracks over captures": (LONG, "s:find('(.-)(.-)(.-)x$')"),
    "match": (LONG, "s:match('.-x')"),
    "balanced match": (LONG, "s:match('%ba\\0')"),
    "frontier": (LONG, "s:match('%f[x]x')"),
    "gsub with a template": (LONG, "s:gsub('%w', '%0%0')"),
    "gsub with a table": (LONG, "s:gsub('%w', {a = 'b'})"),
    "gmatch": (LONG, "s:gmatch('x')()"),
    "format": (LONG, "('%s'):format(s)"),
    "quoted format": (LONG, "('%q'):format(s)"),
    "long template of format": (LONG, "s:format()"),
    "pack": (LONG, "string.pack('s', s)"),
    "pack of padding": ("", "string.pack('c1000000', 'x')"),
    "packsize": ("local f = ('i4'):rep(100000)", "string.packsize(f)"),
    "unpack": ("local f = ('b'):rep(90000) local s = f", "string.unpack(f, s)"),
    "unpack of zero strings": (LONG + " s = s .. '\\0'", "string.unpack('z', s)"),
    "utf8.len": (LONG, "utf8.len(s)"),
    "utf8.codepoint": (LONG, "utf8.codepoint(s, 1, 90000)"),
    "utf8.offset": (LONG, "utf8.offset(s, 900000)"),
    "utf8.char": (TABLE, "utf8.char(table.unpack(t, 1, 90000))"),
    "table.concat": (TABLE, "table.concat(t, ',')"),
    "table.insert": (TABLE, "table.insert(t, 1, 0)"),
    "table.remove": (TABLE, "table.remove(t, 1)"),
    "table.move": (TABLE, "table.move(t, 1, 100000, 2)"),
    "table.unpack": (TABLE, "table.unpack(t)"),
    "table.pack": (TABLE, "table.pack(table.unpack(t))"),
    "table.sort": (TABLE, "table.sort(t)"),
    "tonumber": (LONG, "tonumber(s, 36)"),
    "write": (LONG + " local f = io.tmpfile()", "f:write(s)"),
    "read": (LONG + " local f = io.tmpfile() f:write(s) f:seek('set')", "f:read('a')"),
    "read of a line": (LONG + " local f = io.tmpfile() f:write(s) f:seek('set')", "f:read('l')"),
    "load": ("local s = ('x = 1 '):rep(1000)", "load(s)"),
    "load with a reader": (
        "local s, n = ('x = 1 '):rep(100), 0",
        "load(function() n = n + 1 return n < 20 and s or nil end)",
    ),
    "load of a chunk by a reader": (
        "local d = string.dump(load('return ' .. ('1.5 + x + '):rep(20000) .. '1')) local n = 0",
        "load(function() n = n + 1 return n == 1 and d or nil end)",
    ),
    "tostring of a long string": (LONG, "tostring(setmetatable({}, {__tostring = function() return s:lower() end}))"),
    "comparison of long strings": (LONG + " local z = s .. 'x'", "z < s .. 'y'"),
    "concatenation": (LONG, "s .. s"),
    "os.date": ("local f = ('%c'):rep(20000)", "os.date(f)"),
    "package.searchpath": ("local p = ('?;'):rep(40000)", "package.searchpath('x', p)"),
    "tonumber of a long numeral": ("local s = ('1'):rep(1000000)", "tonumber(s)"),
    "f:lines": (LONG + " local f = io.tmpfile() f:write(s) f:seek('set')", "f:lines()()"),
    "f:seek and write over a gap": ("local f = io.tmpfile() f:seek('set', 1000000)", "f:write('x')"),
    "rawequal of long strings": (LONG + " local z = s .. 'x'", "rawequal(z, s .. 'y')"),
    "string.dump": ("local f = load('return ' .. ('1.5 + x + '):rep(20000) .. '1')", "string.dump(f)"),
}


class CountingCore:
    """The C core, counting how often a native gave the host a chance to stop it."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lib, name)

    def machine_run(self, *arguments: Any) -> int:
        reason = self._lib.machine_run(*arguments)
        self.looks += reason == self._lib.EXIT_WORK
        return reason


def run_with_small_budget(setup: str, expression: str) -> tuple[Stop, int]:
    """How the call ended, and how often the host could look in. The set-up runs with the usual budget."""
    source = f"{setup}\nio.read()\nlocal result = {expression}\n".encode()
    machine = machine_for(source, "budget.lua", stdin=b"")
    answers = machine.journal.source
    machine.journal.source = None
    try:
        stop = machine.run(50_000_000)
        while stop.reason is StopReason.BUDGET:  # so it does in a long set-up, too
            stop = machine.run(50_000_000)
        assert stop.reason is StopReason.INPUT
        machine.journal.source = answers
        core = machine._lib = CountingCore(machine._lib)
        core.machine_set_work_budget(machine._machine, WORK_BYTES)
        stop = machine.run(50_000_000)
        while stop.reason is StopReason.BUDGET:  # the machine comes back early from long work
            stop = machine.run(50_000_000)
        return stop, core.looks
    finally:
        machine.close()


@pytest.mark.parametrize("call", CALLS)
def test_native_lets_the_host_look_in(call: str) -> None:
    stop, looks = run_with_small_budget(*CALLS[call])
    assert stop.is_final
    assert looks > 0


def test_a_text_too_large_for_the_compiler_is_an_error_of_memory() -> None:
    source = b"local s = ('x = 1 '):rep(200000) print(load(s)) print(#s > 1 << 20, load(s:sub(1, 6000)) ~= nil)"
    machine = machine_for(source, "huge.lua", memory=128 << 20)
    stop, stdout, _ = finish(machine)
    machine.close()
    assert stop.reason is StopReason.HALT
    assert stdout == b"nil\tnot enough memory\ntrue\ttrue\n"


def test_endless_native_is_stopped_with_a_limit() -> None:
    stop, _ = run_with_small_budget("", "('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))")
    assert (stop.reason, stop.detail["limit"]) == (StopReason.LIMIT, "work")


def test_after_an_endless_native_every_tick_can_be_gone_back_to() -> None:
    source = b"local n = 0 for i = 1, 1000 do n = n + i end\n('a'):rep(40):find(('a?'):rep(40) .. ('a'):rep(40))"
    machine = machine_for(source, "endless.lua")
    machine._lib.machine_set_work_budget(machine._machine, WORK_BYTES)
    timeline = Timeline(machine)
    stop = timeline.run_forward()
    while stop.reason is StopReason.BUDGET:
        stop = timeline.run_forward()
    assert (stop.reason, stop.detail["limit"]) == (StopReason.LIMIT, "work")
    assert timeline.frontier == machine.tick > 2000
    timeline.seek(timeline.frontier - 30)
    assert machine.tick == timeline.frontier - 30
    register = machine.view()["threads"][0]["frames"][-1]["registers"][0]
    assert (register["name"], register["value"]["s"]) == ("n", "493521")  # the sum of 1 to 993
    machine.close()
