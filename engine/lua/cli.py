"""The command line of the Lua room: `python -m engine lua list|run|trace|state`. Described in docs/cli.md."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import CommandError, SourceError
from engine.events import StepFlag
from engine.lua.compiler import compile_source, file_text
from engine.lua.dump import dump
from engine.lua.listing import list_text
from engine.lua.machine import LuaMachine, LuaProgram
from engine.lua.room import with_world, world
from engine.machine import Journal, Limits, Stop, StopReason
from engine.trace import TraceBatch, WriteKind, value_text

#: Instructions between two looks at the output.
SLICE = 2_000_000
MAX_MEMORY = 4 << 30
NO_LIMIT = 1 << 62
SUFFIXES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def _bytes(text: str) -> int:
    """`64M` as a number of bytes."""
    unit = SUFFIXES.get(text[-1:].lower(), 1)
    digits = text[:-1] if unit > 1 else text
    if not (digits.isascii() and digits.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes; write 1000000, 64M or 1G")
    return int(digits) * unit


def _count(text: str) -> int:
    """A number of instructions."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of instructions; write 1000000")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine lua", description="Lua 5.4 on the Glassbox VM.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="list|run|trace|state")

    def command(name: str, help_text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_text, description=help_text)
        sub.set_defaults(run=run)
        return sub

    sub = command("list", "Print the bytecode as `luac -l -l` does.", _list)
    sub.add_argument("file", metavar="FILE", help="a Lua text, `-` for the standard input")
    sub = command("run", "Run a program.", _run)
    sub.add_argument("-e", dest="chunks", metavar="CHUNK", action="append", default=[], help="run CHUNK first")
    sub.add_argument("--root", metavar="DIR", help="copy DIR into the machine's file system; FILE is there")
    sub.add_argument("--max-instructions", type=_count, default=NO_LIMIT, metavar="N", help="end after N instructions")
    sub.add_argument("--max-memory", type=_bytes, default=MAX_MEMORY, metavar="BYTES", help="e.g. 64M; 4G by default")
    sub.add_argument("--stats", action="store_true", help="print instructions, bytes and collections at the end")
    _program_arguments(sub, needs_file=False)
    sub = command("trace", "Print every executed instruction with what it wrote.", _trace)
    sub.add_argument("--from", dest="first", type=int, default=1, metavar="N", help="first tick")
    sub.add_argument("--to", dest="last", type=int, default=NO_LIMIT, metavar="M", help="last tick")
    sub.add_argument("--json", action="store_true", help="one JSON object a line")
    _program_arguments(sub)
    sub = command("state", "Print the whole visible state at a tick, as JSON.", _state)
    sub.add_argument("--tick", type=int, required=True, metavar="N")
    sub.add_argument("--json", action="store_true", help="on one line")
    _program_arguments(sub)
    return parser


def _program_arguments(sub: argparse.ArgumentParser, *, needs_file: bool = True) -> None:
    sub.add_argument("file", metavar="FILE", nargs=None if needs_file else "?", help="a Lua text, `-` for the stdin")
    sub.add_argument("arguments", metavar="ARG", nargs=argparse.REMAINDER, help="given as `...` and `arg`")


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except SourceError as error:
        _complain(error.message.encode("utf-8", "replace"))
        return 1
    except KeyboardInterrupt:
        _complain(b"interrupted!")
        return 130
    return status


def _complain(message: bytes) -> None:
    sys.stdout.flush()
    sys.stderr.buffer.write(b"lua: " + message + b"\n")
    sys.stderr.flush()


# -- programs ----------------------------------------------------------------------------------------------------------


def _source(file: str, root: str | None = None) -> tuple[bytes, bytes]:
    """(text, chunk name) of FILE, which is looked for under `root` first."""
    if file == "-":
        return sys.stdin.buffer.read(), b"=stdin"
    path = Path(file)
    if root is not None and Path(root, file).is_file():
        path = Path(root, file)
    try:
        return path.read_bytes(), b"@" + file.encode("utf-8", "surrogateescape")
    except OSError as error:
        raise CommandError(f"cannot open {file}", hint=error.strerror) from error


