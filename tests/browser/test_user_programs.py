"""Programs of ring 3 on the page: system calls among the exits, arguments, and an executable that the visitor opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench
from tests.x86.elf_files import Elf

pytestmark = pytest.mark.browser


def test_a_system_call_is_an_exit_with_its_answer(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=syscall")
    exits = one.pane("extra")
    expect(exits).to_contain_text("fork(")
    expect(exits).to_contain_text("= -38 ENOSYS")
    expect(one.pane("output")).to_contain_text("ok")


def test_an_executable_can_be_opened_and_is_shown_by_its_symbols(bench: Callable[..., Bench], tmp_path: Path) -> None:
    path = tmp_path / "program.elf"
    path.write_bytes(Elf(symbols=[("_start", 0x401000, 34), ("text", 0x401022, 4)]).bytes())
    one = bench().open("/play?room=x86&example=kvm")
    with one.page.expect_file_chooser() as chooser:
        one.pane("source").get_by_role("button", name="Open a file…").click()
    chooser.value.set_files(str(path))
    expect(one.pane("output")).to_contain_text("elf")
    expect(one.pane("listing")).to_contain_text("_start")
    expect(one.pane("source")).to_contain_text("program.elf: an executable of")
    expect(one.page.get_by_role("combobox", name="Mode")).to_have_value("user64")


def test_a_program_is_given_arguments(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=linux")
    one.pane("source").get_by_role("button", name="Arguments", exact=True).click()
    one.type_program("first\nsecond\n")
    one.run()
    one.at(0)
    expect(one.pane("state")).to_contain_text("RSP")
    expect(one.pane("extra")).to_contain_text("write(1")
