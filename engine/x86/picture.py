"""What an x86 machine shows: listing, view and deep views as plain JSON data (docs/views.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import CommandError
from engine.x86 import calls, pointers, registers, screen, stack, tables
from engine.x86.core.vcpu import lib

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine
    from engine.x86.syscalls import Area

#: Bytes of the memory windows around what matters, and how many exits a view carries.
WINDOW_BEFORE, WINDOW_BYTES = 16, 64
STACK_BYTES = 64
VIEW_EXITS = 16
MAX_MEMORY_BYTES = 4096
MAX_DISASSEMBLY = 64
MAX_FIND_BYTES = 64
MAX_CALLS = 256
_KINDS = (
    "memory",
    "find",
    "disassembly",
    "exits",
    "gdt",
    "ldt",
    "idt",
    "tss",
    "pages",
    "areas",
    "pointer",
    "accesses",
    "calls",
)


def listing(machine: X86Machine) -> dict[str, Any]:
    """The program as rows."""
    return {
        "machine": "x86",
        "mode": machine.mode,
        "cpu": machine.cpu,
        "registers": registers.register_names(machine),
        "labels": [{"name": name, "address": address} for name, address in machine.program.assembly.labels],
        "functions": machine.rows.functions(),
    }


def _window(machine: X86Machine, name: str, address: int, before: int, length: int) -> dict[str, Any] | None:
    base = max(0, (address - before) & ~7)
    data = machine.vcpu.read_linear(base, length)
    if not data:
        return None
    return {"name": name, "base": base, "bytes": data.hex(), **tables.mapping(machine, base, len(data))}


def _memory(machine: X86Machine) -> list[dict[str, Any]]:
    windows = [
        _window(machine, "ip", machine.fetch_address, WINDOW_BEFORE, WINDOW_BYTES),
        _window(machine, "sp", pointers.stack_pointer(machine), 8, STACK_BYTES),
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
    shown, fpu = screen.picture(machine), registers.fpu(machine)
    return {
        "tick": machine.tick,
        "last": None if last is None else {"where": last},
        "next": None if following is None else {"where": following},
        "depth": machine.depth,
        "registers": registers.general(machine),
        "flags": registers.flags(machine),
        "segments": registers.segments(machine),
        "control": registers.control(machine),
        "stack": stack.stack(machine),
        "pointers": pointers.pointers(machine),
        "operands": pointers.operands(machine),
        "memory": _memory(machine),
        "exits": {"count": machine.exit_count, "last": list(machine.exits)[-VIEW_EXITS:]},
        "mode": machine.mode_now,
        "cpu": machine.cpu,
        **({"screen": shown} if shown else {}),
        **({"fpu": fpu} if fpu else {}),
    }


def _number(query: Mapping[str, Any], name: str, default: int | None, low: int, high: int) -> int:
    value = query.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise CommandError(f"`{name}` must be a whole number from {low} to {high}")
    return value


def inspect(machine: X86Machine, query: Mapping[str, Any]) -> dict[str, Any]:
    """Answers the queries of docs/views.md; CommandError for others."""
    kind = query.get("kind")
    if kind == "memory":
        return _memory_query(machine, query)
    if kind == "find":
        return _find(machine, query)
    if kind == "disassembly":
        address = _number(query, "address", None, 0, (1 << 64) - 1)
        return {"rows": list(_disassembly(machine, address, _number(query, "count", 16, 1, MAX_DISASSEMBLY)))}
    if kind == "exits":
        offset, limit = _number(query, "offset", 0, 0, 1 << 32), _number(query, "limit", 32, 1, 64)
        first = machine.exit_count - len(machine.exits)
        start = max(offset, first)
        kept = list(machine.exits)[start - first : start - first + limit]
        return {"count": machine.exit_count, "offset": start, "exits": kept}
    if kind in ("gdt", "ldt", "idt"):
        return {"kind": kind, **tables.descriptors(machine, str(kind))}
    if kind == "tss":
        return {"kind": kind, **tables.task(machine)}
    if kind == "pages":
        return tables.pages(machine, _number(query, "address", None, 0, (1 << 64) - 1))
    if kind == "areas":
        return {"areas": [_area(area) for area in machine.process.state.areas] if machine.process else []}
    if kind == "pointer":
        address = _number(query, "address", None, 0, (1 << 64) - 1)
        return {"address": address, "chain": pointers.chain(machine, lib.DS, address)}
    if kind == "accesses":
        return pointers.accesses(machine)
    if kind == "calls":
        when = query.get("when", "run")
        if when not in ("setup", "run"):
            raise CommandError("`when` must be setup or run")
        return calls.calls(
            machine, when, _number(query, "offset", 0, 0, 1 << 62), _number(query, "limit", 64, 1, MAX_CALLS)
        )
    raise CommandError(f"unknown query {str(kind)[:40]!r}", hint=", ".join(_KINDS))


def _find(machine: X86Machine, query: Mapping[str, Any]) -> dict[str, Any]:
    """The first place in physical memory (user64: the program's), from `from` on, that holds these bytes; or null."""
    text = query.get("bytes")
    try:
        wanted = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        wanted = b""
    if not 1 <= len(wanted) <= MAX_FIND_BYTES:
        raise CommandError(f"`bytes` must be 1 to {MAX_FIND_BYTES} bytes in hex")
    if machine.process:
        return {
            "bytes": wanted.hex(),
            "address": _find_in_areas(machine, wanted, _number(query, "from", 0, 0, 1 << 64)),
        }
    start = _number(query, "from", 0, 0, machine.vcpu.ram_bytes)
    found = machine.vcpu.read_memory(start, machine.vcpu.ram_bytes - start).find(wanted)
    return {"bytes": wanted.hex(), "address": None if found < 0 else start + found}


def _area(area: Area) -> dict[str, Any]:
    allows = "".join(letter if area.protection >> bit & 1 else "-" for bit, letter in enumerate("rwx"))
    return {"start": area.start, "end": area.end, "allows": allows, "name": area.name}


def _find_in_areas(machine: X86Machine, wanted: bytes, start: int) -> int | None:
    """As `_find`, in the program's own addresses."""
    for area in machine.process.state.areas if machine.process else ():
        at = max(start, area.start)
        found = machine.vcpu.read_linear(at, area.end - at).find(wanted) if at < area.end else -1
        if found >= 0:
            return at + found
    return None


def _memory_query(machine: X86Machine, query: Mapping[str, Any]) -> dict[str, Any]:
    """Physical memory, or linear addresses through the page tables (`space`: linear)."""
    length, space = _number(query, "length", 256, 1, MAX_MEMORY_BYTES), query.get("space", "physical")
    if space == "physical":
        address = _number(query, "address", None, 0, machine.vcpu.ram_bytes - 1)
        return {"address": address, "space": space, "bytes": machine.vcpu.read_memory(address, length).hex()}
    if space != "linear":
        raise CommandError("`space` must be physical or linear")
    address = _number(query, "address", None, 0, (1 << 64) - 1)
    runs, data, at = [], b"", address
    while at < address + length:
        here = min(address + length - at, 4096 - at % 4096)
        physical, _ = machine.vcpu.translate(at)
        part = b"" if physical is None else machine.vcpu.read_memory(physical, here)
        runs.append({"offset": at - address, "length": here, "physical": physical, "backed": len(part)})
        data += part.ljust(here, b"\xff")
        at += here
    return {"address": address, "space": space, "bytes": data.hex(), "pages": runs}


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
