"""Random programs on KVM, on Unicorn and natively, compared tick by tick: `make differential`, ARGS="--programs 1500".

What may differ, and why, is in instruction_programs.py (`UNLIKE`, `LEFT_OUT`); and of floating point's sticky exception
flags nothing is compared: Unicorn has none. Everything else is a failure, told with the seed that repeats it.
"""

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from instruction_programs import WIDTHS, Generated, Maker
from native import NativeStep, checksum, native_steps, why_not
from x86_runs import FlagMask

from engine.machine import Journal, Limits, StopReason
from engine.x86.core.vcpu import ffi, kvm_device
from engine.x86.executable import EXECUTE, READ, WRITE, Executable, Segment, Symbol
from engine.x86.machine import X86Machine
from engine.x86.program import Program

MAX_TICKS = 400
_FLAGS_AT = ffi.offsetof("CpuState", "rflags")
_GENERAL = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", *(f"r{n}" for n in range(8, 16)))


@dataclass(frozen=True)
class Tick:
    """One step: the instruction that ended it, and the state after it with undefined flags as 0."""

    mnemonic: str
    text: str
    state: bytes
    memory: bytes


@dataclass
class Outcome:
    """What a program did."""

    ticks: list[Tick]
    reason: str
    refused: str | None
    image: bytes


@dataclass
class Report:
    """Counts, and failures with their seeds."""

    compared: Counter = field(default_factory=Counter)
    ticks: Counter = field(default_factory=Counter)
    mnemonics: set[str] = field(default_factory=set)
    refused: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, what: str, seed: int, ticks: int, found: str | None) -> None:
        """A program was compared; `found` is the first difference."""
        self.compared[what] += 1
        self.ticks[what] += ticks
        if found:
            self.failures.append(f"{what}, seed {seed}: {found}")


def _masked(machine: X86Machine, mask: int) -> bytes:
    state = bytearray(machine.vcpu.state_bytes())
    flags = int.from_bytes(state[_FLAGS_AT : _FLAGS_AT + 8], "little") & mask
    state[_FLAGS_AT : _FLAGS_AT + 8] = flags.to_bytes(8, "little")
    return bytes(state)


def program_of(made: Generated, cpu: str) -> Program:
    """In user64 the image is one segment at its origin that may be read, written and executed."""
    if made.mode != "user64":
        return Program(made.assembly, mode=made.mode, cpu=cpu)
    image, start = made.assembly.image, made.assembly.origin
    segment = Segment(start, image, len(image), READ | WRITE | EXECUTE)
    executable = Executable((segment,), start, (Symbol("_start", start),), "program")
    return Program(made.assembly, "user64", cpu, executable)


def run(made: Generated, cpu: str) -> Outcome:
    """Step by step, with the state at each tick; and once more in one go, which must end alike."""
    machine = X86Machine(program_of(made, cpu), Journal(), Limits())
    mask, ticks, refused = FlagMask(WIDTHS[made.mode]), [], None
    origin, end = made.assembly.origin, made.assembly.origin + len(made.assembly.image)
    try:
        for _ in range(MAX_TICKS):
            where = machine.where
            row = machine.rows.rows[where] if where is not None else None
            stop = machine.run(1)
            if stop.reason is StopReason.FAULT and "cpu unicorn can run" in str(stop.detail.get("message")):
                refused = row.instruction if row else None
                break
            if row is None or row.instruction is None:
                break
            defined = mask.after(row.data)
            memory = hashlib.blake2b(machine.vcpu.read_linear(origin, end - origin), digest_size=8).digest()
            ticks.append(Tick(row.instruction.mnemonic, row.instruction.text, _masked(machine, defined), memory))
            if stop.is_final:
                break
        image = machine.vcpu.read_linear(origin, end - origin)
        reached, digest = machine.tick, hashlib.blake2b(_masked(machine, mask.defined)).hexdigest()
    finally:
        machine.close()
    if refused is None:
        again = X86Machine(program_of(made, cpu), Journal(), Limits())
        try:
            again.run(reached)
            if hashlib.blake2b(_masked(again, mask.defined)).hexdigest() != digest:
                raise AssertionError(f"{cpu}: stepping and running lead to different states")
        finally:
            again.close()
    return Outcome(ticks, str(stop.reason), refused.mnemonic if refused else None, image)


def first_difference(one: list[Tick], other: list[Tick]) -> str | None:
    """The first tick after which two runs are not in the same state, with what differs."""
    for number, (a, b) in enumerate(zip(one, other, strict=False), 1):
        if a.text != b.text:
            return f"tick {number}: `{a.text}` and `{b.text}`"
        if a.state != b.state:
            return f"tick {number} `{a.text}`: " + "; ".join(_fields(a.state, b.state))
        if a.memory != b.memory:
            return f"tick {number} `{a.text}`: memory"
    return None


def without_exceptions(fpu: bytes) -> bytes:
    """An FXSAVE image without the flags that only hardware keeps: Unicorn's floating point has no status of its own."""
    status, mxcsr = int.from_bytes(fpu[2:4], "little"), int.from_bytes(fpu[24:28], "little")
    status &= ~0x82FF  # IE DE ZE OE UE PE SF ES, C1, B
    mxcsr &= ~0x3F
    return fpu[:2] + status.to_bytes(2, "little") + fpu[4:24] + mxcsr.to_bytes(4, "little") + fpu[28:]


