"""Builds the chunk fuzzer and runs it: `python -m tests.fuzz.build [SECONDS]` (what `make fuzz` does).

`standalone()` needs gcc only and has no coverage feedback: the short run of the tests. `libfuzzer()` needs clang with
its libFuzzer runtime: the long run. Both have AddressSanitizer and UndefinedBehaviorSanitizer compiled in.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import seeds

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "engine" / "lua" / "core"
FOLDER = ROOT / "build" / "fuzz"
FLAGS = (
    *("-std=gnu11", "-O1", "-g1", "-fno-strict-aliasing", "-fsanitize=address,undefined"),
    *("-fno-sanitize-recover=undefined", f"-I{CORE}", f"-I{ROOT / 'engine'}"),
)
#: clang takes calls of the core's function tables for calls of another type, and does not tell that ASan is on.
CLANG = ("-fno-sanitize=function", "-D__SANITIZE_ADDRESS__=1", "-fsanitize-coverage=inline-8bit-counters,pc-table")
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0"}


def _build(name: str, compiler: str, flags: Sequence[str], link: Sequence[str], harness: Sequence[str]) -> Path:
    sources = [*sorted(CORE.glob("*.c")), *(ROOT / "tests" / "fuzz" / file for file in harness)]
    newest = max(path.stat().st_mtime for path in (*sources, *CORE.glob("*.h"), Path(__file__)))
    target = FOLDER / name
    if target.exists() and target.stat().st_mtime > newest:
        return target
    work = FOLDER / f"objects-{name}"
    work.mkdir(parents=True, exist_ok=True)
    objects = [work / f"{path.stem}.o" for path in sources]

    def one(source: Path, output: Path) -> None:
        subprocess.run([compiler, *flags, "-c", str(source), "-o", str(output)], check=True)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        list(pool.map(one, sources, objects))
    scratch = target.with_suffix(".tmp")
    subprocess.run([compiler, *link, *map(str, objects), "-lm", "-o", str(scratch)], check=True)
    scratch.rename(target)
    return target


def standalone() -> Path:
    """The program of standalone.c with the harness, by gcc."""
    return _build("standalone", "gcc", FLAGS, ("-fsanitize=address,undefined",), ("chunk_fuzzer.c", "standalone.c"))


def libfuzzer() -> Path:
    """The harness with libFuzzer, by clang."""
    link = ("-fsanitize=fuzzer,address,undefined",)
    return _build("libfuzzer", "clang", (*FLAGS, *CLANG), link, ("chunk_fuzzer.c",))


def stream() -> Path:
    """The harness driven through a pipe (stream.c), by gcc: no coverage feedback."""
    return _build("stream", "gcc", FLAGS, ("-fsanitize=address,undefined",), ("chunk_fuzzer.c", "stream.c"))


def guided_stream() -> Path:
    """The harness driven through a pipe, by clang, with coverage feedback."""
    link = ("-fsanitize=address,undefined",)
    return _build("guided-stream", "clang", (*FLAGS, *CLANG), link, ("chunk_fuzzer.c", "stream.c"))


def main(seconds: int) -> int:
    """Fuzz for that long; the inputs that were reported lie in build/fuzz/crashes."""
    for name in ("corpus", "crashes"):
        (FOLDER / name).mkdir(parents=True, exist_ok=True)
    seeds.write(FOLDER / "seeds")
    command = [
        *(str(libfuzzer()), "-fork=1", "-ignore_crashes=1", "-entropic=0", "-max_len=8192", "-timeout=20"),
        *(f"-max_total_time={seconds}", f"-artifact_prefix={FOLDER / 'crashes'}/"),
        *(str(FOLDER / "corpus"), str(FOLDER / "seeds")),
    ]
    return subprocess.run(command, env=ENVIRONMENT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 600))
