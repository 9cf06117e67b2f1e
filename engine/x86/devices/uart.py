"""A 16550 serial port, as far as programs that poll it need: it is always ready to send, and never interrupts.

Registers by offset as in the PC16550D data sheet: 0 RBR/THR (or divisor low), 1 IER (divisor high), 2 IIR/FCR, 3 LCR,
4 MCR, 5 LSR, 6 MSR, 7 SCR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.x86.devices.serial_input import SerialInput

#: A program that only sends reads LSR once a byte; one that reads it this often in a row waits for input.
PATIENCE = 8

_LSR_DATA_READY, _LSR_SEND_EMPTY = 0x01, 0x60
_LCR_DIVISOR = 0x80
_IIR_NONE_PENDING = 0x01
_MSR_READY = 0xB0  # carrier, data set ready, clear to send


@dataclass(frozen=True)
class UartState:
    """The registers that can be written, and how often LSR was read since a byte went in or out."""

    divisor: int = 12  # 9600 baud
    interrupt_enable: int = 0
    line_control: int = 3  # eight bits, no parity
    modem_control: int = 0
    fifo_control: int = 0
    scratch: int = 0
    polls: int = 0


class Uart:
    """COM1. What is sent is the program's output; what is received comes from the journal."""

    name = "uart"

    def __init__(self, source: SerialInput) -> None:
        self.source = source
        self.state = UartState()

    def read(self, offset: int) -> int:
        """One register. RBR waits for input; LSR does so once the program has shown that it waits."""
        state = self.state
        has_divisor = state.line_control & _LCR_DIVISOR
        if offset == 0:
            return state.divisor & 0xFF if has_divisor else self._receive()
        if offset == 1:
            return state.divisor >> 8 if has_divisor else state.interrupt_enable
        if offset == 2:
            return _IIR_NONE_PENDING | (0xC0 if state.fifo_control & 1 else 0)
        if offset == 5:
            return self._line_status()
        return {3: state.line_control, 4: state.modem_control, 6: _MSR_READY, 7: state.scratch}[offset]

    def _receive(self) -> int:
        byte = self.source.take()
        self.state = replace(self.state, polls=0)
        return 0 if byte is None else byte

    def _line_status(self) -> int:
        is_waiting = self.state.polls + 1 >= PATIENCE
        is_ready = bool(self.source.state.pending) or (is_waiting and self.source.is_ready())
        self.state = replace(self.state, polls=min(self.state.polls + 1, PATIENCE))
        return _LSR_SEND_EMPTY | (_LSR_DATA_READY if is_ready else 0)

    def write(self, offset: int, value: int) -> bytes:
        """One register; a byte in THR is sent at once."""
        has_divisor = self.state.line_control & _LCR_DIVISOR
        if offset == 0 and not has_divisor:
            self.state = replace(self.state, polls=0)
            return bytes([value])
        if offset == 0:
            self.state = replace(self.state, divisor=self.state.divisor & 0xFF00 | value)
        elif offset == 1 and has_divisor:
            self.state = replace(self.state, divisor=self.state.divisor & 0xFF | value << 8)
        elif offset == 1:
            self.state = replace(self.state, interrupt_enable=value & 0x0F)
        elif offset == 2:
            self.state = replace(self.state, fifo_control=value)
        elif offset == 3:
            self.state = replace(self.state, line_control=value)
        elif offset == 4:
            self.state = replace(self.state, modem_control=value & 0x1F)
        elif offset == 7:
            self.state = replace(self.state, scratch=value)
        return b""
