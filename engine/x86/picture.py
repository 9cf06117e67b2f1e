"""What an x86 machine shows: listing, view and deep views as plain JSON data (docs/views.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import CommandError
from engine.x86 import screen, tables
from engine.x86.decoder import GENERAL_16, GENERAL_32, GENERAL_64, HIGH_8_TO_15, SYSTEM

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

#: Bytes of the memory windows around what matters, and how many exits a view carries.
WINDOW_BEFORE, WINDOW_BYTES = 16, 64
STACK_BYTES = 64
VIEW_EXITS = 16
MAX_MEMORY_BYTES = 4096
MAX_DISASSEMBLY = 64

_FLAG_WORDS = (
    (0, "CF", "carry"),
    (2, "PF", "parity"),
    (4, "AF", "adjust"),
    (6, "ZF", "zero"),
    (7, "SF", "sign"),
    (8, "TF", "trap"),
    (9, "IF", "interrupt"),
    (10, "DF", "direction"),
    (11, "OF", "overflow"),
)
_SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
_SHOWN_SEGMENTS = (1, 3, 2, 0, 4, 5)
#: SDM vol. 3, 2.5.
_CR0_BITS = {
    "PE": 0,
    "MP": 1,
    "EM": 2,
    "TS": 3,
    "ET": 4,
    "NE": 5,
    "WP": 16,
    "AM": 18,
    "NW": 29,
    "CD": 30,
    "PG": 31,
}
_EFER_BITS = {"SCE": 0, "LME": 8, "LMA": 10, "NXE": 11}
_CR4_BITS = {
    "VME": 0,
    "PVI": 1,
    "TSD": 2,
    "DE": 3,
    "PSE": 4,
    "PAE": 5,
    "MCE": 6,
    "PGE": 7,
    "OSFXSR": 9,
    "OSXMMEXCPT": 10,
}


def register_names(machine: X86Machine) -> list[str]:
    """Names by number, as in traces. 32-bit names once any instruction of the program uses one of them."""
    general, ip = (GENERAL_32, "eip") if machine.rows.is_wide else (GENERAL_16, "ip")
    if machine.rows.is_long:
        general, ip = GENERAL_64, "rip"
    return [*general, *HIGH_8_TO_15, ip, *SYSTEM]


def listing(machine: X86Machine) -> dict[str, Any]:
    """The program as rows."""
    return {
        "machine": "x86",
        "mode": machine.mode,
        "cpu": machine.cpu,
        "registers": register_names(machine),
        "labels": [{"name": name, "address": address} for name, address in machine.program.assembly.labels],
        "functions": machine.rows.functions(),
    }


def _registers(machine: X86Machine) -> list[dict[str, Any]]:
    state, is_wide = machine.vcpu.state, machine.rows.is_wide
    bits = 64 if machine.rows.is_long else 32 if is_wide else 16
    names = register_names(machine)
    shown: tuple[int, ...] = (0, 3, 1, 2, 6, 7, 5, 4)  # ax bx cx dx si di bp sp, as people list them
    if bits == 64:
        shown = (*shown, *range(8, 16))
    rows = [{"name": names[i], "bits": bits, "value": f"{int(state.gpr[i]):0{bits // 4}x}"} for i in shown]
    return [*rows, {"name": names[16], "bits": bits, "value": f"{int(state.rip):0{bits // 4}x}"}]


def _segments(machine: X86Machine) -> list[dict[str, Any]]:
    rows = []
    for i in _SHOWN_SEGMENTS:
        segment = machine.vcpu.state.seg[i]
        rows.append(
            {
                "name": _SEGMENTS[i],
                "selector": f"{int(segment.selector):04x}",
                "base": f"{int(segment.base):05x}",
                "limit": f"{int(segment.limit):04x}",
                "attributes": f"{int(segment.attributes):04x}",
            }
        )
    return rows


def _flags(machine: X86Machine) -> dict[str, Any]:
    value = int(machine.vcpu.state.rflags)
    bits = [{"name": n, "word": word, "bit": bit, "set": bool(value >> bit & 1)} for bit, n, word in _FLAG_WORDS]
    return {"value": f"{value:04x}", "bits": bits}


def _control(machine: X86Machine) -> list[dict[str, Any]]:
    state = machine.vcpu.state
    rows = []
    shown: list[tuple[str, int, dict[str, int]]] = [("CR0", int(state.cr0), _CR0_BITS)]
    if int(state.cr0) & 1:
        shown += [("CR2", int(state.cr2), {}), ("CR3", int(state.cr3), {})]
    shown.append(("CR4", int(state.cr4), _CR4_BITS))
    if int(state.efer) or machine.rows.is_long:
        shown.append(("EFER", int(state.efer), _EFER_BITS))
    for name, value, table in shown:
        rows.append(
            {"name": name, "value": f"{value:08x}", "bits": [n for n, bit in table.items() if value >> bit & 1]}
        )
    return rows


def _window(machine: X86Machine, name: str, address: int, before: int, length: int) -> dict[str, Any] | None:
    base = max(0, (address - before) & ~7)
    data = machine.vcpu.read_linear(base, length)
    return {"name": name, "base": base, "bytes": data.hex()} if data else None


def _memory(machine: X86Machine) -> list[dict[str, Any]]:
    state = machine.vcpu.state
    mask = {-16: 0xFFFF, 64: (1 << 64) - 1}.get(
        machine.vcpu.bits, 0xFFFFFFFF if state.seg[2].attributes & 0x4000 else 0xFFFF
    )
    stack = (0 if machine.vcpu.bits == 64 else int(state.seg[2].base)) + (int(state.gpr[4]) & mask)
    windows = [
        _window(machine, "ip", machine.fetch_address, WINDOW_BEFORE, WINDOW_BYTES),
        _window(machine, "sp", stack, 8, STACK_BYTES),
    ]
    windows += [_window(machine, name, address, 0, 32) for name, address in data_labels(machine)[:4]]
    return [window for window in windows if window]


def data_labels(machine: X86Machine) -> list[tuple[str, int]]:
    """The labels under which the source put data: the program's variables."""
    data = {row.address for row in machine.rows.rows if row.instruction is None}
    return [(name, address) for name, address in machine.program.assembly.labels if address in data]


