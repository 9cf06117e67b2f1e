"""Seed inputs of the chunk fuzzer: `python -m tests.fuzz.seeds FOLDER` writes them.

Each is a byte of options and a binary chunk: the snippets of library_calls.lua (separated by lines of dashes), the
program of hostile_chunks and a few generated programs, with and without debug information.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.lua.compiler import compile_source
from engine.lua.dump import dump
from tests.fuzz.hostile_chunks import SOURCE

SNIPPETS = Path(__file__).with_name("library_calls.lua")


def sources() -> list[bytes]:
    """The programs that the seeds are made of."""
    return [SOURCE, *SNIPPETS.read_bytes().split(b"\n----\n")]


def write(folder: Path) -> list[Path]:
    """Write the seeds and answer their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, source in enumerate(sources()):
        proto = compile_source(source, b"@s")
        for strip in (False, True):
            path = folder / f"seed{number:03}{'s' if strip else ''}"
            path.write_bytes(bytes([number * 5 % 16]) + dump(proto, strip=strip))
            paths.append(path)
    return paths


if __name__ == "__main__":
    print(len(write(Path(sys.argv[1]))))
