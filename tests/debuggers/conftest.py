"""Adapters that are started by a test are ended by it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.debug import Debuggee
from engine.debug.opening import room_for
from engine.rooms import SourceFile
from tests.debuggers.dap_client import Client, start_adapter

needs_kvm = [
    pytest.mark.kvm,
    pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="/dev/kvm cannot be opened on this host"),
]


@pytest.fixture(params=[pytest.param("kvm", marks=needs_kvm), "unicorn"])
def cpu(request: pytest.FixtureRequest) -> str:
    """Each of the two CPUs."""
    return str(request.param)


@pytest.fixture
def adapter() -> Iterator[tuple["subprocess.Popen[bytes]", Client]]:
    """An adapter's process and a client of it."""
    process, client = start_adapter()
    yield process, client
    for stream in (process.stdin, process.stdout):
        if stream and not stream.closed:
            stream.close()
    process.kill()
    process.wait()


@pytest.fixture
def client(adapter: tuple["subprocess.Popen[bytes]", Client]) -> Client:
    """A client of an adapter."""
    return adapter[1]


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """`program(name, text)` writes a file."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def debuggee() -> Iterator[Callable[..., Debuggee]]:
    """`debuggee(name, text, **options)` is a program in this process; its output collects in `debuggee.printed`."""
    made: list[Debuggee] = []

    def make(name: str, text: str, **options: str) -> Debuggee:
        printed: list[bytes] = []
        room = room_for(None, Path(name))
        one = Debuggee(
            room,
            [SourceFile(name, text)],
            options,
            on_output=lambda stream, data: printed.append(data),
            hear=lambda: False,
        )
        one.printed = printed  # type: ignore[attr-defined]
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()
