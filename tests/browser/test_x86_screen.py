"""The VGA text screen: what it shows at each step, and the keyboard in front of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

SECTOR = "\n        times 510 - ($ - $$) db 0\n        dw 0xaa55\n"
#: Echoes what is typed, white on blue in the first row besides.
ECHO = """        org  0x7c00
        mov  ax, 0xb800
        mov  es, ax
        mov  ax, 0x1fdb
        mov  [es:158], ax
again:  mov  ah, 0
        int  0x16
        mov  ah, 0x0e
        int  0x10
        jmp  again
"""


def boot(one: Bench, source: str) -> Bench:
    one.open("/play?room=x86&example=boot")
    one.type_program(source + SECTOR)
    one.run()
    return one


def text_of(one: Bench) -> Locator:
    return one.pane("memory").locator(".b-vga pre")


def pixel(one: Bench, x: int, y: int) -> list[int]:
    script = """([x, y]) => {
        const pen = new OffscreenCanvas(1, 1).getContext("2d");
        pen.drawImage(document.querySelector("canvas.vga"), x, y, 1, 1, 0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    }"""
    found: list[int] = one.page.evaluate(script, [x, y])
    return found[:3]


def test_typing_into_the_screen_gives_keys_and_the_past_shows_what_was_there(bench: Callable[..., Bench]) -> None:
    one = boot(bench(), ECHO)
    asked = one.frontier
    field = one.page.get_by_label("Keyboard of the machine")
    expect(one.page.locator("#vga-hint")).to_have_text(re.compile("^The program waits for keys"))
    field.focus()
    one.page.keyboard.type("hi")
    expect(text_of(one)).to_have_text(re.compile(r"hi"))
    # Playing along goes on for as long as the keyboard has the focus; Escape twice gives it back.
    expect(one.page.locator("#run")).to_have_text("Stop")
    expect(one.page.locator("#vga-hint")).to_have_text(re.compile("^Keys go to the machine"))
    one.page.keyboard.press("Escape")
    one.page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    one.pane("memory").get_by_role("button", name="Stop playing").click()
    one.ready()
    assert one.frontier > asked
    expect(one.page.locator("canvas.vga")).to_have_attribute("aria-label", re.compile("^VGA text screen: hi"))
    one.go_to(asked)
    expect(text_of(one)).not_to_have_text(re.compile("hi"))


def test_tab_leaves_the_keyboard_and_a_key_typed_from_the_page_arrives(bench: Callable[..., Bench]) -> None:
    one = boot(bench(), ECHO)
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.page.locator("#tabs-all [role=tab]", has_text="Memory").click()
    field = one.page.get_by_label("Keyboard of the machine")
    field.focus()
    one.page.keyboard.press("Tab")
    expect(field).not_to_be_focused()
    row = one.page.get_by_role("group", name="Keys for the machine")
    row.get_by_role("button", name="Enter").click()
    field.focus()
    one.page.keyboard.insert_text("z")
    expect(text_of(one)).to_have_text(re.compile("z"))


def test_the_picture_has_the_colours_of_the_cells(bench: Callable[..., Bench]) -> None:
    one = boot(bench(), ECHO)
    # The last cell of the first row is a full block in white; the one before it is blank.
    assert pixel(one, 79 * 9 + 4, 8) == [255, 255, 255]
    assert pixel(one, 78 * 9 + 4, 8) == [0, 0, 0]
    one.go_to(4)
    # The step that wrote it has a frame around the cell.
    assert pixel(one, 79 * 9 + 4, 0) == [255, 176, 0]
    one.pane("memory").get_by_role("button", name="As text").click()
    expect(text_of(one)).to_be_visible()


def test_a_game_goes_on_without_keys_until_it_is_stopped(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?room=x86&example=snake")
    asked = one.frontier
    one.pane("memory").get_by_role("button", name="Play").click()
    slider = one.page.locator("#slider")
    expect(slider).not_to_have_attribute("aria-valuemax", str(asked))
    one.page.locator("#run").click()
    one.ready()
    assert one.frontier > asked
    assert one.tick == one.frontier
    expect(one.pane("memory").get_by_role("button", name="Play")).to_be_visible()


def test_the_image_of_a_disk_is_opened_and_booted(bench: Callable[..., Bench], tmp_path: Path) -> None:
    # mov ax, 0x0e21; int 0x10; cli; hlt
    path = tmp_path / "disk.img"
    path.write_bytes(bytes.fromhex("b8210ecd10faf4").ljust(510, b"\0") + b"\x55\xaa" + bytes(512))
    one = bench().open("/play?room=x86&example=sum")
    with one.page.expect_file_chooser() as chooser:
        one.pane("source").get_by_role("button", name="Open a file…").click()
    chooser.value.set_files(str(path))
    expect(one.pane("source")).to_contain_text("disk.img: a disk of 1,024 bytes")
    expect(one.page.get_by_role("combobox", name="Mode")).to_have_value("boot16")
    one.ready()
    one.go_to(one.frontier)
    expect(text_of(one)).to_have_text("!")
