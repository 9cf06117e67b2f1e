"""The CPU's tables decoded: GDT, IDT and the page tables on the way to an address (SDM vol. 3, chapters 3, 4 and 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

MAX_ENTRIES = 256
_SYSTEM_TYPES = {
    1: "tss16",
    2: "ldt",
    3: "tss16 busy",
    4: "call gate 16",
    5: "task gate",
    9: "tss",
    11: "tss busy",
    12: "call gate",
}
_CALLS_AND_TASKS = (4, 5, 12)
_GATES = {5: "task gate", 6: "interrupt gate 16", 7: "trap gate 16", 14: "interrupt gate", 15: "trap gate"}
_PAGE_BITS = (("P", 0), ("W", 1), ("U", 2), ("PWT", 3), ("PCD", 4), ("A", 5), ("D", 6), ("PS", 7), ("G", 8), ("NX", 63))
_EFER_LMA, _CR4_PAE, _CR0_PG = 0x400, 0x20, 1 << 31
_PAGE = 4096


def _segment(index: int, value: int, table: int = 0) -> dict[str, Any]:
    limit = value & 0xFFFF | value >> 32 & 0xF0000
    access, is_large = value >> 40 & 0xFF, bool(value >> 55 & 1)
    is_code = bool(access & 8)
    kind = _SYSTEM_TYPES.get(access & 15, "system") if not access & 0x10 else "code" if is_code else "data"
    bits = 64 if value >> 53 & 1 else 32 if value >> 54 & 1 else 16
    return {
        "selector": f"{index * 8 + table:04x}",
        "value": f"{value:016x}",
        "type": kind if value else "null",
        "base": f"{value >> 16 & 0xFFFFFF | value >> 32 & 0xFF000000:08x}",
        "limit": f"{limit << 12 | 0xFFF if is_large else limit:08x}",
        "dpl": access >> 5 & 3,
        "present": bool(access & 0x80),
        "bits": bits,
        "allows": "".join(c for c, on in (("r", access & 2 or not is_code), ("w", access & 2 and not is_code)) if on)
        + ("x" if is_code else ""),
    }


def _gate_in_table(value: int, upper: int) -> dict[str, Any]:
    """Where a call gate or task gate leads (SDM vol. 3, 6.8.3.1 and 9.2.5); `upper`: the second entry of long mode."""
    is_task = value >> 40 & 15 == 5
    offset = 0 if is_task else value & 0xFFFF | value >> 32 & 0xFFFF0000 | (upper & 0xFFFFFFFF) << 32
    return {
        "selector": f"{value >> 16 & 0xFFFF:04x}",
        "offset": f"{offset:x}",
        "parameters": 0 if is_task else value >> 32 & 0x1F,
    }


def _segments(values: list[int], table: int, *, is_long: bool) -> list[dict[str, Any]]:
    """Every descriptor. In long mode those of the system have two entries: the second one is the base's upper half."""
    entries, index = [], 0
    while index < len(values):
        value = values[index]
        found = _segment(index, value, table)
        is_system, upper = bool(value) and not value >> 44 & 1, 0
        if is_long and is_system and index + 1 < len(values):
            index += 1
            upper = values[index]
            found["base"] = f"{upper & 0xFFFFFFFF:08x}{found['base']}"
        if is_system and value >> 40 & 15 in _CALLS_AND_TASKS:
            found["gate"] = _gate_in_table(value, upper)
        entries.append(found)
        index += 1
    return entries


def _gate(vector: int, value: int, *, is_long: bool) -> dict[str, Any]:
    access = value >> 40 & 0xFF
    return {
        "vector": vector,
        "type": _GATES.get(access & 15, "none"),
        "selector": f"{value >> 16 & 0xFFFF:04x}",
        "offset": f"{value & 0xFFFF | value >> 32 & 0xFFFF0000 | value >> 64 << 32:x}",
        "dpl": access >> 5 & 3,
        "present": bool(access & 0x80),
        **({"ist": value >> 32 & 7} if value >> 32 & 7 and is_long else {}),
    }


