"""Searches backwards: who last wrote a local of a Lua program, when that lies 100 million instructions back.

The reference is the same stretch executed by the bare machine, untraced, in the same process.
"""

import time
from itertools import pairwise

from engine.machine import Journal, Limits
from engine.rooms import SourceFile, room
from engine.timeline import Pattern, Search, Timeline
from engine.trace import WriteKind

TICKS = 100_000_000
PROGRAMS = {
    "calls (fib)": "local kept = 1\n"
    "local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end\n"
    "while true do fib(30) end\n",
    "table loop": "local kept = 1\nlocal t, n = {}, 0\nwhile true do n = n + 1; t[n % 1000] = n end\n",
}


def row(title: str, text: str) -> str:
    module = room("lua").module
    machine = module.start(module.build([SourceFile("main.lua", text)], {}), Journal(), Limits())
    bare = time.perf_counter()
    machine.run(TICKS)
    bare = time.perf_counter() - bare
    machine.close()
    machine = module.start(module.build([SourceFile("main.lua", text)], {}), Journal(), Limits())
    timeline = Timeline(machine, max_ticks=TICKS)
    timeline.run_forward()
    frames = machine.view()["threads"][0]["frames"]
    slot = next(r["slot"] for f in frames for r in f.get("registers") or () if r["name"] == "kept")
    polls = []

    def poll() -> bool:
        polls.append(time.perf_counter())
        return False

    begun = time.perf_counter()
    hit, _ = Search(timeline).before([Pattern(kind=WriteKind.SLOT, owner=1, key=slot)], TICKS + 1, poll)
    took = time.perf_counter() - begun
    assert hit is not None
    longest = max(b - a for a, b in pairwise(polls)) * 1000
    machine.close()
    back = TICKS - hit.tick
    return f"| {title} | {back:,} | {bare:.2f} | {took:.2f} | {back / took / 1e6:.0f} | {longest:.0f} |"


def main() -> list[str]:
    return [
        "| program | instructions back | bare run, s | found in, s | M steps/s | longest wait for a pause, ms |",
        "|---|---|---|---|---|---|",
        *(row(title, text) for title, text in PROGRAMS.items()),
    ]
