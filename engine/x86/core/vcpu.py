"""The C core as Python sees it: one `Vcpu` object a machine. The only Python module that touches the core's memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

from engine import cbuild
from engine.errors import HostUnavailable, MachineFault
from engine.trace import COLUMNS, TraceBatch
from engine.x86.decoder import Instruction

_core: Any = cbuild.load("engine.x86.core._core")
ffi, lib = _core.ffi, _core.lib

#: Where KVM is found; the tests point it elsewhere to see a host without.
DEVICE_VARIABLE = "GLASSBOX_KVM_DEVICE"
#: The device as an open descriptor, for processes that may open nothing: `descriptor:N` (kvm.c knows that form).
_kept: ContextVar[str | None] = ContextVar("kvm", default=None)


def kvm_device() -> str:
    """The path of the KVM device."""
    return _kept.get() or os.environ.get(DEVICE_VARIABLE, "/dev/kvm")


def keep_kvm_open() -> list[int]:
    """Open the device once for this process and its children; the descriptor, or none where it cannot be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(kvm_device(), os.O_RDWR | os.O_CLOEXEC)
        _kept.set(f"descriptor:{descriptor}")
        return [descriptor]
    return []


class Vcpu:
    """A CPU with its RAM, decoded rows and recorder. `state` is the C struct CpuState (core.h)."""

    def __init__(self, ram_bytes: int, *, audit: bool = False) -> None:
        self._machine = lib.x86_create(ram_bytes)
        if self._machine == ffi.NULL:
            raise MachineFault("no memory for a machine")
        self._machine.audit = audit
        self.ram_bytes = ram_bytes
        self.name = ""
        self._bound: tuple[TraceBatch, Any, list[Any]] | None = None

    @property
    def raw(self) -> Any:  # noqa: ANN401 - cffi data
        """The C struct Machine, for reading its fields."""
        return self._machine

    @property
    def state(self) -> Any:  # noqa: ANN401 - cffi data
        """The C struct CpuState."""
        return self._machine.st

    @property
    def ram_address(self) -> int:
        """Address of the guest's RAM in this process."""
        return int(ffi.cast("uintptr_t", self._machine.ram))

    def attach(self, name: str) -> None:
        """Put a CPU in: "kvm" or "unicorn". HostUnavailable when this host has none; then none is in."""
        device = kvm_device()
        if lib.x86_attach(self._machine, name == "kvm", device.encode()):
            reason = ffi.string(self._machine.message).decode("utf-8", "replace")
            hint = "choose cpu unicorn, or give this process access to /dev/kvm" if name == "kvm" else None
            raise HostUnavailable(f"no {name} CPU: {reason}", hint=hint)
        self.name = name

    def close(self) -> None:
        """Free everything. The object must not be used after it."""
        if self._machine != ffi.NULL:
            lib.x86_destroy(self._machine)
            self._machine = ffi.NULL

    def run(self, until: int, batch: Any) -> int:  # noqa: ANN401 - cffi data
        """Execute until tick `until`; a RUN_x of core.h."""
        return int(lib.x86_run(self._machine, until, batch))

    def bind(self, trace: TraceBatch | None) -> Any:  # noqa: ANN401 - cffi data
        """The C struct over a batch's buffers; NULL for None. `unbind` copies the counts back."""
        if trace is None:
            return ffi.NULL
        if self._bound is None or self._bound[0] is not trace:
            batch, buffers = ffi.new("TraceBatch *"), []
            for column in COLUMNS:
                # SAFETY: from_buffer keeps the bytearray from being resized while `buffers` lives.
                buffer = ffi.from_buffer(f"{column.c_type}[]", trace.columns[column.name])
                buffers.append(buffer)
                setattr(batch, column.name, buffer)
            batch.step_capacity, batch.write_capacity = trace.step_capacity, trace.write_capacity
            self._bound = (trace, batch, buffers)
        batch = self._bound[1]
        batch.step_count, batch.write_count, batch.text_bytes = trace.step_count, trace.write_count, trace.text_bytes
        batch.first_tick = trace.first_tick
        return batch

    def unbind(self, trace: TraceBatch | None, batch: Any) -> None:  # noqa: ANN401 - cffi data
        """Tell the batch what was recorded into it."""
        if trace is not None:
            trace.step_count, trace.write_count = batch.step_count, batch.write_count
            trace.first_tick = batch.first_tick

    def add_row(self, where: int, instruction: Instruction) -> None:
        """Teach the core one decoded instruction."""
        row = ffi.new("Row *")
        row.address, row.length = instruction.address, len(instruction.data)
        ffi.memmove(row.bytes, instruction.data, len(instruction.data))
        row.where, row.kind, row.traits, row.data = where, instruction.kind, instruction.traits, instruction.value
        row.port_size, row.address_bits = instruction.port_size, instruction.address_bits
        row.operand_count = len(instruction.memory)
        row.code_bits, row.is_protected = instruction.bits, instruction.is_protected
        row.divide, row.target, row.fpu = instruction.divide, instruction.target, instruction.fpu
        row.mend, row.privilege = instruction.mend, instruction.privilege
        for to, operand in zip(row.operands, instruction.memory, strict=False):
            to.displacement, to.size, to.segment = operand.displacement, operand.size, operand.segment
            to.base, to.index, to.scale = operand.base, operand.index, operand.scale
            to.address_bits, to.access = operand.address_bits, operand.access
            to.bit_register, to.bit_size = operand.bit_register, operand.bit_size
        if lib.x86_add_row(self._machine, row):
            raise MachineFault("no memory for the listing")

    def has_row(self, address: int) -> bool:
        """True when the core knows what lies at `address` now."""
        return bool(lib.x86_has_row(self._machine, address))

    def forget_rows(self) -> None:
        """Forget every decoded instruction."""
        lib.x86_forget_rows(self._machine)

    def set_breakpoint(self, where: int, is_set: bool) -> None:
        """Mark the rows numbered `where` (unknown ones are nobody's)."""
        lib.x86_breakpoint(self._machine, where, is_set)

    def read_memory(self, address: int, length: int) -> bytes:
        """Guest memory; fewer bytes at the end of RAM."""
        end = min(address + length, self.ram_bytes)
        if not 0 <= address < end:
            return b""
        return bytes(ffi.buffer(self._machine.ram + address, end - address))

    @property
    def bits(self) -> int:
        """The code's width now: 16, 32 or 64 in protected mode, -16 in real mode."""
        return int(lib.x86_bits(self._machine))

    def translate(self, address: int) -> tuple[int | None, list[tuple[int, int]]]:
        """The physical address of a linear one (None: no page), and (address, entry) of the tables on the way."""
        physical, walk = ffi.new("uint64_t *"), ffi.new("Walk *")
        failed = lib.x86_translate(self._machine, address, physical, walk)
        entries = [(int(walk.at[i]), int(walk.entry[i])) for i in range(walk.levels)]
        return None if failed else int(physical[0]), entries

    def read_linear(self, address: int, length: int) -> bytes:
        """Memory by linear address, up to the first page that is not there."""
        found = b""
        while len(found) < length:
            at = address + len(found)
            physical, _ = self.translate(at)
            piece = b"" if physical is None else self.read_memory(physical, min(length - len(found), 4096 - at % 4096))
            if not piece:
                break
            found += piece
        return found

    def write_memory(self, address: int, data: bytes) -> None:
        """Put bytes into guest memory between steps."""
        lib.x86_write(self._machine, address, data, len(data))

    def pull(self) -> None:
        """Make `state` complete, the FPU included."""
        lib.x86_pull(self._machine)

    def state_bytes(self) -> bytes:
        """The whole CPU state in its canonical form."""
        self.pull()
        return bytes(ffi.buffer(ffi.addressof(self._machine.st), ffi.sizeof("CpuState")))

    def touched(self) -> None:
        """Fields of `state` were changed after a `pull`: the CPU takes them over before it goes on."""
        lib.x86_touched(self._machine)

    def set_state(self, data: bytes) -> None:
        """Become a state that `state_bytes` answered; memory may have been replaced as well."""
        if len(data) != ffi.sizeof("CpuState"):
            raise ValueError("not a CPU state of this version")
        ffi.memmove(ffi.addressof(self._machine.st), data, len(data))
        lib.x86_touched(self._machine)

    def feed(self, values: list[int]) -> None:
        """What the next `in` instruction gets, element by element."""
        machine = self._machine
        for i, value in enumerate(values):
            machine.input[i] = value
        machine.input_count, machine.input_used, machine.input_ready = len(values), 0, 1

    def take_output(self) -> list[int]:
        """What the `out` instruction that just ended wrote, element by element."""
        machine = self._machine
        values = [int(machine.output[i]) for i in range(machine.output_count)]
        machine.output_count = 0
        return values

    def serve(
        self,
        registers: list[int],
        writes: list[tuple[int, bytes]],
        idle: int,
        *,
        zeros: Iterable[tuple[int, int]] = (),
    ) -> None:
        """What the service that comes next does: eight registers, memory writes, clocks that pass.

        `zeros`: (address, bytes) to be filled with zeros before the writes.
        """
        service = self._machine.service
        service.write_count = service.used = 0
        for i, value in enumerate(registers):
            service.gpr[i] = value
        for address, length in zeros:
            if lib.x86_service_zero(self._machine, address, length):
                raise MachineFault("a service wrote too much")
        for address, data in writes:
            if lib.x86_service_write(self._machine, address, data, len(data)):
                raise MachineFault("a firmware service wrote too much")
        service.idle, service.ready, service.maps, service.sets_fs = idle, 1, 0, 0

    @property
    def clock(self) -> int:
        """The machine's clock: ticks, and what passed while a `hlt` waited."""
        return int(self._machine.st.tick + self._machine.st.idle)

    def arm(self, vector: int | None, event_at: int | None) -> None:
        """What the devices want: an interrupt now (its vector), and to be asked again at a clock."""
        self._machine.irq_vector = -1 if vector is None else vector
        self._machine.event_at = (1 << 64) - 1 if event_at is None else event_at

    @property
    def message(self) -> str:
        """The host's complaint after RUN_FAILED."""
        return str(ffi.string(self._machine.message).decode("utf-8", "replace"))
