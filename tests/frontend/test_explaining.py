"""Messages of compilers and machines are explained: each real one has its sentence, and each sentence its message."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.session import Session

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import { readFileSync } from "node:fs";
const { root, room, messages } = JSON.parse(readFileSync(0, "utf8"));
const { KNOWN } = await import(`${root}/static/js/panes/rooms/${room}-messages.js`);
const found = messages.map((message) => KNOWN.find(([form]) => form.test(message)));
console.log(JSON.stringify({
  keys: found.map((one) => one?.[1].replace("explain.", "") ?? ""),
  groups: KNOWN.map(([form, key, ...names]) => [key, names, new RegExp(`${form.source}|`).exec("").length - 1]),
}));
"""
#: Programs with one mistake each, and the explanation that the message has.
LUA = {
    "if x then": "lua.expected",
    "if x then\nprint(1)\n": "lua.close",
    "for i do end": "lua.for",
    "local 1 = 2": "lua.name",
    "a:b = 1": "lua.arguments",
    "local x = = 1": "lua.symbol",
    "x": "lua.statement",
    "x = 1 end": "lua.eof",
    "x = 'abc": "lua.unfinished",
    "x = [[abc": "lua.unfinished",
    "x = 3x": "lua.number",
    "x = '\\q'": "lua.escape",
    "local x <const> = 1\nx = 2": "lua.const",
    "local a <close>, b <close> = nil, nil": "lua.closeone",
    "local x <mine> = 1": "lua.attribute",
    "break": "lua.break",
    "function f() return ... end": "lua.vararg",
    "goto there": "lua.goto",
    "goto there\nlocal x\n::there::\nprint(x)": "lua.jump",
    "::a:: ::a::": "lua.label",
    "\n".join(f"local a{n}" for n in range(201)): "lua.limit",
    "local x x()": "lua.call",
    "local t t.x = 1": "lua.index",
    "local t = {} return t + 1": "lua.arithmetic",
    "local t = {} return 'a' .. t": "lua.concat",
    "local n = 1 return #n": "lua.length",
    "return 1 < 'x'": "lua.compare",
    "return 1.5 | 1": "lua.integer",
    "local z = 0 return 1 // z": "lua.zero",
    "local z = 0 return 1 % z": "lua.zero",
    "for i = 'a', 2 do end": "lua.forvalue",
    "for i = 1, 2, 0 do end": "lua.forzero",
    "local function f() return 1 + f() end f()": "lua.overflow",
    "string.rep()": "lua.argument",
    "coroutine.yield()": "lua.coroutine",
    "local s = 'x' while true do s = s .. s end": "lua.memory",
    "local t = {} t[nil] = 1": "lua.key",
}
NASM = {
    "mov ax, [nowhere]\n": "x86.symbol",
    "123 ax\n": "x86.instruction",
    "mov 5, ax\n": "x86.operands",
    "mov [0], 5\n": "x86.size",
    "jmp short away\ntimes 300 nop\naway: hlt\n": "x86.short",
    "a: nop\na: nop\n": "x86.twice",
    "bits 64\npusha\n": "x86.mode",
    "mov ax, (\n": "x86.expression",
    "mov ax, [ax]\n": "x86.register",
    '%include "other.asm"\n': "x86.include",
}
#: Linux programs, and one in protected mode that has no interrupt table.
FAULTS = {"ud2": "x86.UD", "xor ecx, ecx\ndiv ecx": "x86.DE", "mov [0], al": "x86.PF", "hlt": "x86.GP"}


def message_of(room: str, file: str, text: str, **options: str) -> str:
    """What the compiler, or else the run, says of a program."""
    events: list[dict[str, Any]] = []
    session = Session(events.append, lambda _frame: None)

    def do(name: str, **arguments: object) -> dict[str, Any]:
        session.execute({"v": 1, "id": 0, "do": "credit", "frames": 1000})
        session.execute({"v": 1, "id": 1, "do": name, **arguments})
        return events[-1]

    try:
        opened = do("open", room=room, files=[{"name": file, "text": text}], options=options)
        if opened["event"] == "failed":
            return str(opened["error"]["diagnostics"][0]["message"])
        ended = do("run")["ended"]
        return str((ended["detail"] or {}).get("message", ""))
    finally:
        session.close()


def keys_of(room: str, messages: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        ["node", "--input-type=module", "-e", SCRIPT],
        input=json.dumps({"root": ROOT.as_uri(), "room": room, "messages": messages}),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def check(room: str, wanted: dict[str, str], messages: list[str]) -> None:
    told = list(zip(messages, keys_of(room, messages)["keys"], wanted.values(), strict=True))
    assert [one for one in told if one[1] != one[2]] == []


def test_messages_of_lua() -> None:
    check("lua", LUA, [message_of("lua", "main.lua", text) for text in LUA])


def test_messages_of_the_assembler() -> None:
    check("x86", NASM, [message_of("x86", "main.asm", text, mode="real16", cpu="unicorn") for text in NASM])


def test_exceptions_of_the_cpu() -> None:
    programs = [f"global _start\n_start:\n{text}\n" for text in FAULTS]
    check("x86", FAULTS, [message_of("x86", "main.asm", text, mode="user64", cpu="unicorn") for text in programs])
    triple = message_of("x86", "main.asm", "ud2\n", mode="protected32", cpu="unicorn")
    check("x86", {triple: "x86.triple"}, [triple])


@pytest.mark.parametrize("room", ["lua", "x86"])
def test_every_sentence_has_a_message_and_its_arguments(room: str) -> None:
    catalogue = json.loads((ROOT / "static" / "i18n" / "catalogue.json").read_text())
    groups = keys_of(room, [])["groups"]
    for key, names, count in groups:
        assert len(names) <= count, key
        for language in ("en", "zh"):
            text = catalogue[key][language]
            assert {part.split("}")[0] for part in text.split("{")[1:]} == set(names), (key, language)
    mine = {key for key in catalogue if key.startswith(f"explain.{room}.")}
    assert mine == {key for key, _, _ in groups}
