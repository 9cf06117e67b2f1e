"""Small Linux programs of the kind that NASM tutorials have: as on this host natively, on both CPUs.

`programs/*.asm`; `;:` gives arguments, `;<` lines of input. Natively: nasm -f elf64, ld, run.
"""

import os
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from user_runs import make
from x86_runs import CPUS

from engine.machine import StopReason

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(FOLDER.glob("*.asm"))
TOOLS = ("nasm", "ld")


@dataclass(frozen=True)
class Outcome:
    """What a program leaves behind; a signal's name instead of a status when one ended it."""

    stdout: bytes
    stderr: bytes
    status: int | str


def marked(source: str, mark: str) -> list[str]:
    return [line[2:].removeprefix(" ") for line in source.splitlines() if line.startswith(mark)]


def natively(path: Path, folder: Path, arguments: list[str], typed: bytes) -> Outcome:
    subprocess.run(["nasm", "-f", "elf64", "-o", "p.o", str(path)], cwd=folder, check=True, capture_output=True)
    subprocess.run(["ld", "-o", "p", "p.o"], cwd=folder, check=True, capture_output=True)
    done = subprocess.run([str(folder / "p"), *arguments], input=typed, capture_output=True, check=False)
    status: int | str = done.returncode if done.returncode >= 0 else signal.Signals(-done.returncode).name
    return Outcome(done.stdout, done.stderr, status)


def ours(source: str, cpu: str, arguments: list[str], lines: list[str]) -> Outcome:
    typed = tuple(f"{line}\n".encode() for line in lines)
    machine = make(source, cpu, typed=typed, arguments=tuple(arguments))
    try:
        stop = machine.run(2_000_000)
        events = machine.drain_events()
    finally:
        machine.close()
    streams = {"stdout": b"", "stderr": b""}
    for event in events:
        if event.kind == "output":
            streams[event.data["stream"]] += event.data["bytes"]
    if stop.reason is StopReason.FAULT:
        return Outcome(streams["stdout"], streams["stderr"], stop.detail["message"].rsplit(" ", 1)[-1])
    assert stop.reason is StopReason.HALT
    return Outcome(streams["stdout"], streams["stderr"], stop.detail["status"])


@pytest.mark.skipif(
    os.uname().machine != "x86_64" or not all(map(shutil.which, TOOLS)),
    reason="native runs need an x86-64 host with nasm and ld",
)
@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_behaves_as_on_the_real_machine(path: Path, cpu: str, tmp_path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    arguments = [word for line in marked(source, ";:") for word in shlex.split(line)]
    lines = marked(source, ";<")
    expected = natively(path, tmp_path, arguments, "".join(f"{line}\n" for line in lines).encode())
    assert ours(source, cpu, arguments, lines) == expected


def test_there_is_a_tutorial_s_worth_of_programs() -> None:
    assert len(PROGRAMS) >= 40
