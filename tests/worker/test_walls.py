"""Each wall by itself: what landlock refuses where no filter of system calls stands in front of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.worker.walls import forbid_files, landlock_version
from tests.worker.throwaway import answered_elsewhere

pytestmark = pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no landlock")


def in_a_process(attempts: dict[str, Callable[[], object]], scratch: str | None) -> dict[str, str]:
    """What came of each attempt behind the wall, and nothing but that wall."""

    def behind_the_wall() -> dict[str, str]:
        assert forbid_files(scratch) is True
        results = {}
        for name, attempt in attempts.items():
            try:
                attempt()
                results[name] = "done"
            except OSError as error:
                results[name] = type(error).__name__
        return results

    return answered_elsewhere(behind_the_wall)


def attempts_on(folder: Path) -> dict[str, Callable[[], object]]:
    def write() -> None:
        os.close(os.open(folder / "made", os.O_CREAT | os.O_WRONLY))

    return {
        "read a file": lambda: Path("/etc/passwd").read_bytes(),
        "read a library": lambda: os.listdir("/usr/lib"),
        "list the root": lambda: os.listdir("/"),
        "read another process": lambda: Path("/proc/1/cmdline").read_bytes(),
        "write": write,
        "rename": lambda: os.rename(folder / "there", folder / "moved"),
        "run": lambda: os.execve(folder / "program", ["program"], {}),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "there").write_text("text")
    (tmp_path / "program").write_text("#!/bin/true\n")
    (tmp_path / "program").chmod(0o755)
    return tmp_path


def test_behind_it_a_worker_has_no_file(folder: Path) -> None:
    results = in_a_process(attempts_on(folder), None)
    assert set(results.values()) == {"PermissionError"}, results
    assert sorted(path.name for path in folder.iterdir()) == ["program", "there"]


def test_behind_it_an_assembler_reads_the_systems_programs_and_writes_in_its_folder_only(folder: Path) -> None:
    results = in_a_process(attempts_on(folder), str(folder))
    may = {name for name, result in results.items() if result == "done"}
    assert may == {"read a library", "write", "rename"}, results


@pytest.mark.skipif(landlock_version() < 4, reason="landlock of this kernel knows no ports")
def test_behind_it_no_connection_is_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        results = in_a_process({"connect": lambda: socket.create_connection(("127.0.0.1", port))}, None)
    assert results == {"connect": "PermissionError"}
