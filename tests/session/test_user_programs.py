"""Mode user64 behind a session: uploaded executables, the timeline, last writers, memory by the program's addresses."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from engine.session import Session
from tests.session.test_session import Page
from tests.x86.elf_files import Elf

SOURCE = """
global _start
section .bss
counter: resq 1
section .text
_start: mov ecx, 5
again:  add qword [counter], rcx
        push rcx
        pop rdx
        dec ecx
        jnz again
        mov eax, 9
        xor edi, edi
        mov esi, 4096
        mov edx, 3
        mov r10d, 0x22
        mov r8, -1
        xor r9d, r9d
        syscall
        mov qword [rax + 8], 77
        mov eax, 60
        xor edi, edi
        syscall
"""
COUNTER = 0x402000


class UserPage(Page):
    """A page on a session in mode user64."""

    def __init__(self, files: list[dict[str, str]], cpu: str = "unicorn") -> None:
        super().__init__()
        self.session = Session(self.events.append, self.frames.append, self.next_message)
        self.answer = self.do("open", room="x86", files=files, options={"mode": "user64", "cpu": cpu})


@pytest.fixture
def page() -> UserPage:
    page = UserPage([{"name": "main.asm", "text": SOURCE}])
    assert page.answer["event"] == "opened"
    page.do("credit", frames=1000)
    stopped = page.do("run")
    assert stopped["reason"] == "halt"
    return page


def elf(**changes: Any) -> dict[str, str]:
    return {"name": "program", "text": "; an executable", "base64": base64.b64encode(Elf(**changes).bytes()).decode()}


def test_an_uploaded_executable_runs_and_is_listed_by_its_symbols() -> None:
    page = UserPage([elf(symbols=[("_start", 0x401000, 34)])])
    assert page.answer["event"] == "opened"
    assert page.answer["listing"]["functions"][0]["name"] == "_start"
    page.do("credit", frames=1000)
    stopped = page.do("run")
    assert (stopped["reason"], stopped["detail"]) == ("halt", {"status": 3})
    printed = [event["text"] for event in page.events if event["event"] == "output"]
    assert "".join(printed) == "elf\n"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (elf(machine=3), "not for x86-64"),
        ({"name": "program", "text": "", "base64": "no!"}, "is not base64"),
        ({"name": "program", "text": "", "base64": 5}, "is not base64"),
        ({"name": "program", "text": "", "base64": base64.b64encode(bytes(3)).decode()}, "no ELF file"),
        ({"name": "program", "text": "", "base64": base64.b64encode(bytes((1 << 20) + 1)).decode()}, "1024 KiB"),
    ],
)
def test_what_is_no_executable_is_refused(file: dict[str, str], message: str) -> None:
    answer = UserPage([file]).answer
    assert answer["event"] == "failed"
    error = answer["error"]
    told = error.get("message", "")
    assert message in told + " ".join(d["message"] for d in error.get("diagnostics", []))


def test_the_writers_of_a_variable_are_found_by_its_address(page: UserPage) -> None:
    answer = page.do("writers", target={"kind": "memory", "address": COUNTER, "length": 8})
    assert answer["before"]["new"] == {"t": "bits", "s": f"{15:016x}"}
    page.do("seek", tick=answer["before"]["tick"])
    answer = page.do("writers", target={"kind": "memory", "address": COUNTER, "length": 8})
    assert answer["before"]["old"] == {"t": "bits", "s": f"{14:016x}"} or answer["before"]["new"]["s"] == f"{14:016x}"


def test_any_step_can_be_gone_to_in_any_order(page: UserPage) -> None:
    end = page.do("inspect", query={"kind": "memory", "space": "linear", "address": COUNTER, "length": 8})["answer"]
    assert end["bytes"] == (15).to_bytes(8, "little").hex()
    views = {}
    for tick in (3, 30, 12, 31, 0, 35, 33):
        answer = page.do("seek", tick=tick)
        assert answer["tick"] == tick
        views[tick] = answer["view"]
    for tick in (35, 0, 33, 31, 12, 3, 30):
        assert page.do("seek", tick=tick)["view"] == views[tick]


def test_bytes_are_found_and_changed_by_the_program_s_addresses(page: UserPage) -> None:
    found = page.do("inspect", query={"kind": "find", "bytes": "0f00000000000000"})["answer"]
    assert found["address"] == COUNTER
    page.do("seek", tick=10)
    before = page.do("inspect", query={"kind": "memory", "space": "linear", "address": COUNTER, "length": 8})["answer"]
    edited = page.do(
        "edit",
        target={"kind": "memory", "address": COUNTER, "length": 8},
        value={"t": "bits", "s": f"{1 << 40:x}"},
    )
    assert edited["event"] != "failed", edited
    after = page.do("inspect", query={"kind": "memory", "space": "linear", "address": COUNTER, "length": 8})["answer"]
    assert before["bytes"] != after["bytes"] == (1 << 40).to_bytes(8, "little").hex()
