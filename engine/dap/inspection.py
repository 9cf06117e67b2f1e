"""Looks at a program that stands still: stack, scopes, variables, expressions, instructions, memory.

The numbers that a client gets for frames and variables are good until the program moves.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from engine.dap import arguments as take
from engine.dap.arguments import Arguments
from engine.dap.sources import Sources
from engine.debug import Debuggee, RowInfo
from engine.debug.disassembly import Line, disassemble
from engine.debugview import Inside, Variable
from engine.errors import CommandError

Json = dict[str, Any]

#: From so many variables on, a client is asked to fetch them page by page.
PAGED_FROM = 101
MAX_LINES, MAX_MEMORY_BYTES = 10_000, 1 << 20
#: A client that does not ask for a number of frames gets so many.
MAX_FRAMES = 1000
#: The adapter's own scope: where in the recording the program stands.
_RECORDING: Inside = ("the recording",)

_NAME = re.compile(r"[^\s.\[\]\"'()=+*/,;:<>]+")
_PART = re.compile(r"""\.(?P<name>[A-Za-z_]\w*)|\[(?:(?P<number>-?\d+)|"(?P<double>[^"]*)"|'(?P<single>[^']*)')\]""")
_BARE = re.compile(r"[A-Za-z_]\w*")


class Inspection:
    """Answers the requests that only look. `line` turns a line number into the client's way of counting."""

    def __init__(self, debuggee: Debuggee, sources: Sources, line: Callable[[int], int]) -> None:
        self._debuggee = debuggee
        self._sources = sources
        self._line = line
        self._frames: list[tuple[int, int]] = []
        self._insides: list[tuple[Inside, int]] = []

    def forget(self) -> None:
        """The program is about to move."""
        self._frames.clear()
        self._insides.clear()

    # -- the stack ---------------------------------------------------------------------------------------------------

    def stack_trace(self, arguments: Arguments) -> Json:
        """The frames of one thread, as many as asked for."""
        thread = take.number(arguments, "threadId") - 1
        view = self._debuggee.view
        total = view.depth(thread)
        start, levels = max(0, take.number(arguments, "startFrame", 0)), take.number(arguments, "levels", 0)
        frames = view.frames(thread, start, levels or max(0, min(MAX_FRAMES, total - start)))
        return {
            "stackFrames": [self._frame(thread, level, f.name, f.where) for level, f in enumerate(frames, start)],
            "totalFrames": total,
        }

    def _frame(self, thread: int, level: int, name: str, where: int | None) -> Json:
        row = self._debuggee.row(where)
        self._frames.append((thread, level))
        if row is None:
            return {"id": len(self._frames), "name": name, "line": 0, "column": 0, "presentationHint": "subtle"}
        frame = {"id": len(self._frames), "name": name or row.function_name or "main"}
        return {**frame, **self._place(row), "instructionPointerReference": f"{row.address:#x}"}

    def _place(self, row: RowInfo) -> Json:
        """Where a row is in a text that the client can see."""
        source = self._sources.to_client(row.file)
        if source is None or row.line is None:
            return {"line": 0, "column": 0}
        return {"source": source, "line": self._line(row.line), "column": self._line(1)}

    def _level(self, number: int) -> tuple[int, int]:
        if not 1 <= number <= len(self._frames):
            raise CommandError("this frame belongs to another moment", hint="ask for the stack again")
        return self._frames[number - 1]

    def scopes(self, arguments: Arguments) -> Json:
        """The groups of variables of a frame, and the recording."""
        thread, level = self._level(take.number(arguments, "frameId"))
        found = []
        for scope in self._debuggee.view.scopes(thread, level):
            shown = {"name": scope.name, "expensive": False, **self._reference(scope.inside, scope.count)}
            found.append({**shown, "presentationHint": scope.kind} if scope.kind else shown)
        return {"scopes": [*found, {"name": "Recording", "expensive": False, **self._reference(_RECORDING, 0)}]}

    # -- variables ---------------------------------------------------------------------------------------------------

    def _reference(self, inside: Inside | None, count: int) -> Json:
        if inside is None:
            return {"variablesReference": 0}
        self._insides.append((inside, count))
        reference: Json = {"variablesReference": len(self._insides)}
        if count >= PAGED_FROM:
            reference |= {"indexedVariables": count, "namedVariables": 0}
        return reference

    def variable(self, reference: int, name: str) -> Variable | None:
        """The variable of that name inside what a reference stands for; the last one of several."""
        if not 1 <= reference <= len(self._insides):
            raise CommandError("this variable belongs to another moment", hint="ask for the scopes again")
        inside = self._insides[reference - 1][0]
        return None if inside == _RECORDING else self._debuggee.view.named(inside, name)

    def find(self, expression: str, frame: object = None) -> Variable | None:
        """The variable that an expression names, seen from a frame (an id), or from the innermost one."""
        view = self._debuggee.view
        thread, level = self._level(frame) if type(frame) is int else (view.threads()[0].number, 0)
        return view.lookup([expression], thread, level) or view.lookup(path_of(expression), thread, level)

    def variables(self, arguments: Arguments) -> Json:
        """What is inside a scope or variable; `start` and `count` choose a page."""
        number = take.number(arguments, "variablesReference")
        if not 1 <= number <= len(self._insides):
            raise CommandError("this variable belongs to another moment", hint="ask for the scopes again")
        inside, size = self._insides[number - 1]
        start, count = take.number(arguments, "start", 0), take.number(arguments, "count", 0)
        if take.text(arguments, "filter", "") == "named" and size >= PAGED_FROM:
            return {"variables": []}
        if inside == _RECORDING:
            return {"variables": [self._shown(v) for v in self._recording()]}
        found = self._debuggee.view.variables(inside, max(0, start), count or None)
        return {"variables": [self._shown(v) for v in found]}

    def _recording(self) -> list[Variable]:
        timeline = self._debuggee.timeline
        ended = timeline.ended
        found = [
            Variable("tick", str(timeline.position), "instructions executed so far"),
            Variable("recorded", str(timeline.frontier), "instructions recorded"),
        ]
        return [*found, Variable("end", str(ended.reason), "how the program ended")] if ended else found

    def _shown(self, variable: Variable) -> Json:
        shown: Json = {"name": variable.name, "value": variable.value}
        if variable.type:
            shown["type"] = variable.type
        if variable.address is not None:
            shown["memoryReference"] = f"{variable.address:#x}"
        return {**shown, **self._reference(variable.inside, variable.count)}

    def evaluate(self, arguments: Arguments) -> Json:
        """A variable by name, or by names inside each other: `t.list[3]`."""
        expression = take.text(arguments, "expression").strip()
        found = self.find(expression, arguments.get("frameId"))
        if found is None:
            found = next((v for v in self._recording() if v.name == expression), None)
        if found is None:
            raise CommandError(f"there is no {expression[:80]} here")
        shown = self._shown(found)
        return {**{k: v for k, v in shown.items() if k not in ("name", "value")}, "result": found.value}

    # -- instructions and memory -------------------------------------------------------------------------------------

    def disassemble(self, arguments: Arguments) -> Json:
        """Instructions around an address, exactly as many as asked for."""
        address = take.address(take.text(arguments, "memoryReference"), take.number(arguments, "offset", 0))
        count, offset = take.number(arguments, "instructionCount"), take.number(arguments, "instructionOffset", 0)
        if not 0 <= count <= MAX_LINES or abs(offset) > MAX_LINES:
            raise CommandError(f"at most {MAX_LINES:,} instructions at once")
        lines = disassemble(self._debuggee, address, offset, count)
        return {"instructions": [self._instruction(line) for line in lines]}

    def _instruction(self, line: Line) -> Json:
        shown: Json = {"address": f"{max(0, line.address):#x}", "instruction": line.text}
        if not line.is_valid:
            return {**shown, "presentationHint": "invalid"}
        if line.bytes_text:
            shown["instructionBytes"] = bytes.fromhex(line.bytes_text).hex(" ")
        row = line.row
        source = self._sources.to_client(row.file) if row else None
        if row and source and row.line is not None:
            shown |= {"location": source, "line": self._line(row.line)}
        if row and row.function_name:
            shown["symbol"] = row.function_name
        return shown

    def read_memory(self, arguments: Arguments) -> Json:
        """Bytes from an address on, as base64."""
        address = take.address(take.text(arguments, "memoryReference"), take.number(arguments, "offset", 0))
        count = take.number(arguments, "count")
        if not 0 <= count <= MAX_MEMORY_BYTES:
            raise CommandError(f"at most {MAX_MEMORY_BYTES:,} bytes at once")
        data = self._debuggee.view.read_memory(address, count)
        answer = {"address": f"{address:#x}", "data": base64.b64encode(data).decode()}
        return {**answer, "unreadableBytes": count - len(data)} if len(data) < count else answer


def path_of(expression: str) -> list[str]:
    """`a.b[3]["c d"]` as the names a, b, [3], ["c d"]; CommandError for what is no such thing."""
    head = _NAME.match(expression)
    if head is None:
        raise CommandError(f"cannot evaluate {expression[:80]!r}", hint="a name, or names inside each other: t.list[3]")
    path, at = [head.group()], head.end()
    while at < len(expression):
        part = _PART.match(expression, at)
        if part is None:
            hint = "a name, or names inside each other: t.list[3]"
            raise CommandError(f"cannot evaluate {expression[:80]!r}", hint=hint)
        groups = part.groupdict()
        key = groups["double"] if groups["double"] is not None else groups["single"]
        if key is not None:
            path.append(key if _BARE.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]")
        else:
            path.append(groups["name"] or f"[{groups['number']}]")
        at = part.end()
    return path
