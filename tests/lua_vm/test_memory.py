"""Memory: the limit, what a program can do about it, what an idle machine takes, what comes back."""

from __future__ import annotations

import pytest

from engine.machine import StopReason
from tests.lua_vm import snippets

GROWING = b"local t = {} for i = 1, 1e9 do t[i] = {} end"


def test_an_idle_machine_takes_less_than_half_a_megabyte() -> None:
    subject = snippets.machine_of(b"")
    assert sum(length for _, length in subject._ranges()) < 512 << 10


def test_a_program_that_takes_too_much_ends_with_the_memory_limit() -> None:
    stop = snippets.machine_of(GROWING, memory=4 << 20).run(1 << 40)
    assert stop.reason is StopReason.LIMIT
    assert stop.detail == {"limit": "memory", "message": "not enough memory"}


@pytest.mark.parametrize(
    "attempt",
    [
        b"local t = {} for i = 1, 1e9 do t[i] = {} end",
        b"local s = 'x' while true do s = s .. s end",
        b"local s = ('x'):rep(1 << 22)",
        b"local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
        b"local c = {} for i = 1, 1e9 do c[i] = coroutine.create(print) end",
        b"local f f = function(n) local t = {n} return f(n + 1) + #t end f(1)",
        b"local t = {__len = function() return 1 << 40 end, __index = function() return 'x' end} "
        b"return table.concat(setmetatable(t, t))",
    ],
)
def test_the_program_can_catch_the_lack_of_memory_and_go_on(attempt: bytes) -> None:
    source = b"print(pcall(function() " + attempt + b" end)) local t = {} for i = 1, 1000 do t[i] = {i} end print(#t)"
    written = snippets.run(snippets.machine_of(source, memory=4 << 20))
    assert written.stdout in (b"false\tnot enough memory\n1000\n", b"false\ttest.lua:1: stack overflow\n1000\n")


def test_garbage_is_reused_so_that_a_long_run_fits() -> None:
    source = b"for i = 1, 200000 do local t = {i, tostring(i), function() return i end} end print('done')"
    assert snippets.run(snippets.machine_of(source, memory=2 << 20)).stdout == b"done\n"


def test_large_blocks_that_are_freed_leave_the_saved_state() -> None:
    subject = snippets.machine_of(
        b"do local s = ('x'):rep(8 << 20) end for i = 1, 100 do end "
        b"collectgarbage() collectgarbage() for i = 1, 100 do end"
    )
    sizes = []
    while not subject.run(50).is_final:
        sizes.append(sum(length for _, length in subject._ranges()))
    assert max(sizes) > 8 << 20
    assert sizes[-1] < max(sizes) * 2 // 3


def test_two_runs_collect_at_the_same_ticks() -> None:
    source = b"local t = {} for i = 1, 3000 do t[i % 50] = {i, 'v' .. i} end"
    histories = []
    for _ in range(2):
        subject = snippets.machine_of(source)
        history = []
        while not subject.run(100).is_final:
            history.append((subject.tick, int(subject._lib.machine_collections(subject._machine)), subject.digest()))
        histories.append(history)
    assert histories[0] == histories[1]
    assert histories[0][-1][1] >= 3
