"""Files of a run: the trace as JSON, the run told in Markdown, a page that replays without a server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser


def saved(one: Bench, kind: str, folder: Path) -> Path:
    """Press a button of the dialog and keep the file that it makes."""
    if not one.page.get_by_role("dialog").count():
        one.page.locator("#share").click()
    with one.page.expect_download() as download:
        one.page.locator(f"#export-{kind}").click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(one.page.get_by_role("dialog")).to_contain_text("is made")
    return path


def test_the_trace_as_json_has_every_step_with_what_it_wrote(bench: Callable[..., Bench], tmp_path: Path) -> None:
    one = bench().open("/?example=closure")
    path = saved(one, "json", tmp_path)
    assert path.name == "closure-trace.json"
    data = json.loads(path.read_text())
    assert (data["format"], data["version"], data["room"]) == ("glassbox-trace", 1, "lua")
    assert data["windows"] == [[1, 204]]
    assert [step["tick"] for step in data["steps"]] == list(range(1, 205))
    rows = {row["where"]: row for routine in data["listing"]["functions"] for row in routine["rows"]}
    step = data["steps"][123]
    assert rows[step["where"]]["op"] == "SETUPVAL"
    write = next(w for w in step["writes"] if w["kind"] == "upvalue")
    assert write["old"]["s"] != write["new"]["s"]
    assert "".join(o["text"] for o in data["outputs"]).startswith("1\t11\n")


@pytest.mark.parametrize(("language", "word"), [("en-GB", "Steps 1–204 of 204."), ("zh-CN", "共 204 步")])
def test_the_transcript_tells_every_step_in_one_line(
    bench: Callable[..., Bench], tmp_path: Path, language: str, word: str
) -> None:
    one = bench(language=language).open("/?example=closure")
    one.page.locator("#share").click()
    with one.page.expect_download() as download:
        one.page.locator("#export-markdown").click()
    download.value.save_as(tmp_path / "run.md")
    text = (tmp_path / "run.md").read_text()
    assert word in text
    told = re.findall(r"(?m)^- \*\*(\d+)\*\* \(\d+\) `([A-Z0-9]+)` \S", text)
    assert [int(tick) for tick, _ in told] == list(range(1, 205))
    assert told[123] == ("124", "SETUPVAL")


@pytest.mark.parametrize(("path", "tick"), [("/?example=closure", 124), ("/?room=x86&example=sum", 5)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_replay_needs_no_server(
    bench: Callable[..., Bench], browser: Browser, tmp_path: Path, path: str, tick: int, theme: str
) -> None:
    one = bench().open(path)
    one.go_to(tick)
    file = saved(one, "html", tmp_path)
    context = browser.new_context(color_scheme=theme, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(file.as_uri())
    expect(page.locator(".where")).to_have_text(f"step {tick} of {one.frontier}")
    now = page.locator(".rows .now")
    expect(now).to_have_text(re.compile(one.pane("listing").locator("tr.now .op").inner_text()))
    written = page.locator("#pane-state tr.wrote").first
    expect(written).to_contain_text(f"@{tick}")
    page.locator("#back").click()
    expect(page.locator(".where")).to_have_text(f"step {tick - 1} of {one.frontier}")
    page.keyboard.press("End")
    expect(page.locator(".where")).to_have_text(f"step {one.frontier} of {one.frontier}")
    end = page.locator("#pane-state tbody").inner_text()
    page.locator("#first").click()
    expect(page.locator(".rows .next")).to_have_count(1)
    page.locator("#last").click()
    assert page.locator("#pane-state tbody").inner_text() == end
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["target"] for n in v["nodes"]]) for v in found] == []
    # Its policy lets nothing else run.
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.got = 1'}))"
    )
    assert page.evaluate("window.got") is None
    assert [text for text in wrong if "Content Security Policy" not in text] == []
    context.close()


def test_a_replay_carries_the_notes(bench: Callable[..., Bench], browser: Browser, tmp_path: Path) -> None:
    one = bench().open("/?example=closure&tick=11")
    for tick, text in ((11, "The return closes `n`."), (124, "Both see <b>13</b>.")):
        one.go_to(tick)
        one.page.locator("#note-add").click()
        form = one.pane("narration").locator("form.note-form")
        form.get_by_role("textbox").fill(text)
        if tick == 124:
            form.get_by_role("combobox", name="Where to look").select_option("heap")
        form.get_by_role("button", name="Keep").click()
    file = saved(one, "html", tmp_path)
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(file.as_uri())
    notes = page.locator("#pane-notes li")
    expect(notes).to_have_text(["@11The return closes n.", "@124Both see <b>13</b>. Look at: Heap"])
    expect(page.locator("#pane-notes .here")).to_contain_text("Both see")
    page.keyboard.press("[")
    expect(page.locator(".where")).to_have_text(f"step 11 of {one.frontier}")
    expect(page.locator("#pane-notes .here code")).to_have_text("n")
    page.keyboard.press("Home")
    expect(page.locator("#pane-notes .here")).to_have_count(0)
    notes.last.get_by_role("button").click()
    expect(page.locator(".where")).to_have_text(f"step 124 of {one.frontier}")
    assert Axe().run(page).response["violations"] == []
    context.close()


def test_a_replay_shows_the_registers_that_the_page_shows(
    bench: Callable[..., Bench], browser: Browser, tmp_path: Path
) -> None:
    one = bench().open("/?example=closure")
    one.go_to(100)
    page = browser.new_page()
    page.goto(saved(one, "html", tmp_path).as_uri())
    one.page.keyboard.press("Escape")
    names = one.pane("state").locator(".regs th[scope=row]").all_inner_texts()
    shown = {name.split()[0] for name in page.locator("#pane-state th[scope=row]").all_inner_texts()}
    own = [name.split()[0] for name in names[: names.index("R0", 1) if "R0" in names[1:] else len(names)]]
    assert own
    assert set(own) <= shown
    page.close()


def test_a_text_cannot_break_out_of_the_replay(bench: Callable[..., Bench], browser: Browser, tmp_path: Path) -> None:
    one = bench().open("/?example=closure")
    one.type_program("print('</script><script>document.title = 1</script><!--')\n")
    one.run()
    file = saved(one, "html", tmp_path)
    page = browser.new_page()
    page.goto(file.as_uri())
    expect(page.locator("#pane-source")).to_contain_text("</script><script>")
    assert page.title() == "Replay – Glassbox"
    page.close()