def _fields(a: bytes, b: bytes) -> list[str]:
    one, other = (ffi.from_buffer("CpuState *", bytearray(s)) for s in (a, b))
    found = [
        f"{n} {int(one.gpr[i]):x} {int(other.gpr[i]):x}" for i, n in enumerate(_GENERAL) if one.gpr[i] != other.gpr[i]
    ]
    names = ("rip", "rflags", "cr0", "cr2", "cr3", "cr4", "efer", "tick", "idle", "depth", "halted")
    found += [
        f"{n} {int(getattr(one, n)):x} {int(getattr(other, n)):x}"
        for n in names
        if getattr(one, n) != getattr(other, n)
    ]
    fpu = [bytes(ffi.buffer(s.fpu)) for s in (one, other)]
    for at in range(0, 512, 16):
        if fpu[0][at : at + 16] != fpu[1][at : at + 16]:
            found.append(f"fpu+{at} {fpu[0][at : at + 16].hex()} {fpu[1][at : at + 16].hex()}")
    return found or ["segments or other state"]


def first_native_difference(ticks: list[Tick], native: list[NativeStep]) -> str | None:
    """Ring 0 of our machine and ring 3 of the host's processor compute the same: registers, flags, x87 and XMM."""
    decoder = FlagMask(64)
    for number, (ours, theirs) in enumerate(zip(ticks, native, strict=False), 1):
        state = ffi.from_buffer("CpuState *", bytearray(ours.state))
        wrong = [
            f"{name} {int(state.gpr[i]):x} {theirs.general[i]:x}"
            for i, name in enumerate(_GENERAL)
            if int(state.gpr[i]) != theirs.general[i]
        ]
        defined = decoder.after(theirs.code) & 0xCD5
        if (int(state.rflags) ^ theirs.flags) & defined:
            wrong.append(f"flags {int(state.rflags) & defined:x} {theirs.flags & defined:x}")
        ours_fpu, theirs_fpu = without_exceptions(bytes(ffi.buffer(state.fpu))), without_exceptions(theirs.fpu)
        if ours_fpu[160:416] != theirs_fpu[160:416]:
            wrong.append(f"xmm {ours_fpu[160:416].hex()} {theirs_fpu[160:416].hex()}")
        if ours_fpu[24:28] != theirs_fpu[24:28]:
            wrong.append(f"mxcsr {ours_fpu[24:28].hex()} {theirs_fpu[24:28].hex()}")
        for at, length in ((0, 5), *((32 + 16 * i, 10) for i in range(8))):
            if ours_fpu[at : at + length] != theirs_fpu[at : at + length]:
                wrong.append(f"fpu+{at} {ours_fpu[at : at + length].hex()} {theirs_fpu[at : at + length].hex()}")
        if wrong:
            return f"tick {number} `{ours.text}`: " + "; ".join(wrong)
    return None


def compare(mode: str, seeds: range, report: Report, *, with_kvm: bool, with_native: bool) -> None:
    """Programs of a mode, every other one with x87, MMX and SSE instructions."""
    for seed in seeds:
        made = Maker(mode, seed, with_fpu=seed % 2 == 1).program()
        unicorn = run(made, "unicorn")
        report.mnemonics.update(tick.mnemonic for tick in unicorn.ticks)
        runs = [("Unicorn", unicorn)]
        if with_kvm:
            kvm = run(made, "kvm")
            runs.append(("KVM", kvm))
            if kvm.refused:
                report.refused[kvm.refused] += 1
            found = first_difference(kvm.ticks, unicorn.ticks)
            if not found and not kvm.refused and (kvm.reason, len(kvm.ticks)) != (unicorn.reason, len(unicorn.ticks)):
                found = f"ended with {kvm.reason} after {len(kvm.ticks)}, {unicorn.reason} after {len(unicorn.ticks)}"
            report.add(f"{mode}, KVM and Unicorn", seed, len(kvm.ticks), found)
        for name, ours in runs if with_native and mode in ("long64", "user64") else ():
            if not ours.refused:
                found, steps = native_difference(made, ours)
                report.add(f"{mode}, {name} and native", seed, steps, found)


def native_difference(made: Generated, ours: Outcome) -> tuple[str | None, int]:
    """Against the host's own processor: the first difference, and how many steps it took natively."""
    count = len(ours.ticks) - 1
    stack = int(ffi.from_buffer("CpuState *", bytearray(ours.ticks[0].state)).gpr[4])
    steps = native_steps(made.assembly.origin, made.assembly.image, count, stack)
    found = first_native_difference(ours.ticks, steps)
    if not found and len(steps) != count:
        found = f"native ended after {len(steps)} of {count} ticks, before `{ours.ticks[len(steps)].text}`"
    has_pushed_flags = any(tick.mnemonic.startswith("pushf") for tick in ours.ticks)  # with the TF of ptrace
    if not found and not has_pushed_flags and steps[-1].checksum != checksum(ours.image):
        found = "memory at the end"
    return found, len(steps)


def has_kvm() -> bool:
    return os.access(kvm_device(), os.R_OK | os.W_OK)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=1500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--mode", choices=tuple(WIDTHS), action="append")
    parser.add_argument("--no-kvm", action="store_true")
    options = parser.parse_args()
    modes = options.mode or tuple(WIDTHS)
    report, each, begin = Report(), -(-options.programs // len(modes)), time.perf_counter()
    for mode in modes:
        seeds = range(options.first, options.first + each)
        compare(mode, seeds, report, with_kvm=has_kvm() and not options.no_kvm, with_native=why_not() is None)
    for name, count in report.compared.items():
        print(f"{count} programs, {report.ticks[name]:,} ticks: {name}")
    print(f"{len(report.mnemonics)} mnemonics; KVM refused: {dict(report.refused) or 'nothing'}")
    print(f"{time.perf_counter() - begin:.0f} s; {len(report.failures)} differences")
    for failure in report.failures[:40]:
        print("  " + failure[:400])
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
