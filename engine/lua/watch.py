"""A `Watch` for the C core: what it is to look out for, as the core's struct, and its notes taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.machine import Watch, WriteTarget
from engine.trace import WriteKind

_OBJECT_KINDS = (WriteKind.UPVALUE, WriteKind.FIELD, WriteKind.METATABLE)
_TEXT_BYTES = 60


class LuaWatch:
    """Lets the core watch for one stack slot and one thing of an object: an upvalue, a field, a metatable."""

    def __init__(self, lib: Any, ffi: Any) -> None:  # noqa: ANN401 - the extension module's
        self._lib = lib
        self._struct = ffi.new("Watch *")
        self._ffi = ffi

    @contextmanager
    def noting(self, machine: Any, watch: Watch, begun: int) -> Iterator[None]:  # noqa: ANN401 - cffi data
        """Runs of `machine` inside, from tick `begun` on, note in `watch`."""
        struct = self._struct
        # SAFETY: the struct is this object's own; zeroes are a valid Watch that looks for nothing.
        self._ffi.memmove(struct, bytes(self._ffi.sizeof("Watch")), self._ffi.sizeof("Watch"))
        struct.after = begun
        if not all(self._take(target) for target in watch.targets):
            watch.is_blind = True
        self._lib.machine_watch(machine, struct)
        try:
            yield
        finally:
            self._lib.machine_watch(machine, self._ffi.NULL)
        if struct.is_blind:
            watch.is_blind = True
        if struct.count:
            watch.note(int(struct.first), int(struct.last))

    def _take(self, target: WriteTarget) -> bool:
        """Put a target into the struct; False if there is no room for it, or the core has no such thing."""
        struct = self._struct
        if target.kind is WriteKind.SLOT and not struct.thread and target.owner:
            struct.thread, struct.slot = target.owner, min(target.key, (1 << 62) - 1)
            return True
        if target.kind not in _OBJECT_KINDS or struct.kind:
            return False
        struct.kind, struct.owner = target.kind, target.owner
        struct.key_tag, struct.key = target.key_tag, target.key
        text = target.text[:_TEXT_BYTES]
        self._ffi.memmove(struct.text, text, len(text))
        struct.text_bytes = len(text)
        struct.text_length = self._lib.WATCH_ANY_LENGTH if target.text_length is None else target.text_length
        return True
