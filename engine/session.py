"""One visitor's session: a program, its machine, its timeline, the breakpoints; commands in, events out.

`execute` carries out one command of engine/wire.py and answers it with the events that the table there promises.
While a long command is at work the session looks up every few milliseconds for the commands that may come at any time
(`pause`, `credit`); all others wait their turn.
"""

from __future__ import annotations

import base64
import codecs
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from engine import rooms
from engine.breakpoints import MAX_PLACES, Passing, Place, find_rows, resolve
from engine.errors import CommandError, GlassboxError, LimitExceeded
from engine.events import Event
from engine.inquiry import SEARCHES, Families, Inquiry, direction
from engine.machine import Journal, JsonText, Limits, Machine, StopReason, WritesViews
from engine.moment import moment
from engine.rooms import Room, SourceFile
from engine.targets import plain_value
from engine.timeline import Arrival, Branch, Timeline
from engine.trace import TraceBatch
from engine.wire import MAX_SOURCE_BYTES, MAX_UPLOAD_BYTES, TRACE_WINDOW, VERSION, Command, validate

log = logging.getLogger("glassbox.session")

#: Frames that may be sent before the page grants more, and the most that it can have open.
FIRST_CREDIT = 32
MAX_CREDIT = 1024
#: Commands that may wait while one is at work.
MAX_WAITING = 64
MAX_FILES = 32
#: Steps on either side that a `seek` may ask for.
MAX_AROUND = 10_000
#: Characters of a branch's name.
MAX_NAME = 60
#: VM exits that are announced one by one; the rest is there to be inspected.
MAX_EXITS_SENT = 10_000
PROGRESS_S = 0.2
#: A listing that keeps growing is sent again this often at most, and only for this part of the time.
GROWTH_S = 0.25
GROWTH_SHARE = 10
#: A batch is a frame of 6 to 12 KiB with most programs: what fits besides the room that a core keeps free for one step.
BATCH_STEPS, BATCH_WRITES, BATCH_TEXT = 640, 720, 4096
#: A batch whose columns need more than this is cut into several frames.
MAX_FRAME_BYTES = 12 << 10


class Closed:
    """The type of CLOSED."""


#: What `next_message` answers when no more commands will come.
CLOSED: Final = Closed()

#: Called with a timeout in seconds (0 = only look, None = wait): a command, None if there is none, or CLOSED.
NextMessage = Callable[[float | None], object]


class SessionOver(Exception):
    """The other side closed while a command was at work."""


def nothing_more(timeout_s: float | None) -> object:
    """For a caller that executes one command after the other: nothing ever comes in between."""
    return None if timeout_s is not None else CLOSED


@dataclass
class Opened:
    """The program of a session and what belongs to it."""

    room: Room
    main_file: str
    machine: Machine
    timeline: Timeline
    inquiry: Inquiry


class FrameStream:
    """The trace sink of one command: encodes batches into frames, and waits for credit before it sends one."""

    def __init__(self, session: Session, window: int | None = None) -> None:
        self._session = session
        self._left = window
        self._batch = TraceBatch(
            BATCH_STEPS, BATCH_WRITES + TraceBatch.write_margin, BATCH_TEXT + TraceBatch.text_margin
        )

    def batch(self) -> TraceBatch | None:
        """The batch, until the window is used up."""
        return None if self._left is not None and self._left <= 0 else self._batch

    def deliver(self, batch: TraceBatch) -> None:
        """Send the steps; a pause while it waits for credit drops them (the page can ask for them by `trace`)."""
        if self._left is not None:
            self._left -= batch.step_count
        for frame in batch.frames(MAX_FRAME_BYTES):
            if self._session.await_credit():
                self._session.send_frame(frame)


