"""One tick is what the reference's count hook counts, plus one per VARARGPREP, and the lines are the same ones."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.lua.opcodes import BY_NAME
from engine.lua.room import build, start
from engine.machine import Journal, Limits
from engine.rooms import SourceFile
from engine.trace import TraceBatch
from tests.lua_machine.programs import BENCH, EXAMPLES, NESTED
from tests.reference import puc

#: Small sizes of the benchmark programs: some ten thousand instructions each.
SIZES = {
    "bintrees": 4, "closures": 400, "coro": 200, "fannkuch": 5, "fib": 12, "methods": 200, "nbody": 20, "sort": 100,
    "spectral": 6, "strings": 60,
}  # fmt: skip
VARARGPREP = BY_NAME["VARARGPREP"].code
Step = tuple[int, int, str]
#: The reference hides the instructions of finalizers from hooks; here they are ticks like all others.
COMPARABLE = [name for name in NESTED if name != "collector"]


def reference_steps(path: Path, folder: Path, arguments: list[str]) -> list[Step]:
    """(pc, line, op) as the reference's hook saw them; one where nothing was seen at VARARGPREP."""
    names = {op.code: op.name for op in BY_NAME.values()}
    program = puc.program("puc_steps", Path(__file__).with_name("puc_steps.c"))
    out = folder / "steps"
    subprocess.run([program, out, path, "@main.lua", *arguments], check=False, capture_output=True, timeout=60)
    rows = (line.split() for line in out.read_text(encoding="latin-1").splitlines())
    return [(int(pc), int(line), names[int(op)]) for pc, line, op, _ in rows]


def our_steps(text: str, arguments: list[str]) -> list[Step]:
    program = build([SourceFile("main.lua", text)], {})
    program = type(program)(program.chunk, program.name, (b"main.lua", *(a.encode() for a in arguments)))
    machine = start(program, Journal(), Limits())
    batch = TraceBatch(4096, 16384, 1 << 18)
    seen: list[Step] = []
    while True:
        batch.clear()
        stop = machine.run(1 << 20, batch)
        for where in batch.column("where"):
            placed = machine.functions.row(where)
            assert placed is not None
            row = placed[1]
            seen.append((row["pc"], row["line"], row["op"]))
        if stop.is_final:
            break
    assert machine.tick == len(seen)
    machine.close()
    return seen


def compare(path: Path, folder: Path, arguments: list[str]) -> None:
    expected = reference_steps(path, folder, arguments)
    ours = our_steps(path.read_text(encoding="utf-8"), arguments)
    without = [step for step in ours if step[2] != "VARARGPREP"]
    for at, (mine, theirs) in enumerate(zip(without, expected, strict=False)):
        assert mine == theirs, f"step {at}: {without[max(0, at - 3) : at + 2]} {expected[max(0, at - 3) : at + 2]}"
    assert len(without) == len(expected)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_visits_the_same_instructions_as_on_the_reference(path: Path, tmp_path: Path) -> None:
    compare(path, tmp_path, [])


@pytest.mark.parametrize("name", SIZES)
def test_a_benchmark_visits_the_same_instructions_as_on_the_reference(name: str, tmp_path: Path) -> None:
    compare(BENCH / f"{name}.lua", tmp_path, [str(SIZES[name])])


@pytest.mark.parametrize("name", COMPARABLE)
def test_a_nested_program_visits_the_same_instructions_as_on_the_reference(name: str, tmp_path: Path) -> None:
    path = tmp_path / "main.lua"
    path.write_text(NESTED[name])
    compare(path, tmp_path, [])


def reference_variables(path: Path, folder: Path) -> list[tuple[int, int, list[str]]]:
    """(pc, depth, variables) before each instruction on the reference, `name=value` each."""
    program = puc.program("puc_steps", Path(__file__).with_name("puc_steps.c"))
    out = folder / "steps"
    environment = {**os.environ, "LOCALS": "1"}
    subprocess.run(
        [program, out, path, "@main.lua"], check=False, capture_output=True, timeout=60, env=environment
    )  # fmt: skip
    rows = (line.split("\t") for line in out.read_text(encoding="latin-1").splitlines())
    return [(int(head.split()[0]), int(head.split()[3]), variables) for head, *variables in rows]


def as_reference(value: dict[str, str]) -> str:
    """A value of the view as the reference's report has it."""
    plain = ("nil", "boolean", "integer", "float")
    return value["s"] if value["t"] in plain else "function" if value["t"] == "native" else value["t"]


#: Made-up code skips the assignment of a variable: the reference shows what its slot happens to hold, the view nothing.
FORGED = ("op_loads",)


@pytest.mark.parametrize("name", [p.stem for p in EXAMPLES if p.stem not in FORGED] + COMPARABLE)
def test_the_view_shows_the_variables_that_the_reference_has(name: str, tmp_path: Path) -> None:
    text = NESTED.get(name) or next(p for p in EXAMPLES if p.stem == name).read_text(encoding="utf-8")
    path = tmp_path / "main.lua"
    path.write_text(text, encoding="utf-8")
    expected = reference_variables(path, tmp_path)
    machine = start(build([SourceFile("main.lua", text)], {}), Journal(), Limits())
    seen = []
    while True:
        view = machine.view()
        placed = machine.functions.row(machine.where) if machine.where is not None else None
        if placed and placed[1]["op"] != "VARARGPREP":
            (frame,) = [t["frames"][0] for t in view["threads"] if t["id"] == view["thread"]]
            named = [r for r in frame["registers"] if r["name"] and not r["name"].startswith("(")]
            seen.append((frame["pc"], view["depth"], [f"{r['name']}={as_reference(r['value'])}" for r in named]))
        if machine.run(1).is_final:
            break
    machine.close()
    for at, (mine, theirs) in enumerate(zip(seen, expected, strict=False)):
        assert mine == theirs, f"step {at}"
    assert len(seen) == len(expected)
