"""The filter of system calls, read by a small interpreter of the kernel's filter language: every call is tried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.callfilter import ALLOW, ARCHITECTURES, EQUAL, KILL, LOAD, REFUSE, RETURN, Call, Step, program
from engine.worker.calls import allowed_calls
from engine.x86.assembler_sandbox import TOOL_CALLS

PID = 4711
X86_64 = ARCHITECTURES["x86_64"]


def verdict(steps: list[Step], architecture: int, number: int, arguments: tuple[int, ...] = (0,) * 6) -> int:
    """What the filter returns for a call."""
    data = {0: number, 4: architecture}
    for at, argument in enumerate(arguments):
        data[16 + 8 * at] = argument & 0xFFFFFFFF
        data[20 + 8 * at] = argument >> 32
    loaded, at = 0, 0
    while True:
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == LOAD:
            loaded = data[operand]
        elif code == EQUAL:
            at += if_true if loaded == operand else if_false
        else:
            assert code == RETURN
            return operand


LISTS = {"worker": allowed_calls(PID), "tool": TOOL_CALLS}


@pytest.mark.parametrize("calls", LISTS)
@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_of_all_numbers_only_those_of_the_table_pass(machine: str, calls: str) -> None:
    column, architecture = ARCHITECTURES[machine]
    steps = list(program(LISTS[calls], column, architecture))
    passing = {n for n in range(1024) if verdict(steps, architecture, n) == ALLOW}
    table = [c for c in LISTS[calls] if (c.x86_64, c.arm64)[column] is not None]
    assert passing == {(c.x86_64, c.arm64)[column] for c in table if not c.values or 0 in c.values}
    assert all(verdict(steps, architecture, n) in (ALLOW, REFUSE) for n in range(1024))


def test_another_numbering_is_refused_and_another_architecture_ends_the_process() -> None:
    steps = list(program(allowed_calls(PID), *X86_64))
    assert {verdict(steps, X86_64[1], 0x40000000 + n) for n in range(1024)} == {REFUSE}
    assert verdict(steps, 0x40000003, 1) == KILL


RULES = [(name, call) for name, calls in LISTS.items() for call in calls if call.values]


@pytest.mark.parametrize(("calls", "call"), RULES, ids=lambda value: getattr(value, "name", value))
def test_an_argument_that_is_looked_at_must_be_in_the_list(calls: str, call: Call) -> None:
    steps = list(program(LISTS[calls], *X86_64))
    assert call.x86_64 is not None

    def with_argument(value: int) -> int:
        arguments = [0xFFFF_FFFF_FFFF] * 6
        arguments[call.argument] = value
        return verdict(steps, X86_64[1], call.x86_64 or 0, tuple(arguments))

    assert all(with_argument(value) == ALLOW for value in call.values)
    others = {value ^ bit for value in call.values for bit in (1, 2, 1 << 31)} - set(call.values)
    assert all(with_argument(other) == REFUSE for other in others)


def numbers_of(header: str, pattern: str) -> dict[str, int]:
    return {m[1]: int(m[2]) for m in re.finditer(pattern, Path(header).read_text())}


#: Calls that the generic table knows by another name, or only for other processors.
GENERIC = {"newfstatat": "fstatat"}


@pytest.mark.parametrize("calls", LISTS)
def test_the_numbers_are_those_of_the_kernels_headers(calls: str) -> None:
    generic = numbers_of("/usr/include/asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+) (\d+)")
    table = LISTS[calls]
    assert {c.name: generic.get(GENERIC.get(c.name, c.name)) for c in table} == {c.name: c.arm64 for c in table}
    found = list(Path("/usr/include").glob("x86_64-linux-gnu/asm/unistd_64.h"))
    for header in found:
        numbers = numbers_of(str(header), r"#define __NR_(\w+) (\d+)")
        assert {c.name: numbers[c.name] for c in table} == {c.name: c.x86_64 for c in table}


def test_calls_that_open_start_or_connect_anything_are_not_in_the_table() -> None:
    names = {call.name for call in allowed_calls(PID)}
    assert not names & {
        "open",
        "openat",
        "openat2",
        "socket",
        "socketpair",
        "connect",
        "execve",
        "fork",
        "vfork",
        "clone",
    }
    assert not names & {"clone3", "kill", "ptrace", "prctl", "seccomp", "dup3", "pipe2", "sendmsg", "recvmsg", "unlink"}


def test_an_assembler_makes_no_socket_process_or_thread_and_changes_no_owner_or_mode() -> None:
    names = {call.name for call in TOOL_CALLS}
    assert not names & {"socket", "socketpair", "connect", "clone", "clone3", "fork", "vfork", "kill", "tkill"}
    assert not names & {"chmod", "fchmod", "fchmodat", "chown", "fchown", "fchownat", "ioctl", "ptrace", "mount"}
    assert not names & {"rename", "renameat2", "link", "symlink", "mkdir", "mknod", "prctl", "seccomp", "chdir"}
