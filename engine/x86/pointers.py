"""What values point at: chains of dereferences from the registers, and the memory that the next instruction touches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.x86.core.vcpu import ffi, lib
from engine.x86.decoder import NO_REGISTER, Access, MemoryOperand

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

#: A chain ends after this many places, and a text after this many characters.
MAX_CHAIN, MAX_TEXT, MIN_TEXT = 5, 40, 4
#: Smaller numbers are hardly ever addresses, unless a label stands exactly there.
_SMALLEST = 0x100
_STACK_REACH = 0x1000
_RSP, _RBP = 4, 5
_SHOWN = (0, 3, 1, 2, 6, 7, 5, 4, *range(8, 16))
_REAL_MASK = 0xFFFF


def word_bytes(machine: X86Machine) -> int:
    """Bytes of an address in the code that runs now."""
    return max(machine.vcpu.bits, 16) // 8


def linear(machine: X86Machine, segment: int, offset: int) -> int:
    """The linear address of an offset in a segment, as the core has it (protected.c)."""
    bits, base = machine.vcpu.bits, int(machine.vcpu.state.seg[segment].base)
    if bits == 64:
        return (base if segment in (lib.FS, lib.GS) else 0) + offset & (1 << 64) - 1
    return base + offset if bits < 0 else base + offset & 0xFFFFFFFF


def stack_pointer(machine: X86Machine) -> int:
    """The linear address of the stack's top."""
    state, bits = machine.vcpu.state, machine.vcpu.bits
    if bits == 64:
        return int(state.gpr[_RSP])
    is_wide = bits > 0 and int(state.seg[lib.SS].attributes) & 0x4000
    return linear(machine, lib.SS, int(state.gpr[_RSP]) & (0xFFFFFFFF if is_wide else _REAL_MASK))


def region(machine: X86Machine, address: int) -> str | None:
    """`code`, `data` or `stack`: where a linear address lies that a value may well mean; None for a mere number."""
    rows, assembly = machine.rows, machine.program.assembly
    symbol = rows.symbol_at(address)
    if address < _SMALLEST and not (symbol and symbol["offset"] == 0):
        return None
    if assembly.origin <= address < assembly.origin + len(assembly.image):
        return "data" if rows.is_data(address) else "code"
    top = stack_pointer(machine)
    return "stack" if top <= address < top + _STACK_REACH else None


def place(machine: X86Machine, address: int) -> dict[str, Any]:
    """A linear address with what is known about it."""
    found: dict[str, Any] = {"address": address, "region": region(machine, address)}
    symbol = machine.rows.symbol_at(address)
    if symbol:
        found["symbol"] = symbol
    return found


def chain(machine: X86Machine, segment: int, value: int) -> list[dict[str, Any]]:
    """The places that a value leads to, each with the word there; empty when it does not look like an address."""
    size, seen = word_bytes(machine), set[int]()
    places: list[dict[str, Any]] = []
    at = linear(machine, segment, value)
    while region(machine, at) and at not in seen and len(places) < MAX_CHAIN:
        seen.add(at)
        here, data = place(machine, at), machine.vcpu.read_linear(at, MAX_TEXT)
        if here["region"] == "code":
            places.append(here)
            break
        here["value"] = data[:size][::-1].hex()
        text = _text(data)
        if text:
            here["text"] = text
        places.append(here)
        if text or len(data) < size:
            break
        at = linear(machine, lib.DS, int.from_bytes(data[:size], "little"))
    return places


def _text(data: bytes) -> str:
    """The printable characters at the start, when there are enough to be text."""
    end = next((i for i, byte in enumerate(data) if not 0x20 <= byte < 0x7F), len(data))
    return data[:end].decode("ascii") if end >= MIN_TEXT else ""


def pointers(machine: X86Machine) -> list[dict[str, Any]]:
    """`{"register", "chain"}` of the general registers that point at something."""
    bits, state = machine.vcpu.bits, machine.vcpu.state
    mask = (1 << 8 * word_bytes(machine)) - 1
    found = []
    for number in _SHOWN if bits == 64 else _SHOWN[:8]:
        segment = lib.SS if number in (_RSP, _RBP) else lib.DS
        places = chain(machine, segment, int(state.gpr[number]) & mask)
        if places:
            found.append({"register": number, "chain": places})
    return found


def _offset(machine: X86Machine, operand: MemoryOperand) -> int:
    """As record.c's operand_offset."""
    state, offset = machine.vcpu.state, operand.displacement
    if operand.base != NO_REGISTER:
        offset += int(state.gpr[operand.base])
    if operand.index != NO_REGISTER:
        offset += int(state.gpr[operand.index]) * operand.scale
    if operand.bit_register != NO_REGISTER:
        bits = operand.bit_size
        number = int(state.gpr[operand.bit_register]) & (1 << bits) - 1
        signed = number - (1 << bits) if number >> bits - 1 else number
        offset += (signed >> {16: 4, 32: 5, 64: 6}[bits]) * (bits // 8)
    return offset & (1 << operand.address_bits) - 1


def operands(machine: X86Machine) -> list[dict[str, Any]]:
    """The memory operands of the next instruction: where they lie, and what is there now."""
    where = machine.where
    instruction = machine.rows.rows[where].instruction if where is not None else None
    found = []
    for operand in instruction.memory if instruction else ():
        address = linear(machine, operand.segment, _offset(machine, operand))
        physical, _ = machine.vcpu.translate(address)
        data = machine.vcpu.read_linear(address, operand.size)
        found.append(
            {
                "address": address,
                "physical": physical,
                "size": operand.size,
                "reads": bool(operand.access & Access.READ),
                "writes": bool(operand.access & Access.WRITE),
                "value": data[::-1].hex(),
                **({"symbol": symbol} if (symbol := machine.rows.symbol_at(address)) else {}),
            }
        )
    return found


def _recent(machine: X86Machine) -> list[Any]:
    """What is known of the last steps' operands, oldest first."""
    raw, tick = machine.vcpu.raw, machine.tick
    count = int(raw.access_count)
    kept = [raw.accesses[n % lib.RECENT_ACCESSES] for n in range(max(0, count - lib.RECENT_ACCESSES), count)]
    return [access for access in kept if access.tick <= tick]


def save_accesses(machine: X86Machine) -> bytes:
    """The operands of the last steps, to be given to `restore_accesses`; no part of the machine's state."""
    return b"".join(bytes(ffi.buffer(ffi.addressof(access))) for access in _recent(machine))


def restore_accesses(machine: X86Machine, saved: bytes) -> None:
    """Know of the last steps again what was known when they were saved."""
    raw = machine.vcpu.raw
    ffi.memmove(raw.accesses, saved, len(saved))
    raw.access_count = len(saved) // ffi.sizeof("Access")


def accesses(machine: X86Machine) -> dict[str, Any]:
    """Memory that the last steps read and wrote, oldest first: of the up to 64 last operands."""
    found = [
        {
            "tick": int(access.tick),
            "address": int(access.address),
            "size": int(access.size),
            "reads": bool(access.access & Access.READ),
            "writes": bool(access.access & Access.WRITE),
        }
        for access in _recent(machine)
    ]
    return {"accesses": found}
