"""The state in which each mode starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.x86 import layout
from engine.x86.core.vcpu import lib
from engine.x86.devices.pic import ChipState, PicState
from engine.x86.firmware import BOOT_ADDRESS, SECTOR, rom

if TYPE_CHECKING:
    from engine.x86.machine import X86Machine

DATA_ATTRIBUTES = 0x93  # present, writable data, accessed
CODE_ATTRIBUTES = 0x9B
_CODE_32, _CODE_64, _DATA_32 = 0xC09B, 0xA09B, 0xC093
_CR0_ET, _CR0_PE, _CR0_PG, _CR4_PAE = 0x10, 1, 1 << 31, 0x20
#: OSFXSR and OSXMMEXCPT: SSE is switched on, as whatever loads a program into these modes would have done.
_CR4_SSE = 0x600
_EFER_LME, _EFER_LMA = 0x100, 0x400
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
        return
    if machine.mode == "user64":
        return  # guest_kernel.boot
    machine.vcpu.write_memory(assembly.origin, assembly.image)
    if machine.mode != "real16":
        _protect(machine)


def _protect(machine: X86Machine) -> None:
    """Flat segments; in long mode the first GiB mapped to itself. There is no IDT: that is the program's to make."""
    state, is_long = machine.vcpu.state, machine.mode == "long64"
    descriptors = layout.gdt(machine.mode)
    machine.vcpu.write_memory(layout.GDT, descriptors)
    state.gdt_base, state.gdt_limit, state.idt_limit = layout.GDT, len(descriptors) - 1, 0
    for i in range(6):
        segment = state.seg[i]
        segment.limit = 0xFFFFFFFF
        segment.selector = layout.CODE_SELECTOR if i == lib.CS else layout.DATA_SELECTOR
        segment.attributes = (_CODE_64 if is_long else _CODE_32) if i == lib.CS else _DATA_32
    state.gpr[_SP] = layout.STACK_TOP
    state.cr0, state.cr4 = _CR0_ET | _CR0_PE, _CR4_SSE
    if is_long:
        machine.vcpu.write_memory(layout.PAGE_TABLES, layout.page_tables())
        state.cr0, state.cr3, state.cr4 = _CR0_ET | _CR0_PE | _CR0_PG, layout.PAGE_TABLES, _CR4_PAE | _CR4_SSE
        state.efer = _EFER_LME | _EFER_LMA


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
