"""Runs damaged binary chunks that the verifier lets pass: `python -m tests.fuzz.hostile_chunks SEED COUNT`.

A process of its own, since the failure looked for is a crash. Damage is done to the decoded functions (operands,
opcodes, stack sizes, upvalues), so that most of it gets past the decoder.
"""

from __future__ import annotations

import random
import sys

from engine.errors import GlassboxError, ProgramError
from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.lua.proto import Proto
from engine.lua.room import with_world
from engine.lua.undump import undump
from engine.machine import Journal, Limits
from tests.fuzz.lua_programs import program

SOURCE = b"""
local a, b = ...
local t = {1, 2, x = a, [b or 1] = 3}
for i = 1, 30 do t[i] = i * 2 + (a or b or 1) end
for i = 1.0, 3 do t[i] = tostring(i) end
for k, v in pairs(t) do local s = k .. tostring(v); print(s, function() return a, v, t.x end) end
local function f(...) local n = select('#', ...) if n > 3 then return ... end return f(n, ...) end
local function guarded(...)
  local c <close> = setmetatable({}, {__close = print})
  coroutine.yield(f(...))
end
local co = coroutine.wrap(guarded)
print(pcall(co, 1, 2)) print(pcall(co))
goto out do local x = 1; local g = function() x = x + 1 return x end t.y = g() .. "s" end ::out::
print(#t, -#t, not t, t == a, 1 < #t, (a or t)[1], pcall(t.x, t), ("x"):rep(3))
return f(t, f())
"""


def damage(rng: random.Random, main: Proto) -> None:
    """Change one thing somewhere in the functions of a chunk."""
    proto = rng.choice(list(main.preorder()))
    index = rng.randrange(len(proto.code))
    word = proto.code[index]
    roll = rng.random()
    if roll < 0.75:
        position, size = rng.choice(
            ((7, proto.max_stack), (16, proto.max_stack + 1), (24, proto.max_stack + 1), (15, 0))
        )
        word = word & ~(0xFF << position) | rng.randrange(size) << position if size else word ^ 1 << position
    elif roll < 0.9:
        word = word & ~0x7F | rng.randrange(83)
    else:
        word = rng.choice(proto.code)
    proto.code[index] = word & 0xFFFFFFFF
    if rng.random() < 0.1:
        proto.max_stack = rng.randrange(1, 60)
    if proto.upvalues and rng.random() < 0.1:
        upvalue = rng.choice(proto.upvalues)
        upvalue.index, upvalue.in_stack = rng.randrange(8), rng.random() < 0.5


def run(chunk: bytes) -> None:
    """Some ticks of a chunk on a machine with little room; errors of its program are no matter."""
    try:
        limits = Limits(memory_bytes=8 << 20, output_bytes=1 << 16)
        machine = LuaMachine(LuaProgram(chunk, b"@x"), with_world(Journal()), limits)
    except GlassboxError:
        return
    try:
        for _ in range(5):
            if machine.run(20_000).is_final:
                break
    finally:
        machine.close()


def main(seed: int, count: int) -> None:
    """Run `count` chunks that pass the verifier."""
    rng = random.Random(seed)
    sound = [dump(compile_source(text, b"@x")) for text in (SOURCE, SOURCE, program(seed).encode())]
    passed = 0
    while passed < count:
        proto = undump(rng.choice(sound))
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            damage(rng, proto)
        chunk = dump(proto)
        try:
            undump(chunk)
        except ProgramError:
            continue
        passed += 1
        run(chunk)
    print(passed)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