class Session:
    """Executes commands. `send_event` takes a complete event, `send_frame` one binary trace frame.

    `find_room` answers the room of a name, `limits` are the machine's budgets. `on_ticks` is told of every run of the
    machine how many instructions it executed, replays included. `takes_text`: `send_event` takes views as JsonText.
    """

    def __init__(
        self,
        send_event: Callable[[dict[str, Any]], None],
        send_frame: Callable[[bytes], None],
        next_message: NextMessage = nothing_more,
        *,
        limits: Limits | None = None,
        find_room: Callable[[str], Room] = rooms.room,
        trace_window: int = TRACE_WINDOW,
        clock: Callable[[], float] = time.monotonic,
        on_ticks: Callable[[int], None] | None = None,
        takes_text: bool = False,
    ) -> None:
        self._on_ticks = on_ticks
        self._takes_text = takes_text
        self._as_text: WritesViews | None = None  # the machine, if its views go out as it writes them
        self._send_event = send_event
        self.send_frame = send_frame
        self._next_message = next_message
        self._limits = limits or Limits()
        self._find_room = find_room
        self._trace_window = trace_window
        self._clock = clock
        self._opened: Opened | None = None
        self._places: list[Place] = []
        self._rows: dict[int, list[int]] = {}
        self._waiting: deque[object] = deque()
        self._credit = FIRST_CREDIT
        self._is_pausing = self._is_recording = False
        self._at_work: int | None = None  # the id of the command at work
        self._has_grown = False
        self._listed = (0, 0)  # size of the listing that the page has
        self._grow_again_at = self._progress_at = 0.0
        self._exits_sent = 0
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._handlers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "open": self._open,
            "run": self._run,
            "seek": self._seek,
            "step": self._step,
            "continue": self._continue,
            "breakpoints": self._set_breakpoints,
            "trace": self._trace,
            "listing": self._listing,
            "inspect": self._inspect,
            "moment": self._moment,
            "input": self._input,
            "edit": self._edit,
            "branch": self._switch,
            "pause": self._pause,
            "credit": self._grant,
            **{name: partial(self._inquire, name) for name in SEARCHES},
        }

    # -- commands in, events out -------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Execute what `next_message` brings until it answers CLOSED; then free the machine."""
        try:
            while True:
                message = self._waiting.popleft() if self._waiting else self._next_message(None)
                if message is CLOSED:
                    return
                self.execute(message)
        except SessionOver:
            return
        finally:
            self.close()

    def execute(self, message: object) -> None:
        """Carry out one command and answer it. What goes wrong becomes a `failed` event.

        Only the ends of the connection come out as exceptions: SessionOver, and what `send_event` raises (OSError).
        """
        number = number_of(message)
        try:
            command, arguments = validate(message)
            self._perform(number, command, arguments)
        except (SessionOver, ConnectionError):
            raise
        except GlassboxError as error:
            self._fail(number, error.to_wire())
        except MemoryError:
            full = LimitExceeded("memory", "the session's process ran out of memory", hint="run a smaller program")
            self._fail(number, full.to_wire())
        except Exception:
            log.exception("a command failed")
            hint = "what was recorded before is still there; if it happens again, reload the page"
            message = "the machine's program has a bug: this command was not carried out"
            self._fail(number, {"kind": "internal", "message": message, "hint": hint, "diagnostics": []})

    def _perform(self, number: int | None, command: Command, arguments: dict[str, Any]) -> None:
        if command.anytime:
            self._event(number, command.result, self._handlers[command.name](arguments))
            return
        self._at_work, self._is_pausing = number, False
        self._progress_at = self._clock()
        try:
            fields = self._handlers[command.name](arguments)
            if self._opened is not None:
                self._opened.timeline.hear_growth()
            self._announce_growth()
        finally:
            self._at_work = None
        self._event(number, command.result, fields)

    def close(self) -> None:
        """Free the machine. Idempotent."""
        if self._opened is not None:
            self._opened.machine.close()
            self._opened = None

    def _event(self, number: int | None, name: str, fields: Mapping[str, Any]) -> None:
        self._send_event({"v": VERSION, "re": number, "event": name, **fields})

    def _fail(self, number: int | None, error: dict[str, Any]) -> None:
        self._event(number, "failed", {"error": error})

    # -- while a command is at work ----------------------------------------------------------------------------------

    def _poll(self) -> bool:
        """Between slices: hear the commands that came, show progress; True when asked to pause."""
        for _ in range(MAX_WAITING):
            message = self._next_message(0)
            if message is None:
                break
            self._hear(message)
        now = self._clock()
        if now - self._progress_at >= PROGRESS_S:
            self._progress_at = now
            opened = self._program
            fields = {"frontier": opened.timeline.frontier, "at": opened.inquiry.search.reached}
            self._event(self._at_work, "progress", {**fields, "glance": self._glance()})
        if self._has_grown and now >= self._grow_again_at:
            self._announce_growth()
        return self._is_pausing

    def _glance(self) -> dict[str, Any] | None:
        """The part of the view that is worth seeing while the recording grows, where the machine has one."""
        if not self._is_recording:
            return None
        glance = getattr(self._program.machine, "glance", None)
        seen: dict[str, Any] | None = glance() if glance else None
        return seen

    def _hear(self, message: object) -> None:
        """One command while another is at work: now if it may be, else later."""
        if message is CLOSED:
            raise SessionOver
        do = message.get("do") if isinstance(message, Mapping) else None
        if do in ("pause", "credit"):
            self.execute(message)
        elif len(self._waiting) >= MAX_WAITING:
            self._fail(number_of(message), CommandError(f"{MAX_WAITING} commands wait already").to_wire())
        else:
            self._waiting.append(message)

    def await_credit(self) -> bool:
        """Use one frame's credit, waiting until there is some; False if a pause came first."""
        while self._credit <= 0:
            if self._is_pausing:
                return False
            self._hear(self._next_message(None))
        self._credit -= 1
        return True

    def _on_event(self, event: Event) -> None:
        """What the program did just now, for the first time."""
        if event.kind == "output":
            stream = event.data["stream"]
            if stream not in self._decoders:
                # A character's bytes may come one by one.
                self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._output(event.tick, stream, self._decoders[stream].decode(event.data["bytes"]))
        elif event.kind == "exit" and self._exits_sent < MAX_EXITS_SENT:
            self._exits_sent += 1
            self._event(self._at_work, "exit", {"tick": event.tick, "data": dict(event.data)})
        elif event.kind == "program_grew":
            self._has_grown = True

    def _output(self, tick: int, stream: str, text: str) -> None:
        if text:
            self._event(self._at_work, "output", {"tick": tick, "stream": stream, "text": text})

    def _announce_growth(self) -> None:
        """Send the listing if it has new rows; breakpoints on lines may now mean more rows."""
        if not self._has_grown:
            return
        self._has_grown = False
        started = self._clock()
        listing = self._program.machine.listing()
        size = listing_size(listing)
        if size != self._listed:  # a replay says again what is known already
            self._listed = size
            self._apply_breakpoints()
            self._event(self._at_work, "grew", {"listing": listing})
        now = self._clock()
        self._grow_again_at = now + max(GROWTH_S, GROWTH_SHARE * (now - started))

    # -- the commands ------------------------------------------------------------------------------------------------

    @property
    def _program(self) -> Opened:
        if self._opened is None:
            raise CommandError("no program is open", hint="open one first")
        return self._opened

    def _view(self) -> dict[str, Any] | JsonText:
        return JsonText(self._as_text.view_json()) if self._as_text else self._program.machine.view()

    def _open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        room = self._find_room(arguments["room"])
        files = source_files(arguments["files"])
        options = chosen_options(room, arguments["options"] or {})
        program = room.module.build(files, options)
        self.close()
        machine = room.module.start(program, Journal(), self._limits)
        self._places, self._rows = [], {}
        self._has_grown, self._exits_sent = False, 0
        self._decoders.clear()
        timeline = Timeline(machine, max_ticks=self._limits.max_ticks, on_event=self._on_event, on_ticks=self._on_ticks)
        names = getattr(room.module, "FAMILIES", ())
        families = Families(names, room.module.family_of) if names else None  # type: ignore[attr-defined]
        inquiry = Inquiry(machine, timeline, files[0].name, self._poll, families)
        self._opened = Opened(room, files[0].name, machine, timeline, inquiry)
        self._as_text = machine if self._takes_text and isinstance(machine, WritesViews) else None
        limits, listing = self._limits, machine.listing()
        self._listed = listing_size(listing)
        return {
            "room": room.name,
            "listing": listing,
            "view": self._view(),
            "notice": room.module.notice(machine),
            "limits": {
                "max_ticks": limits.max_ticks,
                "memory_bytes": limits.memory_bytes,
                "output_bytes": limits.output_bytes,
                "trace_window": self._trace_window,
            },
        }

    def _run(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline = self._program.timeline
        to = arguments["to"]
        if to is not None and to < 0:
            raise CommandError("`to` of `run` is a tick: 0 or more")
        arrival = timeline.seek(timeline.frontier, self._poll)
        if arrival.reason != "pause":
            stream = FrameStream(self, max(0, self._trace_window - timeline.frontier))
            self._is_recording = True
            try:
                arrival = timeline.run_forward(to, trace=stream, poll=self._poll)
            finally:
                self._is_recording = False
        return self._stopped(arrival)

    def _seek(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["tick"] < 0:
            raise CommandError("`tick` of `seek` is 0 or more")
        timeline, around = self._program.timeline, arguments["around"]
        if not 0 <= around <= MAX_AROUND:
            raise CommandError(f"`around` of `seek` is 0 to {MAX_AROUND}")
        arrival = timeline.seek(arguments["tick"], self._poll)
        if around and timeline.frontier and arrival.reason != "pause":
            first, last = max(1, timeline.position - around), min(timeline.frontier, timeline.position + around)
            timeline.trace(first, last, FrameStream(self), self._poll)
        return self._stopped(arrival)

    def _step(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._stopped(self._program.timeline.step(arguments["count"], self._poll))

    def _inquire(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: Arrival | dict[str, Any] = getattr(self._program.inquiry, name)(arguments)
        return self._stopped(answer) if isinstance(answer, Arrival) else answer

    def _continue(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline, machine, way = self._program.timeline, self._program.machine, direction(arguments)
        passing = Passing(self._places, self._rows)
        while True:
            if way == 1:
                arrival = timeline.run_forward(breakpoints=True, poll=self._poll)
            else:
                arrival = timeline.run_back(self._poll)
            if arrival.reason != StopReason.BREAKPOINT or passing.stops(machine.where, machine.view):
                return self._stopped(arrival)
            if self._poll():
                return self._stopped(Arrival("pause", timeline.position))

    def _stopped(self, arrival: Arrival) -> dict[str, Any]:
        """The fields of `stopped`."""
        opened = self._program
        timeline, ended = opened.timeline, opened.timeline.ended
        if ended is not None:
            for stream, decoder in self._decoders.items():
                self._output(ended.tick, stream, decoder.decode(b"", final=True))
            self._decoders.clear()
        return {
            "tick": timeline.position,
            "frontier": timeline.frontier,
            "reason": str(arrival.reason),
            "detail": dict(arrival.detail),
            "ended": {"reason": str(ended.reason), "tick": ended.tick, "detail": dict(ended.detail)} if ended else None,
            "flags": timeline.step_flags(),
            "view": self._view(),
            "notice": opened.room.module.notice(opened.machine),
        }

    def _set_breakpoints(self, arguments: dict[str, Any]) -> dict[str, Any]:
        opened, places = self._program, arguments["places"]
        if len(places) > MAX_PLACES:
            raise CommandError(f"at most {MAX_PLACES} breakpoints")
        self._places = [Place.parse(place) for place in places]
        opened.timeline.set_breakpoints([])
        return {"places": self._apply_breakpoints()}

    def _apply_breakpoints(self) -> list[dict[str, Any]]:
        if not self._places:
            return []
        opened, listing = self._program, self._program.machine.listing()
        self._rows = find_rows(self._places, listing, opened.main_file)
        opened.timeline.set_breakpoints(self._rows)
        return resolve(self._places, listing, opened.main_file)

    def _trace(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline, first, last = self._program.timeline, arguments["from"], arguments["to"]
        if not 1 <= first <= last <= timeline.frontier:
            raise CommandError(f"recorded are the steps 1 to {timeline.frontier}, not {first} to {last}")
        timeline.trace(first, last, FrameStream(self), self._poll)
        return {}

    def _listing(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"listing": self._program.machine.listing()}

    def _inspect(self, arguments: dict[str, Any]) -> dict[str, Any]:
        opened, query = self._program, arguments["query"]
        return {"query": query, "tick": opened.timeline.position, "answer": opened.machine.inspect(query)}

    def _moment(self, _: dict[str, Any]) -> dict[str, Any]:
        opened = self._program
        return moment(opened.room, opened.machine, opened.timeline, self._poll)

    def _input(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline, text = self._program.timeline, arguments["text"]
        if not text and not arguments["end"]:
            raise CommandError("there is no text to give", hint="to say that no more will come, give `end`")
        pieces = [text.encode("utf-8", "surrogatepass")] if text else []
        if arguments["end"]:
            pieces.append(b"")
        if arguments["branch"]:
            parent = timeline.branch
            timeline.give_other_input(*pieces)
            self._announce_branches(parent)
            return {}
        if timeline.waiting is None:
            raise CommandError("the program does not wait for input")
        for piece in pieces:
            self._program.machine.journal.append(timeline.waiting.detail["channel"], piece)
        timeline.waiting = None
        return {}

    def _edit(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline, parent = self._program.timeline, self._program.timeline.branch
        timeline.edit(arguments["target"], plain_value(arguments["value"]))
        self._announce_branches(parent)
        return self._stopped(Arrival("edit", timeline.position))

    def _switch(self, arguments: dict[str, Any]) -> dict[str, Any]:
        timeline, name = self._program.timeline, arguments["name"]
        if name is not None and not 1 <= len(name.strip()) <= MAX_NAME:
            raise CommandError(f"a branch's name has 1 to {MAX_NAME} characters")
        before = timeline.branch
        arrival = timeline.switch(arguments["to"], self._poll)
        if name is not None:
            timeline.branch.name = name.strip()
        self._announce_branches(before)
        return self._stopped(arrival)

    def _announce_branches(self, before: Branch) -> None:
        """Tell the branches; what the present one said after it parted from `before` follows."""
        timeline = self._program.timeline
        common = min(timeline.frontier, timeline.common_tick(before, timeline.branch))
        branches = [
            {
                "id": branch.number,
                "name": branch.name,
                "parent": branch.parent,
                "tick": branch.tick,
                "change": dict(branch.change),
                "frontier": branch.recording.frontier if branch.recording else timeline.frontier,
            }
            for branch in timeline.branches
        ]
        fields = {"branches": branches, "current": timeline.branch.number, "from": common}
        self._event(self._at_work, "branches", fields)
        self._decoders.clear()
        self._exits_sent = 0
        for event in timeline.events_until(timeline.frontier):
            if event.tick > common:
                self._on_event(event)

    def _pause(self, _: dict[str, Any]) -> dict[str, Any]:
        self._is_pausing = True
        return {}

    def _grant(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= arguments["frames"] <= MAX_CREDIT:
            raise CommandError(f"`frames` of `credit` is 1 to {MAX_CREDIT}")
        self._credit = min(MAX_CREDIT, self._credit + arguments["frames"])
        return {}


def number_of(message: object) -> int | None:
    """The id of a command, however malformed the rest is."""
    number = message.get("id") if type(message) is dict or isinstance(message, Mapping) else None
    return number if type(number) is int else None


def listing_size(listing: Mapping[str, Any]) -> tuple[int, int]:
    """(functions, rows): what grows with a listing."""
    functions = listing["functions"]
    return len(functions), sum(len(function["rows"]) for function in functions)


def source_files(data: list[Any]) -> list[SourceFile]:
    """The files of an `open` command; CommandError if they are not `[{name, text, base64?}]` within the limits."""
    if not 1 <= len(data) <= MAX_FILES:
        raise CommandError(f"a program has 1 to {MAX_FILES} files")
    files: list[SourceFile] = []
    for item in data:
        if not isinstance(item, Mapping) or set(item) - {"base64"} != {"name", "text"}:
            raise CommandError("a file is {name, text}, with `base64` if it is no text")
        name, text = item["name"], item["text"]
        if not isinstance(name, str) or not isinstance(text, str) or not 1 <= len(name) <= 100:
            raise CommandError("a file's name is a text of 1 to 100 characters, its text a text")
        files.append(SourceFile(name, text, _content(item.get("base64", ""), name)))
    if len({file.name for file in files}) < len(files):
        raise CommandError("two files have the same name")
    if sum(len(file.text.encode("utf-8", "surrogatepass")) for file in files) > MAX_SOURCE_BYTES:
        raise LimitExceeded("source", f"the program is longer than {MAX_SOURCE_BYTES >> 10} KiB")
    if sum(len(file.data) for file in files) > MAX_UPLOAD_BYTES:
        raise LimitExceeded("upload", f"the files are longer than {MAX_UPLOAD_BYTES >> 10} KiB")
    return files


def _content(text: object, name: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else _refuse(name)
    except ValueError:
        return _refuse(name)


def _refuse(name: str) -> bytes:
    raise CommandError(f"the content of {name!r} is not base64")


def chosen_options(room: Room, chosen: Mapping[str, Any]) -> dict[str, str]:
    """Every option of the room with the value chosen, or its default; CommandError for what does not exist."""
    known = {option.name: option.values for option in room.options}
    for name, value in chosen.items():
        if name not in known:
            raise CommandError(f"{room.title} has no option {str(name)[:40]!r}")
        if value not in known[name]:
            raise CommandError(f"option {name!r} is one of {', '.join(known[name])}")
    return {name: chosen.get(name, values[0]) for name, values in known.items()}
