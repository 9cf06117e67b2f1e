"""X86Machine: the Machine contract over the C core, the board and the rows."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine import pages
from engine.errors import HostUnavailable, MachineFault
from engine.events import Event, StepFlag
from engine.machine import Checkpoint, Journal, Limits, Plain, Stop, StopReason, Watch
from engine.pages import PageImage
from engine.trace import TraceBatch
from engine.x86 import edit, faults, guest_kernel, interrupts, picture, pointers, screen
from engine.x86.board import RAM_BYTES, Board
from engine.x86.core.vcpu import Vcpu, lib
from engine.x86.decoder import Decoder, Instruction, Trait
from engine.x86.decoder_kinds import Kind
from engine.x86.decoder_user import MODEL_DEPENDENT, is_wrong_on_unicorn
from engine.x86.devices import NeedInput
from engine.x86.doctor import SUSPECTS, unusable
from engine.x86.firmware import ROM_BASE, ROM_END
from engine.x86.program import Program
from engine.x86.reset import reset
from engine.x86.rows import MAX_DISCOVERED, Rows
from engine.x86.syscalls import GuestKernel

#: Values of one port instruction that its exit event spells out.
MAX_VALUES = 64
#: How many exits the machine's own state remembers, for its view.
KEPT_EXITS = 64
#: KVM_EXIT_DEBUG (linux/kvm.h) as a problem: the vCPU stopped where it should not be.
_EXIT_DEBUG = 4
_EFER_LMA = 0x400
_MISSING = {lib.TASK_SWITCH: "a task switch by hardware", lib.VIRTUAL_8086: "virtual-8086 mode"}
_TOO_LONG = "one instruction repeated itself four million times and was not done"
_TRIPLE_FAULT = "triple fault: an exception could not be delivered, nor could the double fault after it"


def _wide(rows: Rows) -> dict[int, Decoder]:
    return {bits: rows.decoders[bits] for bits in (32, 64)}


def _told(story: list[dict[str, Any]]) -> str:
    """The exceptions on the way to a triple fault, in words."""
    words = [a["name"].split()[0] + (f"({a['error_code']:#x})" if "error_code" in a else "") for a in story]
    return f" ({', then '.join(words)})" if words else ""


@dataclass(frozen=True)
class Fallback:
    """This host's KVM could not execute `instruction` as step `tick`; the run went on with Unicorn."""

    tick: int
    instruction: str
    reason: str


