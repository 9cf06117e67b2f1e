"""The Lua programs of `snippets/`, run on our VM; `python -m tests.lua_vm.snippets` is the body of the sanitizer run.

A snippet's first line says what it is about. Each is run with and without a collection at every allocation.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.machine import Journal, Limits, Stop, StopReason

FOLDER = Path(__file__).resolve().parent / "snippets"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.lua")))
#: Programs whose output depends on when collections happen: they count what is still there.
COUNTING = frozenset({"collector", "hooks"})
#: Programs that allocate so much that a collection at every allocation would take minutes.
HEAVY = frozenset({"limits", "calls", "arithmetic", "depths"})
_ADDRESS = re.compile(rb"0x[0-9a-f]+")
_MEMORY = 128 << 20  # a stack overflow (a million frames) takes 80 MiB, as in the reference


@dataclass(frozen=True)
class Outcome:
    """What a program wrote to its two streams (addresses masked), the error's report included."""

    stdout: bytes
    stderr: bytes


def machine(name: str, *, memory: int = _MEMORY) -> LuaMachine:
    """The snippet `name`, loaded, at tick 0."""
    return machine_of((FOLDER / f"{name}.lua").read_bytes(), f"{name}.lua", memory=memory)


def machine_of(source: bytes, file: str = "test.lua", *, memory: int = _MEMORY) -> LuaMachine:
    """The program `source`, loaded, at tick 0."""
    chunk_name = b"@" + file.encode()
    program = LuaProgram(dump(compile_source(source, chunk_name)), chunk_name)
    return LuaMachine(program, Journal(source=lambda channel: b"1 2"), Limits(memory_bytes=memory))


def set_stress(subject: LuaMachine) -> None:
    """From now on every allocation collects first."""
    subject._lib.machine_set_stress(subject._machine, 1)


def outcome(subject: LuaMachine, stop: Stop) -> Outcome:
    """What the machine wrote since it was last asked, with the report that the interpreter would print for `stop`."""
    streams = {"stdout": b"", "stderr": b""}
    for event in subject.drain_events():
        if event.kind == "output":
            streams[event.data["stream"]] += event.data["bytes"]
    if stop.reason is StopReason.FAULT:
        report = "\n".join(filter(None, (stop.detail["message"], stop.detail["traceback"])))
        streams["stderr"] += f"lua: {report}\n".encode()
    return Outcome(*(_ADDRESS.sub(b"PTR", streams[name]) for name in ("stdout", "stderr")))


def run(subject: LuaMachine, budget: int = 1 << 40) -> Outcome:
    """To the end, in runs of `budget` ticks."""
    while not (stop := subject.run(budget)).is_final:
        assert stop.reason is StopReason.BUDGET
    return outcome(subject, stop)


def reference(name: str, lua: Path | str) -> Outcome:
    """The same program on the reference interpreter."""
    done = subprocess.run([lua, f"{name}.lua"], cwd=FOLDER, capture_output=True, check=False, timeout=60)
    stderr = done.stderr.replace(str(lua).encode() + b": ", b"lua: ", 1) if done.returncode else done.stderr
    return Outcome(_ADDRESS.sub(b"PTR", done.stdout), _ADDRESS.sub(b"PTR", stderr))


def main() -> None:
    """Every snippet with a collection at every allocation, cut into short runs, with saves and restores between."""
    chance = random.Random(1)
    for name in NAMES:
        subject = machine(name)
        if name not in HEAVY:
            set_stress(subject)
        begin = saved = subject.save()
        for _ in range(40):
            if subject.run(chance.randrange(1, 200)).is_final:
                break
            if chance.random() < 0.3:
                saved = subject.save(saved)
            elif chance.random() < 0.3:
                subject.restore(saved)
        subject.restore(begin)
        run(subject)
        subject.close()
        print(name, flush=True)


if __name__ == "__main__":
    sys.exit(main())
