"""The source editor: words in their colours, brackets in pairs, keys that programmers expect."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

LUA = 'local s = [[a -- "b"\nwhile]] .. "x\\"y" --[==[ two\nend ]==] return 0x1F, nil\n'


def words(page: Page, kind: str) -> list[str]:
    return page.locator(f".cm-line .tok-{kind}").all_text_contents()


def text(page: Page) -> str:
    return "\n".join(page.locator(".cm-line").all_text_contents())


def blank(bench: Callable[..., Bench]) -> Bench:
    one = bench().open("/?example=closure")
    one.page.locator("#example").select_option("blank")
    expect(one.page.locator(".cm-line")).to_have_count(1)
    one.page.locator(".cm-content").click()
    return one


def test_lua_words_have_colours_also_across_lines(bench: Callable[..., Bench]) -> None:
    one = blank(bench)
    one.page.keyboard.insert_text(LUA)
    expect(one.page.locator(".cm-line .tok-atom")).to_have_text(["nil"])
    assert words(one.page, "string") == ['[[a -- "b"', "while]]", '"x\\"y"']
    assert words(one.page, "comment") == ["--[==[ two", "end ]==]"]
    assert words(one.page, "keyword") == ["local", "return"]
    assert words(one.page, "atom") == ["nil"]
    # Closing the long string earlier changes the lines after it.
    one.page.keyboard.press("ControlOrMeta+Home")
    one.page.keyboard.insert_text("--")
    expect(one.page.locator(".cm-line .tok-keyword")).to_have_text(["while", "return"])


def test_nasm_words_have_colours(bench: Callable[..., Bench]) -> None:
    one = bench().open("/?room=x86&example=sum")
    one.page.locator("#example").select_option("blank")
    one.page.locator(".cm-content").click()
    one.page.keyboard.insert_text('start: rep movsb ; copy\nmsg db "hi", 0x0d\n mov word [bx], $\n')
    expect(one.page.locator(".cm-line .tok-labelName")).to_have_text(["start", "msg"])
    assert words(one.page, "keyword") == ["rep", "movsb", "mov"]
    assert words(one.page, "meta") == ["db"]
    assert words(one.page, "typeName") == ["word"]
    assert words(one.page, "comment") == ["; copy"]


def test_brackets_beside_the_cursor_are_shown_in_pairs(bench: Callable[..., Bench]) -> None:
    one = blank(bench)
    one.page.keyboard.insert_text('f(a, ")", {1})')
    expect(one.page.locator(".cm-matchingBracket")).to_have_text(["(", ")"])
    one.page.keyboard.press("ArrowLeft")
    expect(one.page.locator(".cm-matchingBracket")).to_have_text(["(", ")"])
    one.page.keyboard.press("Home")
    expect(one.page.locator(".cm-matchingBracket")).to_have_count(0)


def test_enter_tab_and_comment_keys(bench: Callable[..., Bench]) -> None:
    one = blank(bench)
    press = one.page.keyboard.press
    one.page.keyboard.type("if x then")
    press("Enter")
    one.page.keyboard.type("y()")
    assert text(one.page) == "if x then\n  y()"
    press("Shift+Tab")
    assert text(one.page) == "if x then\ny()"
    press("ControlOrMeta+a")
    press("Tab")
    assert text(one.page) == "  if x then\n  y()"
    press("ControlOrMeta+/")
    assert text(one.page) == "  -- if x then\n  -- y()"
    press("ControlOrMeta+/")
    assert text(one.page) == "  if x then\n  y()"


def test_several_lines_are_commented_out_in_one_column_and_in_again(bench: Callable[..., Bench]) -> None:
    one = blank(bench)
    page = one.page
    program = "do\n  local a = 1\n\n    a = 2\nend"
    page.keyboard.insert_text(program)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("ControlOrMeta+/")
    assert text(page) == "-- do\n--   local a = 1\n\n--     a = 2\n-- end"
    page.keyboard.press("ControlOrMeta+/")
    assert text(page) == program
    page.keyboard.press("ControlOrMeta+/")
    page.keyboard.press("ControlOrMeta+z")
    assert text(page) == program
    # Within a block the signs stand where its shallowest line begins.
    page.keyboard.press("ControlOrMeta+Home")
    page.keyboard.press("ArrowDown")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+End")
    page.keyboard.press("ControlOrMeta+/")
    assert text(page) == "do\n  -- local a = 1\n\n  --   a = 2\nend"


def test_backspace_and_delete_take_whole_characters_and_lines(bench: Callable[..., Bench]) -> None:
    one = blank(bench)
    press = one.page.keyboard.press
    one.page.keyboard.insert_text("a\U0001f44d\U0001f3fd\nb")
    press("Backspace")
    press("Backspace")
    assert text(one.page) == "a\U0001f44d\U0001f3fd"
    press("Backspace")
    assert text(one.page) == "a"
    press("Home")
    press("Delete")
    assert text(one.page) == ""
    press("Backspace")
    assert text(one.page) == ""