def _program(options: argparse.Namespace) -> LuaProgram:
    """FILE with its arguments; chunks of `-e` run before it, in a small program around both."""
    chunks: list[str] = getattr(options, "chunks", [])
    if options.file is None and not chunks:
        raise CommandError("nothing to run", hint="give a FILE or -e CHUNK")
    arguments = tuple(a.encode("utf-8", "surrogateescape") for a in options.arguments)
    root: str | None = getattr(options, "root", None)
    files = tuple(_files(Path(root))) if root is not None else ()
    script = () if options.file is None else (options.file.encode("utf-8", "surrogateescape"), *arguments)
    parts = [(chunk.encode("utf-8", "surrogateescape"), b"=(command line)") for chunk in chunks]
    if options.file is not None:
        text, name = _source(options.file, root)
        parts.append((file_text(text), name))
    if len(parts) == 1:
        text, name = parts[0]
        return LuaProgram(dump(compile_source(text, name)), name, script, files)
    for text, name in parts:  # what does not compile is to be said before anything runs
        compile_source(text, name)
    lines = [b"assert(load(%s, %s))(%s)" % (_quoted(t), _quoted(n), b"..." if n[:1] != b"=" else b"") for t, n in parts]
    around = compile_source(b"\n".join(lines), b"=(arguments)")
    return LuaProgram(dump(around), b"=(arguments)", script, files)


def _quoted(text: bytes) -> bytes:
    return b'"' + b"".join(b"\\%03d" % byte for byte in text) + b'"'


def _cli_world(channel: str) -> bytes | None:
    """As `room.world`, but with the standard input and chance."""
    if channel == "stdin":
        return sys.stdin.buffer.readline()
    if channel == "seed":
        return b"%d %d" % (secrets.randbits(62), secrets.randbits(62))
    return world(channel)


def _machine(options: argparse.Namespace, memory: int, own: Callable[[str], bytes | None] = world) -> LuaMachine:
    limits = Limits(memory_bytes=memory, output_bytes=NO_LIMIT)
    return LuaMachine(_program(options), with_world(Journal(), own), limits)


