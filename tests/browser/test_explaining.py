"""What a message means stands beside it in the page's language; the message itself stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB", "No value or statement begins with '='"), ("zh-CN", "没有值或语句以 '=' 开头")]
)
def test_a_message_of_the_compiler(bench: Callable[..., Bench], language: str, words: str) -> None:
    one = bench(language=language).open("/play?new=lua", ready=False)
    one.type_program("local x = = 1")
    one.page.locator("#run").click()
    problem = one.page.locator(".problems li")
    expect(problem).to_contain_text("unexpected symbol near '='")
    expect(problem.locator(".why")).to_contain_text(words)
    assert Axe().run(one.page).response["violations"] == []


def test_a_message_of_a_run(bench: Callable[..., Bench]) -> None:
    one = bench(language="zh-CN").open("/play?new=lua", ready=False)
    one.type_program("local t\nprint(t.x)")
    one.run()
    notice = one.page.locator("#notice")
    expect(notice).to_contain_text("attempt to index a nil value (local 't')")
    expect(notice.locator(".why")).to_contain_text("这里的值类型是 nil")


def test_a_message_of_the_assembler_and_one_that_nobody_knows(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.type_program("mov ax, [nowhere]\n")
    one.page.locator("#run").click()
    expect(one.page.locator(".problems .why")).to_contain_text("No line defines nowhere")
    one.type_program("%error what I say myself\n")
    one.page.locator("#run").click()
    expect(one.page.locator(".problems")).to_contain_text("what I say myself")
    expect(one.page.locator(".problems .why")).to_be_hidden()
