"""Programs that do not end by themselves, sessions that do, and what the page says about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import WebSocketRoute, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

ENDLESS = "bits 16\norg 0\nagain: inc ax\njmp again\n"


@pytest.fixture
def endless(bench: Callable[..., Bench]) -> Bench:
    """A loop without end, at work."""
    one = bench().open("/play", ready=False)
    one.choose_room("x86")
    one.page.locator("#example").select_option("blank")
    one.type_program(ENDLESS)
    one.page.locator("#run").click()
    return one


def test_an_endless_program_can_be_stopped_and_its_recording_stepped(endless: Bench) -> None:
    one = endless
    expect(one.page.locator("#run")).to_have_text("Stop")
    expect(one.page.locator(".runinfo")).to_contain_text("steps so far")
    one.page.locator("#run").click()
    one.ready()
    one.at(0)
    assert one.frontier > 1000
    expect(one.page.locator("#timeline")).to_have_class(re.compile("past"))
    expect(one.page.locator(".pastmark")).to_contain_text("The run can go on.")
    one.go_to(1000)
    expect(one.register("AX")).to_contain_text("01f4")
    one.step(-1)
    expect(one.register("AX").locator(".wrote")).to_have_text("01f4")


def test_an_edited_program_replaces_the_one_at_work(endless: Bench) -> None:
    one = endless
    expect(one.page.locator("#run")).to_have_text("Stop")
    one.type_program("bits 16\nmov ax, 7\nhlt\n")
    one.page.keyboard.press("ControlOrMeta+Enter")
    expect(one.page.locator("#slider")).to_have_attribute("aria-valuemax", "2")
    one.ready()
    one.at(0)
    assert one.frontier == 2
    one.step()
    expect(one.register("AX").locator(".wrote")).to_have_text("0007")


def test_a_lost_connection_is_said_and_running_again_brings_the_step_back(bench: Callable[..., Bench]) -> None:
    one = bench()
    sockets: list[WebSocketRoute] = []

    def relay(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    one.page.route_web_socket(re.compile("/live$"), relay)
    one.page.goto(one.base + "/play")
    expect(one.page.locator("#run")).to_be_visible()
    one.choose_room("x86")
    one.page.locator("#example").select_option("blank")
    one.type_program("bits 16\nmov ax, 7\nmov bx, 8\nhlt\n")
    one.run()
    one.go_to(2)
    sockets[-1].close()
    expect(one.page.locator("#notice")).to_contain_text("connection to the machine was lost")
    one.page.get_by_role("button", name="Run again at this step").click()
    one.ready()
    one.at(2)
    expect(one.page.locator("#notice")).to_be_hidden()
    expect(one.register("BX").locator(".wrote")).to_have_text("0008")


def test_a_link_that_nobody_stored_says_so(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.page.goto(one.base + "/s/nothere99")
    expect(one.page.locator("#notice")).to_contain_text("There is no program under this link")
    one.errors.clear()  # the browser reports the page's own 404
