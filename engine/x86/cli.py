"""`python -m engine x86 list|run|trace|state FILE` and `python -m engine x86 doctor`; docs/cli.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import CommandError, SourceError
from engine.events import Event, StepFlag
from engine.machine import Journal, Limits, Stop, StopReason
from engine.rooms import SourceFile
from engine.trace import TraceBatch, ValueTag, WriteKind
from engine.x86 import room
from engine.x86.doctor import report
from engine.x86.doctor_user import report as ring_3_report
from engine.x86.elf import is_elf
from engine.x86.machine import X86Machine
from engine.x86.program import CPUS, MODES, SYNTAXES

DEFAULT_MAX_TICKS = 100_000_000
_STRETCH = 1_000_000
_WIDTH = {ValueTag.BITS8: 2, ValueTag.BITS16: 4, ValueTag.BITS32: 8, ValueTag.BITS64: 16}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine x86", description="Run x86 programs instruction by instruction."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("list", "print the program's rows"),
        ("run", "run it; what it prints goes to stdout"),
        ("trace", "print every executed instruction"),
        ("state", "print the whole visible state at a tick"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("file", type=Path)
        command.add_argument("--mode", choices=MODES, help=f"default {MODES[0]}; of an ELF file user64")
        command.add_argument("--cpu", choices=CPUS, default=CPUS[0])
        command.add_argument("--syntax", choices=SYNTAXES, default=SYNTAXES[0])
        command.add_argument("--max-instructions", type=int, default=DEFAULT_MAX_TICKS, metavar="N")
        command.add_argument("--json", action="store_true")
        command.add_argument("arguments", nargs="*", help="the program's own arguments, in mode user64")
        if name == "trace":
            command.add_argument("--from", dest="first", type=int, default=1, metavar="N")
            command.add_argument("--to", dest="last", type=int, default=None, metavar="M")
        if name == "state":
            command.add_argument("--tick", type=int, default=None, metavar="N")
    doctor = commands.add_parser("doctor", help="print what this host's KVM can do")
    doctor.add_argument("--json", action="store_true")
    return parser


def _type(name: str) -> bytes:
    """The next line of standard input; empty at its end."""
    return sys.stdin.buffer.readline()


def _file(path: Path) -> SourceFile:
    try:
        data = path.read_bytes()
        return SourceFile(str(path), "", data) if is_elf(data) else SourceFile(str(path), data.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error


def _machine(options: argparse.Namespace) -> X86Machine:
    files = [_file(options.file)]
    if options.arguments:
        files.append(SourceFile(room.ARGUMENTS_FILE, "\n".join(options.arguments)))
    mode = options.mode or ("user64" if files[0].data else MODES[0])
    program = room.build(files, {"mode": mode, "cpu": options.cpu, "syntax": options.syntax})
    return room.start(program, Journal(source=_type), Limits(max_ticks=options.max_instructions))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _print_output(events: Sequence[Event]) -> None:
    for event in events:
        if event.kind == "output" and event.data["stream"] == "stderr":
            sys.stdout.flush()
            sys.stderr.buffer.write(event.data["bytes"])
            sys.stderr.flush()
        elif event.kind == "output":
            sys.stdout.buffer.write(event.data["bytes"])
        elif event.kind == "exit" and event.data["reason"] == "cpu_switched":
            sys.stderr.write(f"x86: {event.data['message']}\n")
    sys.stdout.flush()


def _run_to(machine: X86Machine, tick: int, *, prints: bool = False) -> Stop:
    """Go to `tick` without recording, or to where the program ends before."""
    stop = Stop(StopReason.BUDGET, machine.tick)
    while machine.tick < tick:
        stop = machine.run(min(_STRETCH, tick - machine.tick))
        events = machine.drain_events()
        if prints:
            _print_output(events)
        if stop.reason is not StopReason.BUDGET:
            break
    return stop


def _status(machine: X86Machine, stop: Stop, options: argparse.Namespace) -> int:
    """A program's own exit status, or 0, if it ended by itself; otherwise its complaint on stderr, and 1."""
    if stop.reason is StopReason.HALT:
        return int(stop.detail.get("status", 0))
    message = stop.detail.get("message") or f"the program was still running after {machine.tick:,} instructions"
    line = machine.rows.assembly.line_at(machine.fetch_address)
    place = f"{options.file}:{line}: " if line is not None else f"{options.file}: "
    sys.stderr.write(f"x86: {place}{message}\n")
    return 1


def _list(machine: X86Machine, options: argparse.Namespace) -> int:
    listing = machine.listing()
    if options.json:
        _say(json.dumps(listing))
        return 0
    for function in listing["functions"]:
        if function["name"]:
            _say(f"{function['name']}:")
        for row in function["rows"]:
            bytes_text = row["bytes"] if len(row["bytes"]) <= 20 else row["bytes"][:18] + "…"
            text = f"{row['op']} {row['args']}".strip()
            comment = f"  ; {row['comment']}" if row["comment"] else ""
            _say(f"  {row['address']:05x}  {bytes_text:<20}  {text}{comment}".rstrip())
    return 0


