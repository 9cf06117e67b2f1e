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

from engine.lua.compiler import check_beginning, compile_source
from engine.lua.diagnostics import LuaSourceError
from engine.lua.dump import dump
from engine.lua.machine import core
from engine.lua.room import with_world
from engine.machine import Journal
from tests.fuzz import lua_library_programs, lua_programs
from tests.reference import puc

NAME = b"@p.lua"
ADDRESS = re.compile(rb": 0x[0-9a-f]+")
END = b"\x01\x02 end of program\n"
STDOUT = 1
RECORD = struct.Struct("<QII")
MEMORY, OUTPUT = 64 << 20, 1 << 24


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


class OurMachine:
    """One program on the bare core, without what shows it to people: thousands of machines are to be made."""

    def __init__(self, chunk: bytes) -> None:
        self._lib, self._ffi = core().lib, core().ffi
        self._machine = self._lib.machine_new(MEMORY, OUTPUT)
        assert self._machine != self._ffi.NULL
        refused = self._lib.machine_load(self._machine, chunk, len(chunk), NAME)
        assert not refused, self._request(0)
        self._journal = with_world(Journal())
        self._held: list[bytes] = []
        self._printed: list[bytes] = []

    def close(self) -> None:
        """Free the machine."""
        self._lib.machine_free(self._machine)

    def _request(self, index: int) -> bytes:
        size = self._ffi.new("size_t *")
        data = self._lib.machine_request(self._machine, index, size)
        return b"" if data == self._ffi.NULL else bytes(self._ffi.buffer(data, size[0]))

    def _take_output(self) -> None:
        where = self._ffi.new("uint8_t **")
        size = int(self._lib.machine_output_pending(self._machine, where))
        data, at = bytes(self._ffi.buffer(where[0], size)), 0
        while at < size:
            _, stream, length = RECORD.unpack_from(data, at)
            at += RECORD.size
            if stream == STDOUT:
                self._printed.append(data[at : at + length])
            at += length + -length % 8
        self._lib.machine_output_clear(self._machine)

    def _compile(self) -> None:
        lib = self._lib
        name, text, levels = self._request(0), self._request(1), int(lib.machine_compile_levels(self._machine))
        try:
            if lib.machine_compile_partial(self._machine):
                check_beginning(text, name, levels=levels)
                kind, answer = lib.COMPILE_GO_ON, b""
            else:
                kind, answer = lib.COMPILE_CHUNK, dump(compile_source(text, name, levels=levels))
        except LuaSourceError as error:
            kind, answer = lib.COMPILE_RAISED if error.is_limit else lib.COMPILE_REFUSED, error.raw
        self._held = [answer]
        lib.machine_answer_compile(self._machine, answer, len(answer), kind)

    def printed(self) -> bytes:
        """Run to the end: what it printed, and the error that ended it as the reference's server words it."""
        lib, machine = self._lib, self._machine
        while True:
            reason = lib.machine_run(machine, 1 << 40, 0, self._ffi.NULL)
            self._take_output()
            if reason == lib.EXIT_COMPILE:
                self._compile()
            elif reason == lib.EXIT_JOURNAL:
                entry = self._journal.read(int(lib.machine_journal_count(machine)), self._request(0).decode())
                assert entry is not None
                self._held = [entry]
                lib.machine_answer_journal(machine, entry, len(entry))
            elif reason == lib.EXIT_FAULT:
                return b"".join(self._printed) + b"error: " + self._request(0) + b"\n"
            elif reason in (lib.EXIT_HALT, lib.EXIT_LIMIT):
                return b"".join(self._printed)


def printed_here(chunk: bytes) -> bytes:
    """What a program prints on our machine."""
    machine = OurMachine(chunk)
    try:
        return machine.printed()
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