@dataclass(frozen=True)
class X86Checkpoint:
    """A saved state; `image.extra` is the CPU state."""

    image: PageImage
    tick: int
    devices: tuple[object, ...]
    output_bytes: int
    last_where: int | None
    final: Stop | None
    exit_count: int
    exits: tuple[dict[str, Any], ...]
    accesses: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes that dropping this checkpoint would free, more or less."""
        return self.image.size_bytes + 512 + 64 * len(self.exits) + len(self.accesses)


class X86Machine:
    """One program on one vCPU. `cpu`: "kvm", "unicorn", or "auto" (KVM where there is one)."""

    def __init__(
        self, program: Program, journal: Journal, limits: Limits, *, decoder: Decoder | None = None, audit: bool = False
    ) -> None:
        self.program = program
        self.journal = journal
        self.limits = limits
        self.mode = program.mode
        self.fallback: Fallback | None = None
        self.missing_kvm: str | None = None
        self.avoided_kvm: str | None = None
        self._decoder = decoder or Decoder()
        self.is_user = program.mode == "user64"
        self.rows = Rows(program.assembly, self._decoder, is_user=self.is_user)
        self._decoders = {-16: self._decoder, 16: Decoder(16, is_protected=True), **_wide(self.rows)}
        self.board = Board(journal)
        self._services: interrupts.Services | GuestKernel = interrupts.Services()
        self._events: list[Event] = []
        self._breakpoints: frozenset[int] = frozenset()
        self._is_edited = False
        self._output_bytes = 0
        self._final: Stop | None = None
        self._last_where: int | None = None
        self.process: GuestKernel | None = None
        self.exit_count = 0
        self.exits: deque[dict[str, Any]] = deque(maxlen=KEPT_EXITS)
        self.vcpu = Vcpu(guest_kernel.USER_RAM_BYTES if self.is_user else RAM_BYTES, audit=audit)
        self._is_open = True
        try:
            self._attach(program.cpu)
            self._reset()
        except BaseException:
            self.close()
            raise

    # Setting up

    def _attach(self, wanted: str) -> None:
        if wanted != "unicorn":
            try:
                self.vcpu.attach("kvm")
                self.avoided_kvm = self._kvm_is_no_use() if wanted == "auto" else None
                if self.avoided_kvm is None:
                    return
            except HostUnavailable as error:
                if wanted == "kvm":
                    raise
                self.missing_kvm = error.message
        self.vcpu.attach("unicorn")

    def _kvm_is_no_use(self) -> str | None:
        """The first instruction of the source that this host's KVM is known not to manage, as a sentence."""
        mnemonics = dict.fromkeys(row.instruction.mnemonic for row in self.rows.rows if row.instruction)
        return next(filter(None, map(unusable, mnemonics)), None)

    def _reset(self) -> None:
        reset(self)
        if self.is_user:
            self.process = GuestKernel(guest_kernel.boot(self))
            self._services = self.process
            self.board.insert(self.process)
        self.vcpu.raw.wide = self.rows.is_wide + self.rows.is_long
        self.vcpu.set_state(self.vcpu.state_bytes())
        self._start = self.save()
        self.fpu_at_reset = bytes(self.vcpu.state.fpu)
        interrupts.arm(self)

    def close(self) -> None:
        """Free the vCPU, its VM and its memory. Idempotent."""
        if self._is_open:
            self._is_open = False
            self.vcpu.close()

    # Where it is

    @property
    def cpu(self) -> str:
        """The CPU that runs now: "kvm" or "unicorn"."""
        return self.vcpu.name

    @property
    def tick(self) -> int:
        """Instructions executed so far."""
        return int(self.vcpu.state.tick)

    @property
    def depth(self) -> int:
        """1 + calls and interrupts minus returns (a heuristic: a program may jump out of a call)."""
        return int(self.vcpu.state.depth)

    @property
    def fetch_address(self) -> int:
        """Linear address of the next instruction."""
        base = 0 if self.vcpu.bits == 64 else int(self.vcpu.state.seg[lib.CS].base)
        return base + int(self.vcpu.state.rip)

    @property
    def decoder_now(self) -> Decoder:
        """The decoder for the mode that the CPU is in."""
        return self._decoders[self.vcpu.bits]

    @property
    def mode_now(self) -> str:
        """The mode that the CPU is in: the program's, or what it switched to."""
        bits, is_long = self.vcpu.bits, bool(int(self.vcpu.state.efer) & _EFER_LMA)
        if bits < 0:
            return self.mode if self.mode in ("real16", "boot16") else "real16"
        if self.is_user:
            return "user64"
        return "long64" if bits == 64 else f"{'compat' if is_long else 'protected'}{bits}"

    @property
    def last_where(self) -> int | None:
        """Row of the step that made the clock read `tick`; None at tick 0."""
        return self._last_where

    @property
    def where(self) -> int | None:
        """Row of the next instruction; None when the program is over."""
        if self._final is not None:
            return None
        return self._learn(self.fetch_address)

    def _learn(self, address: int) -> int | None:
        """Decode what lies at `address`, make it a row, and teach it to the core; None where nothing can be decoded."""
        found = self.decoder_now.decode(self.vcpu.read_linear(address, 15), address, int(self.vcpu.state.rip))
        if found is None and self.vcpu.bits > 0 and not self.is_user:
            found = self._without_page(address)
        if found is None:
            return None
        row, is_new = self.rows.learn(found)
        if self._is_refused(found):
            found = replace(found, kind=Kind.REFUSED)
        if not self.vcpu.has_row(address):
            self.vcpu.add_row(row.where, self._as_firmware(found))
            if row.where in self._breakpoints:
                self.vcpu.set_breakpoint(row.where, True)
        if is_new:
            self.vcpu.raw.wide = self.rows.is_wide + self.rows.is_long
            self._events.append(Event("program_grew", self.tick))
        return row.where

    def _is_refused(self, found: Instruction) -> bool:
        """True for what the CPU in use must not be given."""
        if self.vcpu.name != "kvm":
            wrong = self.is_user and is_wrong_on_unicorn(found.mnemonic, found.args)
            return wrong or bool(found.traits & Trait.AVX)
        if self.is_user:
            return found.mnemonic in MODEL_DEPENDENT
        return found.mnemonic in SUSPECTS and unusable(found.mnemonic) is not None

    def _without_page(self, address: int) -> Instruction | None:
        """What stands for an instruction whose next byte lies on no page: to fetch it is a page fault."""
        data = self.vcpu.read_linear(address, 15)
        if self.vcpu.translate(address + len(data))[0] is not None:
            return None
        nothing = self.decoder_now.decode(b"\x0f\x0b" + bytes(13), address)
        assert nothing is not None  # noqa: S101 - ud2, in every mode
        return replace(nothing, data=data, op="(no page)", args="", kind=Kind.NO_PAGE, mnemonic="(no page)")

    def _as_firmware(self, found: Instruction) -> Instruction:
        """A `vmcall` in the BIOS's ROM asks the host; anywhere else there is no hypervisor."""
        is_service = self.mode == "boot16" and found.mnemonic == "vmcall" and ROM_BASE <= found.address < ROM_END
        return replace(found, kind=Kind.SERVICE) if is_service else found

    # Running

    def set_breakpoints(self, wheres: Iterable[int]) -> None:
        """Replace the rows that `run(breakpoints=True)` stops before."""
        wanted = frozenset(wheres)
        for where in self._breakpoints - wanted:
            self.vcpu.set_breakpoint(where, False)
        for where in wanted:
            self.vcpu.set_breakpoint(where, True)
        self._breakpoints = wanted

    def run(
        self, budget: int, trace: TraceBatch | None = None, *, breakpoints: bool = False, watch: Watch | None = None
    ) -> Stop:
        """Execute up to `budget` instructions; see engine/machine.py."""
        if watch is not None:
            watch.is_blind = True  # stepping takes the time, not recording
        if self._final is not None:
            return self._final
        started, batch = self.tick, self.vcpu.bind(trace)
        self.vcpu.raw.use_breakpoints, self.vcpu.raw.skip_breakpoint = breakpoints, 1
        try:
            stop = self._drive(started + budget, batch)
        finally:
            self.vcpu.unbind(trace, batch)
        if self.fallback and started < self.fallback.tick <= self.tick:
            self._announce(self.fallback)
        return stop

    def _drive(self, until: int, batch: Any) -> Stop:  # noqa: ANN401 - cffi data
        while True:
            code = self.vcpu.run(until, batch)
            if self.tick:
                self._last_where = int(self.vcpu.raw.last_where)
            stop = self._answer(code, batch)
            if stop is not None:
                if stop.is_final:
                    self._final = stop
                return stop

    def _answer(self, code: int, batch: Any) -> Stop | None:  # noqa: ANN401 - cffi data
        """What to do about a RUN_x of the core; None to go on."""
        if code == lib.RUN_BUDGET:
            return Stop(StopReason.BUDGET, self.tick)
        if code == lib.RUN_BREAKPOINT:
            return Stop(StopReason.BREAKPOINT, self.tick)
        if code == lib.RUN_NEED_ROW:
            if self.rows.made_up_count >= MAX_DISCOVERED:
                return self._limit(
                    "code", f"the program has made up more than {MAX_DISCOVERED:,} instructions of its own"
                )
            return self._no_memory() if self._learn(int(self.vcpu.raw.fetch)) is None else None
        if code == lib.RUN_NEED_INPUT:
            return self._fetch_input()
        if code == lib.RUN_NEED_SERVICE:
            return self._services.prepare(self)
        if code == lib.RUN_EVENT:
            return interrupts.on_event(self)
        if code == lib.RUN_WAIT:
            return interrupts.on_wait(self)
        if code == lib.RUN_DEVICE:
            return self._settle(batch)
        if code == lib.RUN_HALT:
            self.note_exit({"reason": "KVM_EXIT_HLT"})
            return Stop(StopReason.HALT, self.tick)
        if code == lib.RUN_NO_MEMORY:
            return self._no_memory()
        if code == lib.RUN_SHUTDOWN:
            self._settle(batch)
            story = self._attempts()
            self.note_exit({"reason": "KVM_EXIT_SHUTDOWN", **({"story": story} if story else {})})
            return self._fault(_TRIPLE_FAULT + _told(story))
        if code == lib.RUN_TOO_LONG:
            return self._settle(batch) or self._limit("instructions", _TOO_LONG)
        if code == lib.RUN_EXCEPTION:
            return self._settle(batch) or self._uncaught(int(self.vcpu.raw.exception), self._details())
        if code == lib.RUN_MISSING:
            return self._does_not_execute()
        if code in (lib.RUN_UNSUPPORTED, lib.RUN_STUCK):
            return self._cannot_execute(code, is_stuck=code == lib.RUN_STUCK)
        raise MachineFault(self.vcpu.message)

    def _does_not_execute(self) -> Stop:
        missing = _MISSING.get(int(self.vcpu.raw.missing))
        found = self.decoder_now.decode(self.vcpu.read_linear(self.fetch_address, 15), self.fetch_address)
        text = f"`{found.text}`" if found else "this"
        if missing:
            return self._fault(f"{text} would need {missing}, which this machine does not do")
        return self._fault(f"this machine does not execute {text} in {self.mode_now}")

    def _attempts(self) -> list[dict[str, Any]]:
        """The exceptions that the step tried to deliver in protected mode, in order."""
        found = []
        for i in range(self.vcpu.raw.attempt_count):
            vector, error = int(self.vcpu.raw.attempts[i].vector), int(self.vcpu.raw.attempts[i].error)
            told: dict[str, Any] = {"vector": vector, "name": faults.name_of(vector)}
            if error >= 0:
                told |= {"error_code": error, "error_bits": faults.decode_error(vector, error)}
            found.append(told)
        return found

    def _no_memory(self) -> Stop:
        address = self.fetch_address
        if self.is_user:
            details = {"error_code": 0x14, "address": address, "rip": address}
            self._note_exception(faults.PAGE_FAULT, details)
            return self._uncaught(faults.PAGE_FAULT, details)
        if self.vcpu.translate(address)[0] is None:
            return self._fault(f"no page is mapped at {address:#x}, where the next instruction would be")
        return self._fault(f"there is no memory at {address:#x}, where the next instruction would be")

    def _uncaught(self, vector: int, details: Mapping[str, Any]) -> Stop:
        """Ring 3: the kernel ends a program that raised an exception."""
        code, address, rip = details.get("error_code"), details.get("address"), int(self.vcpu.raw.before.rip)
        found = (
            None if code is not None and vector == faults.PAGE_FAULT and code & faults.FETCH else self._decode_at(rip)
        )
        place = rip if found else details["rip"]
        return self._fault(faults.story(vector, code, address, place, found.text if found else ""))

    def _decode_at(self, address: int) -> Instruction | None:
        return self.decoder_now.decode(self.vcpu.read_linear(address, 15), address)

    def _note_exception(self, vector: int, details: Mapping[str, Any]) -> None:
        self.note_exit({"reason": "exception", "vector": vector, "name": faults.name_of(vector), **details})

    def _fault(self, message: str) -> Stop:
        self._events.append(Event("error", self.tick, {"message": message, "traceback": ""}))
        return Stop(StopReason.FAULT, self.tick, {"message": message, "traceback": ""})

    def _limit(self, limit: str, message: str) -> Stop:
        self._events.append(Event("error", self.tick, {"message": message, "traceback": ""}))
        return Stop(StopReason.LIMIT, self.tick, {"limit": limit, "message": message})

    def _fetch_input(self) -> Stop | None:
        port = self.vcpu.raw.port
        try:
            self.board.advance(self.vcpu.clock)
            self.vcpu.feed(self.board.read_all(port.port, port.size, port.count))
        except NeedInput as needed:
            return Stop(StopReason.INPUT, self.tick, needed.detail)
        return None

    def _settle(self, batch: Any) -> Stop | None:  # noqa: ANN401 - cffi data
        """The step that just ended left to the host: ports, missing memory, an exception."""
        raw, flags, printed, stream = self.vcpu.raw, StepFlag(0), b"", "serial"
        self.board.advance(self.vcpu.clock)
        if raw.input_ready:
            self._port_exit([int(raw.input[i]) for i in range(raw.input_count)])
            raw.input_ready = 0
            flags |= StepFlag.INPUT
        elif raw.output_count:
            values = self.vcpu.take_output()
            printed = b"".join(self.board.ports.write(raw.port.port, raw.port.size, value) for value in values)
            self._port_exit(values)
        elif raw.service.ready:
            printed = self._services.finish(self)
            stream = self._services.stream
        for i in range(raw.unbacked_count):
            access = raw.unbacked[i]
            direction = "write" if access.is_write else "read"
            value = int(access.value) & ((1 << 8 * int(access.size)) - 1)
            data = {"direction": direction, "address": int(access.address), "size": int(access.size), "value": value}
            self.note_exit({"reason": "KVM_EXIT_MMIO", **data})
        if raw.exception >= 0 and raw.step_flags & StepFlag.ERROR:
            self._note_exception(int(raw.exception), self._details())
        if raw.woke:
            self.note_exit({"reason": "KVM_EXIT_HLT"})
        if raw.irq_taken:
            interrupts.taken(self)
        raw.unbacked_count = raw.unbacked_total = raw.woke = raw.irq_taken = 0
        self.board.announce()
        interrupts.arm(self)
        if printed:
            flags |= StepFlag.OUTPUT
            self._output_bytes += len(printed)
            self._events.append(Event("output", self.tick, {"stream": stream, "bytes": printed}))
        if flags and batch and batch.step_count:
            batch.flags[batch.step_count - 1] |= flags
        if self._output_bytes > self.limits.output_bytes:
            return self._limit("output", f"the program printed more than {self.limits.output_bytes:,} bytes")
        if self.process and self.process.has_ended:
            return Stop(StopReason.HALT, self.tick, {"status": self.process.state.exit_status})
        if self.board.debug_exit.state.status is not None:
            self.note_exit({"reason": "debug_exit", "status": self.board.debug_exit.state.status})
            return Stop(StopReason.HALT, self.tick)
        return None

    def _details(self) -> dict[str, Any]:
        """Where an exception led, and what it said: its error code and, of a page fault, the address."""
        raw, found = self.vcpu.raw, {"rip" if self.is_user else "to": self.fetch_address}
        if raw.raised_error >= 0:
            found["error_code"] = int(raw.raised_error)
        if raw.exception == faults.PAGE_FAULT:
            found["address"] = int(self.vcpu.state.cr2)
        return found

    def _port_exit(self, values: list[int]) -> None:
        port = self.vcpu.raw.port
        claim = self.board.ports.find(port.port)
        data: dict[str, Any] = {
            "reason": "KVM_EXIT_IO",
            "direction": "out" if port.is_out else "in",
            "port": int(port.port),
            "size": int(port.size),
            "count": len(values),
            "value": values[0] if values else None,
            "device": claim.device.name if claim else None,
        }
        if len(values) > 1:
            data["values"] = values[:MAX_VALUES]
        self.note_exit(data)

    def note_exit(self, data: dict[str, Any]) -> None:
        """Something was left to the host in the step that just ended."""
        self._events.append(Event("exit", self.tick, data))
        self.exit_count += 1
        self.exits.append({"tick": self.tick, **data})

    # When KVM cannot

    def _cannot_execute(self, code: int, *, is_stuck: bool) -> Stop | None:
        raw, address = self.vcpu.raw, self.fetch_address
        found = self.decoder_now.decode(self.vcpu.read_linear(address, 15), address)
        text = found.text if found else "(bad)"
        if is_stuck:
            reason = f"this host's KVM does not come back from `{text}`"
        elif found and found.traits & Trait.AVX:
            return self._fault(f"`{text}` is AVX, which {self._lacks_avx()}; a host with KVM and AVX can run it")
        elif self.vcpu.name == "unicorn":
            return self._fault(f"Unicorn computes `{text}` wrongly; a host with KVM can run it")
        elif found and self.is_user and found.mnemonic in MODEL_DEPENDENT:
            reason = f"CPU models differ in what `{text}` answers"
        elif raw.problem_reason and raw.problem_reason != _EXIT_DEBUG:
            reason = f"this host's KVM cannot execute `{text}` (exit reason {raw.problem_reason}, {raw.problem_detail})"
        else:
            reason = f"this host's KVM executes `{text}` wrongly"
        if self.program.cpu == "kvm":
            return self._fault(reason + "; cpu unicorn can run this program")
        self._switch(Fallback(self.tick + 1, text, reason))
        return None

    def _lacks_avx(self) -> str:
        return "this host's CPU has not" if self.vcpu.name == "kvm" else "Unicorn does not execute"

    def _switch(self, fallback: Fallback) -> None:
        """Start again on Unicorn from tick 0 and catch up: the program and its journal lead to the same state."""
        reached, events, use = self.tick, self._events, self.vcpu.raw.use_breakpoints
        skip = self.vcpu.raw.skip_breakpoint
        self.fallback = fallback
        self.vcpu.forget_rows()
        self.vcpu.attach("unicorn")
        self.restore(self._start)
        self.vcpu.raw.use_breakpoints = 0
        self._drive(reached, self.vcpu.bind(None))
        self._events = events
        self.vcpu.raw.use_breakpoints, self.vcpu.raw.skip_breakpoint = use, skip

    def _announce(self, fallback: Fallback) -> None:
        message = f"{fallback.reason}: running on Unicorn"
        data = {"reason": "cpu_switched", "instruction": fallback.instruction, "message": message}
        event = Event("exit", fallback.tick, data)
        at = next((i for i, e in enumerate(self._events) if e.tick > fallback.tick), len(self._events))
        self._events.insert(at, event)

    # State

    def save(self, previous: Checkpoint | None = None) -> X86Checkpoint:
        """Copy the state out; pages equal to those of `previous` are shared."""
        base = previous.image if isinstance(previous, X86Checkpoint) else None
        image = pages.capture(self._regions(), base, self.vcpu.state_bytes())
        return X86Checkpoint(
            image=image,
            tick=self.tick,
            devices=self.board.save(),
            output_bytes=self._output_bytes,
            last_where=self._last_where,
            final=self._final,
            exit_count=self.exit_count,
            exits=tuple(self.exits),
            accesses=pointers.save_accesses(self),
        )

    def _regions(self) -> list[tuple[int, int]]:
        """All of RAM; in user64 what was ever given to the program: the rest is zeros."""
        used = self.process.state.frames.fresh if self.process else self.vcpu.ram_bytes
        return [(self.vcpu.ram_address, used)]

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become exactly the saved state again."""
        if not isinstance(checkpoint, X86Checkpoint):
            raise TypeError("not a checkpoint of an x86 machine")
        (address, used), (length, *_) = self._regions()[0], checkpoint.image.lengths
        pages.restore(checkpoint.image, [(address, max(used, length))])
        self.vcpu.set_state(checkpoint.image.extra)
        pointers.restore_accesses(self, checkpoint.accesses)
        self.vcpu.raw.input_ready = self.vcpu.raw.service.ready = self.vcpu.raw.wait = 0
        self._services.done = None
        self.board.restore(checkpoint.devices)
        self._output_bytes = checkpoint.output_bytes
        self._last_where = checkpoint.last_where
        self._final = checkpoint.final
        self.exit_count = checkpoint.exit_count
        self.exits = deque(checkpoint.exits, maxlen=KEPT_EXITS)
        self._events = []
        if self._is_edited:
            self._start = checkpoint  # what was changed cannot be reached from the beginning
        interrupts.arm(self)

    def edit(self, target: Mapping[str, Any], value: Plain) -> dict[str, Any]:
        """Change a register or memory (docs/views.md, "Targets and hits")."""
        values = edit.edit(self, target, value)
        self._start, self._is_edited = self.save(), True
        return values

    @property
    def journal_count(self) -> int:
        """Journal entries consumed so far."""
        return self.board.input.state.entries

    def digest(self) -> str:
        """A hash of CPU, memory and devices. Rows and the CPU's kind are no part of the state."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(self.vcpu.state_bytes())
        digest.update(self.vcpu.read_memory(0, self._regions()[0][1]))
        digest.update(repr((self.board.save(), self._output_bytes, self._final and self._final.reason)).encode())
        return digest.hexdigest()

    def drain_events(self) -> list[Event]:
        """Events since the last drain."""
        events, self._events = self._events, []
        return events

    # What it shows

    def listing(self) -> dict[str, Any]:
        """The rows known so far (docs/views.md)."""
        return picture.listing(self)

    def view(self) -> dict[str, Any]:
        """The visible state (docs/views.md)."""
        return picture.view(self)

    def glance(self) -> dict[str, Any] | None:
        """The screen, while the machine runs on."""
        shown = screen.picture(self)
        return {"screen": shown} if shown else None

    def inspect(self, query: Mapping[str, Any]) -> dict[str, Any]:
        """A deep view (docs/views.md)."""
        return picture.inspect(self, query)
