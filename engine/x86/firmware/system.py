"""The services other than screen and disk: equipment, memory, waiting, keys, the time, and booting again."""

from __future__ import annotations

import struct

from engine.x86.board import IRQ_KEYBOARD, IRQ_TIMER
from engine.x86.devices.keyboard import Key
from engine.x86.devices.pit import HERTZ
from engine.x86.firmware import (
    BDA_TICKS,
    BOOT_ADDRESS,
    EQUIPMENT,
    FLAG_CARRY,
    FLAG_ZERO,
    MEMORY_KIB,
    SECTOR,
    Call,
)

TICKS_A_DAY = 0x1800B0
_SMAP = 0x534D4150
_AX, _CX, _DX, _BX = range(4)
_USABLE, _RESERVED = 1, 2
#: (start, length, kind) as E820 tells them.
MEMORY_MAP = (
    (0, MEMORY_KIB * 1024, _USABLE),
    (MEMORY_KIB * 1024, 1024, _RESERVED),
    (0xF0000, 0x10000, _RESERVED),
)


def timer(call: Call) -> None:
    """int 8: count a tick, and tell the interrupt controller that it is served. The stub then calls int 1Ch."""
    call.name = "timer tick"
    ticks = (int.from_bytes(call.read(BDA_TICKS, 4), "little") + 1) % TICKS_A_DAY
    call.write(BDA_TICKS, ticks.to_bytes(4, "little"))
    call.board.pic.end(IRQ_TIMER)


def keyboard(call: Call) -> None:
    """int 9: keys are fetched by int 16h, so this one only says that it is served."""
    call.name = "key"
    call.board.pic.end(IRQ_KEYBOARD)


def equipment(call: Call) -> None:
    """int 11h."""
    call.name, call.ax = "equipment list", EQUIPMENT


def memory(call: Call) -> None:
    """int 12h: KiB of memory below the ROM."""
    call.name, call.ax = "memory size", MEMORY_KIB


def system(call: Call) -> None:
    """int 15h: E820, 86 and 88."""
    if call.ax == 0xE820 and call.registers[_DX] & 0xFFFFFFFF == _SMAP:
        _memory_map(call)
    elif call.ah == 0x86:
        call.name = "wait"
        call.idle = (call.cx << 16 | call.dx) * HERTZ // 1_000_000
        call.flag(FLAG_CARRY, False)
    elif call.ah == 0x88:
        call.name, call.ax = "extended memory size", 0
        call.flag(FLAG_CARRY, False)
    else:
        call.name, call.ah = "not here", 0x86
        call.flag(FLAG_CARRY, True)


def _memory_map(call: Call) -> None:
    call.name = "memory map"
    at = call.registers[_BX] & 0xFFFFFFFF
    if at >= len(MEMORY_MAP) or call.registers[_CX] & 0xFFFFFFFF < 20:
        call.flag(FLAG_CARRY, True)
        return
    call.write(call.extra_segment + call.di, struct.pack("<QQI", *MEMORY_MAP[at]))
    call.registers[_AX], call.registers[_CX] = _SMAP, 20
    call.registers[_BX] = (at + 1) % len(MEMORY_MAP)
    call.flag(FLAG_CARRY, False)


def _pressed(key: Key) -> int:
    return key.scan << 8 | key.character


def keys(call: Call) -> None:
    """int 16h: 00 waits for a key, 01 looks whether there is one. After the end of the input there is none: 0."""
    board, function = call.board, call.ah & ~0x10
    if function == 0:
        call.name = "wait for a key"
        key = board.keyboard.take()
        call.ax = _pressed(key) if key else 0
    elif function == 1:
        call.name = "look for a key"
        key = board.keyboard.look()
        call.flag(FLAG_ZERO, key is None)
        call.ax = _pressed(key) if key else call.ax
    elif function == 2:
        call.name, call.al = "shift state", 0
    else:
        call.name = "not here"


def boot(call: Call) -> None:
    """int 19h: the boot sector again; `iret` leads to it."""
    call.name = "boot again"
    call.write(BOOT_ADDRESS, call.image[:SECTOR])
    call.write(call.stack, struct.pack("<HH", BOOT_ADDRESS, 0))
    call.set(_DX, 0x80)


def time(call: Call) -> None:
    """int 1Ah: 00, the ticks since midnight as the timer counted them."""
    if call.ah:
        call.name = "not here"
        call.flag(FLAG_CARRY, True)
        return
    call.name = "read the tick count"
    ticks = int.from_bytes(call.read(BDA_TICKS, 4), "little")
    call.cx, call.dx = ticks >> 16, ticks & 0xFFFF
    call.al = 0
