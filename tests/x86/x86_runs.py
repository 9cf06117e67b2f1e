"""Runs x86 programs for the tests: on a CPU, recorded, as plain data that can be compared."""

import os
from dataclasses import dataclass, field

import pytest

from engine.events import Event, StepFlag
from engine.machine import Journal, Limits, Stop, StopReason
from engine.trace import TraceBatch, WriteKind
from engine.x86.assembler import Assembly, assemble
from engine.x86.core.vcpu import kvm_device
from engine.x86.decoder import Decoder
from engine.x86.machine import X86Machine
from engine.x86.program import Program

needs_kvm = [
    pytest.mark.kvm,
    pytest.mark.skipif(
        not os.access(kvm_device(), os.R_OK | os.W_OK), reason=f"{kvm_device()} cannot be opened on this host"
    ),
]
#: Both CPUs, the KVM one marked.
CPUS = [pytest.param("kvm", marks=needs_kvm), "unicorn"]


FLAG_BITS = {"CF": 0, "PF": 2, "AF": 4, "ZF": 6, "SF": 7, "IF": 9, "DF": 10, "OF": 11}


def mask_of(names: tuple[str, ...]) -> int:
    return sum(1 << FLAG_BITS[name] for name in names)


class FlagMask:
    """Which flags are defined after each step."""

    def __init__(self, bits: int) -> None:
        self.decoder, self.undefined, self.known = Decoder(bits), 0, {}

    @property
    def defined(self) -> int:
        return (1 << 64) - 1 & ~self.undefined

    def after(self, data: bytes) -> int:
        effect = self.known.get(data)
        if effect is None:
            found = self.decoder.decode(data, 0)
            assert found is not None
            effect = self.known[data] = found.flags
        defined = mask_of(effect.written) | mask_of(effect.cleared) | mask_of(effect.set)
        self.undefined = (self.undefined & ~defined) | mask_of(effect.undefined)
        return self.defined


@dataclass(frozen=True)
class Step:
    """One recorded step. Writes: (register name or address, old, new, size in bytes)."""

    tick: int
    address: int
    data: bytes
    text: str
    flags: tuple[str, ...]
    depth: int
    writes: tuple[tuple[str | int, int, int, int], ...]

    def new(self, place: str | int) -> int | None:
        """The value that the step left in a register or at an address; None if it did not write it."""
        return next((new for where, _, new, _ in self.writes if where == place), None)


@dataclass
class Run:
    """What a program did from tick 0 to where it stopped."""

    machine: X86Machine
    stop: Stop
    steps: list[Step] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def output(self) -> bytes:
        return b"".join(e.data["bytes"] for e in self.events if e.kind == "output")

    @property
    def exits(self) -> list[dict]:
        return [dict(e.data) for e in self.events if e.kind == "exit"]

    @property
    def texts(self) -> list[str]:
        return [step.text for step in self.steps]

    def register(self, name: str) -> int:
        return int({r["name"]: r["value"] for r in self.machine.view()["registers"]}[name], 16)

    @property
    def flags(self) -> int:
        return int(self.machine.view()["flags"]["value"], 16)

    def memory(self, address: int, length: int) -> bytes:
        return self.machine.vcpu.read_memory(address, length)


def decode_batch(machine: X86Machine, batch: TraceBatch) -> list[Step]:
    names, at, steps = machine.listing()["registers"], 0, []
    columns = {name: batch.column(name) for name in ("where", "flags", "depth", "writes")}
    kinds, keys, tags = batch.column("w_kind"), batch.column("w_key"), batch.column("w_new_tag")
    olds, news = batch.column("w_old"), batch.column("w_new")
    for i in range(batch.step_count):
        row, count = machine.rows.rows[columns["where"][i]], columns["writes"][i]
        writes = tuple(
            (names[keys[k]] if kinds[k] == WriteKind.REGISTER else keys[k], olds[k], news[k], 1 << (tags[k] - 16))
            for k in range(at, at + count)
        )
        at += count
        flags = tuple(StepFlag(columns["flags"][i]).words())
        text = row.instruction.text if row.instruction else "db"
        steps.append(Step(batch.first_tick + i, row.address, row.data, text, flags, columns["depth"][i], writes))
    return steps


def start(
    source: str | Assembly,
    cpu: str,
    *,
    journal: Journal | None = None,
    limits: Limits | None = None,
    decoder: Decoder | None = None,
    audit: bool = False,
) -> X86Machine:
    assembly = assemble(source) if isinstance(source, str) else source
    return X86Machine(
        Program(assembly, cpu=cpu), journal or Journal(), limits or Limits(), decoder=decoder, audit=audit
    )


def record(machine: X86Machine, max_ticks: int = 20_000) -> Run:
    """Record up to `max_ticks` steps or to the first stop that is not the end of a batch."""
    batch, run = TraceBatch(), Run(machine, Stop(StopReason.BUDGET, 0))
    while machine.tick < max_ticks:
        batch.clear()
        run.stop = machine.run(max_ticks - machine.tick, batch)
        run.steps += decode_batch(machine, batch)
        run.events += machine.drain_events()
        if run.stop.reason is not StopReason.BUDGET:
            break
    return run
