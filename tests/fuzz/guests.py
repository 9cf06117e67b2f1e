"""Random bytes as x86 guests: `python -m tests.fuzz.guests --seconds N`, best on the sanitized core (docs/fuzzing.md).

One process; a machine a mode that goes back to its start between guests. A guest is bytes, biased towards opcodes that
do something, a few of them edited from the guest before. It runs for some thousand ticks, recorded or not, in pieces or
at once; then what must always hold is looked at: the batch is inside its bounds, the state comes back from a
checkpoint, the views can be drawn, and going the same way again leads to the same digest. A report names its seed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter

from engine.machine import Journal, Limits, Stop, StopReason
from engine.trace import TraceBatch
from engine.x86.assembler import Assembly, SourceRow
from engine.x86.executable import EXECUTE, READ, WRITE, Executable, Segment, Symbol
from engine.x86.machine import X86Machine
from engine.x86.program import Program

MODES = ("real16", "boot16", "protected32", "long64", "user64")
ORIGINS = {"real16": 0x600, "boot16": 0x7C00, "protected32": 0x20000, "long64": 0x20000, "user64": 0x401000}
GUEST_BYTES, MAX_TICKS = 512, 400
#: After a guest: hlt, so that the zeros of an empty memory are seldom run through.
TAIL = b"\xf4" * 64
#: Guests a machine runs before a fresh one takes over: it knows every instruction that it ever saw.
GUESTS_A_MACHINE = 40
#: Openings of instructions that reach far into the core: system, strings, faults, ports, FPU, far transfers.
# fmt: off
OPCODES = tuple(bytes.fromhex(code) for code in (
    "0f01", "0f00", "0f20", "0f22", "0f21", "0f23", "0f30", "0f32", "0f05", "0f07", "0fa2", "0f31", "0f0b", "0fae",
    "f3a4", "f3a5", "f3ab", "f2ae", "f36c", "f36e", "f3aa", "cd", "cc", "ce", "cf", "cb", "ca", "ea", "9a", "ff", "8e",
    "8c", "c4", "c5", "0fb2", "0fb4", "62", "e4", "e6", "ec", "ee", "fa", "fb", "f4", "9c", "9d", "d9", "db", "dd",
    "df", "0f10", "0f28", "0f58", "660f6f", "0f6f", "c8", "c9", "60", "61", "0fc7", "f00fb1", "0fab", "48cf", "660f",
    "67", "66",
))
# fmt: on


def program_of(mode: str, image: bytes) -> Program:
    """The bytes as a program; in user64 as a segment that may be read, written and executed."""
    origin = ORIGINS[mode]
    assembly = Assembly(image, origin, (SourceRow(origin, 1, 1, True),), (("start", origin),), "guest")
    if mode != "user64":
        return Program(assembly, mode, "unicorn")
    segment = Segment(origin, image, 4096, READ | WRITE | EXECUTE)
    executable = Executable((segment,), origin, (Symbol("_start", origin),), "guest")
    return Program(assembly, mode, "unicorn", executable)


def guest(chance: random.Random, previous: bytes) -> bytes:
    """Bytes to execute."""
    if previous and chance.random() < 0.5:
        data = bytearray(previous[:GUEST_BYTES])
        for _ in range(chance.randrange(1, 12)):
            at = chance.randrange(len(data))
            piece = chance.choice(OPCODES) if chance.random() < 0.5 else chance.randbytes(chance.randrange(1, 5))
            data[at : at + len(piece)] = piece
        return bytes(data[:GUEST_BYTES]) + TAIL
    data = bytearray()
    while len(data) < GUEST_BYTES:
        data += chance.choice(OPCODES) if chance.random() < 0.4 else b""
        data += chance.randbytes(chance.randrange(1, 7))
    return bytes(data[:GUEST_BYTES]) + TAIL


class Guests:
    """The machine of a mode, and what its guests came to."""

    def __init__(self, mode: str) -> None:
        self.mode, self.count, self.ticks = mode, 0, 0
        self.ends: Counter[str] = Counter()
        self.batch = TraceBatch()
        self.machine: X86Machine | None = None

    def run(self, seed: int, image: bytes) -> None:
        """One guest, twice; AssertionError when something does not hold."""
        chance = random.Random(seed)
        if self.machine is None or self.count % GUESTS_A_MACHINE == 0:
            self.close()
            self.machine = X86Machine(
                program_of(self.mode, bytes(GUEST_BYTES + len(TAIL))), Journal(), Limits(output_bytes=1 << 16)
            )
            self.start = self.machine.save()
        machine = self.machine
        self._load(machine, image)
        recorded, in_pieces = chance.random() < 0.7, chance.random() < 0.5
        stop = self._go(
            machine, MAX_TICKS, recorded=recorded, piece=chance.randrange(1, 400) if in_pieces else MAX_TICKS
        )
        reached, digest = machine.tick, machine.digest()
        machine.view()
        machine.inspect({"kind": chance.choice(("gdt", "idt", "calls", "accesses", "exits"))})
        saved = machine.save()
        machine.restore(saved)
        assert machine.digest() == digest, "a checkpoint did not keep the state"
        self._load(machine, image)
        self._go(machine, reached, recorded=False, piece=MAX_TICKS)
        if stop.is_final:
            machine.run(1)  # an end without a step of its own
        assert (machine.tick, machine.digest()) == (reached, digest), "going the same way again led elsewhere"
        self.count += 1
        self.ticks += reached
        self.ends[str(stop.reason)] += 1

    def _load(self, machine: X86Machine, image: bytes) -> None:
        machine.restore(self.start)
        address = ORIGINS[self.mode] if self.mode != "user64" else machine.vcpu.translate(ORIGINS["user64"])[0]
        assert address is not None
        machine.vcpu.write_memory(address, image)

    def _go(self, machine: X86Machine, until: int, *, recorded: bool, piece: int) -> Stop:
        stop = Stop(StopReason.BUDGET, machine.tick)
        while machine.tick < until:
            self.batch.clear()
            before = machine.tick
            stop = machine.run(min(piece, until - machine.tick), self.batch if recorded else None)
            if recorded:
                assert self.batch.step_count == machine.tick - before, "steps are missing in the trace"
                assert self.batch.write_count == sum(self.batch.column("writes")), "writes do not add up"
            if stop.is_final or stop.reason is StopReason.INPUT:
                break
            assert stop.reason is StopReason.BUDGET, stop
            assert machine.tick > before, "no step was made"
        machine.drain_events()
        return stop

    def close(self) -> None:
        """Free the machine."""
        if self.machine is not None:
            self.machine.close()
            self.machine = None


def fuzz(
    first: int, *, seconds: float | None = None, count: int | None = None, modes: tuple[str, ...] = MODES
) -> list[Guests]:
    """Run guests from seed `first` on, until the time is over or `count` were run in each mode."""
    all_guests = [Guests(mode) for mode in modes]
    deadline = None if seconds is None else time.monotonic() + seconds
    seed, previous = first, b""
    while (deadline is None or time.monotonic() < deadline) and (count is None or seed < first + count):
        chance = random.Random(seed)
        previous = guest(chance, b"" if seed == first else previous)
        for guests in all_guests:
            try:
                guests.run(seed, previous)
            except Exception as error:
                raise AssertionError(f"{guests.mode}, seed {seed}: {error!r}; bytes {previous.hex()}") from error
        seed += 1
    for guests in all_guests:
        guests.close()
    return all_guests


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--count", type=int, help="guests a mode, instead of a time")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--mode", choices=MODES, action="append")
    options = parser.parse_args()
    seconds = None if options.count else options.seconds
    done = fuzz(options.first, seconds=seconds, count=options.count, modes=tuple(options.mode or MODES))
    for guests in done:
        print(f"{guests.mode}: {2 * guests.count:,} executions, {2 * guests.ticks:,} ticks, {dict(guests.ends)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
