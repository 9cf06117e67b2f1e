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


#: The same for 64-bit code: REX, VEX, eight bytes of an immediate, three-byte opcodes.
LONG_FORMS = [
    ("mov rax, 0x1122334455667788", ["48 REX: W 1 R 0 X 0 B 0", "b8 opcode", "88 77 66 55 44 33 22 11 immediate"]),
    (
        "add r8, [rbx+r9*8+0x10]",
        [
            "4e REX: W 1 R 1 X 1 B 0",
            "03 opcode",
            "44 ModRM: mod 01 reg 000 r/m 100",
            "cb SIB: scale 8 index 001 base 011",
            "10 displacement",
        ],
    ),
    (
        "lea rax, [rel $ + 15]",
        ["48 REX: W 1 R 0 X 0 B 0", "8d opcode", "05 ModRM: mod 00 reg 000 r/m 101", "08 00 00 00 displacement"],
    ),
    ("movaps xmm1, xmm2", ["0f 28 opcode", "ca ModRM: mod 11 reg 001 r/m 010"]),
    ("pshufb xmm0, xmm1", ["66 prefix", "0f 38 00 opcode", "c1 ModRM: mod 11 reg 000 r/m 001"]),
    ("push 5", ["6a opcode", "05 immediate"]),
    (
        "mov [0x1234], al",
        [
            "88 opcode",
            "04 ModRM: mod 00 reg 000 r/m 100",
            "25 SIB: scale 1 index 100 base 101",
            "34 12 00 00 displacement",
        ],
    ),
    (
        "vpaddd ymm1, ymm2, ymm3",
        ["c5 ed VEX: map 0F W 0 vvvv 1101 256 bits pp 01", "fe opcode", "cb ModRM: mod 11 reg 001 r/m 011"],
    ),
    (
        "vfmadd231ps xmm1, xmm2, [rax]",
        ["c4 e2 69 VEX: map 0F 38 W 0 vvvv 1101 128 bits pp 01", "b8 opcode", "08 ModRM: mod 00 reg 001 r/m 000"],
    ),
    ("hlt", ["f4 opcode"]),
]


def pattern(field: str) -> re.Pattern[str]:
    """What a drawn field says, its bytes and below them what they are, from `bytes label`; `*` for any bytes."""
    if field.startswith("* "):
        return re.compile(rf"^[0-9a-f ]+{re.escape(field[2:])}$")
    found = re.match(r"((?:[0-9a-f]{2} )+)(.*)", field)
    assert found is not None
    return re.compile(f"^{found[1].strip()}{re.escape(found[2])}$")


@pytest.mark.parametrize(("mode", "forms"), [("real16", FORMS), ("long64", LONG_FORMS)])
def test_the_bytes_of_an_instruction_are_named_by_what_they_are(
    bench: Callable[..., Bench], mode: str, forms: list[tuple[str, list[str]]]
) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.page.get_by_role("combobox", name="Mode").select_option(mode)
    bits = {"real16": "16", "long64": "64"}[mode]
    # The program ends before what is only to be looked at.
    one.type_program(f"bits {bits}\nhlt\n" + "\n".join(text for text, _ in forms) + "\n")
    one.run()
    rows = one.pane("listing").locator("tr[data-where]")
    fields = one.pane("listing").locator(".decode .bits > span")
    for index, (text, wanted) in enumerate(forms, 1):
        rows.nth(index).locator(".op, td:nth-child(5)").first.click()
        expect(fields, text).to_have_text([pattern(field) for field in wanted])


def test_the_drawer_says_what_is_read_and_written_and_names_the_manual(bench: Callable[..., Bench]) -> None:
    one = bench().open("/play?new=x86", ready=False)
    one.type_program("mov bx, table\nmov al, 5\nadd al, [bx]\nmov [bx], al\njz $\nhlt\ntable: db 3\n")
    one.run()
    one.go_to(3)
    drawer = one.pane("listing").locator(".decode")
    expect(drawer.locator(".effects dd").first).to_have_text(re.compile("AL 05.*BX 000c"))
    expect(drawer.locator(".effects dd").nth(1)).to_contain_text("AX")
    expect(drawer.get_by_role("link")).to_have_text("Intel SDM 2A, ADD")
    one.pane("listing").locator("tr[data-where] .op", has_text=re.compile("^j[ez]$")).click()
    expect(drawer.get_by_role("link")).to_have_text("Intel SDM 2A, Jcc")
