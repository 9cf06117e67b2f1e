"""What a session answers about its whole recording: who wrote this, when was this executed, where is the next call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.breakpoints import Place, find_rows
from engine.errors import CommandError
from engine.events import StepFlag
from engine.machine import Machine
from engine.targets import hit_json, is_same_target, pattern_of, patterns_of
from engine.timeline import Arrival, Hit, Page, Pattern, Search, Timeline
from engine.timeline.summary import Buckets
from engine.timeline.timeline import Poll
from engine.trace import TraceBatch

#: Hits of one page.
MAX_LIMIT = 1000
MAX_BUCKETS = 4096
#: A summary of so many ticks or fewer looks at every step.
EXACT_TICKS = 200_000
#: The commands that `Inquiry` answers, each by a method of its name: an Arrival, or the fields of the result.
SEARCHES = ("step_over", "step_out", "find", "writers", "writes", "executions", "summary")

Json = dict[str, Any]


@dataclass(frozen=True)
class Families:
    """A room's families of instructions: their names, and of which one an instruction's name (`op`) is, by number."""

    names: tuple[str, ...]
    of: Callable[[str], int]


class _Rows:
    """A sink that passes steps on to buckets and counts the rows that were executed in each."""

    def __init__(self, buckets: Buckets, count: int) -> None:
        self._buckets = buckets
        self.counters = [Counter[int]() for _ in range(count)]

    def batch(self) -> TraceBatch | None:
        """A batch to fill."""
        return self._buckets.batch()

    def deliver(self, batch: TraceBatch) -> None:
        """Count every step of `batch`."""
        self._buckets.deliver(batch)
        rows, at, width = batch.column("where"), batch.first_tick - self._buckets.first, self._buckets.width
        begin = 0
        while begin < batch.step_count:
            number = (at + begin) // width
            end = min(batch.step_count, (number + 1) * width - at)
            if 0 <= number < len(self.counters):
                self.counters[number].update(rows[begin:end])
            begin = end


class Inquiry:
    """Answers the searching commands for one program. `poll` True: stop as soon as possible."""

    def __init__(
        self, machine: Machine, timeline: Timeline, main_file: str, poll: Poll, families: Families | None = None
    ) -> None:
        self._families = families
        self._machine = machine
        self._timeline = timeline
        self._main_file = main_file
        self._poll = poll
        self.search = Search(timeline)

    # -- motions -----------------------------------------------------------------------------------------------------

    def step_over(self, arguments: Json) -> Arrival:
        """The command `step_over`."""
        return self.search.step_over(direction(arguments), self._poll)

    def step_out(self, arguments: Json) -> Arrival:
        """The command `step_out`."""
        return self.search.step_out(direction(arguments), self._poll)

    def find(self, arguments: Json) -> Arrival:
        """The command `find`."""
        flags = StepFlag(0)
        for word in arguments["flags"]:
            if not isinstance(word, str) or word.upper() not in StepFlag.__members__:
                hint = "some of " + ", ".join(flag.name.lower() for flag in StepFlag if flag.name)
                raise CommandError(f"there is no step flag {str(word)[:40]!r}", hint=hint)
            flags |= StepFlag[word.upper()]
        if not flags:
            raise CommandError("`flags` of `find` is one word or more")
        return self.search.find([Pattern(flags=flags)], direction(arguments), self._poll)

    # -- lists -------------------------------------------------------------------------------------------------------

    def writers(self, arguments: Json) -> Json:
        """The command `writers`."""
        target, tick = arguments["target"], self._timeline.position
        answer: Json = {"target": target, "tick": tick, "before": None, "after": None, "complete": False}
        patterns = self._patterns(target, tick)
        if patterns is None:
            return answer
        edits = self._edits(patterns)
        before, is_complete = self.search.before(patterns, tick + 1, self._poll)
        last_edit = next((edit for edit in reversed(edits) if edit["tick"] <= tick), None)
        answer["before"] = self._hit(before)
        if last_edit is not None and (before is None or before.tick <= last_edit["tick"]):
            answer["before"] = last_edit
        if is_complete:
            after, is_complete = self.search.after(patterns, tick, self._poll)
            next_edit = next((edit for edit in edits if edit["tick"] > tick), None)
            answer["after"] = self._hit(after)
            if next_edit is not None and (after is None or after.tick > next_edit["tick"]):
                answer["after"] = next_edit
        answer["complete"] = is_complete
        return answer

    def writes(self, arguments: Json) -> Json:
        """The command `writes`."""
        target, (first, last) = arguments["target"], self._range(arguments)
        patterns = self._patterns(target, last)
        if patterns is None:
            start = first if arguments["direction"] == 1 else last
            return {"target": target, "hits": [], "next": start, "complete": False}
        page = self._page(patterns, first, last, arguments)
        natives = self._natives()
        hits = [hit_json(hit, natives) for hit in page.hits if not is_double(hit, page.hits)]
        if page.next is not None:
            first, last = (first, page.next - 1) if arguments["direction"] == 1 else (page.next + 1, last)
        hits += [edit for edit in self._edits(patterns) if first <= edit["tick"] <= last]
        hits.sort(key=lambda hit: int(hit["tick"]))
        return {"target": target, "hits": hits, "next": page.next, "complete": page.is_complete}

    def executions(self, arguments: Json) -> Json:
        """The command `executions`."""
        place, (first, last) = Place.parse(arguments["place"]), self._range(arguments)
        rows = frozenset(self._rows(place))
        page = self._page([Pattern(rows=rows)], first, last, arguments) if rows else Page((), None)
        ticks = [hit.tick for hit in page.hits]
        return {"place": arguments["place"], "ticks": ticks, "next": page.next, "complete": page.is_complete}

    def summary(self, arguments: Json) -> Json:
        """The command `summary`."""
        (first, last), count = self._range(arguments), arguments["buckets"]
        if not 1 <= count <= MAX_BUCKETS:
            raise CommandError(f"`buckets` is 1 to {MAX_BUCKETS}")
        first = max(1, first)
        ticks = max(0, last - first + 1)
        width = max(1, -(-ticks // count))
        count = -(-ticks // width)
        is_exact, is_complete = ticks <= EXACT_TICKS, True
        if is_exact and count:
            buckets = Buckets(count, first, width)
            sink = _Rows(buckets, count)
            is_complete = self._timeline.trace(first, last, sink, self._poll)
            stretches = [buckets.between(n, n + 1) for n in range(count)]
            rows = sink.counters
        else:
            stretches = self._timeline.summary.read(first, width, count)
            rows = self._timeline.summary.rows(first, width, count)
        return {
            "from": first,
            "to": last,
            "width": width,
            "low": [stretch.low for stretch in stretches],
            "high": [stretch.high for stretch in stretches],
            "flags": [stretch.flags for stretch in stretches],
            "families": self._family_counts(rows),
            "exact": is_exact,
            "complete": is_complete,
        }

    def _family_counts(self, rows: list[Counter[int]]) -> Json | None:
        """How many steps of each bucket were of which family; None for a room without families."""
        families = self._families
        if families is None:
            return None
        functions = self._machine.listing()["functions"]
        of = {row["where"]: families.of(row["op"]) for function in functions for row in function["rows"]}
        counts = []
        for counter in rows:
            one = [0] * len(families.names)
            for where, times in counter.items():
                if where in of:
                    one[of[where]] += times
            counts.append(one)
        return {"names": list(families.names), "counts": counts}

    def _rows(self, place: Place) -> list[int]:
        """The rows of a place: of a line all of them, not only those that begin it."""
        listing = self._machine.listing()
        if place.line is None:
            return list(find_rows([place], listing, self._main_file))
        rows = []
        for function in listing["functions"]:
            for row in function["rows"]:
                file = row.get("file") or function.get("file") or self._main_file
                if row["line"] == place.line and file == (place.file or self._main_file):
                    rows.append(row["where"])
        return rows

    def _patterns(self, target: Mapping[str, Any], last: int) -> list[Pattern] | None:
        return patterns_of(target, self._machine, self._timeline, self.search, last, self._poll)

    def _edits(self, patterns: list[Pattern]) -> list[Json]:
        """The changes of the past on this branch that touch one of `patterns`, as hits, by tick."""
        hits: list[Json] = []
        branch = self._timeline.branch
        while branch.parent is not None:
            its = branch.change.get("target")
            if its is not None:
                pattern = pattern_of(its, self._machine)
                if any(is_same_target(pattern, wanted) for wanted in patterns):
                    values = {"old": branch.change["old"], "new": branch.change["new"]}
                    step = {"tick": branch.tick, "where": None, "thread": 0, "depth": 0, "flags": 0}
                    hits.insert(0, {**step, "kind": its["kind"], "owner": pattern.owner, "key": None, **values})
            branch = self._timeline.branches[branch.parent]
        return hits

    def _range(self, arguments: Json) -> tuple[int, int]:
        frontier = self._timeline.frontier
        first, last = arguments["from"], frontier if arguments["to"] is None else arguments["to"]
        if first < 0 or last < 0:
            raise CommandError("`from` and `to` are ticks: 0 or more")
        return first, min(last, frontier)

    def _page(self, patterns: list[Pattern], first: int, last: int, arguments: Json) -> Page:
        limit = arguments["limit"]
        if not 1 <= limit <= MAX_LIMIT:
            raise CommandError(f"`limit` is 1 to {MAX_LIMIT}")
        is_newest = direction(arguments) == -1
        return self.search.page(patterns, first, last, limit, newest=is_newest, poll=self._poll)

    def _natives(self) -> list[str]:
        return list(self._machine.listing().get("natives", ()))

    def _hit(self, hit: Hit | None) -> Json | None:
        return None if hit is None else hit_json(hit, self._natives())


def direction(arguments: Mapping[str, Any]) -> int:
    """`direction`, which is 1 or -1; CommandError otherwise."""
    value = arguments["direction"]
    if value not in (1, -1):
        raise CommandError("`direction` is 1 or -1")
    return int(value)


def is_double(hit: Hit, hits: tuple[Hit, ...]) -> bool:
    """Is it the write to a stack slot that comes with a write through the open upvalue on it?"""
    write = hit.write
    if write is None or write.kind != 1:
        return False
    return any(h is not hit and h.tick == hit.tick and h.write is not None and h.write.kind == 2 for h in hits)
