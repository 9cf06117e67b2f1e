"""The state in which each mode starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.x86.core.vcpu import lib
from engine.x86.devices.pic import ChipState, PicState
from engine.x86.firmware import BOOT_ADDRESS, SECTOR, rom

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

DATA_ATTRIBUTES = 0x93  # present, writable data, accessed
CODE_ATTRIBUTES = 0x9B
_CR0_ET = 0x10
_FLAG_IF = 0x200
_AX, _DX, _SP = 0, 2, 4
#: As firmware leaves them: what SeaBIOS says in ax, the disk's number, a stack below the boot sector.
_BOOT_REGISTERS = ((_AX, 0xAA55), (_DX, 0x80), (_SP, 0x6F00))
#: The PC's vectors: IRQ 0-7 at 8, IRQ 8-15 at 70h. Timer, keyboard and cascade are on.
_BOOT_PIC = PicState(ChipState(base=0x08, mask=0xF8), ChipState(base=0x70, mask=0xFF))


def reset(machine: X86Machine) -> None:
    """Everything zero but what the mode names; the program at its origin."""
    state, assembly = machine.vcpu.state, machine.program.assembly
    for i in range(6):
        segment = state.seg[i]
        segment.limit = 0xFFFF
        segment.attributes = CODE_ATTRIBUTES if i == lib.CS else DATA_ATTRIBUTES
    state.rip, state.rflags, state.cr0 = assembly.origin, 2, _CR0_ET
    state.idt_limit = 0x3FF
    state.gdt_limit = 0xFFFF
    state.depth = 1
    control, mxcsr = 0x37F, 0x1F80  # as after fninit; SDM vol. 1, 8.1.5 and 10.2.3
    for at, value in ((0, control & 0xFF), (1, control >> 8), (24, mxcsr & 0xFF), (25, mxcsr >> 8)):
        state.fpu[at] = value
    if machine.mode == "boot16":
        _boot(machine)
    else:
        machine.vcpu.write_memory(assembly.origin, assembly.image)


def _boot(machine: X86Machine) -> None:
    """As a BIOS has left it: its vectors, its services, the timer running, the first sector loaded."""
    state = machine.vcpu.state
    for address, data in rom.contents():
        machine.vcpu.write_memory(address, data)
    machine.vcpu.write_memory(BOOT_ADDRESS, machine.program.assembly.image[:SECTOR])
    for number, value in _BOOT_REGISTERS:
        state.gpr[number] = value
    state.rip, state.rflags = BOOT_ADDRESS, 2 | _FLAG_IF
    machine.board.pic.state = _BOOT_PIC
    machine.board.pit.start()
