"""The keyboard and its controller, the i8042: ports 0x60 (offset 0) and 0x64 (offset 4), scan codes of set 1.

Keys come from what is typed to the program: each character is a key pressed and released; `ESC [ A` and its kin are the
arrow keys. A program that only looks whether there is a key goes on without one; when it has looked in vain often
enough, it is taken to wait, and the machine waits with it. That makes a run repeatable: nothing depends on when
somebody typed.

A NUL among the typed bytes is no key: it says that nobody types for the next `QUIET` of the machine's clock. Whoever
gives one whenever a program that only looks is taken to wait lets it run on as if in time: from then on every look
after such a silence asks again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.x86.devices import NeedInput
from engine.x86.devices.serial_input import SerialInput

#: Clocks of the 8254 in which nobody types after a NUL: a tick of the BIOS's timer, 55 ms.
QUIET = 1 << 16
#: Fruitless looks in a row after which the program waits for a key.
PATIENCE = 16

_PLAIN = {
    "\x1b": 0x01,
    **dict(zip("1234567890-=\b\tqwertyuiop[]\r", range(0x02, 0x1D), strict=True)),
    **dict(zip("asdfghjkl;'`", range(0x1E, 0x2A), strict=True)),
    **dict(zip("\\zxcvbnm,./", range(0x2B, 0x36), strict=True)),
    " ": 0x39,
}
_SHIFTED = dict(zip('!@#$%^&*()_+{}|:"~<>?', "1234567890-=[]\\;'`,./", strict=True))
_SHIFT = 0x2A
#: Scan codes of the keys that send `ESC [` and a letter; their characters are 0 (int 16h).
_ARROWS = {ord("A"): 0x48, ord("B"): 0x50, ord("C"): 0x4D, ord("D"): 0x4B}
_STATUS_FULL, _STATUS_SYSTEM = 0x01, 0x04
_ACKNOWLEDGE = 0xFA


@dataclass(frozen=True)
class Key:
    """A key as int 16h tells it: its scan code and its character (0: none). `shifted` with Shift held."""

    scan: int
    character: int
    shifted: bool = False

    def codes(self) -> tuple[int, ...]:
        """What the controller says when it is pressed and released."""
        around = (_SHIFT,) if self.shifted else ()
        extended = (0xE0,) if self.character == 0 else ()
        pressed = (*around, *extended, self.scan, *extended, self.scan | 0x80)
        return (*pressed, _SHIFT | 0x80) if self.shifted else pressed


def key_of(byte: int) -> Key:
    """The key that types a character; one that no key has (or an accented letter's byte) comes without scan code."""
    char = chr(byte)
    if char == "\n":
        return Key(0x1C, 0x0D)
    if char in _SHIFTED:
        return Key(_PLAIN[_SHIFTED[char]], byte, True)
    return Key(_PLAIN.get(char.lower(), 0), byte, char.isascii() and char.isupper())


@dataclass(frozen=True)
class KeyboardState:
    """Codes that wait at port 0x60, the last one read, a key that int 16h has looked at, and looks in vain.

    `quiet_until`: nobody types before that clock. `is_paced`: silences are told, so no look in vain is waited for.
    """

    codes: tuple[int, ...] = ()
    last: int = 0
    key: Key | None = None
    looks: int = 0
    argument: bool = False
    is_announced: bool = False
    quiet_until: int = 0
    is_paced: bool = False


class Keyboard:
    """Keys out of the typed bytes, for the firmware and for programs that drive the controller."""

    name = "keyboard"

    def __init__(self, source: SerialInput) -> None:
        self.source = source
        self.state = KeyboardState()
        #: The machine's clock, as the board last told it. It is no state of the keyboard's own.
        self.clock = 0

    def _typed(self) -> Key | None:
        """The next key; None after the end of the input, or for a silence. NeedInput when nobody knows yet."""
        byte = self.source.take()
        if byte is None:
            return None
        if byte == 0:
            self.state = replace(self.state, quiet_until=self.clock + QUIET, is_paced=True)
            return None
        following = self.source.state.pending
        if byte == 0x1B and len(following) >= 2 and following[0] == ord("[") and following[1] in _ARROWS:
            self.source.take()
            letter = self.source.take()
            return Key(_ARROWS[letter or 0], 0)
        return key_of(byte)

    def look(self, *, must_wait: bool = False) -> Key | None:
        """The next key, which stays; None when there is none (yet). NeedInput when the program waits for one."""
        state = self.state
        if state.key is not None:
            return state.key
        if must_wait:
            while self.state.key is None and not self.source.state.has_ended:
                key = self._typed()
                self.state = replace(self.state, key=key, looks=0)
        elif self.clock < state.quiet_until:
            pass
        elif self.source.state.pending or state.is_paced or state.looks + 1 >= PATIENCE:
            try:
                key = self._typed()
            except NeedInput as needed:
                raise NeedInput(needed.channel, polls=True) from None
            self.state = replace(self.state, key=key, looks=0)
        else:
            self.state = replace(state, looks=state.looks + 1)
        return self.state.key

    def take(self) -> Key | None:
        """The next key, which is gone then. Waits for one."""
        key = self.look(must_wait=True)
        self.state = replace(self.state, key=None, looks=0)
        return key

    def offer(self, *, counts: bool) -> bool:
        """Put the next key's codes at the port. True while some wait there. `counts`: a look that counts as waiting."""
        if not self.state.codes and (counts or self.source.state.pending or self.state.key):
            key = self.look()
            if key is not None:
                self.state = replace(self.state, key=None, codes=key.codes())
        return bool(self.state.codes)

    def announces(self) -> bool:
        """True once for every code that waits at the port: an edge on IRQ 1."""
        if not self.state.codes or self.state.is_announced:
            return False
        self.state = replace(self.state, is_announced=True)
        return True

    def read(self, offset: int) -> int:
        """Port 0x60: the next code, or the last one again; 0x64: the status."""
        if offset:
            return _STATUS_SYSTEM | (_STATUS_FULL if self.offer(counts=True) else 0)
        self.offer(counts=False)
        if self.state.codes:
            code, rest = self.state.codes[0], self.state.codes[1:]
            self.state = replace(self.state, codes=rest, last=code, is_announced=False)
        return self.state.last

    def write(self, offset: int, value: int) -> bytes:
        """Commands: the keyboard acknowledges each; the controller's are taken in and change nothing."""
        if not offset and not self.state.argument:
            self.state = replace(self.state, codes=(*self.state.codes, _ACKNOWLEDGE))
        self.state = replace(self.state, argument=bool(offset) and value in (0x60, 0xD1))
        return b""
