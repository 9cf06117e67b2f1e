"""`python -m engine x86 …`, as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUM = ROOT / "examples" / "x86" / "sum.asm"


def x86(*arguments: object, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "engine", "x86", *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_run_prints_what_the_program_prints() -> None:
    done = x86("run", SUM, "--cpu", "unicorn")
    assert (done.returncode, done.stdout, done.stderr) == (0, "030B", "")


def test_trace_is_one_json_object_a_step() -> None:
    done = x86("trace", SUM, "--cpu", "unicorn", "--json", "--from", 4, "--to", 39)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    assert [s["tick"] for s in steps] == list(range(4, 40))
    assert steps[0] == {
        "tick": 4,
        "address": 8,
        "bytes": "b90600",
        "text": "mov cx, 6",
        "line": 18,
        "depth": 1,
        "writes": [{"kind": "register", "name": "cx", "old": "0000", "new": "0006"}],
        "io": [],
        "events": [],
    }
    assert steps[-1]["io"][0]["reason"] == "KVM_EXIT_IO"
    memory = [w for s in steps for w in s["writes"] if w["kind"] == "memory"]
    assert memory[0] == {"kind": "memory", "address": 0x39, "size": 2, "old": "0000", "new": "030b"}


def test_state_is_the_view_at_a_tick() -> None:
    view = json.loads(x86("state", SUM, "--cpu", "unicorn", "--tick", 50, "--json").stdout)
    assert view["tick"] == 50
    assert {r["name"]: r["value"] for r in view["registers"]}["ax"] == "0b03"
    assert "tick 50" in x86("state", SUM, "--cpu", "unicorn", "--tick", 50).stdout


def test_list_shows_labels_and_code() -> None:
    lines = x86("list", SUM, "--cpu", "unicorn").stdout.splitlines()
    assert lines[0] == "start:"
    assert "  00011  e2f8                  loop 0xb  ; → start.add" in lines


def test_input_comes_from_standard_input() -> None:
    done = x86("run", ROOT / "examples" / "x86" / "greet.asm", "--cpu", "unicorn", text="hello\nthere\n")
    assert (done.returncode, done.stdout) == (0, "HELLO\nTHERE\n")


def test_a_fault_names_file_line_and_reason(tmp_path: Path) -> None:
    program = tmp_path / "bad.asm"
    program.write_text("mov sp, 1\npush ax\nhlt\n")
    done = x86("run", program, "--cpu", "unicorn")
    assert done.returncode == 1
    assert done.stderr.startswith(f"x86: {program}:2: triple fault")


def test_assembly_errors_are_all_listed(tmp_path: Path) -> None:
    program = tmp_path / "bad.asm"
    program.write_text("foo\nnop\nbar baz\n")
    done = x86("run", program)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"x86: {program}:3: ") or lines[0].startswith(f"x86: {program}:1: ")
    assert any(f"{program}:3: parser: instruction expected" in line for line in lines)


def test_hex_syntax_and_a_program_that_does_not_end(tmp_path: Path) -> None:
    program = tmp_path / "loop.hex"
    program.write_text("eb fe ; jmp $\n")
    done = x86("run", program, "--syntax", "hex", "--cpu", "unicorn", "--max-instructions", 1000)
    assert done.returncode == 1
    assert "still running after 1,000 instructions" in done.stderr


@pytest.mark.parametrize(
    "arguments", [("run",), ("run", "nowhere.asm"), ("trace", SUM, "--from", "0"), ("frobnicate",)]
)
def test_usage_errors_are_status_two(arguments: tuple[object, ...]) -> None:
    assert x86(*arguments).returncode == 2


def test_the_doctor_prints_a_table() -> None:
    done = x86("doctor")
    assert done.returncode == 0
    assert "lzcnt" in done.stdout
    assert all(set(row) == {"what", "kvm", "unicorn"} for row in json.loads(x86("doctor", "--json").stdout))
