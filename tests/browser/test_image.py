"""The shown step as an image: copied, and saved as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect

from app.drawing import FONTS
from tests.browser.conftest import Bench

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FONTS[0].is_file(), reason="the fonts are not installed"),
]


def test_the_step_is_copied_as_an_image(bench: Callable[..., Bench]) -> None:
    one = bench()
    one.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    one.open("/?example=closure&tick=124")
    one.page.locator("#share").click()
    one.page.locator("#image-copy").click()
    expect(one.page.get_by_text("The image is on the clipboard.")).to_be_visible()
    expect(one.page.get_by_role("img", name="The shown step as an image")).to_be_visible()
    size = one.page.evaluate(
        "async () => { const [item] = await navigator.clipboard.read();"
        " const made = await createImageBitmap(await item.getType('image/png')); return [made.width, made.height]; }"
    )
    assert size == [1200, 630]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_step_is_saved_as_svg_in_the_theme_of_the_page(
    theme: str, bench: Callable[..., Bench], tmp_path: Path
) -> None:
    one = bench(theme=theme).open("/?example=closure&tick=124")
    one.page.locator("#share").click()
    with one.page.expect_download() as download:
        one.page.locator("#image-svg").click()
    assert download.value.suggested_filename == "closure-124.svg"
    path = tmp_path / "step.svg"
    download.value.save_as(path)
    svg = path.read_text(encoding="utf-8")
    assert ("#141619" in svg) == (theme == "dark")
    texts = [node.text for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Two closures, one upvalue", "124 / 204", "SETUPVAL", "19", "13"} <= set(texts)
