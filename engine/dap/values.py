"""Requests about values as places: watch what writes to one, and put another value there, which begins a branch."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from engine.conditions import Condition
from engine.dap import arguments as take
from engine.dap.arguments import Arguments
from engine.dap.inspection import Inspection
from engine.debug import Debuggee
from engine.debug.watching import Call, Watched
from engine.debugview import Variable
from engine.errors import CommandError
from engine.machine import Plain
from engine.targets import unquoted

Json = dict[str, Any]

_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?")
_WORDS: dict[str, Plain] = {"nil": None, "true": True, "false": False}


class Values:
    """Answers dataBreakpointInfo, setDataBreakpoints, setVariable and setExpression for one program."""

    def __init__(self, debuggee: Debuggee, look: Inspection, new_id: Callable[[], int]) -> None:
        self._debuggee = debuggee
        self._look = look
        self._new_id = new_id
        self._ids: dict[str, int] = {}

    # -- watching ----------------------------------------------------------------------------------------------------

    def info(self, arguments: Arguments) -> Json:
        """Whether writes to a variable can be watched, and by which `dataId`."""
        name = take.text(arguments, "name")
        if type(arguments.get("variablesReference")) is int and arguments["variablesReference"]:
            found = self._look.variable(take.number(arguments, "variablesReference"), name)
        else:
            found = self._look.find(name, arguments.get("frameId"))
        if found is None or found.target is None:
            return {"dataId": None, "description": f"writes to {name[:80]} are not recorded"}
        target, description = dict(found.target), name
        if found.call is not None:
            thread, depth = found.call
            target["call"] = {"thread": thread, "depth": depth, "tick": self._debuggee.timeline.position}
            description = f"{name} in this call"
        data_id = json.dumps(target, sort_keys=True)
        return {"dataId": data_id, "description": description, "accessTypes": ["write"], "canPersist": False}

    def set_breakpoints(self, arguments: Arguments) -> Json:
        """Replace the data breakpoints: runs stop after a write, and runs back before one."""
        watched: list[Watched] = []
        answers: list[Json] = []
        for item in take.items(arguments, "breakpoints"):
            data_id = take.text(item, "dataId")
            number = self._ids.setdefault(data_id, self._new_id())
            problem = None
            if take.text(item, "accessType", "write") != "write":
                problem = "reads are not recorded: only writes can be watched"
            try:
                condition = take.text(item, "condition", "").strip()
                target, call = _target(data_id)
                one = Watched(target, Condition(condition) if condition else None, data_id, take.hits(item), call)
                self._debuggee.check_target(one.target)
            except CommandError as error:
                problem = problem or error.message
            if problem is None:
                watched.append(one)
                answers.append({"id": number, "verified": True})
            else:
                answers.append({"id": number, "verified": False, "message": problem})
        self._debuggee.set_targets(watched)
        return {"breakpoints": answers}

    def hit_ids(self, data_id: str) -> list[int]:
        """The ids of the breakpoints that a write belongs to."""
        return [self._ids[data_id]] if data_id in self._ids else []

    # -- changing ----------------------------------------------------------------------------------------------------

    def set_variable(self, arguments: Arguments) -> Json:
        """Another value for a variable inside a scope."""
        name = take.text(arguments, "name")
        return self._put(self._look.variable(take.number(arguments, "variablesReference"), name), name, arguments)

    def set_expression(self, arguments: Arguments) -> Json:
        """Another value for a named variable."""
        name = take.text(arguments, "expression").strip()
        return self._put(self._look.find(name, arguments.get("frameId")), name, arguments)

    def _put(self, variable: Variable | None, name: str, arguments: Arguments) -> Json:
        if variable is None or variable.target is None:
            raise CommandError(
                f"{name[:80]} cannot be changed", hint="locals, registers, upvalues and bytes of memory can"
            )
        value = plain(take.text(arguments, "value"))
        if "mask" in variable.target:
            raise CommandError(f"{name[:80]} is a bit of a register", hint="change the register that it is a bit of")
        values = self._debuggee.edit(variable.target, value)
        return {"value": str(values["new"]["s"]), "type": str(values["new"]["t"])}


def _target(data_id: str) -> tuple[dict[str, Any], Call | None]:
    """What a `dataId` names, and the call that it is bound to."""
    try:
        target = dict(json.loads(data_id))
        call = target.pop("call", None)
        if call is None:
            return target, None
        numbers = [call[name] for name in ("thread", "depth", "tick")]
    except (ValueError, TypeError, KeyError):
        numbers = []
    if not numbers or any(type(number) is not int or number < 0 for number in numbers):
        raise CommandError("this `dataId` is none of ours", hint="ask dataBreakpointInfo for it")
    return target, Call(*numbers)


def plain(text: str) -> Plain:
    """A value as somebody types it: nil, true, false, a number, a text in quotes."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return unquoted('"' + text[1:-1] + '"')[0]
    try:
        return float(text) if _FLOAT.fullmatch(text) else int(text, 0)
    except ValueError:
        raise CommandError(
            f"{text[:40]!r} is no value that can be put there", hint='nil, true, false, a number, or a "text"'
        ) from None
