"""Mutated source texts: the front end answers with a chunk or a LuaSourceError, and every chunk is harmless."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import build
from tests.fuzz.source_mutator import Mutator, join, split
from tests.fuzz.sources import SourceFuzzer, Stream, seed_texts


def test_mutated_texts_compile_or_are_refused_and_run_under_the_sanitizers(tmp_path: Path) -> None:
    binary = build.stream()
    fuzzer = SourceFuzzer(2, seed_texts(with_suite=False), binary, tmp_path)
    with Stream(binary) as stream:
        for _ in range(8):
            fuzzer.batch(stream)
    assert (fuzzer.executions, fuzzer.reports) == (4000, 0)
    assert fuzzer.compiled > 1500, "most texts are to get past the parser"


def test_a_report_keeps_the_text_that_ended_the_core(tmp_path: Path) -> None:
    fuzzer = SourceFuzzer(3, [b"local a = 1"], Path("/bin/false"), tmp_path)
    with Stream(Path("/bin/false")) as stream:
        fuzzer.batch(stream, 2)
    assert fuzzer.reports == fuzzer.compiled
    assert len(list(tmp_path.iterdir())) == fuzzer.reports


def test_a_seed_makes_the_same_texts_again() -> None:
    texts = [b"local a, b = 1, 'two' -- note\nreturn a .. b", b"for i = 1, 0x10 do print(i >> 1) end"]
    first, second = (Mutator(7, [split(text) for text in texts]) for _ in range(2))
    assert [first.make() for _ in range(50)] == [second.make() for _ in range(50)]


def test_splitting_and_joining_keeps_the_tokens() -> None:
    text = b"local s = [==[ long ]] ]==] .. 'q\\'s' -- note\nif s ~= 0x1p-3 then goto done end ::done::"
    assert split(join(split(text))) == split(text)
    assert b"[==[ long ]] ]==]" in split(text)[0]
