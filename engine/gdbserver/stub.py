"""One gdb's session with a program: registers and memory read, breakpoints, steps and runs in both directions.

The program's past is a recording, so nothing can be written. Where the recording ends, gdb is told so in its own terms
(`replaylog`), and stays connected: from the end of the program it can still go back.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from engine.debug import Debuggee
from engine.errors import CommandError, GlassboxError, LimitExceeded
from engine.gdbserver.packets import INTERRUPT, MAX_PACKET_BYTES, Disconnected, Packets, escape
from engine.machine import StopReason
from engine.timeline import Arrival

log = logging.getLogger("glassbox.gdbserver")

_FEATURES = (
    b"PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+;"
    b"swbreak+;hwbreak+;ReverseStep+;ReverseContinue+"
)
#: The protocol's number for a watchpoint that writes hit; the following ones are for reads.
_WATCH_WRITES = 2
_SIGINT, _SIGTRAP, _SIGABRT = 2, 5, 6
_THREAD = b"thread:1;"
_ERROR = b"E01"
_REFUSED = b"E.the past is a recording: registers and memory can be read, not written"
_NUMBERS = re.compile(rb"([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})")
_BREAKPOINT = re.compile(rb"([zZ])([0-4]),([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})(?:;.*)?", re.DOTALL)
_MOTION = re.compile(rb"(?:vCont;)?([csCSr])")
_HELP = "tick: the present tick; seek N: go to tick N (then: maintenance flush register-cache); input TEXT: a line"


class Stub:
    """Serves one connection. `set_debuggee` comes first, because the program talks through the stub."""

    def __init__(self, packets: Packets) -> None:
        self._packets = packets
        self._breakpoints: dict[tuple[int, int], None] = {}  # (kind, address), in the order they were set
        self._watches: dict[tuple[int, int], None] = {}
        self._is_interrupted = False
        self._is_running = False
        self._takes_swbreak = False
        self._is_open = True
        self._stop = b"T%02x" % _SIGTRAP + _THREAD

    def set_debuggee(self, debuggee: Debuggee, description: str) -> None:
        """The program, and its registers as gdb's target description."""
        self._debuggee = debuggee
        self._description = description.encode()

    # -- what the program does ---------------------------------------------------------------------------------------

    def hear(self) -> bool:
        """While the program runs: True once gdb has sent an interrupt."""
        self._is_interrupted = self._is_interrupted or self._packets.is_interrupted()
        return self._is_interrupted

    def say(self, stream: str, data: bytes) -> None:
        """Show what the program prints in gdb's console; gdb listens only while the program runs."""
        if self._is_running:
            room = (MAX_PACKET_BYTES - 16) // 2
            for at in range(0, len(data), room):
                self._packets.send(b"O" + data[at : at + room].hex().encode())

    # -- packets -----------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer packets until gdb detaches, kills or is gone."""
        try:
            while self._is_open:
                packet = self._packets.receive()
                if packet == INTERRUPT:
                    continue  # it stands still already
                answer = self._answer(packet)
                if answer is not None:
                    self._packets.send(answer)
                if packet == b"QStartNoAckMode":
                    self._packets.acknowledge_no_more()
        except Disconnected as gone:
            log.info("%s", gone)

    def _answer(self, packet: bytes) -> bytes | None:
        """The answer to a packet; empty for one that is not understood, None when there is none."""
        try:
            return self._carry_out(packet)
        except LimitExceeded as error:
            return b"E." + error.message.encode()
        except GlassboxError as error:
            log.info("%s", error.message)
            return _ERROR

    def _carry_out(self, packet: bytes) -> bytes | None:
        letter = packet[:1]
        motion = _MOTION.match(packet)
        if motion and packet != b"vCont?":
            return self._forward(motion.group(1))
        if packet in (b"bs", b"bc"):
            return self._backward(packet)
        if letter in b"zZ" and letter:
            return self._set_breakpoint(packet)
        if letter in b"GPMX" and letter:
            return _REFUSED
        if letter in b"qQv" and letter:
            return self._query(packet)
        if letter == b"g":
            return b"".join(value.hex().encode() for value in self._debuggee.view.target_registers())
        if letter == b"p":
            return self._register(packet[1:])
        if letter == b"m":
            return self._read_memory(packet[1:])
        if letter == b"?":
            return self._stop
        if letter in b"HT" and letter:
            return b"OK"
        if letter in (b"D", b"k"):
            self._is_open = False
            return b"OK" if letter == b"D" else None
        return b""

    def _register(self, number: bytes) -> bytes:
        values = self._debuggee.view.target_registers()
        index = int(number, 16) if re.fullmatch(rb"[0-9a-fA-F]{1,4}", number) else len(values)
        return values[index].hex().encode() if index < len(values) else _ERROR

    def _read_memory(self, numbers: bytes) -> bytes:
        match = _NUMBERS.fullmatch(numbers)
        if match is None:
            return _ERROR
        address, length = int(match.group(1), 16), int(match.group(2), 16)
        data = self._debuggee.view.read_memory(address, min(length, (MAX_PACKET_BYTES - 16) // 2))
        return data.hex().encode() if data or not length else _ERROR

    # -- breakpoints -------------------------------------------------------------------------------------------------

    def _set_breakpoint(self, packet: bytes) -> bytes:
        match = _BREAKPOINT.fullmatch(packet)
        if match is None:
            return _ERROR
        kind, address, size = int(match.group(2)), int(match.group(3), 16), int(match.group(4), 16)
        if kind > _WATCH_WRITES:
            return b""  # reads are not recorded
        if kind == _WATCH_WRITES:
            return self._watch(match.group(1) == b"Z", address, size)
        if match.group(1) == b"Z":
            self._breakpoints[(kind, address)] = None
        else:
            self._breakpoints.pop((kind, address), None)
        self._debuggee.set_addresses([address for _, address in self._breakpoints])
        return b"OK"

    def _watch(self, is_set: bool, address: int, size: int) -> bytes:
        if is_set:
            self._watches[(address, size)] = None
        else:
            self._watches.pop((address, size), None)
        self._debuggee.set_watches(list(self._watches))
        return b"OK"

    # -- motions -----------------------------------------------------------------------------------------------------

    def _forward(self, letter: bytes) -> bytes:
        debuggee = self._debuggee
        ended = debuggee.timeline.ended
        if ended is not None and debuggee.timeline.position >= ended.tick:
            # gdb was told once that the recording ends here; it wants to go on all the same.
            return b"W%02x" % (0 if ended.reason is StopReason.HALT else 1)
        return self._move(debuggee.go_on if letter in b"cC" else debuggee.step_row)

    def _backward(self, packet: bytes) -> bytes:
        if self._debuggee.timeline.position == 0:
            return self._stopped(Arrival("start", 0))
        return self._move(self._debuggee.run_back if packet == b"bc" else lambda: self._debuggee.step_row(-1))

    def _move(self, motion: Callable[[], Arrival]) -> bytes:
        self._is_interrupted, self._is_running = False, True
        try:
            arrival = motion()
            if arrival.reason == StopReason.INPUT:
                self.say("notice", b"[the program waits for input: monitor input TEXT, then continue]\n")
            return self._stopped(arrival)
        except GlassboxError as error:
            self.say("error", f"[{error.message}]\n".encode())
            return self._remember(_SIGABRT, b"")
        finally:
            self._is_running = False

    def _stopped(self, arrival: Arrival) -> bytes:
        """The stop reply; gdb asks for the last one again with `?`."""
        if arrival.reason == "start":
            return self._remember(_SIGTRAP, b"replaylog:begin;")
        if arrival.reason == StopReason.HALT:
            return self._remember(_SIGTRAP, b"replaylog:end;")
        if arrival.reason in (StopReason.FAULT, StopReason.LIMIT):
            return self._remember(_SIGABRT, b"")
        if arrival.reason == "watch":
            return self._remember(_SIGTRAP, b"watch:%x;" % arrival.detail["address"])
        if arrival.reason in ("pause", StopReason.INPUT):
            return self._remember(_SIGINT, b"")
        return self._remember(_SIGTRAP, self._breakpoint_here() if arrival.reason == StopReason.BREAKPOINT else b"")

    def _breakpoint_here(self) -> bytes:
        """That a breakpoint is the reason, and of which kind, if gdb understands it."""
        row = self._debuggee.row(self._debuggee.machine.where)
        if row is None or not self._takes_swbreak:
            return b""
        return b"hwbreak:;" if (0, row.address) not in self._breakpoints else b"swbreak:;"

    def _remember(self, signal: int, reason: bytes) -> bytes:
        self._stop = b"T%02x" % signal + _THREAD + reason
        return self._stop

    # -- queries -----------------------------------------------------------------------------------------------------

    def _query(self, packet: bytes) -> bytes | None:
        name, _, rest = packet.partition(b":")
        if name == b"qSupported":
            self._takes_swbreak = b"swbreak+" in rest.split(b";")
            return _FEATURES % MAX_PACKET_BYTES
        if name == b"qXfer" and rest.startswith(b"features:read:target.xml:"):
            return self._transfer(rest.rpartition(b":")[2])
        if packet.startswith(b"qRcmd,"):
            return self._monitor(packet[6:])
        if packet.startswith(b"vKill"):
            self._is_open = False
            return b"OK"
        answers = {
            b"QStartNoAckMode": b"OK",
            b"vCont?": b"vCont;c;C;s;S",
            b"qfThreadInfo": b"m1",
            b"qsThreadInfo": b"l",
            b"qC": b"QC1",
            b"qAttached": b"1",
        }
        return answers.get(packet, b"")

    def _transfer(self, numbers: bytes) -> bytes:
        """A piece of the target description: `m` and more will follow, or `l` and it is the last."""
        match = _NUMBERS.fullmatch(numbers)
        if match is None:
            return _ERROR
        offset, length = int(match.group(1), 16), min(int(match.group(2), 16), MAX_PACKET_BYTES // 2)
        piece = self._description[offset : offset + length]
        return (b"l" if offset + length >= len(self._description) else b"m") + escape(piece)

    def _monitor(self, text: bytes) -> bytes:
        """`monitor …` in gdb: what the protocol has no packet for."""
        try:
            words = bytes.fromhex(text.decode("ascii")).decode("utf-8").split(None, 1)
        except ValueError:
            return _ERROR
        try:
            said = self._command(words[0] if words else "help", words[1] if len(words) > 1 else "")
        except GlassboxError as error:
            said = error.message
        return f"{said}\n".encode().hex().encode()

    def _command(self, name: str, argument: str) -> str:
        debuggee = self._debuggee
        if name == "seek":
            if not argument.isdecimal():
                raise CommandError("seek takes a tick")
            self._is_interrupted = False
            debuggee.seek(int(argument))
        elif name == "input":
            debuggee.give_input(argument.encode() + b"\n")
            return "given"
        elif name != "tick":
            return _HELP
        timeline = debuggee.timeline
        return f"tick {timeline.position} of {timeline.frontier} recorded"
