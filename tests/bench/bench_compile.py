"""How fast the Lua front end compiles, beside the reference compiler on the same sources."""

from __future__ import annotations

import time
from collections.abc import Callable

from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.lexer import one_kind_of_newline, tokenize
from engine.lua.listing import list_text
from engine.lua.undump import undump
from tests.fuzz.lua_programs import program
from tests.reference.puc import PucCompiler, suite_dir

ROUNDS = 5


def _seconds(work: Callable[[bytes], object], sources: list[bytes]) -> float:
    """The fastest of some rounds over all sources."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for source in sources:
            work(source)
        best = min(best, time.perf_counter() - start)
    return best


def main() -> list[str]:
    """Lines a second for each step; the reference answers through a pipe, its own time included."""
    suite = [file_text(p.read_bytes()) for p in sorted(suite_dir().glob("*.lua")) if p.name != "heavy.lua"]
    random_programs = [program(seed).encode() for seed in range(60)]
    rows = ["| compile | lines | lexer | compile | with dump | undump and verify | listing | PUC (with pipe) |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for name, sources in (("reference test suite", suite), ("random programs", random_programs)):
        lines = sum(source.count(b"\n") for source in sources)
        protos = {source: compile_source(source, b"=bench") for source in sources}
        chunks = {source: dump(proto) for source, proto in protos.items()}
        with PucCompiler() as puc:
            steps: list[Callable[[bytes], object]] = [
                lambda source: tokenize(one_kind_of_newline(source)),
                lambda source: compile_source(source, b"=bench"),
                lambda source: dump(compile_source(source, b"=bench")),
                lambda source, chunks=chunks: undump(chunks[source]),
                lambda source, protos=protos: list_text(protos[source]),
                lambda source, puc=puc: puc.compile(source, b"=bench"),
            ]
            cells = [f"{lines / _seconds(step, sources):,.0f} lines/s" for step in steps]
        rows.append(f"| {name} | {lines:,} | " + " | ".join(cells) + " |")
    return rows
