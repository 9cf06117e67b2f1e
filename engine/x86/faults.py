"""Exceptions as a person reads them: names, error codes bit by bit, and what Linux makes of one in ring 3.

SDM vol. 3, table 6-1 (vectors), 6.13 (error codes of segments) and 4.7 (those of page faults).
"""

from __future__ import annotations

NAMES = {
    0: "#DE divide error",
    1: "#DB debug",
    3: "#BP breakpoint",
    4: "#OF overflow",
    5: "#BR bound range exceeded",
    6: "#UD invalid opcode",
    7: "#NM no math coprocessor",
    8: "#DF double fault",
    10: "#TS invalid TSS",
    11: "#NP segment not present",
    12: "#SS stack fault",
    13: "#GP general protection",
    14: "#PF page fault",
    16: "#MF math fault",
    17: "#AC alignment check",
    19: "#XM SIMD exception",
}
PAGE_FAULT = 14
#: Of a page fault's error code: an instruction was to be fetched.
FETCH = 16
_PAGE_BITS = (("P", 0), ("W", 1), ("U", 2), ("RSVD", 3), ("I", 4))
_TABLES = ("GDT", "IDT", "LDT", "IDT")
#: The signal that Linux ends a program with.
_SIGNALS = {0: "SIGFPE", 1: "SIGTRAP", 3: "SIGTRAP", 6: "SIGILL", 16: "SIGFPE", 17: "SIGBUS", 19: "SIGFPE"}


def name_of(vector: int) -> str:
    """`#PF page fault`; `exception 32` for a number without a name."""
    return NAMES.get(vector, f"exception {vector}")


def signal_of(vector: int) -> str:
    """What an uncaught exception of ring 3 is called on Linux."""
    return _SIGNALS.get(vector, "SIGSEGV")


def decode_error(vector: int, code: int) -> list[str]:
    """The parts of an error code: of a page fault its bits (an absent `P` means: no page), else what it points at."""
    if vector == PAGE_FAULT:
        return [name for name, bit in _PAGE_BITS if code >> bit & 1]
    if not code:
        return []
    parts = ["EXT"] if code & 1 else []
    table = _TABLES[code >> 1 & 3]
    return [*parts, f"{table} vector {code >> 3:#x}" if table == "IDT" else f"{table} selector {code & ~7:#06x}"]


def _page_fault(code: int, address: int) -> str:
    what = "fetching an instruction from" if code & FETCH else "writing to" if code & 2 else "reading"
    if not code & 1:
        return f"{what} {address:#x}, where no page is mapped"
    if address >> 47:
        return f"{what} {address:#x}, a page of the kernel's"
    may = "executed" if code & FETCH else "written" if code & 2 else "read"
    return f"{what} {address:#x}, a page that may not be {may}"


def story(vector: int, code: int | None, address: int | None, rip: int, text: str) -> str:
    """One sentence: which exception, by what, why, and what Linux would do."""
    at = f"`{text}` at {rip:#x}" if text else f"at {rip:#x}"
    parts = [f"{name_of(vector)}: {at}"]
    if vector == PAGE_FAULT and code is not None and address is not None:
        parts.append(_page_fault(code, address))
    elif code:
        parts.append("about " + ", ".join(decode_error(vector, code)))
    return ", ".join(parts) + f"; Linux would send {signal_of(vector)}"