def _run(machine: X86Machine, options: argparse.Namespace) -> int:
    stop = _run_to(machine, options.max_instructions, prints=True)
    return _status(machine, stop, options)


def _writes(batch: TraceBatch, first: int, count: int, names: Sequence[str]) -> list[dict[str, Any]]:
    kinds, keys = batch.column("w_kind"), batch.column("w_key")
    olds, news, tags = batch.column("w_old"), batch.column("w_new"), batch.column("w_new_tag")
    found: list[dict[str, Any]] = []
    for i in range(first, first + count):
        width = _WIDTH[ValueTag(tags[i])]
        values = {"old": f"{olds[i]:0{width}x}", "new": f"{news[i]:0{width}x}"}
        if kinds[i] == WriteKind.REGISTER:
            found.append({"kind": "register", "name": names[keys[i]], **values})
        else:
            found.append({"kind": "memory", "address": keys[i], "size": width // 2, **values})
    return found


def _steps(machine: X86Machine, last: int) -> Iterator[dict[str, Any]]:
    """Every step from the machine's tick on up to `last`, as the JSON objects of `trace --json`."""
    batch = TraceBatch()
    while machine.tick < last:
        batch.clear()
        stop = machine.run(last - machine.tick, batch)
        exits: dict[int, list[dict[str, Any]]] = {}
        for event in machine.drain_events():
            if event.kind == "exit":
                exits.setdefault(event.tick, []).append(dict(event.data))
        names, written = machine.listing()["registers"] if batch.write_count else [], 0
        wheres, counts = batch.column("where"), batch.column("writes")
        flags, depths = batch.column("flags"), batch.column("depth")
        for i in range(batch.step_count):
            row, tick = machine.rows.rows[wheres[i]], batch.first_tick + i
            yield {
                "tick": tick,
                "address": row.address,
                "bytes": row.data.hex(),
                "text": row.instruction.text if row.instruction else "db",
                "line": row.line,
                "depth": depths[i],
                "writes": _writes(batch, written, counts[i], names),
                "io": exits.get(tick, []),
                "events": StepFlag(flags[i]).words(),
            }
            written += counts[i]
        if stop.reason is not StopReason.BUDGET:
            break


def _place(write: dict[str, Any]) -> str:
    """What a write of the trace went to, as text."""
    return str(write["name"]) if write["kind"] == "register" else f"[{write['address']:05x}]"


def _trace(machine: X86Machine, options: argparse.Namespace) -> int:
    last = options.max_instructions if options.last is None else options.last
    if options.first < 1 or last < options.first:
        raise CommandError("--from counts from 1 and must not be after --to")
    _run_to(machine, options.first - 1)
    if machine.tick < options.first - 1:
        raise CommandError(f"the program ended at tick {machine.tick}, before {options.first}")
    for step in _steps(machine, last):
        if options.json:
            _say(json.dumps(step))
        else:
            changes = ", ".join(f"{_place(w)} {w['old']} -> {w['new']}" for w in step["writes"])
            _say(f"{step['tick']:>8}  {step['address']:05x}  {step['text']:<28}  {changes}".rstrip())
    stop = machine.run(0)
    return _status(machine, stop, options) if stop.is_final else 0


def _state(machine: X86Machine, options: argparse.Namespace) -> int:
    tick = options.max_instructions if options.tick is None else options.tick
    _run_to(machine, tick)
    if options.tick is not None and machine.tick < tick:
        raise CommandError(f"the program ended at tick {machine.tick}, before {tick}")
    view = machine.view()
    if options.json:
        _say(json.dumps(view))
        return 0
    _say(f"tick {view['tick']}, depth {view['depth']}, {view['mode']} on {view['cpu']}")
    _say("  ".join(f"{r['name']}={r['value']}" for r in view["registers"]))
    _say("flags " + " ".join(f["name"] for f in view["flags"]["bits"] if f["set"]))
    _say("  ".join(f"{s['name'].lower()}={s['selector']}" for s in view["segments"]))
    for window in view["memory"]:
        _say(f"{window['name']} {window['base']:05x}: {window['bytes']}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    rows = [*report(), *ring_3_report()]
    if options.json:
        _say(json.dumps([{"what": what, "kvm": kvm, "unicorn": unicorn} for what, kvm, unicorn in rows]))
        return 0
    width = max(len(what) for what, _, _ in rows)
    middle = max(len(kvm) for _, kvm, _ in rows)
    _say(f"{'':<{width}}  {'KVM':<{middle}}  Unicorn")
    for what, kvm, unicorn in rows:
        _say(f"{what:<{width}}  {kvm:<{middle}}  {unicorn}".rstrip())
    return 0


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status."""
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    if options.command == "doctor":
        return _doctor(options)
    try:
        machine = _machine(options)
    except SourceError as error:
        for found in error.diagnostics:
            place = f"{found.file}:{found.span.line}" if found.span else found.file
            sys.stderr.write(f"x86: {place}: {found.message}\n")
        return 1
    try:
        return {"list": _list, "run": _run, "trace": _trace, "state": _state}[options.command](machine, options)
    finally:
        machine.close()
