"""Static ELF files: those that run, those that are refused, and those that lie."""

import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from elf_files import CODE, Elf
from user_runs import make
from x86_runs import CPUS, record

from engine.errors import SourceError
from engine.machine import StopReason
from engine.x86.cli import main
from engine.x86.elf import load_elf

both = pytest.mark.parametrize("cpu", CPUS)


@both
def test_a_file_runs_and_its_symbols_name_the_listing(cpu: str) -> None:
    machine = make(Elf(symbols=[("_start", 0x401000, len(CODE) - 4), ("text", 0x401022, 4)]).bytes(), cpu)
    try:
        done = record(machine)
        assert done.output == b"elf\n"
        assert done.stop.detail == {"status": 3}
        listing = machine.listing()
        assert listing["functions"][0]["name"] == "_start"
        assert [row["op"] for row in listing["functions"][0]["rows"]][:5] == ["mov", "mov", "mov", "mov", "syscall"]
        assert listing["functions"][0]["rows"][0]["line"] is None
    finally:
        machine.close()


def test_addresses_that_nothing_checks_wrap() -> None:
    far, code = (1 << 64) - 0x1000, CODE.ljust(0x1000, b"\0")
    headers = (6, 4, 64, far, far, 56, 56, 8)
    lying = Elf(code, 0x10000, kind=3, address=0x10000, more=[headers], symbols=[("far", far, 8)])
    executable = load_elf(lying.bytes(), "far")
    assert executable.headers.address == (executable.base + far) % (1 << 64) == executable.base - 0x1000
    assert [symbol.address for symbol in executable.symbols] == [executable.base - 0x1000]
    make(lying.bytes(), "unicorn").close()


REFUSED: list[tuple[Elf | bytes, str]] = [
    (b"\x7fELF", "ends inside its ELF header"),
    (Elf(identity=b"\x7fELF\x01\x01\x01" + bytes(9)), "not for x86-64"),
    (Elf(identity=b"\x7fELF\x02\x02\x01" + bytes(9)), "unknown byte order"),
    (Elf(machine=183), "not for x86-64"),
    (Elf(kind=1), "object file"),
    (Elf(kind=4), "no executable"),
    (Elf(header_count=0), "1 to 64 program headers"),
    (Elf(header_count=65), "1 to 64 program headers"),
    (Elf(header_size=32), "1 to 64 program headers"),
    (Elf(program_offset=1 << 60), "beyond the end of the file"),
    (Elf(entry=0x500000), "entry point 0x500000"),
    (Elf(flags=6), "entry point"),
    (Elf(address=0x1000, entry=0x1000), "lies outside"),
    (Elf(address=2**64 - 4096, entry=2**64 - 4096), "lies outside"),
    (Elf(in_file=1 << 62, in_memory=1 << 62), "lies outside"),
    (Elf(in_file=4000, in_memory=4000), "beyond the end of the file"),
    (Elf(in_memory=4), "more bytes in the file than in memory"),
    (Elf(in_memory=1 << 40), "more than 6 MiB"),
    (Elf(offset=1 << 63), "beyond the end of the file"),
    (Elf(more=[(3, 4, 0, 0, 0, 0, 0, 1)]), "linked dynamically"),
    (Elf(more=[(1, 4, 0, 0x5000_0000, 0, 4, 4, 1)]), "bytes apart"),
    (b"\x7fELF" + bytes(5 << 20), "5,242,884 bytes"),
]


@pytest.mark.parametrize(("file", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_run_is_refused_with_a_reason(file: Elf | bytes, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        load_elf(file if isinstance(file, bytes) else file.bytes(), "program")
    assert message in caught.value.diagnostics[0].message


def test_a_cut_or_damaged_file_is_refused_or_runs_but_never_breaks_anything() -> None:
    whole = Elf(symbols=[("_start", 0x401000, 34), ("x" * 300, 0x401022, 1 << 40)]).bytes()
    dice, outcomes = random.Random(7), set()
    cut = [whole[:length] for length in range(0, len(whole), 7)]
    damaged = []
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(dice.randrange(1, 6)):
            at = dice.randrange(4, len(data) if dice.random() < 0.4 else 176)
            data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        damaged.append(bytes(data))
    for data in (*cut, *damaged):
        if not data.startswith(b"\x7fELF"):
            continue
        try:
            machine = make(data, "unicorn")
        except SourceError:
            outcomes.add("refused")
            continue
        try:
            machine.listing()
            machine.view()
            machine.run(200)
            outcomes.add("ran")
        finally:
            machine.close()
    assert outcomes == {"refused", "ran"}


needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
C_PROGRAM = r"""
static long call(long n, long a, long b, long c) {
  long r;
  __asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return r;
}
static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
static char text[16];
static char *const at = text + 15;
void _start(void) {
  char *p = at;
  for (int n = fib(12); n; n /= 10) *--p = (char)('0' + n % 10);
  call(1, 1, (long)p, at - p);
  call(60, 9, 0, 0);
}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Path]:
    def build(text: str, *options: str) -> Path:
        (tmp_path / "program.c").write_text(text)
        command = ["gcc", "-O1", "-w", *options, "-o", str(tmp_path / "program"), str(tmp_path / "program.c")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this host cannot link that: {done.stderr.strip().splitlines()[-1][:100]}")
        return tmp_path / "program"

    return build


@needs_gcc
@both
@pytest.mark.parametrize("options", [("-static",), ("-static-pie", "-fPIE")], ids=["fixed", "pie"])
def test_a_c_program_without_a_library_does_what_it_does_natively(
    compiled: Callable[..., Path], cpu: str, options: tuple[str, ...]
) -> None:
    path = compiled(C_PROGRAM, "-nostdlib", "-ffreestanding", *options)
    native = subprocess.run([str(path)], capture_output=True, check=False)
    machine = make(path.read_bytes(), cpu)
    try:
        done = record(machine)
        assert (done.output, done.stop.detail["status"]) == (native.stdout, native.returncode) == (b"144", 9)
    finally:
        machine.close()


@needs_gcc
@both
def test_a_program_with_the_c_library_in_it_runs(compiled: Callable[..., Path], cpu: str) -> None:
    text = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int count, char **words) {
  char *copy = malloc(200000);
  strcpy(copy, words[count - 1]);
  printf("%d %s %.4f %zu\n", count, copy, 2.0 / 3, strlen(copy));
  return 4;
}
"""
    machine = make(compiled(text, "-static").read_bytes(), cpu, arguments=("last",))
    try:
        stop = machine.run(1_000_000)
        printed = b"".join(e.data["bytes"] for e in machine.drain_events() if e.kind == "output")
        assert printed == b"2 last 0.6667 4\n"
        assert (stop.reason, stop.detail) == (StopReason.HALT, {"status": 4})
        names = {f["name"] for f in machine.listing()["functions"]}
        assert {"main", "printf", "malloc"} <= {name.removeprefix("_IO_") for name in names if name}
    finally:
        machine.close()


def test_the_command_line_runs_a_file_with_its_arguments(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(Elf().bytes())
    assert main(["run", "--cpu", "unicorn", str(path), "one", "two"]) == 3
    assert capfd.readouterr().out == "elf\n"
    path.write_bytes(Elf(machine=3).bytes())
    assert main(["run", str(path)]) == 1
    assert "not for x86-64" in capfd.readouterr().err
