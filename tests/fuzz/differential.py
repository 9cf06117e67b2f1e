"""Random programs on our machine and on the reference: `python -m tests.fuzz.differential FIRST COUNT`.

Compared are the binary chunk (so the listing) and everything printed, error messages included, but addresses. The
reference runs as one process for all programs (tests/reference/puc_run.c), ours as one machine for each.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from engine.lua.machine import LuaMachine, LuaProgram
from engine.lua.room import with_world
from engine.machine import Journal, Limits, StopReason
from tests.fuzz import lua_library_programs, lua_programs
from tests.reference import puc

NAME = b"@p.lua"
ADDRESS = re.compile(rb": 0x[0-9a-f]+")
END = b"\x01\x02 end of program\n"
LIMITS = Limits(memory_bytes=64 << 20, output_bytes=1 << 24)


class Reference:
    """The reference's two servers: one compiles, one runs."""

    def __init__(self, compiler: puc.PucCompiler, runner: subprocess.Popen[bytes]) -> None:
        self.compiler = compiler
        assert runner.stdin
        assert runner.stdout
        self._input: IO[bytes] = runner.stdin
        self._output: IO[bytes] = runner.stdout

    def printed(self, source: bytes) -> bytes:
        """What a program prints."""
        self._input.write(struct.pack("=I", len(source)) + source)
        self._input.flush()
        lines = []
        while (line := self._output.readline()) and not line.endswith(END):
            lines.append(line)
        return b"".join(lines) + line[: -len(END)]


@contextmanager
def reference() -> Iterator[Reference]:
    """Both servers, ended afterwards."""
    path = puc.program("puc_run", puc.ROOT / "tests" / "reference" / "puc_run.c")
    runner = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        with puc.PucCompiler() as compiler:
            yield Reference(compiler, runner)
    finally:
        assert runner.stdin
        assert runner.stdout
        runner.stdin.close()
        runner.wait()
        runner.stdout.close()


def printed_here(chunk: bytes) -> bytes:
    """What a program prints on our machine; the error that ends it as the reference's server words it."""
    machine = LuaMachine(LuaProgram(chunk, NAME), with_world(Journal()), LIMITS)
    printed: list[bytes] = []
    try:
        while True:
            stop = machine.run(1_000_000)
            printed += [event.data["bytes"] for event in machine.drain_events() if event.kind == "output"]
            if stop.reason == StopReason.FAULT:
                printed.append(b"error: " + str(stop.detail["message"]).encode() + b"\n")
            if stop.is_final:
                return b"".join(printed)
    finally:
        machine.close()


def source_of(seed: int) -> bytes:
    """Every fourth program is one of the plain grammar, the others call the library too."""
    return (lua_library_programs if seed % 4 else lua_programs).program(seed).encode()


def difference(seed: int, there: Reference) -> str | None:
    """What differs for the program of that seed; None if nothing does."""
    source = source_of(seed)
    accepted, expected = there.compiler.compile(source, NAME)
    if not accepted:
        return f"seed {seed}: the reference refuses it: {expected!r}"
    chunk = dump(compile_source(source, NAME))
    if chunk != expected:
        return f"seed {seed}: another binary chunk"
    ours, theirs = (
        ADDRESS.sub(b": address", text).split(b"\n") for text in (printed_here(chunk), there.printed(source))
    )
    for number, (a, b) in enumerate(zip(ours, theirs, strict=False), 1):
        if a != b:
            return f"seed {seed}, line {number}: ours {a!r}, the reference's {b!r}"
    return None if len(ours) == len(theirs) else f"seed {seed}: {len(ours)} lines, the reference {len(theirs)}"


def main(first: int, count: int) -> int:
    """Compare `count` programs; print the differences and a total."""
    found = 0
    with reference() as there:
        for seed in range(first, first + count):
            problem = difference(seed, there)
            if problem:
                found += 1
                Path(f"build/fuzz/different-{seed}.lua").write_bytes(source_of(seed))
                print(problem, flush=True)
            if (seed - first + 1) % 1000 == 0:
                print(f"{seed - first + 1} programs, {found} differ", flush=True)
    print(f"{count} programs, {found} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
