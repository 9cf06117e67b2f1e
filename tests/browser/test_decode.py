"""The drawer takes x86 instructions apart: prefixes, opcode, ModRM, SIB, displacement, immediate."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Bench

pytestmark = pytest.mark.browser

#: Assembly, and its bytes with what each is. Worked out by hand from the manual's formats.
FORMS = [
    ("mov ax, 7", ["b8 opcode", "07 00 immediate"]),
    ("mov [bx+4], ax", ["89 opcode", "47 ModRM: mod 01 reg 000 r/m 111", "04 displacement"]),
    ("mov cx, [0x1234]", ["8b opcode", "0e ModRM: mod 00 reg 001 r/m 110", "34 12 displacement"]),
    (
        "add word [es:bx], 0x1234",
        ["26 prefix", "81 opcode", "07 ModRM: mod 00 reg 000 r/m 111", "34 12 immediate"],
    ),
    (
        "mov eax, [ebx+esi*4+0x10]",
        [
            "66 prefix",
            "67 prefix",
            "8b opcode",
            "44 ModRM: mod 01 reg 000 r/m 100",
            "b3 SIB: scale 4 index 110 base 011",
            "10 displacement",
        ],
    ),
    ("movzx ax, bl", ["0f b6 opcode", "c3 ModRM: mod 11 reg 000 r/m 011"]),
    ("test bl, 1", ["f6 opcode", "c3 ModRM: mod 11 reg 000 r/m 011", "01 immediate"]),
    ("rep stosb", ["f3 prefix", "aa opcode"]),
    ("jz near 0x100", ["0f 84 opcode", "* relative target"]),
    ("hlt", ["f4 opcode"]),
]


def pattern(field: str) -> re.Pattern[str]:
    """What a drawn field says, its bytes and below them what they are, from `bytes label`; `*` for any bytes."""
    if field.startswith("* "):
        return re.compile(rf"^[0-9a-f ]+{re.escape(field[2:])}$")
    found = re.match(r"((?:[0-9a-f]{2} )+)(.*)", field)
    assert found is not None
    return re.compile(f"^{found[1].strip()}{re.escape(found[2])}$")


def test_the_bytes_of_an_instruction_are_named_by_what_they_are(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play", ready=False)
    one.choose_room("x86")
    one.page.locator("#example").select_option("blank")
    one.type_program("bits 16\n" + "\n".join(text for text, _ in FORMS) + "\n")
    one.run()
    rows = one.pane("listing").locator("tr[data-where]")
    fields = one.pane("listing").locator(".decode .bits > span")
    for index, (text, wanted) in enumerate(FORMS):
        rows.nth(index).locator(".op, td:nth-child(5)").first.click()
        expect(fields, text).to_have_text([pattern(field) for field in wanted])