def descriptors(machine: X86Machine, kind: str) -> dict[str, Any]:
    """`gdt`, `ldt` or `idt` with its entries; real mode's IDT has far pointers. Entries beyond memory are left out."""
    state, bits = machine.vcpu.state, machine.vcpu.bits
    base, limit = (state.gdt_base, state.gdt_limit) if kind == "gdt" else (state.idt_base, state.idt_limit)
    if kind == "ldt":
        base, limit = state.ldt.base, state.ldt.limit
        if not int(state.ldt.attributes) & 0x80:
            return {"base": 0, "limit": 0, "entries": []}
    size = 8 if kind in ("gdt", "ldt") else 4 if bits < 0 else 16 if int(state.efer) & _EFER_LMA else 8
    data = machine.vcpu.read_linear(int(base), min(int(limit) + 1, MAX_ENTRIES * size))
    values = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data) // size * size, size)]
    entries: list[dict[str, Any]] = []
    if kind in ("gdt", "ldt"):
        if bits > 0:
            entries = _segments(values, 4 if kind == "ldt" else 0, is_long=bool(int(state.efer) & _EFER_LMA))
    elif bits < 0:
        entries = [
            {"vector": n, "type": "vector", "selector": f"{v >> 16:04x}", "offset": f"{v & 0xFFFF:x}"}
            for n, v in enumerate(values)
        ]
    else:
        entries = [_gate(vector, value, is_long=size == 16) for vector, value in enumerate(values)]
    return {"base": int(base), "limit": int(limit), "entries": entries}


def task(machine: X86Machine) -> dict[str, Any]:
    """The TSS that TR names: its stacks, in long mode those of the interrupt stack table too, and its I/O map."""
    segment, is_long = machine.vcpu.state.tr, bool(int(machine.vcpu.state.efer) & _EFER_LMA)
    found: dict[str, Any] = {
        "selector": f"{int(segment.selector):04x}",
        "base": int(segment.base),
        "limit": int(segment.limit),
        "present": bool(int(segment.attributes) & 0x80),
        "stacks": [],
        "ist": [],
        "io_map": None,
    }
    data = machine.vcpu.read_linear(int(segment.base), min(int(segment.limit) + 1, 0x68)) if found["present"] else b""
    if len(data) < 0x68:
        return found
    if is_long:
        found["stacks"] = [{"ring": n, "sp": f"{_quad(data, 4 + 8 * n):016x}"} for n in range(3)]
        found["ist"] = [{"ist": n + 1, "sp": f"{_quad(data, 0x24 + 8 * n):016x}"} for n in range(7)]
    else:
        fields = [(n, _quad(data, 4 + 8 * n)) for n in range(3)]
        found["stacks"] = [
            {"ring": n, "sp": f"{v & 0xFFFFFFFF:08x}", "ss": f"{v >> 32 & 0xFFFF:04x}"} for n, v in fields
        ]
    found["io_map"] = int.from_bytes(data[0x66:0x68], "little")
    return found


def _quad(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def pages(machine: X86Machine, address: int) -> dict[str, Any]:
    """The walk for a linear address: each entry with its table, and the physical address at its end (null: a fault)."""
    state = machine.vcpu.state
    if not int(state.cr0) & _CR0_PG:
        return {"paging": False, "address": address, "entries": [], "physical": address}
    is_long = bool(int(state.efer) & _EFER_LMA)
    names: tuple[str, ...] = ("PML4", "PDPT", "PD", "PT") if is_long else ("PDPT", "PD", "PT")
    if not is_long and not int(state.cr4) & _CR4_PAE:
        names = ("PD", "PT")
    physical, walk = machine.vcpu.translate(address)
    entries = [
        {
            "table": name,
            "at": at,
            "value": f"{entry:x}",
            "bits": [bit for bit, n in _PAGE_BITS if entry >> n & 1],
            "next": entry & 0x000FFFFFFFFFF000,
        }
        for name, (at, entry) in zip(names, walk, strict=False)
    ]
    return {"paging": True, "address": address, "entries": entries, "physical": physical}


def mapping(machine: X86Machine, address: int, length: int) -> dict[str, Any]:
    """`{"pages": [{"offset", "length", "physical" | null}]}` of a linear range; nothing where it maps to itself.

    Nothing in user64 either: there the addresses in traces and targets are the program's own.
    """
    if machine.is_user or not int(machine.vcpu.state.cr0) & _CR0_PG:
        return {}
    runs: list[dict[str, Any]] = []
    at = address
    while at < address + length:
        here = min(address + length - at, _PAGE - at % _PAGE)
        runs.append({"offset": at - address, "length": here, "physical": machine.vcpu.translate(at)[0]})
        at += here
    return {} if all(run["physical"] == address + run["offset"] for run in runs) else {"pages": runs}
