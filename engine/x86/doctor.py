"""What this host's KVM can do: small programs run on it, one result each.

Some hosts' KVM runs real mode in an instruction emulator that does not know every instruction, and executes a few
wrongly without saying so. Those few are `SUSPECTS`: before the first one runs, `unusable` tries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from engine.errors import GlassboxError
from engine.x86.board import RAM_BYTES
from engine.x86.core.vcpu import Vcpu, ffi, kvm_device, lib
from engine.x86.decoder import Decoder

#: An emulator that overlooks their prefix executes the first two as bsr and bsf; of the others' flags it looks at AX
#: where the manual says AL.
SUSPECTS = frozenset(("lzcnt", "tzcnt", "aam", "aad"))
MAX_STEPS = 64


@dataclass(frozen=True)
class Probe:
    """A program at address 0 that ends with `hlt`; afterwards ax must be `expected` (None: it only has to end)."""

    name: str
    code: bytes
    expected: int | None = None


#: Code by hand, so that the doctor needs no assembler; the name says what it does.
PROBES: tuple[Probe, ...] = (
    Probe("add, registers", bytes.fromhex("b80200 83c003 f4"), 5),
    Probe("push and pop", bytes.fromhex("bc0010 6a07 58 f4"), 7),
    Probe("out to a port", bytes.fromhex("b841 00 e6e9 f4"), 0x41),
    Probe("in from an unclaimed port", bytes.fromhex("31c0 e480 f4"), 0xFF),
    Probe("rep movsb", bytes.fromhex("b90500 be0000 bf0002 f3a4 a10002 f4"), 0x05B9),
    Probe("div by zero, through the IVT", bytes.fromhex("c70600001000 31db f7f3 f4 9090909090 b80900 f4"), 9),
    Probe("ud2, through the IVT", bytes.fromhex("c70618001000 0f0b f4 90 90 90 90 90 90 90 b80600 f4"), 6),
    Probe("word at offset ffff: #GP", bytes.fromhex("c70634001000 a1ffff f4 90 90 90 90 90 90 b80d00 f4"), 13),
    Probe("aaa", bytes.fromhex("b80f00 37 f4"), 0x0105),
    Probe("das", bytes.fromhex("b81a00 2f f4")),
    Probe("bound", bytes.fromhex("b80500 620608 00f4 0000ff00")),
    Probe("popcnt", bytes.fromhex("b80f00 f30fb8c0 f4"), 4),
    Probe("lzcnt", bytes.fromhex("bb1000 f30fbdc3 f4"), 11),
    Probe("tzcnt", bytes.fromhex("31db f30fbcc3 f4"), 16),
    Probe("aam", bytes.fromhex("b81400 d40a 9f 80e4c4 f4"), 0x4400),
    Probe("aad", bytes.fromhex("b88000 d50a 9f 80e4c4 f4"), 0x8080),
    Probe("xadd", bytes.fromhex("b80200 bb0300 0fc1d8 f4"), 5),
    Probe("x87: fld1", bytes.fromhex("9bdbe3 d9e8 b80100 f4"), 1),
    Probe("SSE: movaps", bytes.fromhex("0f20e0 660d00020000 0f22e0 0f28c1 b80100 f4"), 1),
    Probe("SSE: addps", bytes.fromhex("0f20e0 660d00020000 0f22e0 0f58c1 b80100 f4"), 1),
)

#: KVM_CHECK_EXTENSION numbers (linux/kvm.h) that are worth a row.
CAPABILITIES: tuple[tuple[str, int], ...] = (
    ("KVM_CAP_SYNC_REGS", 74),
    ("KVM_CAP_IMMEDIATE_EXIT", 136),
    ("KVM_CAP_SET_GUEST_DEBUG", 23),
    ("KVM_CAP_READONLY_MEM", 81),
    ("KVM_CAP_IRQCHIP", 0),
    ("KVM_CAP_XSAVE2", 208),
    ("KVM_CAP_EXIT_ON_EMULATION_FAILURE", 204),
)


def run_probe(probe: Probe, cpu: str = "kvm") -> str:
    """Run a probe on a fresh vCPU: "works", or what happened instead. HostUnavailable without that CPU."""
    vcpu = Vcpu(RAM_BYTES)
    try:
        vcpu.attach(cpu)
        return _outcome(vcpu, probe)
    finally:
        vcpu.close()


def _outcome(vcpu: Vcpu, probe: Probe) -> str:
    state, raw, decoder = vcpu.state, vcpu.raw, Decoder()
    for i in range(6):
        state.seg[i].limit = 0xFFFF
    state.rflags, state.cr0, state.idt_limit, state.depth = 2, 0x10, 0x3FF, 1
    state.fpu[0], state.fpu[1], state.fpu[24], state.fpu[25] = 0x7F, 3, 0x80, 0x1F
    vcpu.write_memory(0, probe.code)
    while True:
        code = vcpu.run(MAX_STEPS, ffi.NULL)
        if code == lib.RUN_NEED_ROW:
            address = int(raw.fetch)
            found = decoder.decode(vcpu.read_memory(address, 15), address)
            if found is None:
                return "ran away"
            vcpu.add_row(0, found)
        elif code == lib.RUN_NEED_INPUT:
            vcpu.feed([0xFF] * int(raw.port.count))
        elif code == lib.RUN_DEVICE:
            raw.output_count = raw.input_ready = 0
        else:
            break
    if code == lib.RUN_HALT:
        ax = int(state.gpr[0]) & 0xFFFF
        return "works" if probe.expected in (None, ax) else f"WRONG: ax is {ax:#x}, not {probe.expected:#x}"
    if code == lib.RUN_UNSUPPORTED:
        return f"not executed (exit reason {int(raw.problem_reason)}, suberror {int(raw.problem_detail)})"
    return {lib.RUN_STUCK: "does not come back", lib.RUN_SHUTDOWN: "triple fault"}.get(code, "did not end")


@cache
def _outcome_on(device: str, name: str) -> str:
    return run_probe(next(probe for probe in PROBES if probe.name == name))


def unusable(mnemonic: str) -> str | None:
    """Why this host's KVM is no use for `mnemonic`; None when it is, or when no probe is named after it."""
    if mnemonic not in {probe.name for probe in PROBES}:
        return None
    outcome = _outcome_on(kvm_device(), mnemonic)
    if outcome == "works":
        return None
    verb = "executes" if outcome.startswith("WRONG") else "cannot execute"
    return f"this host's KVM {verb} `{mnemonic}`" + (" wrongly" if verb == "executes" else "")


def report() -> list[tuple[str, str, str]]:
    """(what, on KVM, on Unicorn) rows for `python -m engine x86 doctor`."""
    device = kvm_device()
    rows = []
    fd = lib.x86_kvm_open(device.encode())
    rows.append((device, "opens" if fd >= 0 else "cannot be opened", ""))
    if fd >= 0:
        for name, number in CAPABILITIES:
            answer = lib.x86_kvm_extension(fd, number)
            rows.append((name, str(answer) if answer > 0 else "no", ""))
        lib.x86_kvm_close(fd)
    for probe in PROBES:
        results = []
        for cpu in ("kvm", "unicorn"):
            try:
                results.append(run_probe(probe, cpu))
            except GlassboxError as error:
                results.append(error.message)
        rows.append((probe.name, results[0], results[1]))
    return rows
