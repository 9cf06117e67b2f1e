"""Loads the machines before the first fork, and finds out what their sessions import late.

A confined worker cannot read the file system, so a module that is loaded at its first use would be missing just then.
The rehearsal plays a short session of each room in a throwaway process and reports the modules that it left loaded.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from engine import pages
from engine.examples import Example, load_examples
from engine.machine import Limits
from engine.rooms import ROOMS, Room
from engine.session import Session
from engine.worker.server import as_json

log = logging.getLogger("glassbox.worker")

_SECONDS = 30.0
#: How much of each example is played: enough to reach what it is about, little enough for every start of the service.
BEGINNING_TICKS = 500
#: After so many calls CPython has adapted a function's code.
PRACTICE_ROUNDS = 20


def warm_rooms() -> tuple[dict[str, str | None], list[int]]:
    """Import every room and what all need; ({room: None or why it cannot run}, descriptors to keep).

    A room's module may offer `prepare() -> sequence of descriptors`: what it opens here (a device that only this
    user may open) stays open in every worker.
    """
    pages.capture([])
    found: dict[str, str | None] = {}
    keep: list[int] = []
    for room in ROOMS:
        try:
            prepare = getattr(room.module, "prepare", None)
            if prepare is not None:
                keep += prepare()
            found[room.name] = None
        except Exception as error:
            log.exception("the machine %s cannot be loaded", room.name)
            found[room.name] = f"{type(error).__name__}: {error}"
    return found, keep


def _commands(room: Room, examples: Sequence[Example]) -> Iterator[dict[str, Any]]:
    """A short session: a text that is no program; the start of each example; the first, with each option's values."""
    nonsense = "\u00a7 ) nonsense \x01"
    yield {"do": "open", "room": room.name, "files": [{"name": room.main_file, "text": nonsense}]}
    if not examples:
        return
    for other in examples:
        texts = [{"name": file.name, "text": file.text} for file in other.files]
        yield {"do": "credit", "frames": 1000}
        yield {"do": "open", "room": room.name, "files": texts, "options": other.options}
        yield {"do": "run", "to": BEGINNING_TICKS}
    example = examples[0]
    files = [{"name": file.name, "text": file.text} for file in example.files]
    choices = [{option.name: value} for option in room.options for value in option.values]
    for choice in choices or [{}]:
        yield {"do": "credit", "frames": 1000}
        yield {"do": "open", "room": room.name, "files": files, "options": {**example.options, **choice}}
        yield {"do": "breakpoints", "places": [{"line": 1}]}
        yield {"do": "run"}
        yield {"do": "step", "count": -3}
        yield {"do": "continue", "direction": -1}
        yield {"do": "trace", "from": 1, "to": 2}
        yield {"do": "listing"}
        yield {"do": "moment"}
        yield {"do": "inspect", "query": {"kind": "nothing"}}


def _play(room: Room, writer: int) -> None:
    """The throwaway process: a session of `room` with its first example, then the names of what is loaded."""
    logging.disable()
    examples = [example for example in load_examples() if example.room == room.name]
    session = Session(lambda event: None, lambda frame: None, limits=Limits(max_ticks=20_000), trace_window=200)
    for number, command in enumerate(_commands(room, examples)):
        session.execute({"v": 1, "id": number, **command})
    session.close()
    with os.fdopen(writer, "w") as stream:
        json.dump(sorted(sys.modules), stream)


def practise() -> None:
    """Play short sessions in this very process, so that the interpreter has adapted the code before it is shared.

    Rooms that need a program of the system are left out: nothing is started here. Each round takes another example.
    """
    for room in ROOMS:
        examples = [example for example in load_examples() if example.room == room.name]
        if hasattr(room.module, "delegate") or not examples:
            continue
        for turn in range(PRACTICE_ROUNDS):
            example = examples[turn % len(examples)]
            session = Session(_to_nobody, _to_nobody, limits=Limits(max_ticks=20_000), trace_window=200)
            steps = [{"do": "step", "count": count} for count in (1, 1, 5, -1, -3)] * 2
            for number, command in enumerate([*_commands(room, [example]), *steps]):
                session.execute({"v": 1, "id": number, **command})
            session.close()


def _to_nobody(answer: object) -> None:
    if not isinstance(answer, bytes):
        as_json(answer)


def read_all(reader: int, seconds: float) -> bytes:
    """Everything until the other side closes; what came so far when the time is over."""
    data, deadline = b"", time.monotonic() + seconds
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        part = os.read(reader, 1 << 16)
        if not part:
            break
        data += part
    return data


def rehearse(room: Room) -> list[str]:
    """Import what sessions of `room` are going to need; the names of the modules that this added."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        # Nothing may return from here: the parent's stack belongs to the parent.
        try:
            os.close(reader)
            _play(room, writer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    data = read_all(reader, _SECONDS)
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        wanted = json.loads(data)
    except ValueError:
        log.error("the rehearsal of %s did not finish: status %d, %d bytes", room.title, status, len(data))
        return []
    added = [name for name in wanted if name not in sys.modules]
    for name in added:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    return added
