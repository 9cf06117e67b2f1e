"""One program on the reference interpreter and on ours: what it printed and how it ended."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.machine import Journal, Limits, Stop, StopReason
from tests.reference.puc import puc_lua

ADDRESS = re.compile(rb"0x[0-9a-f]+")
#: Ticks between two looks at the output, and how often that may happen.
SLICE, SLICES = 50_000_000, 100


@dataclass(frozen=True)
class Outcome:
    """What a run printed, addresses masked, and the uncaught error (None: it ended well)."""

    stdout: bytes
    stderr: bytes
    error: bytes | None


def on_reference(source: bytes, name: str, folder: Path, stdin: bytes = b"") -> Outcome:
    """Run the program as file `name` in `folder` with the reference."""
    (folder / name).write_bytes(source)
    world = {"PATH": os.environ.get("PATH", "/bin"), "LC_ALL": "C", "TZ": "UTC"}  # as ours is
    command = [puc_lua(), name]
    done = subprocess.run(command, cwd=folder, input=stdin, env=world, capture_output=True, timeout=60, check=False)
    error = None
    if done.returncode:
        error = done.stderr.split(b"\nstack traceback:")[0].partition(b": ")[2]
    return Outcome(ADDRESS.sub(b"PTR", done.stdout), ADDRESS.sub(b"PTR", done.stderr), error)


def machine_for(
    source: bytes, name: str, *, files: Iterable[tuple[str, bytes]] = (), stdin: bytes = b"", memory: int = 256 << 20
) -> LuaMachine:
    """Our machine before the program's first instruction; its standard input is the lines of `stdin`."""
    lines = [*stdin.splitlines(keepends=True), b""]
    answers = {"seed": b"1 2", "time": b"1763900000", "clock": b"0.5"}

    def source_of(channel: str) -> bytes:
        if channel == "stdin":
            return lines.pop(0) if len(lines) > 1 else lines[0]
        return answers[channel]

    chunk_name = b"@" + name.encode()
    program = LuaProgram(
        dump(compile_source(file_text(source), chunk_name)),
        chunk_name,
        (name.encode(),),
        tuple((path.encode(), content) for path, content in files),
    )
    return LuaMachine(program, Journal(source=source_of), Limits(memory_bytes=memory, output_bytes=64 << 20))


def finish(machine: LuaMachine) -> tuple[Stop, bytes, bytes]:
    """Run to the end: the last stop, and both output streams."""
    streams = {"stdout": bytearray(), "stderr": bytearray()}
    while machine.tick < SLICES * SLICE:  # the machine comes back early from long work of a native
        stop = machine.run(SLICE)
        for event in machine.drain_events():
            if event.kind == "output":
                streams[event.data["stream"]] += event.data["bytes"]
        if stop.reason is not StopReason.BUDGET:
            return stop, bytes(streams["stdout"]), bytes(streams["stderr"])
    raise AssertionError("the program does not end")


def on_ours(
    source: bytes, name: str, *, files: Iterable[tuple[str, bytes]] = (), stdin: bytes = b"", memory: int = 256 << 20
) -> Outcome:
    """Run the program as file `name` on our machine."""
    machine = machine_for(source, name, files=files, stdin=stdin, memory=memory)
    try:
        stop, stdout, stderr = finish(machine)
    finally:
        machine.close()
    error = None if stop.reason is StopReason.HALT else stop.detail["message"].encode("utf-8", "surrogateescape")
    return Outcome(ADDRESS.sub(b"PTR", stdout), ADDRESS.sub(b"PTR", stderr), error)
