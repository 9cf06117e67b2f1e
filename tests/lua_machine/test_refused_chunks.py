"""A chunk that is refused halfway leaves nothing in the listing, and the next one still shows."""

from engine.lua import room
from engine.machine import Journal, Limits, StopReason
from engine.rooms import SourceFile

PROGRAM = """
local dump = string.dump(function() return function() return 42 end end)
for length = 1, #dump - 1 do assert(not load(dump:sub(1, length), "cut", "b")) end
local before = #dump
return assert(load(dump, "whole", "b"))()()
"""


def test_functions_of_refused_chunks_are_not_listed_and_the_whole_one_is() -> None:
    machine = room.start(room.build([SourceFile("main.lua", PROGRAM)], {}), Journal(), Limits())
    wheres: set[int] = set()
    try:
        while True:
            if machine.where is not None:
                wheres.add(machine.where)
            if machine.run(1).is_final:
                break
            machine.listing()
        functions = machine.listing()["functions"]
        assert machine.run(1).reason is StopReason.HALT
        assert len(functions) == 5, [f["name"] for f in functions]
        listed = {row["where"] for f in functions for row in f["rows"]}
        assert wheres <= listed
    finally:
        machine.close()