def view(machine: X86Machine) -> dict[str, Any]:
    """The visible state at this tick."""
    last, following = machine.last_where, machine.where
    shown = screen.picture(machine)
    return {
        "tick": machine.tick,
        "last": None if last is None else {"where": last},
        "next": None if following is None else {"where": following},
        "depth": machine.depth,
        "registers": _registers(machine),
        "flags": _flags(machine),
        "segments": _segments(machine),
        "control": _control(machine),
        "memory": _memory(machine),
        "exits": {"count": machine.exit_count, "last": list(machine.exits)[-VIEW_EXITS:]},
        "mode": machine.mode_now,
        "cpu": machine.cpu,
        **({"screen": shown} if shown else {}),
    }


def _number(query: Mapping[str, Any], name: str, default: int | None, low: int, high: int) -> int:
    value = query.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise CommandError(f"`{name}` must be a whole number from {low} to {high}")
    return value


def inspect(machine: X86Machine, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answers `memory`, `disassembly`, `exits`, `gdt`, `idt` and `pages` queries; CommandError for others."""
    kind = query.get("kind")
    if kind == "memory":
        address = _number(query, "address", None, 0, machine.vcpu.ram_bytes - 1)
        length = _number(query, "length", 256, 1, MAX_MEMORY_BYTES)
        return {"address": address, "bytes": machine.vcpu.read_memory(address, length).hex()}
    if kind == "disassembly":
        address = _number(query, "address", None, 0, machine.vcpu.ram_bytes - 1)
        return {"rows": list(_disassembly(machine, address, _number(query, "count", 16, 1, MAX_DISASSEMBLY)))}
    if kind == "exits":
        offset, limit = _number(query, "offset", 0, 0, 1 << 32), _number(query, "limit", 32, 1, 64)
        first = machine.exit_count - len(machine.exits)
        start = max(offset, first)
        kept = list(machine.exits)[start - first : start - first + limit]
        return {"count": machine.exit_count, "offset": start, "exits": kept}
    if kind in ("gdt", "idt"):
        return {"kind": kind, **tables.descriptors(machine, str(kind))}
    if kind == "pages":
        return tables.pages(machine, _number(query, "address", None, 0, (1 << 64) - 1))
    raise CommandError(f"unknown query {str(kind)[:40]!r}", hint="memory, disassembly, exits, gdt, idt or pages")


def _disassembly(machine: X86Machine, address: int, count: int) -> list[dict[str, Any]]:
    rows = []
    for _ in range(count):
        found = machine.decoder_now.decode(machine.vcpu.read_linear(address, 15), address)
        if found is None:
            break
        known = machine.rows.by_content.get((address, found.data, found.bits))
        label = machine.rows.label_near(found.jump) if found.jump is not None else None
        rows.append(
            {
                "where": known.where if known else None,
                "address": address,
                "bytes": found.data.hex(),
                "op": found.op,
                "args": found.args,
                "comment": f"→ {label}" if label else "",
            }
        )
        address += len(found.data)
    return rows
