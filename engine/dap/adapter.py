"""One client's debug session: requests in, responses and events out.

A request that makes the program move is answered at once; the `stopped` event follows when it stands still again.
While it moves, the adapter hears `pause`, breakpoints and the like every few milliseconds; what asks for the state is
refused until it stands still. Facts: the protocol's specification (microsoft.github.io/debug-adapter-protocol).
"""

from __future__ import annotations

import codecs
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.conditions import Condition
from engine.dap import arguments as take
from engine.dap.arguments import Arguments
from engine.dap.channel import Channel, ChannelClosed
from engine.dap.inspection import Inspection
from engine.dap.sources import Sources
from engine.dap.values import Values
from engine.debug import Debuggee, Wish
from engine.debug.opening import read_source, room_for, sentence_of
from engine.debug.stepping import Way
from engine.errors import CommandError, GlassboxError
from engine.machine import StopReason
from engine.rooms import SourceFile
from engine.timeline import Arrival

log = logging.getLogger("glassbox.dap")

Json = dict[str, Any]

CAPABILITIES = {
    "supportsConfigurationDoneRequest": True,
    "supportsStepBack": True,
    "supportsSteppingGranularity": True,
    "supportsInstructionBreakpoints": True,
    "supportsConditionalBreakpoints": True,
    "supportsHitConditionalBreakpoints": True,
    "supportsDisassembleRequest": True,
    "supportsReadMemoryRequest": True,
    "supportsEvaluateForHovers": True,
    "supportsDelayedStackTraceLoading": True,
    "supportsLoadedSourcesRequest": True,
    "supportsExceptionInfoRequest": True,
    "supportsTerminateRequest": True,
    "supportsDataBreakpoints": True,
    "supportsSetVariable": True,
    "supportsSetExpression": True,
}
#: Requests that are heard while the program moves.
ANYTIME = (
    "pause",
    "threads",
    "setBreakpoints",
    "setInstructionBreakpoints",
    "setExceptionBreakpoints",
    "source",
    "loadedSources",
    "terminate",
    "disconnect",
)
#: Requests that only look at a program that stands still.
_LOOKS: dict[str, Callable[[Inspection, Arguments], Json]] = {
    "stackTrace": Inspection.stack_trace,
    "scopes": Inspection.scopes,
    "variables": Inspection.variables,
    "disassemble": Inspection.disassemble,
    "readMemory": Inspection.read_memory,
}
_STREAMS = {"stderr": "stderr", "error": "stderr", "notice": "console"}
_REASONS = {
    "step": ("step", None),
    "seek": ("goto", None),
    "start": ("entry", "Start of the recording"),
    "pause": ("pause", None),
    "watch": ("data breakpoint", None),
    StopReason.BREAKPOINT: ("breakpoint", None),
    StopReason.INPUT: ("pause", "Waits for input: type <TEXT in the debug console, then continue"),
    StopReason.HALT: ("pause", "The program has ended: go back, or continue to finish"),
    StopReason.FAULT: ("exception", "The program has ended by an error"),
    StopReason.LIMIT: ("exception", "The program has reached a limit"),
}