# -- commands ----------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    text, name = _source(options.file)
    listing = list_text(compile_source(file_text(text), name))
    sys.stdout.buffer.write(listing.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
    return 0


def _pour(machine: LuaMachine) -> None:
    """Write what the program has written since the last time."""
    for event in machine.drain_events():
        if event.kind == "output":
            stream = sys.stderr if event.data["stream"] == "stderr" else sys.stdout
            if stream is sys.stderr:
                sys.stdout.flush()
            stream.buffer.write(event.data["bytes"])
    sys.stdout.flush()


def _run(options: argparse.Namespace) -> int:
    machine = _machine(options, options.max_memory, _cli_world)
    try:
        while True:
            budget = min(SLICE, options.max_instructions - machine.tick)
            stop = machine.run(budget)
            _pour(machine)
            if stop.is_final or stop.reason is StopReason.INPUT:
                break
            if machine.tick >= options.max_instructions:
                message = f"{_place(machine)}the limit of {options.max_instructions} instructions is reached"
                stop = Stop(StopReason.LIMIT, machine.tick, {"limit": "instructions", "message": message})
                break
        if options.stats:
            _print_statistics(machine)
    finally:
        machine.close()
    return _exit_status(stop)


def _place(machine: LuaMachine) -> str:
    """`FILE:LINE: ` of the next instruction, as messages begin; nothing for code without lines."""
    placed = machine.functions.row(machine.where) if machine.where is not None else None
    if placed is None or not placed[1].get("line"):
        return ""
    return f"{placed[0]['file']}:{placed[1]['line']}: "


def _exit_status(stop: Stop) -> int:
    """0 for a program that ended well, else say what ended it."""
    if stop.reason is StopReason.HALT:
        return int(stop.detail.get("status", 0))
    message: str = stop.detail.get("message", f"the program waits for {stop.detail.get('channel')}")
    traceback: str = stop.detail.get("traceback", "")
    text = f"{message}\n{traceback}" if traceback else message
    _complain(text.encode("utf-8", "surrogateescape"))
    return 1


def _print_statistics(machine: LuaMachine) -> None:
    memory = machine.memory()
    sys.stderr.write(f"instructions {machine.tick}\n")
    for name, value in memory.items():
        sys.stderr.write(f"{name} {value}\n")
    sys.stderr.flush()


def _files(root: Path) -> Iterator[tuple[bytes, bytes]]:
    """(path relative to the root, content) of every file under `root`, in order."""
    if not root.is_dir():
        raise CommandError(f"{root} is not a folder")
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield os.fsencode(path.relative_to(root)), path.read_bytes()


def _trace(options: argparse.Namespace) -> int:
    machine = _machine(options, MAX_MEMORY)
    batch = TraceBatch(step_capacity=4096, write_capacity=16384, text_capacity=1 << 18)
    try:
        stop = None
        while machine.tick < options.first - 1 and (stop is None or stop.reason is StopReason.BUDGET):
            stop = machine.run(options.first - 1 - machine.tick)
        while (stop is None or not stop.is_final) and machine.tick < options.last:
            batch.clear()
            stop = machine.run(min(options.last - machine.tick, SLICE), batch)
            machine.drain_events()
            for step in steps(machine, batch):
                sys.stdout.write((json.dumps(step, ensure_ascii=False) if options.json else _line(step)) + "\n")
            if stop.reason is StopReason.INPUT:
                break
        return 0 if stop is None or not stop.is_final else _exit_status(stop)
    finally:
        sys.stdout.flush()
        machine.close()


def _state(options: argparse.Namespace) -> int:
    machine = _machine(options, MAX_MEMORY)
    try:
        while machine.tick < options.tick:
            stop = machine.run(min(SLICE, options.tick - machine.tick))
            machine.drain_events()
            if stop.is_final or stop.reason is StopReason.INPUT:
                break
        if machine.tick != options.tick:
            raise CommandError(f"the program has only {machine.tick} ticks")
        text = json.dumps(machine.view(), ensure_ascii=False, indent=None if options.json else 2)
        sys.stdout.write(text + "\n")
        return 0
    finally:
        machine.close()


# -- the trace as JSON -------------------------------------------------------------------------------------------------


def steps(machine: LuaMachine, batch: TraceBatch) -> Iterator[dict[str, Any]]:
    """The steps of a batch as the objects that `trace --json` prints."""
    column = {name: batch.column(name) for name in batch.columns}
    at = 0
    for n in range(batch.step_count):
        count = column["writes"][n]
        placed = machine.functions.row(column["where"][n])
        function, row = placed if placed else ({"name": "function", "upvalues": [], "id": -1}, {})
        yield {
            "tick": batch.first_tick + n,
            "thread": column["thread"][n],
            "depth": column["depth"][n],
            "function": function["name"],
            "pc": row.get("pc"),
            "line": row.get("line"),
            "op": row.get("op"),
            "writes": [_write(machine, batch, column, n, w, function, row) for w in range(at, at + count)],
            "events": StepFlag(column["flags"][n]).words(),
        }
        at += count


def _write(
    machine: LuaMachine,
    batch: TraceBatch,
    column: dict[str, Any],
    n: int,
    w: int,
    function: dict[str, Any],
    row: dict[str, Any],
) -> dict[str, Any]:
    """One write of step `n`: kind, index, name, old and new value, and the identity of what was written to."""
    key = value_text(batch, column["w_key_tag"][w], column["w_key"][w])
    owner, kind = column["w_owner"][w], WriteKind(column["w_kind"][w])
    name = None
    word = kind.name.lower()
    if kind is WriteKind.SLOT:
        index = key - column["base"][n]
        if owner == column["thread"][n] and index >= 0:
            word, key = "register", index
            names = machine.functions.locals_at(function["id"], row["pc"] + 1) if row else []
            name = names[index] if index < len(names) else None
    elif kind is WriteKind.UPVALUE and 0 <= key < len(function["upvalues"]):
        name = function["upvalues"][key]["name"]
    elif isinstance(key, str):
        name = key
    return {
        "kind": word,
        "index": key,
        "name": name,
        "owner": owner,
        "old": value_text(batch, column["w_old_tag"][w], column["w_old"][w]),
        "new": value_text(batch, column["w_new_tag"][w], column["w_new"][w]),
    }


def _line(step: dict[str, Any]) -> str:
    """A step for people."""
    place = f"{step['function']}:{step['pc']}"
    writes = "  ".join(
        f"{w['kind']} {w['name'] or w['index']}: {_short(w['old'])} -> {_short(w['new'])}" for w in step["writes"]
    )
    words = " ".join(step["events"])
    text = f"{step['tick']:>8}  {step['depth']:>3}  {place:<24} {step['line'] or '-':>5}  {step['op'] or '?':<10}"
    return f"{text} {writes}{'  [' + words + ']' if words else ''}".rstrip()


def _short(value: Any) -> str:  # noqa: ANN401 - JSON data
    if isinstance(value, dict):
        kind, number = next(iter(value.items()))
        return f"{kind} #{number}"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)
