"""The events of one recording, kept compactly: a program that prints a byte at a time makes a million of them."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator

from engine.events import Event

#: A recording keeps this many bytes of events; later ones are counted, not kept.
BUDGET_BYTES = 24 << 20


class EventLog:
    """Events in the order of their ticks. Data of an event is JSON, or bytes under the key `bytes` besides it."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._ticks = array("Q")
        self._ends = array("Q")
        self._heads = array("H")
        self._text = bytearray()
        self._head_numbers: dict[str, int] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._ticks)

    def add(self, event: Event) -> bool:
        """Keep `event`; False if the budget is used up."""
        data = dict(event.data)
        raw = data.pop("bytes", None)
        # Most events differ only in their bytes: what is around them is kept once.
        head = json.dumps([event.kind, data if raw is not None else None])
        body = raw if raw is not None else json.dumps(data).encode()
        if len(self._text) + len(body) + 18 * len(self._ticks) > self._budget_bytes or len(self._head_numbers) > 60_000:
            self.dropped += 1
            return False
        self._text += body
        self._ticks.append(event.tick)
        self._ends.append(len(self._text))
        self._heads.append(self._head_numbers.setdefault(head, len(self._head_numbers)))
        return True

    def fork(self, tick: int) -> EventLog:
        """A second log that begins with the events up to `tick`."""
        other = EventLog(self._budget_bytes)
        count = bisect_right(self._ticks, tick)
        other._ticks, other._ends, other._heads = self._ticks[:count], self._ends[:count], self._heads[:count]
        other._text = self._text[: self._ends[count - 1] if count else 0]
        other._head_numbers = dict(self._head_numbers)
        return other

    def until(self, tick: int) -> Iterator[Event]:
        """The events with a tick of at most `tick`, in order."""
        heads = list(self._head_numbers)
        for number in range(bisect_right(self._ticks, tick)):
            kind, data = json.loads(heads[self._heads[number]])
            body = bytes(self._text[self._ends[number - 1] if number else 0 : self._ends[number]])
            data = json.loads(body) if data is None else {**data, "bytes": body}
            yield Event(kind, self._ticks[number], data)
