"""Fuzzing from source text to the machine: `python -m tests.fuzz.sources SECONDS [SEED]` (`make fuzz-sources`).

Each execution is one text, made by source_mutator.py from a corpus. It goes through the whole front end, which may
answer with a chunk or a LuaSourceError and nothing else; the chunk goes through undump, verifier and machine in the
process of chunk_fuzzer.c under AddressSanitizer and UndefinedBehaviorSanitizer (driven by stream.c). Texts that reach
new code of the core join the corpus.
"""

from __future__ import annotations

import contextlib
import faulthandler
import struct
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from engine.lua.compiler import compile_source
from engine.lua.diagnostics import LuaSourceError
from engine.lua.dump import dump
from tests.fuzz import build, seeds
from tests.fuzz.lua_library_programs import program
from tests.fuzz.source_mutator import MAX_TOKENS, Mutator, join, split
from tests.reference.puc import PucUnavailable, suite_dir

NAME = b"@s"
BATCH = 500
SECONDS_A_BATCH = 600
MAX_LINES_OF_A_SEED = 12


def seed_texts(*, with_suite: bool = True) -> list[bytes]:
    """The first corpus: snippets of the library, generated programs, paragraphs of the reference's own tests."""
    texts = seeds.sources() + [program(seed).encode() for seed in range(40)]
    if with_suite:
        try:
            files = [path.read_bytes() for path in sorted(suite_dir().glob("*.lua")) if path.name != "heavy.lua"]
        except PucUnavailable:
            files = []
        texts += [part for file in files for part in file.split(b"\n\n") if part.count(b"\n") <= MAX_LINES_OF_A_SEED]
    return [text for text in texts if text.strip() and _compiles(text)]


def _compiles(text: bytes) -> bool:
    lines = split(text)
    try:
        compile_source(join(lines), NAME)
    except LuaSourceError:
        return False
    return 0 < sum(map(len, lines)) <= MAX_TOKENS


class Stream:
    """The sanitized core as a process: batches of inputs in, one byte an input back. A context manager."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen([self._binary], stdin=pipe, stdout=pipe, stderr=sys.stderr, env=build.ENVIRONMENT)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, inputs: list[bytes]) -> bytes | None:
        """For each input whether it reached new code; None if the process ended over them (it is started again)."""
        data = struct.pack("=I", len(inputs)) + b"".join(struct.pack("=I", len(one)) + one for one in inputs)
        assert self._process.stdin
        assert self._process.stdout
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()
        answer = self._process.stdout.read(len(inputs))
        if len(answer) == len(inputs):
            return answer
        self._close()
        self._process = self._start()
        return None


class SourceFuzzer:
    """A run: counts executions, keeps the corpus, stores what was reported into `folder`."""

    def __init__(self, seed: int, texts: Iterable[bytes], binary: Path, folder: Path) -> None:
        self.mutator = Mutator(seed, [split(text) for text in texts])
        self.executions = self.compiled = self.reports = 0
        self._binary, self._folder = binary, folder

    def _report(self, text: bytes, what: str) -> None:
        self.reports += 1
        path = self._folder / f"source-{self.executions}-{self.reports}.lua"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        print(f"{what}: {path}", flush=True)

    def _chunk(self, text: bytes) -> bytes | None:
        try:
            return dump(compile_source(text, NAME))
        except LuaSourceError:
            return None
        except Exception as error:  # whatever it is, it is a report
            self._report(text, f"the front end raised {error!r}")
            return None

    def batch(self, stream: Stream, count: int = BATCH) -> None:
        """Make, compile and run `count` texts."""
        faulthandler.dump_traceback_later(SECONDS_A_BATCH, exit=True)
        draw = self.mutator.random.randrange
        made, inputs = [], []
        for _ in range(count):
            lines = self.mutator.make()
            self.executions += 1
            chunk = self._chunk(join(lines))
            if chunk is not None:
                made.append(lines)
                inputs.append(bytes([draw(16) if draw(4) == 0 else 0]) + chunk)
        self.compiled += len(inputs)
        answer = stream.run(inputs)
        faulthandler.cancel_dump_traceback_later()
        if answer is not None:
            self.mutator.corpus += [lines for lines, is_new in zip(made, answer, strict=True) if is_new]
            return
        for lines, one in zip(made, inputs, strict=True):
            if stream.run([one]) is None:
                self._report(join(lines), f"the core ended (options {one[0]})")

    def run(self, seconds: float) -> None:
        """Go on for so long, with a line now and then."""
        begun = told = time.monotonic()
        with Stream(self._binary) as stream:
            while (now := time.monotonic()) < begun + seconds:
                self.batch(stream)
                if now > told + 30:
                    told = now
                    print(f"{now - begun:.0f} s: {self}", flush=True)
        print(self)

    def __str__(self) -> str:
        return (
            f"{self.executions} texts, {self.compiled} compiled and ran, corpus {len(self.mutator.corpus)}, "
            f"{self.reports} reports"
        )


def main(seconds: float, seed: int) -> int:
    """Fuzz for that long; 1 if anything was reported."""
    fuzzer = SourceFuzzer(seed, seed_texts(), build.guided_stream(), build.FOLDER / "crashes")
    fuzzer.run(seconds)
    return 1 if fuzzer.reports else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1))
