"""The stack as a person reads it: words with their meaning, and the frames that frame pointers link.

A word is a return address when it is the address right after a call or an `int` of the program. A frame is what
`push bp; mov bp, sp` makes: the word at bp is the caller's bp, the one above it the return address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.x86 import pointers, tables
from engine.x86.core.vcpu import lib
from engine.x86.decoder_kinds import Kind

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

MAX_WORDS, MAX_FRAMES = 32, 16
_RBP = 5
_CALL_LENGTHS = (5, 2, 3, 6, 7, 4)


def return_address(machine: X86Machine, value: int, selector: int | None) -> dict[str, Any] | None:
    """`{"address", "call": row or null, "kind": "call" | "int", "symbol"?}` when a call leaves this value behind."""
    address = pointers.linear(machine, lib.CS, value)
    row = machine.rows.calls.get(address)
    if row is None and selector is not None and machine.vcpu.bits < 0:
        address = selector * 16 + value
        row = machine.rows.calls.get(address)
    if row is not None:
        assert row.instruction is not None  # noqa: S101 - `calls` has instructions only
        kind = "int" if row.instruction.kind == Kind.INT else "call"
        found: dict[str, Any] = {"address": address, "call": row.where, "kind": kind}
    elif _follows_call(machine, address):
        found = {"address": address, "call": None, "kind": "call"}
    else:
        return None
    symbol = machine.rows.symbol_at(address)
    return {**found, "symbol": symbol} if symbol else found


def _follows_call(machine: X86Machine, address: int) -> bool:
    """Outside the source (a loaded program, code that was made): does a call end there?"""
    if address < max(_CALL_LENGTHS) or machine.rows.symbol_at(address) or address >> 12 == 0:
        return False
    for length in _CALL_LENGTHS:
        data = machine.vcpu.read_linear(address - length, length)
        found = machine.decoder_now.decode(data, address - length) if len(data) == length else None
        if found and len(found.data) == length and found.mnemonic == "call":
            return True
    return False


def stack(machine: X86Machine) -> dict[str, Any]:
    """`{"pointer", "word", "words", "frames"}`; see docs/views.md."""
    top, size = pointers.stack_pointer(machine), pointers.word_bytes(machine)
    data = machine.vcpu.read_linear(top, MAX_WORDS * size)
    values = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data) // size * size, size)]
    frames = _frames(machine, top, size)
    bases = {frame["base"] for frame in frames}
    words = []
    for i, value in enumerate(values):
        word: dict[str, Any] = {"address": top + i * size, "value": f"{value:0{2 * size}x}"}
        following = values[i + 1] if i + 1 < len(values) else None
        if word["address"] in bases:
            word["frame"] = True
        elif found := return_address(machine, value, following):
            word["return"] = found
        elif places := pointers.chain(machine, lib.DS, value):
            word["chain"] = places
        words.append(word)
    found = {"pointer": top, "word": size, "words": words, "frames": frames}
    return {**found, **tables.mapping(machine, top, len(data))}


def _frames(machine: X86Machine, top: int, size: int) -> list[dict[str, Any]]:
    """The chain of frame pointers from bp on, innermost first, as long as it climbs and finds return addresses."""
    frames: list[dict[str, Any]] = []
    mask = (1 << 8 * size) - 1
    base = pointers.linear(machine, lib.SS, int(machine.vcpu.state.gpr[_RBP]) & mask)
    lowest = top
    while lowest <= base and len(frames) < MAX_FRAMES:
        data = machine.vcpu.read_linear(base, 3 * size)
        if len(data) < 2 * size:
            break
        words = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
        found = return_address(machine, words[1], words[2] if len(words) > 2 else None)
        if found is None:
            break
        frames.append({"base": base, "saved": f"{words[0]:0{2 * size}x}", "return": found})
        lowest, base = base + size, pointers.linear(machine, lib.SS, words[0])
    return frames
