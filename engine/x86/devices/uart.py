"""A 16550 serial port that is always ready to send. It interrupts for what was received and what is sent (IRQ 4, as
the PC has it: with OUT2), and its loopback can be used to find out whether it is there.

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
_IER_RECEIVED, _IER_SENT = 0x01, 0x02
_IIR_SENT, _IIR_RECEIVED = 0x02, 0x04
_MCR_OUT2, _MCR_LOOP = 0x08, 0x10
#: What the modem status shows of the modem control in loopback: DTR, RTS, OUT1, OUT2 as DSR, CTS, RI, DCD.
_LOOPED = ((0x01, 0x20), (0x02, 0x10), (0x04, 0x40), (0x08, 0x80))
_FIFO_BYTES = 16


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
    looped: bytes = b""
    is_sent: bool = False
    was_asking: bool = False


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
            return self._identify()
        if offset == 5:
            return self._line_status()
        return {3: state.line_control, 4: state.modem_control, 6: self._modem_status(), 7: state.scratch}[offset]

    @property
    def waits_for_input(self) -> bool:
        """The program wants to be interrupted when a byte comes in."""
        state = self.state
        return bool(state.interrupt_enable & _IER_RECEIVED and state.modem_control & _MCR_OUT2)

    def _cause(self) -> int:
        """What an interrupt would be about now; what was received comes first."""
        state = self.state
        has_received = state.looped if state.modem_control & _MCR_LOOP else self.source.state.pending
        if state.interrupt_enable & _IER_RECEIVED and has_received:
            return _IIR_RECEIVED
        return _IIR_SENT if state.interrupt_enable & _IER_SENT and state.is_sent else 0

    def announces(self) -> bool:
        """True when the interrupt line has risen since it was last asked: an edge on IRQ 4."""
        is_asking = bool(self.state.modem_control & _MCR_OUT2 and self._cause())
        rose = is_asking and not self.state.was_asking
        if is_asking != self.state.was_asking:
            self.state = replace(self.state, was_asking=is_asking)
        return rose

    def _identify(self) -> int:
        cause = self._cause()
        fifos = 0xC0 if self.state.fifo_control & 1 else 0
        if cause == _IIR_SENT:
            self.state = replace(self.state, is_sent=False)
        return fifos | (cause or _IIR_NONE_PENDING)

    def _modem_status(self) -> int:
        control = self.state.modem_control
        return sum(to for bit, to in _LOOPED if control & bit) if control & _MCR_LOOP else _MSR_READY

    def _receive(self) -> int:
        if self.state.modem_control & _MCR_LOOP:
            looped = self.state.looped
            self.state = replace(self.state, looped=looped[1:])
            return looped[0] if looped else 0
        byte = self.source.take()
        self.state = replace(self.state, polls=0)
        return 0 if byte is None else byte

    def _line_status(self) -> int:
        if self.state.modem_control & _MCR_LOOP:
            return _LSR_SEND_EMPTY | (_LSR_DATA_READY if self.state.looped else 0)
        is_waiting = self.state.polls + 1 >= PATIENCE
        is_ready = bool(self.source.state.pending) or (is_waiting and self.source.is_ready())
        self.state = replace(self.state, polls=min(self.state.polls + 1, PATIENCE))
        return _LSR_SEND_EMPTY | (_LSR_DATA_READY if is_ready else 0)

    def write(self, offset: int, value: int) -> bytes:
        """One register; a byte in THR is sent at once."""
        has_divisor = self.state.line_control & _LCR_DIVISOR
        if offset == 0 and not has_divisor:
            self.state = replace(self.state, polls=0, is_sent=True)
            if not self.state.modem_control & _MCR_LOOP:
                return bytes([value])
            self.state = replace(self.state, looped=(self.state.looped + bytes([value]))[-_FIFO_BYTES:])
            return b""
        if offset == 0:
            self.state = replace(self.state, divisor=self.state.divisor & 0xFF00 | value)
        elif offset == 1 and has_divisor:
            self.state = replace(self.state, divisor=self.state.divisor & 0xFF | value << 8)
        elif offset == 1:
            turns_on = value & ~self.state.interrupt_enable & _IER_SENT  # it is empty already, and says so
            self.state = replace(
                self.state, interrupt_enable=value & 0x0F, is_sent=self.state.is_sent or bool(turns_on)
            )
        elif offset == 2:
            self.state = replace(self.state, fifo_control=value)
        elif offset == 3:
            self.state = replace(self.state, line_control=value)
        elif offset == 4:
            self.state = replace(self.state, modem_control=value & 0x1F)
        elif offset == 7:
            self.state = replace(self.state, scratch=value)
        return b""
