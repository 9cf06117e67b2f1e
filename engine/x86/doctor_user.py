"""The doctor's rows about ring 3: small programs of mode user64, one result each."""

from __future__ import annotations

from engine.errors import HostUnavailable
from engine.machine import Journal, Limits, StopReason
from engine.x86.assembler import parse_hex
from engine.x86.link import bare_executable
from engine.x86.machine import X86Machine
from engine.x86.program import BITS, Program

#: Each ends with exit(its result); (name, code before that, the result expected).
_EXIT = "89c7 b83c000000 0f05"  # mov edi, eax; mov eax, 60; syscall
PROBES = (
    ("ring 3: add", "b802000000 83c003", 5),
    ("ring 3: pushf under a step", "9c 58 c1e808 83e001", 0),
    ("ring 3: a call to the kernel", "b8e7030000 0f05 f7d8", 38),
    ("ring 3: int 0x80", "b8e7030000 cd80 f7d8", 38),
    ("ring 3: x87", "d9e8 d8c0 db5c24f8 8b4424f8", 2),
    ("ring 3: SSE", "b803000000 f30f2ac0 0f58c0 f30f2cc0", 6),
    ("ring 3: SSE4.2", "31c0 f20f38f0c0", 0),
    ("ring 3: AVX", "b803000000 c5fa2ac0 c5f858c0 c5fa2cc0", 6),
)
MAX_STEPS = 64


def run_probe(code: str, expected: int, cpu: str) -> str:
    """Run one on a fresh vCPU: "works", or what happened instead. HostUnavailable without that CPU."""
    assembly, executable = bare_executable(parse_hex(f"{code} {_EXIT}", "probe.hex", BITS["user64"]))
    machine = X86Machine(Program(assembly, "user64", cpu, executable), Journal(), Limits())
    try:
        stop = machine.run(MAX_STEPS)
    finally:
        machine.close()
    if stop.reason is StopReason.HALT:
        found = stop.detail["status"]
        return "works" if found == expected else f"WRONG: {found:#x}, not {expected:#x}"
    return str(stop.detail.get("message", "did not end")).partition(";")[0]


def report() -> list[tuple[str, str, str]]:
    """(what, on KVM, on Unicorn) rows for `python -m engine x86 doctor`."""
    rows = []
    for name, code, expected in PROBES:
        results = []
        for cpu in ("kvm", "unicorn"):
            try:
                results.append(run_probe(code, expected, cpu))
            except HostUnavailable as error:
                results.append(error.message)
        rows.append((name, results[0], results[1]))
    return rows
