"""What crosses the wire besides trace frames: the one table of commands and events.

From it: validation on both sides of the worker's pipe, docs/protocol.md and static/js/gen/protocol.js. A command is
`{"v": 1, "id": n, "do": name, …arguments}`; an event is `{"v": 1, "re": id or null, "event": name, …fields}`, where
`re` is the command that it answers. Every command is answered by exactly one event with `ends` set (its result, or
`failed`), after any number of others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.errors import CommandError

VERSION = 1
#: Whole numbers that every JavaScript engine and JSON library keeps exactly.
MAX_NUMBER = 1 << 53
#: An `open` may carry files that are no text, in base64; every other command is short.
MAX_COMMAND_BYTES = 1600 << 10
MAX_SHORT_COMMAND_BYTES = 192 << 10
MAX_SOURCE_BYTES = 64 << 10
MAX_UPLOAD_BYTES = 1 << 20
#: Steps of a recording that `run` streams; afterwards it goes on without.
TRACE_WINDOW = 500_000


@dataclass(frozen=True)
class Arg:
    """One argument: `type` is one of int, str, bool, list, dict; `default` None with `required` False means absent."""

    name: str
    type: type
    help: str
    required: bool = True
    default: Any = None


@dataclass(frozen=True)
class Command:
    """One command: name, arguments, what it does, and the event that is its result."""

    name: str
    help: str
    args: tuple[Arg, ...] = ()
    result: str = "done"
    #: May be sent while another command is still at work.
    anytime: bool = False

    @cached_property
    def fields(self) -> frozenset[str]:
        """Every field that its JSON may have."""
        return frozenset({"v", "id", "do", *(a.name for a in self.args)})


@dataclass(frozen=True)
class EventSpec:
    """One event: name, fields with their meaning, and whether it ends the command that it answers."""

    name: str
    help: str
    fields: tuple[tuple[str, str], ...] = ()
    ends: bool = False


COMMANDS: tuple[Command, ...] = (
    Command(
        "open",
        "Compile or assemble a program and put the machine at tick 0. Replaces the program of this session.",
        (
            Arg("room", str, "name of the machine: a row of engine/rooms.py"),
            Arg(
                "files", list, "[{name, text, base64?}]; the first is the main program; base64: a file that is no text"
            ),
            Arg("options", dict, "the room's options, e.g. {cpu: 'auto'}", required=False),
        ),
        result="opened",
    ),
    Command(
        "run",
        "Extend the recording: run forward from the frontier, streaming trace frames of its first steps, until the "
        "program ends, a limit, `to`, or `pause`. Then the position is the frontier.",
        (Arg("to", int, "stop at this tick at the latest", required=False),),
        result="stopped",
    ),
    Command(
        "seek",
        "Go to the state at a tick (0 … frontier); beyond the frontier it runs on to there.",
        (
            Arg("tick", int, "the tick to show"),
            Arg("around", int, "first stream the trace frames of so many steps on either side, up to 10000", False, 0),
        ),
        result="stopped",
    ),
    Command(
        "step",
        "Go `count` steps forward, or back if negative; forward past the frontier records.",
        (Arg("count", int, "how many steps", required=False, default=1),),
        result="stopped",
    ),
    Command(
        "continue",
        "Go to the next (direction 1) or previous (-1) place with a breakpoint, or to the end or start.",
        (Arg("direction", int, "1 or -1", required=False, default=1),),
        result="stopped",
    ),
    Command(
        "breakpoints",
        "Replace all breakpoints.",
        (
            Arg(
                "places",
                list,
                "[{line, file?}, {where}, {address}, {function: its name} or {op: an opcode}], each with "
                "`condition` (a text like "
                '`i > 3 and name ~= "x"`) and `hits` (each `continue` stops at the n-th time) if you like',
            ),
        ),
        result="breakpoints_set",
    ),
    Command(
        "step_over",
        "Go to the next (direction 1) or previous (-1) moment at which this call frame, or one that called it, is "
        "about to go on: over calls.",
        (Arg("direction", int, "1 or -1", required=False, default=1),),
        result="stopped",
    ),
    Command(
        "step_out",
        "Go to where the caller of this frame goes on (1), or is about to make the call (-1).",
        (Arg("direction", int, "1 or -1", required=False, default=1),),
        result="stopped",
    ),
    Command(
        "find",
        "Go to the state after the next (1) or previous (-1) step that has one of the flags. Forwards it records on "
        "beyond the frontier if it must.",
        (
            Arg("flags", list, "words of StepFlag: [`output`, `error`, `upvalue_close`, …]"),
            Arg("direction", int, "1 or -1", required=False, default=1),
        ),
        result="stopped",
    ),
    Command(
        "writers",
        "Who wrote this: the last write to a target at or before the position, and the next one after it.",
        (Arg("target", dict, "what was written to; docs/views.md, `Targets and hits`"),),
        result="writers",
    ),
    Command(
        "writes",
        "The writes to a target in a range of the recording, page by page: the first ones from `from` on (direction "
        "1), or the last ones up to `to` (-1).",
        (
            Arg("target", dict, "as for `writers`"),
            Arg("from", int, "first tick", required=False, default=1),
            Arg("to", int, "last tick; the frontier if absent", required=False),
            Arg("limit", int, "how many at most, up to 1000 (the writes of one step stay together)", False, 100),
            Arg("direction", int, "1 or -1", required=False, default=1),
        ),
        result="writes",
    ),
    Command(
        "executions",
        "The ticks at which a row, or any row of a line, was executed, page by page as in `writes`.",
        (
            Arg("place", dict, "{where}, {line, file?}, {address}, {function} or {op}"),
            Arg("from", int, "first tick", required=False, default=1),
            Arg("to", int, "last tick; the frontier if absent", required=False),
            Arg("limit", int, "how many at most, up to 1000", required=False, default=100),
            Arg("direction", int, "1 or -1", required=False, default=1),
        ),
        result="executions",
    ),
    Command(
        "summary",
        "What the recording looks like from afar: call depth and events in buckets. Ranges of up to 200,000 ticks are "
        "looked at step by step; wider ones are exact where steps were traced, and sampled elsewhere.",
        (
            Arg("from", int, "first tick", required=False, default=1),
            Arg("to", int, "last tick; the frontier if absent", required=False),
            Arg("buckets", int, "how many at most, up to 4096", required=False, default=512),
        ),
        result="summary",
    ),
    Command(
        "trace",
        "Stream trace frames for the steps `from` … `to` (ticks, both included, within the recording).",
        (Arg("from", int, "first tick (>= 1)"), Arg("to", int, "last tick")),
    ),
    Command("listing", "The program's rows as they are known now.", result="listing"),
    Command(
        "inspect",
        "A deep view of one thing at the current tick.",
        (Arg("query", dict, "what to look at; docs/views.md lists each machine's queries"),),
        result="inspected",
    ),
    Command(
        "moment",
        "The shown moment as short plain rows, the same for every machine: what a picture of it is drawn from.",
        result="moment",
    ),
    Command(
        "input",
        "Give the program the input that it waits for (recorded in the journal), then `run` goes on.",
        (
            Arg("text", str, "the input's text"),
            Arg("end", bool, "no more input will come", required=False, default=False),
            Arg(
                "branch",
                bool,
                "give it at the position instead of what the program read after it: a new branch (`branches` follows)",
                required=False,
                default=False,
            ),
        ),
    ),
    Command(
        "edit",
        "Change a value of the state at the position. The recording as it was stays; from here on it is a new branch, "
        "which `run` extends. A `branches` event comes before the result.",
        (
            Arg("target", dict, "a register, slot, upvalue or memory; docs/views.md, `Targets and hits`"),
            Arg("value", dict, "{t, s}: nil, boolean, integer, float, string, or bits (hex) for a CPU"),
        ),
        result="stopped",
    ),
    Command(
        "branch",
        "Go to another branch, to the same tick or its frontier. A `branches` event comes first, then again the "
        "outputs and exits of that branch after the tick where the two part.",
        (
            Arg("to", int, "the number of the branch; 0 is the trunk"),
            Arg("name", str, "give it this name", required=False),
        ),
        result="stopped",
    ),
    Command("pause", "Stop the command at work as soon as possible; what is recorded stays.", anytime=True),
    Command(
        "credit",
        "Allow `frames` more trace frames.",
        (
            Arg("frames", int, "how many"),
            Arg("received", int, "after `keep`: how many messages have come since `kept`", required=False),
        ),
        anytime=True,
    ),
)

#: What the web process answers itself: about the connection, not about the program.
RELAY_COMMANDS: tuple[Command, ...] = (
    Command(
        "keep",
        "Keep this session for a while if the connection breaks. From here on both sides count: the browser the "
        "messages that come after `kept`, the server those that come after this command. The browser says in each "
        "`credit` how many it has; what it does not have is remembered, up to 4 MiB.",
        result="kept",
        anytime=True,
    ),
    Command(
        "resume",
        "The first message on a new connection to `/live?resume`: go on with a kept session. After `resumed` come the "
        "messages that the browser lacks, and it sends again the commands that the server lacks. A session that is "
        "not kept any more says `goodbye`, reason `gone`.",
        (Arg("token", str, "from `kept`"), Arg("received", int, "how many messages have come since `kept`")),
        result="resumed",
        anytime=True,
    ),
)

EVENTS: tuple[EventSpec, ...] = (
    EventSpec(
        "opened",
        "The program is ready at tick 0.",
        (
            ("room", "the machine's name"),
            ("listing", "rows, as in `listing`"),
            ("view", "the state at tick 0"),
            ("notice", "a sentence the visitor should see (e.g. which CPU runs and why), or null"),
            ("limits", "{max_ticks, memory_bytes, output_bytes, trace_window}"),
        ),
        ends=True,
    ),
    EventSpec(
        "stopped",
        "The position changed; here is the state there.",
        (
            ("tick", "the position"),
            ("frontier", "how far the recording reaches"),
            ("reason", "a StopReason, or `seek`, `step`, `start`, `pause`"),
            ("detail", "the Stop's detail"),
            ("ended", "null, or {reason, tick, detail} once the program's end is recorded"),
            ("view", "the state at `tick`"),
            ("flags", "StepFlag bits of step `tick`"),
            ("notice", "as in `opened`, as of now: the machine may have had to change its CPU on the way"),
        ),
        ends=True,
    ),
    EventSpec("done", "The command is carried out.", ends=True),
    EventSpec(
        "failed",
        "The command could not be carried out.",
        (("error", "{kind, message, hint, diagnostics}; see engine/errors.py"),),
        ends=True,
    ),
    EventSpec("breakpoints_set", "The breakpoints now.", (("places", "[{where, line, file}]"),), ends=True),
    EventSpec("listing", "The program's rows.", (("listing", "see docs/views.md"),), ends=True),
    EventSpec("inspected", "The answer to `inspect`.", (("query", "as sent"), ("tick", ""), ("answer", "")), ends=True),
    EventSpec(
        "moment",
        "The answer to `moment`. Texts have 80 characters at most.",
        (
            ("tick", "the position"),
            ("frontier", "how far the recording reaches"),
            ("ended", "the reason for the program's end once it is recorded, or null"),
            ("function", "name of the function that the last instruction belongs to"),
            ("rows", "its rows around that one: [{number, line, op, args, comment, now, next}]"),
            (
                "groups",
                "[{title, facts: [{name, label, cue, value, old}]}]; `old` null: the step did not change it, empty: "
                "nothing was there",
            ),
        ),
        ends=True,
    ),
    EventSpec(
        "writers",
        "The answer to `writers`.",
        (
            ("target", "as sent"),
            ("tick", "the position"),
            ("before", "a hit, or null; docs/views.md, `Targets and hits`"),
            ("after", "a hit, or null"),
            ("complete", "false: it was paused, and null means that nobody knows"),
        ),
        ends=True,
    ),
    EventSpec(
        "writes",
        "The answer to `writes`.",
        (
            ("target", "as sent"),
            ("hits", "by tick, ascending"),
            ("next", "the `from` (direction 1) or `to` (-1) of the next page, or null"),
            ("complete", "false: it was paused, and `next` is where it had come to"),
        ),
        ends=True,
    ),
    EventSpec(
        "executions",
        "The answer to `executions`.",
        (
            ("place", "as sent"),
            ("ticks", "ascending: the step with such a tick executed the row"),
            ("next", "as in `writes`"),
            ("complete", "as in `writes`"),
        ),
        ends=True,
    ),
    EventSpec(
        "summary",
        "The answer to `summary`. Bucket number n has the ticks from `from` + n * `width` on.",
        (
            ("from", "first tick"),
            ("to", "last tick"),
            ("width", "ticks of a bucket"),
            ("low", "a list: the least call depth in each bucket"),
            ("high", "a list: the greatest; 0: nothing is known"),
            (
                "flags",
                "a list: StepFlag bits of its steps; all of them in exact or traced parts, else output, error, exit",
            ),
            (
                "families",
                "null, or {names, counts}: how many steps of each bucket were of which family of instructions, in the "
                "order of the names; where it is not exact, of up to some 16 steps of each bucket that were kept",
            ),
            ("exact", "every step was looked at"),
            ("complete", "false: it was paused, and only a part is there"),
        ),
        ends=True,
    ),
    EventSpec(
        "branches",
        "The branches have changed, or another one is shown.",
        (
            (
                "branches",
                "[{id, name, parent: id or null, tick: where it leaves its parent, change: {target, old, new} or "
                "{input}, frontier}]",
            ),
            ("current", "the branch of the position"),
            ("from", "what was announced or traced of ticks above it is not of this branch"),
        ),
    ),
    EventSpec(
        "progress",
        "A command is at work.",
        (
            ("frontier", "how far the recording reaches"),
            ("at", "the tick that a search has come to, or null"),
            ("glance", "during `run`: the fields of the view that are worth seeing while it grows, or null"),
        ),
    ),
    EventSpec(
        "output",
        "The program wrote something, sent once when it is recorded.",
        (("tick", "the step"), ("stream", "stdout, stderr or serial"), ("text", "UTF-8, bad bytes as \\xNN")),
    ),
    EventSpec(
        "exit",
        "The machine left to its host (a VM exit), sent once when it is recorded.",
        (("tick", "the step"), ("data", "{reason, …}")),
    ),
    EventSpec("grew", "The listing has new rows.", (("listing", "all rows"),)),
    EventSpec(
        "queued",
        "All places are taken: this browser waits for one. Sent again whenever the place changes; commands may be sent "
        "already and are carried out once the session begins.",
        (("place", "1: the next one"),),
    ),
    EventSpec(
        "kept",
        "The session is kept for so long after its connection broke.",
        (("token", "a secret: whoever has it may resume the session"), ("seconds", "how long")),
        ends=True,
    ),
    EventSpec(
        "resumed",
        "The session goes on over this connection.",
        (("received", "how many messages of the browser have come since its `keep`"),),
        ends=True,
    ),
    EventSpec(
        "goodbye",
        "The session is over: the worker was ended. The socket closes after it.",
        (
            (
                "reason",
                "limit, idle, killed, crashed, ended, shutdown; busy, address, host: it could not begin; gone: it is "
                "not kept any more",
            ),
            ("message", "a sentence for the visitor"),
        ),
    ),
)

COMMAND_BY_NAME = {c.name: c for c in COMMANDS}
RELAY_BY_NAME = {c.name: c for c in RELAY_COMMANDS}


def validate(message: object, commands: Mapping[str, Command] = COMMAND_BY_NAME) -> tuple[Command, dict[str, Any]]:
    """The command and its complete arguments (defaults filled in), or CommandError saying what is wrong."""
    if type(message) is not dict and not isinstance(message, Mapping):
        raise CommandError("a command is a JSON object")
    if message.get("v") != VERSION:
        raise CommandError(f"this server speaks version {VERSION} of the protocol", hint="reload the page")
    if type(message.get("id")) is not int or abs(message["id"]) > MAX_NUMBER:
        raise CommandError("a command needs a whole number `id` of up to 2^53")
    command = commands.get(str(message.get("do")))
    if command is None:
        raise CommandError(f"unknown command {str(message.get('do'))[:40]!r}")
    if not command.fields.issuperset(message):
        extra = sorted(str(k)[:40] for k in message if k not in command.fields)
        raise CommandError(f"`{command.name}` has no argument {extra[0]!r}")
    values: dict[str, Any] = {}
    for arg in command.args:
        value = message.get(arg.name)
        if value is None:
            if arg.required:
                raise CommandError(f"`{command.name}` needs `{arg.name}`: {arg.help}")
            value = arg.default
        elif type(value) is not arg.type:
            raise CommandError(f"`{arg.name}` of `{command.name}` must be of type {arg.type.__name__}")
        values[arg.name] = value
    return command, values
