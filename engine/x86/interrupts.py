"""Between the devices and the vCPU: interrupts, waiting in `hlt`, and the firmware's services.

The core is told beforehand what an interrupt would be (`Vcpu.arm`) and when a device wants to be asked again; it
delivers at the end of an instruction by itself, so that a run needs no look into Python at every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.machine import Stop, StopReason
from engine.x86.board import IRQ_KEYBOARD, IRQ_TIMER, IRQ_UART
from engine.x86.core.vcpu import lib
from engine.x86.devices import NeedInput
from engine.x86.firmware import ROM_SEGMENT, Call, rom, vector_at

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine


def _is_hooked(machine: X86Machine, vector: int) -> bool:
    """True unless the vector still leads into the BIOS."""
    if machine.mode != "boot16" or int(machine.vcpu.state.cr0) & 1:
        return True
    entry = machine.vcpu.read_memory(int(machine.vcpu.state.idt_base) + 4 * vector, 4)
    offset = rom.offset_of(vector)
    return entry != offset.to_bytes(2, "little") + ROM_SEGMENT.to_bytes(2, "little")


def _wants_keys(machine: X86Machine) -> bool:
    """The program serves IRQ 1 itself."""
    return not machine.board.pic.is_masked(IRQ_KEYBOARD) and _is_hooked(machine, rom.KEYBOARD_VECTOR)


def _wants_timer(machine: X86Machine) -> bool:
    """A `hlt` has the timer to wait for. One that the BIOS started does not count: nobody would ever end."""
    board = machine.board
    if board.pic.is_masked(IRQ_TIMER) or board.pit.state.next_edge is None:
        return False
    vectors = (rom.TIMER_VECTOR, rom.USER_TIMER_VECTOR)
    return board.pit.state.is_programmed or any(_is_hooked(machine, vector) for vector in vectors)


def arm(machine: X86Machine) -> None:
    """Tell the core what the devices want now. After everything that may have changed them."""
    board = machine.board
    pending = board.pic.pending()
    machine.vcpu.arm(pending[1] if pending else None, board.next_event)


def on_event(machine: X86Machine) -> Stop | None:
    """The clock reached what a device was waiting for."""
    try:
        machine.board.advance(machine.vcpu.clock, wants_keys=_wants_keys(machine))
    except NeedInput as needed:
        return Stop(StopReason.INPUT, machine.tick, needed.detail)
    arm(machine)
    return None


def on_wait(machine: X86Machine) -> Stop | None:
    """A `hlt` comes next and interrupts are on: decide what it waits for."""
    try:
        clock = _next_interrupt(machine)
    except NeedInput as needed:
        return Stop(StopReason.INPUT, machine.tick, needed.detail)
    raw = machine.vcpu.raw
    raw.wait = lib.WAIT_HALT if clock is None else lib.WAIT_WAKE
    raw.wake_at = clock or 0
    arm(machine)
    return None


def _next_interrupt(machine: X86Machine) -> int | None:
    """The clock at which an interrupt comes, with the devices brought there; None when none ever will."""
    board = machine.board
    if board.pic.pending():
        return 0
    before, wants_keys = board.save(), _wants_keys(machine)
    if _wants_timer(machine):
        clock = board.next_event
        assert clock is not None  # noqa: S101 - _wants_timer has looked
        board.advance(clock, wants_keys=wants_keys)
        if board.pic.pending():
            return clock
        board.restore(before)
    if wants_keys:
        board.keyboard.look(must_wait=True)
        if board.keyboard.offer(counts=True):
            board.advance(machine.vcpu.clock)
            if board.pic.pending():
                return 0
        board.restore(before)
    if board.uart.waits_for_input and not board.pic.is_masked(IRQ_UART) and board.input.is_ready():
        board.advance(machine.vcpu.clock)
        if board.pic.pending():
            return 0
        board.restore(before)
    return None


def taken(machine: X86Machine) -> None:
    """The step that just ended delivered what was pending."""
    irq = machine.board.pic.acknowledge()
    vector, to = int(machine.vcpu.raw.exception), machine.fetch_address
    machine.note_exit({"reason": "interrupt", "irq": irq, "vector": vector, "to": to})


class Services:
    """The firmware's side of a `vmcall` in its ROM: computed before the step, told after it."""

    stream = "screen"

    def __init__(self) -> None:
        self.done: tuple[Call, dict[str, Any]] | None = None

    def prepare(self, machine: X86Machine) -> Stop | None:
        """Compute what the service that comes next does. INPUT when it waits for a key."""
        state, board = machine.vcpu.state, machine.board
        vector = vector_at(machine.fetch_address)
        call = Call(
            board=board,
            read_memory=machine.vcpu.read_memory,
            registers=[int(state.gpr[i]) for i in range(8)],
            stack=int(state.seg[lib.SS].base) + (int(state.gpr[4]) & 0xFFFF),
            extra_segment=int(state.seg[lib.ES].base),
            image=machine.program.assembly.image,
        )
        function, before = call.ah, board.save()
        board.keyboard.clock = machine.vcpu.clock
        try:
            rom.SERVICES[vector](call)
        except NeedInput as needed:
            board.restore(before)
            return Stop(StopReason.INPUT, machine.tick, needed.detail)
        machine.vcpu.serve(call.registers, call.pieces(), call.idle)
        data = {"reason": "bios", "service": f"int {vector:02x}h", "function": function, "name": call.name}
        self.done = (call, data)
        return None

    def finish(self, machine: X86Machine) -> bytes:
        """The service's step is over: its exit; answers what it printed."""
        machine.vcpu.raw.service.ready = 0
        if self.done is None:
            return b""
        (call, data), self.done = self.done, None
        machine.note_exit(data)
        return call.printed.encode("utf-8")
