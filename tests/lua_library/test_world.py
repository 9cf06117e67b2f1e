"""What the library learns of the world comes through the journal, and what it changes lives in the machine's state."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.lua.machine import LuaMachine
from engine.machine import StopReason
from tests.lua_library.running import finish, machine_for, on_ours


def output_of(source: str, **options: object) -> str:
    outcome = on_ours(source.encode(), "world.lua", **options)
    assert outcome.error is None
    return outcome.stdout.decode()


def waiting(source: str) -> LuaMachine:
    """A machine whose journal knows nothing by itself."""
    machine = machine_for(source.encode(), "world.lua")
    machine.journal.source = None
    return machine


def test_reading_waits_for_a_line_and_goes_on_with_it() -> None:
    machine = waiting("print(io.read()) print(io.read('n'), io.read('L')) print(io.read('a') == '', io.read())")
    stop = machine.run(1_000)
    assert (stop.reason, stop.detail) == (StopReason.INPUT, {"channel": "stdin"})
    machine.journal.append("stdin", b"first\n")
    machine.journal.append("stdin", b"12")
    assert machine.run(1_000).reason is StopReason.INPUT
    machine.journal.append("stdin", b"34 rest\n")
    machine.journal.append("stdin", b"")
    stop, stdout, _ = finish(machine)
    machine.close()
    assert stop.reason is StopReason.HALT
    assert stdout == b"first\n1234\t rest\n\ntrue\tnil\n"


def test_pieces_of_input_need_not_be_lines() -> None:
    machine = waiting("print(io.read(3), io.read(4), io.read('l'), io.read(1))")
    for piece in (b"ab", b"cdefgh", b"ij\n", b""):
        machine.journal.append("stdin", piece)
    _, stdout, _ = finish(machine)
    machine.close()
    assert stdout == b"abc\tdefg\thij\tnil\n"


def test_chance_starts_from_the_seed_in_the_journal() -> None:
    source = "local a = math.random(1000000) math.randomseed(1, 2) print(a == math.random(1000000), math.randomseed())"
    assert output_of(source) == "true\t1\t2\n"


def test_program_without_chance_asks_for_no_seed() -> None:
    machine = waiting("math.randomseed(7) print(math.random(100) == math.random(100))")
    stop, _, _ = finish(machine)
    machine.close()
    assert stop.reason is StopReason.HALT
    assert machine.journal.entries == []


def test_time_and_clock_are_the_journals() -> None:
    assert output_of("print(os.time(), os.clock(), os.date('!%F %T'))") == "1763900000\t0.5\t2025-11-23 12:13:20\n"


@pytest.mark.parametrize(("argument", "status"), [("", 0), ("true", 0), ("false", 1), ("3", 3), ("7, true", 7)])
def test_exit_ends_the_program_with_its_status(argument: str, status: int) -> None:
    machine = machine_for(f"print('before') os.exit({argument}) print('after')".encode(), "exit.lua")
    stop, stdout, _ = finish(machine)
    machine.close()
    assert (stop.reason, stop.detail.get("status", 0), stdout) == (StopReason.HALT, status, b"before\n")


def test_files_from_the_host_are_there_in_their_folders() -> None:
    files = [("data/in/numbers.txt", b"1 2 3"), ("pack/age.lua", b"return {name = ..., file = select(2, ...)}")]
    source = """
    print(io.open('data/in/numbers.txt'):read('n', 'n', 'n'))
    print(io.open('./data/../data/in/numbers.txt'):seek('end'))
    print(io.open('data/in/new.txt', 'w') ~= nil, io.open('data/out/new.txt', 'w'))
    print(require('pack.age').name, require('pack.age').file)
    """
    expected = "1\t2\t3\n5\ntrue\tnil\tdata/out/new.txt: No such file or directory\t2\npack.age\t./pack/age.lua\n"
    assert output_of(source, files=files) == expected


def test_going_back_takes_the_files_back_too() -> None:
    machine = machine_for(
        b"local f = io.open('f', 'w') f:write('old') f:close() local x = 1\n"
        b"f = io.open('f', 'w') f:write('new and longer') f:close() print(io.open('f'):read('a'))",
        "files.lua",
    )
    checkpoints = []
    while not machine.run(1).is_final:
        checkpoints.append(machine.save())
    digests = []
    for checkpoint in checkpoints:
        machine.restore(checkpoint)
        stop, stdout, _ = finish(machine)
        digests.append(machine.digest())
        assert stop.reason is StopReason.HALT
        assert stdout in (b"new and longer\n", b"")  # nothing once the print is past
    machine.close()
    assert len(set(digests)) == 1


NESTED = """
local log = {}
local function note(...) log[#log + 1] = table.concat({...}, ":") end
table.sort({5, 3, 8, 1}, function(a, b) note("sort", a, b) return a < b end)
note((string.gsub("a b c", "%w", function(w) note("gsub", w) return w:upper() end)))
local lazy = setmetatable({}, {__len = function() return 3 end, __index = function(_, i) note(i) return "i" .. i end})
note(table.concat(lazy))
note(tostring(setmetatable({}, {__tostring = function() note("tostring") return "shown" end})))
note(string.format("%s", setmetatable({}, {__tostring = function() note("format") return "f" end})))
for a, b in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i, i * i) end end) do note(a, b) end
local closing = setmetatable({}, {__close = function() note("close") end})
note(select("#", pcall(function() local x <close> = closing error("e", 0) end)))
note(load(coroutine.wrap(function() coroutine.yield("return ") coroutine.yield("42") end))())
print(table.concat(log, " "))
"""


def test_program_may_be_stopped_saved_and_restored_at_every_tick_inside_natives() -> None:
    straight = machine_for(NESTED.encode(), "nested.lua")
    _, expected, _ = finish(straight)
    ticks, digest = straight.tick, straight.digest()
    straight.close()
    stepped = machine_for(NESTED.encode(), "nested.lua")
    printed = b""
    for _ in range(ticks + 1):
        stop = stepped.run(1)
        printed += b"".join(e.data["bytes"] for e in stepped.drain_events() if e.kind == "output")
        if stop.is_final:
            break
        stepped.restore(stepped.save())
    assert (printed, stepped.tick, stepped.digest()) == (expected, ticks, digest)
    stepped.close()


def test_hostile_use_of_debug_ends_in_lua_errors_at_worst() -> None:
    source = (Path(__file__).parent / "hostile.lua").read_bytes()
    outcome = on_ours(source, "hostile.lua", memory=64 << 20)
    assert outcome.error is None
    assert outcome.stdout.endswith(b"alive\n")