class Adapter:
    """Talks to one client over `channel` until it disconnects."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._debuggee: Debuggee | None = None
        self._look: Inspection | None = None
        self._values: Values | None = None
        self._sources = Sources({}, {})
        self._first_line = 1
        self._is_open = True
        self._is_moving = self._is_pausing = False
        self._stop_on_entry = self._stop_at_end = False
        self._has_finished = False
        self._is_at_end = False  # the client was told that the program ended; it stands at the last instruction
        self._then: Callable[[], None] | None = None  # what follows the response of the request at work
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._threads: list[Json] = []
        self._next_id = 0
        self._line_ids: dict[tuple[str, int], tuple[int, int | None]] = {}  # (file, line) to (id, resolved line)
        self._address_ids: dict[int, int] = {}
        self._requests: dict[str, Callable[[Arguments], Json | None]] = {
            "initialize": self._initialize,
            "launch": self._launch,
            "configurationDone": self._configuration_done,
            "setBreakpoints": self._set_breakpoints,
            "setInstructionBreakpoints": self._set_instruction_breakpoints,
            "dataBreakpointInfo": self._data_breakpoint_info,
            "setDataBreakpoints": self._set_data_breakpoints,
            "setVariable": lambda a: self._changes(self._places.set_variable, a),
            "setExpression": lambda a: self._changes(self._places.set_expression, a),
            "setExceptionBreakpoints": lambda _: {"breakpoints": []},
            "threads": self._list_threads,
            "next": lambda a: self._step(a, Way.OVER),
            "stepIn": lambda a: self._step(a, Way.INTO),
            "stepOut": lambda a: self._step(a, Way.OUT),
            "stepBack": self._step_back,
            "continue": lambda _: {"allThreadsContinued": True, **self._moves(self._program.go_on)},
            "reverseContinue": lambda _: self._moves(self._program.run_back, is_back=True),
            "pause": self._pause,
            "evaluate": self._evaluate,
            "source": self._source,
            "loadedSources": lambda _: {"sources": self._sources.all()},
            "exceptionInfo": self._exception_info,
            "terminate": self._terminate,
            "disconnect": self._disconnect,
        }

    # -- messages ----------------------------------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer requests until the client disconnects or is gone; then free the machine."""
        try:
            while self._is_open:
                message = self._channel.receive(None)
                if message is not None:
                    self._answer(message)
        except ChannelClosed as closed:
            log.info("%s", closed)
        finally:
            if self._debuggee is not None:
                self._debuggee.close()

    def _answer(self, message: Mapping[str, Any]) -> None:
        """Carry out one request and whatever follows from it. Messages of other types are nothing for an adapter."""
        command, number = message.get("command"), message.get("seq")
        if message.get("type") != "request" or not isinstance(command, str) or type(number) is not int:
            return
        response: Json = {"type": "response", "request_seq": number, "command": command}
        then_before, self._then = self._then, None
        try:
            arguments = message.get("arguments")
            if arguments is not None and not isinstance(arguments, Mapping):
                raise CommandError("`arguments` must be an object")
            body = self._carry_out(command, arguments or {})
        except GlassboxError as error:
            self._then = None
            self._channel.send({**response, "success": False, **_failure(error)})
        except ChannelClosed:
            raise
        except Exception:
            log.exception("a request failed")
            self._then = None
            failure = _failure(CommandError("the adapter has a bug: this request was not carried out"))
            self._channel.send({**response, "success": False, **failure})
        else:
            self._channel.send({**response, "success": True, **({"body": body} if body is not None else {})})
        then, self._then = self._then, then_before
        if then is not None:
            self._follow_up(then)

    def _follow_up(self, then: Callable[[], None]) -> None:
        """What comes after a response; a bug there ends the session, but not the server."""
        try:
            then()
        except ChannelClosed:
            raise
        except Exception:
            log.exception("what followed a request failed")
            self._has_finished = True
            self._say("error", b"the adapter has a bug: this session is over\n")
            self._event("terminated")

    def _carry_out(self, command: str, arguments: Arguments) -> Json | None:
        if command not in self._requests and command not in _LOOKS:
            raise CommandError(f"there is no request {command[:40]!r} here")
        if self._is_moving and command not in ANYTIME:
            raise CommandError("the program is running", hint="pause it first")
        if command in _LOOKS:
            return _LOOKS[command](self._inspection, arguments)
        return self._requests[command](arguments)

    def _event(self, name: str, body: Json | None = None) -> None:
        self._channel.send({"type": "event", "event": name, **({"body": body} if body is not None else {})})

    def _hear(self) -> bool:
        """While the program moves: answer what may be asked at any time; True when it is to stop."""
        while True:
            message = self._channel.receive(0)
            if message is None:
                return self._is_pausing
            self._answer(message)
            if not self._is_open:
                raise ChannelClosed("the client has disconnected")

    def _say(self, stream: str, data: bytes) -> None:
        if stream not in self._decoders:
            # A character's bytes may come one by one.
            self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        text = self._decoders[stream].decode(data)
        if text:
            self._event("output", {"category": _STREAMS.get(stream, "stdout"), "output": text})

    # -- the program -------------------------------------------------------------------------------------------------

    @property
    def _program(self) -> Debuggee:
        if self._debuggee is None:
            raise CommandError("no program is launched")
        return self._debuggee

    @property
    def _inspection(self) -> Inspection:
        if self._look is None:
            raise CommandError("no program is launched")
        return self._look

    @property
    def _places(self) -> Values:
        if self._values is None:
            raise CommandError("no program is launched")
        return self._values

    def _data_breakpoint_info(self, arguments: Arguments) -> Json:
        return self._places.info(arguments)

    def _set_data_breakpoints(self, arguments: Arguments) -> Json:
        return self._places.set_breakpoints(arguments)

    def _changes(self, request: Callable[[Arguments], Json], arguments: Arguments) -> Json:
        """A request that changes the past: what the client shows may be out of date then."""
        body = request(arguments)
        self._is_at_end = False
        self._then = lambda: self._event("invalidated", {"areas": ["variables"]})
        return body

    def _initialize(self, arguments: Arguments) -> Json:
        self._first_line = 0 if arguments.get("linesStartAt1") is False else 1
        return dict(CAPABILITIES)

    def _launch(self, arguments: Arguments) -> None:
        if self._debuggee is not None:
            raise CommandError("a program is launched already")
        program = Path(take.text(arguments, "program"))
        room = room_for(take.text(arguments, "room", "") or None, program)
        paths: dict[str, Path | None] = {}
        files: list[SourceFile] = []
        for path in (program, *(program.parent / name for name in take.texts(arguments, "files"))):
            if path == program and "text" in arguments:
                file, own = SourceFile(path.name, take.text(arguments, "text")), None
            else:
                file, own = read_source(path, os.path.relpath(path, program.parent)), path.absolute()
            files.append(file)
            paths[file.name] = own
        lines = arguments.get("input")
        given = take.text(arguments, "input").encode().splitlines(keepends=True) if lines is not None else None
        self._stop_on_entry = take.flag(arguments, "stopOnEntry")
        self._stop_at_end = take.flag(arguments, "stopAtEnd")
        options = take.mapping(arguments, "options")
        self._debuggee = Debuggee(room, files, options, on_output=self._say, hear=self._hear, input_lines=given)
        self._debuggee.on_resolved = self._announce_resolved
        self._sources = Sources(paths, {file.name: file for file in files})
        self._look = Inspection(self._debuggee, self._sources, lambda line: line - 1 + self._first_line)
        self._values = Values(self._debuggee, self._look, self._new_id)
        self._remember_threads()
        self._then = lambda: self._event("initialized")

    def _configuration_done(self, _: Arguments) -> None:
        program = self._program
        if self._stop_on_entry:
            self._then = lambda: self._stopped(Arrival("entry", 0))
        else:
            self._then = lambda: self._move(program.go_on)

    # -- motions -----------------------------------------------------------------------------------------------------

    def _moves(self, motion: Callable[[], Arrival], *, is_back: bool = False) -> Json:
        """The response's body of a request that makes the program move; forward from its end, it is over."""
        if self._has_finished:
            raise CommandError("the program is over", hint="launched with `stopAtEnd` it can go back from its end")
        self._then = self._finish if self._is_at_end and not is_back else lambda: self._move(motion)
        return {}

    def _move(self, motion: Callable[[], Arrival]) -> None:
        self._inspection.forget()
        self._is_moving, self._is_pausing = True, False
        try:
            arrival = motion()
        except GlassboxError as error:
            self._is_moving = False
            self._say("error", f"{error.message}\n".encode())
            arrival = Arrival("pause", self._program.timeline.position)
        finally:
            self._is_moving = False
        self._stopped(arrival)

    def _step(self, arguments: Arguments, way: Way) -> Json:
        program = self._program
        is_row = self._granularity(arguments) == "instruction"
        if is_row and way is Way.INTO:
            return self._moves(program.step_row)
        return self._moves(lambda: program.step(Way.ROW if is_row and way is Way.OVER else way))

    def _step_back(self, arguments: Arguments) -> Json:
        program = self._program
        if self._granularity(arguments) == "instruction":
            return self._moves(lambda: program.step_row(-1), is_back=True)
        return self._moves(program.step_back, is_back=True)

    def _granularity(self, arguments: Arguments) -> str:
        granularity = take.text(arguments, "granularity", "statement")
        if granularity not in ("statement", "line", "instruction"):
            raise CommandError(f"there is no granularity {granularity[:40]!r}")
        return granularity

    def _pause(self, _: Arguments) -> None:
        if self._is_moving:
            self._is_pausing = True
        else:
            self._then = lambda: self._stopped(Arrival("pause", self._program.timeline.position))

    def _stopped(self, arrival: Arrival) -> None:
        """Say why the program stands still, or that it is over."""
        program = self._program
        if self._has_finished:
            return
        if arrival.reason == StopReason.HALT and not self._stop_at_end:
            self._finish()
            return
        self._is_at_end = arrival.reason in (StopReason.HALT, StopReason.FAULT, StopReason.LIMIT)
        if self._is_at_end and arrival.tick:
            program.timeline.seek(arrival.tick - 1)  # before its last instruction, where there still is a stack to see
        self._remember_threads()
        reason, description = ("entry", None) if arrival.reason == "entry" else _REASONS[arrival.reason]
        body: Json = {"reason": reason, "threadId": self._running, "allThreadsStopped": True}
        if description:
            body["description"] = description
        text = arrival.detail.get("message")
        if text:
            body["text"] = text
        if arrival.reason == "watch":
            body["hitBreakpointIds"] = self._places.hit_ids(str(arrival.detail.get("name", "")))
        if arrival.reason == StopReason.BREAKPOINT:
            where = program.machine.where
            row = program.row(where)
            hits = [self._line_ids[hit][0] for hit in program.file_line_hits(where) if hit in self._line_ids]
            if not hits and row is not None and row.address in self._address_ids:
                body["reason"], hits = "instruction breakpoint", [self._address_ids[row.address]]
            body["hitBreakpointIds"] = hits
        self._event("stopped", body)

    def _finish(self) -> None:
        """The program is over: its exit status, and that nothing more will come."""
        if self._has_finished:
            return
        self._has_finished = True
        ended = self._program.timeline.ended
        status = ended.detail.get("status", 0) if ended and ended.reason is StopReason.HALT else 1
        self._event("exited", {"exitCode": status})
        self._event("terminated")

    def _terminate(self, _: Arguments) -> None:
        if not self._has_finished:
            self._has_finished = True
            self._then = lambda: self._event("terminated")
        if self._is_moving:
            self._is_pausing = True

    def _disconnect(self, _: Arguments) -> None:
        self._is_open = False

    # -- threads -----------------------------------------------------------------------------------------------------

    @property
    def _running(self) -> int:
        """The id of the thread that runs. Ids count from 1: some clients take 0 for nothing."""
        return int(self._threads[0]["id"])

    def _remember_threads(self) -> None:
        found = [{"id": t.number + 1, "name": t.name} for t in self._program.view.threads()]
        self._threads = found or [{"id": 1, "name": "main"}]

    def _list_threads(self, _: Arguments) -> Json:
        if self._debuggee is None:
            raise CommandError("no program is launched")
        return {"threads": self._threads}

    # -- breakpoints -------------------------------------------------------------------------------------------------

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _set_breakpoints(self, arguments: Arguments) -> Json:
        program = self._program
        file = self._sources.find(take.mapping(arguments, "source"))
        wanted = take.items(arguments, "breakpoints")
        lines = [take.number(b, "line") + 1 - self._first_line for b in wanted]
        conditions = [take.text(b, "condition", "").strip() for b in wanted]
        hits = [take.hits(b) for b in wanted]
        if file is None:
            message = "the program has no such file"
            return {"breakpoints": [{"verified": False, "message": message} for _ in lines]}
        wishes = [
            Wish(line, Condition(text) if text else None, count)
            for line, text, count in zip(lines, conditions, hits, strict=True)
        ]
        found = program.set_lines(file, wishes)
        kept = {key: value for key, value in self._line_ids.items() if key[0] != file}
        for line, resolved in zip(lines, found, strict=True):
            known = self._line_ids.get((file, line)) or (self._new_id(), None)
            kept[(file, line)] = (known[0], resolved)
        self._line_ids = kept
        return {"breakpoints": [self._line_breakpoint(file, line) for line in lines]}

    def _line_breakpoint(self, file: str, line: int) -> Json:
        number, resolved = self._line_ids[(file, line)]
        found: Json = {"id": number, "verified": resolved is not None, "source": self._sources.to_client(file)}
        if resolved is None:
            return {**found, "message": "there is no code for this line yet"}
        return {**found, "line": resolved - 1 + self._first_line}

    def _announce_resolved(self) -> None:
        """Code has appeared: breakpoints that had none may have some now."""
        program = self._program
        for file in {file for file, _ in self._line_ids}:
            lines = [line for of, line in self._line_ids if of == file]
            for line in lines:
                number, before = self._line_ids[(file, line)]
                resolved = program.resolved_line(file, line)
                if resolved != before:
                    self._line_ids[(file, line)] = (number, resolved)
                    changed = self._line_breakpoint(file, line)
                    self._event("breakpoint", {"reason": "changed", "breakpoint": changed})

    def _set_instruction_breakpoints(self, arguments: Arguments) -> Json:
        program = self._program
        addresses = [
            take.address(take.text(b, "instructionReference"), take.number(b, "offset", 0))
            for b in take.items(arguments, "breakpoints")
        ]
        program.set_addresses(addresses)
        self._address_ids = {a: self._address_ids.get(a) or self._new_id() for a in addresses}
        found: list[Json] = []
        for address in addresses:
            point: Json = {"id": self._address_ids[address], "instructionReference": f"{address:#x}"}
            if program.wheres_at(address):
                found.append({**point, "verified": True})
            else:
                found.append({**point, "verified": False, "message": "there is no instruction yet"})
        return {"breakpoints": found}

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _evaluate(self, arguments: Arguments) -> Json:
        """A name; in the console also `@TICK`, which goes to a tick, and `<TEXT`, a line of input."""
        expression = take.text(arguments, "expression").strip()
        program = self._program
        if take.text(arguments, "context", "") == "repl":
            if expression.startswith("<"):
                program.give_input(expression[1:].encode() + b"\n")
                return {"result": "given", "variablesReference": 0}
            if expression.startswith("@"):
                if not expression[1:].isdecimal():
                    raise CommandError("`@` goes to a tick: a number must follow")
                self._moves(lambda: program.seek(int(expression[1:])), is_back=True)
                return {"result": "", "variablesReference": 0}
        return self._inspection.evaluate(arguments)

    def _source(self, arguments: Arguments) -> Json:
        reference = take.number(arguments, "sourceReference", 0)
        source = take.mapping(arguments, "source") or {"sourceReference": reference}
        return {"content": self._sources.text(source)}

    def _exception_info(self, _: Arguments) -> Json:
        ended = self._program.timeline.ended
        if ended is None or ended.reason is StopReason.HALT:
            raise CommandError("the program has not ended by an error")
        details = {"message": ended.detail.get("message", ""), "stackTrace": ended.detail.get("traceback", "")}
        info = {"exceptionId": str(ended.reason), "description": details["message"], "breakMode": "always"}
        return {**info, "details": details}


def _failure(error: GlassboxError) -> Json:
    """The fields of a failed response: the sentence for the person."""
    sentence = sentence_of(error)
    # A format's braces are places for variables: the sentence goes in as one.
    shown = {"id": 1, "format": "{sentence}", "variables": {"sentence": sentence}, "showUser": True}
    return {"message": sentence, "body": {"error": shown}}
