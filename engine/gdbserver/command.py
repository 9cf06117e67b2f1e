"""`python -m engine gdbserver`: one program, for one gdb after the other."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.debug import Debuggee, open_program
from engine.debug.opening import sentence_of
from engine.debug.serving import parse_address, serve
from engine.errors import CommandError, SourceError
from engine.gdbserver.packets import Packets
from engine.gdbserver.stub import Stub
from engine.rooms import ROOMS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine gdbserver", description="Let gdb debug a program, forwards and backwards."
    )
    parser.add_argument("--listen", metavar="[HOST:]PORT", required=True, help="only this computer without a HOST")
    parser.add_argument("--room", choices=[room.name for room in ROOMS], help="by the file's name if not given")
    parser.add_argument("--input", type=Path, metavar="FILE", help="what the program reads; then its input ends")
    parser.add_argument("--once", action="store_true", help="end when the first gdb goes")
    values: dict[str, list[str]] = {}
    for room in ROOMS:
        for option in room.options:
            known = values.setdefault(option.name, [])
            known += [value for value in option.values if value not in known]
    for name, choices in values.items():
        parser.add_argument(f"--{name}", choices=choices)
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.set_defaults(option_names=list(values))
    return parser


def _input_lines(path: Path | None) -> list[bytes] | None:
    if path is None:
        return None
    try:
        return path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _described(debuggee: Debuggee) -> str:
    description = debuggee.view.target_description()
    if description is None:
        raise CommandError("this program has no CPU that gdb knows", hint="`python -m engine dap` debugs it")
    return description


def main(arguments: Sequence[str]) -> int:
    """Serve until interrupted, or with `--once` until the first gdb goes; the exit status."""
    options = _parser().parse_args(arguments)
    chosen: dict[str, Any] = {
        name: getattr(options, name) for name in options.option_names if getattr(options, name) is not None
    }
    lines = _input_lines(options.input)

    def start(on_output: Callable[[str, bytes], None], hear: Callable[[], bool]) -> Debuggee:
        return open_program(options.room, options.file, chosen, on_output=on_output, hear=hear, input_lines=lines)

    def talk(client: socket.socket) -> bool:
        stub = Stub(Packets(client))
        debuggee = start(stub.say, stub.hear)
        try:
            stub.set_debuggee(debuggee, _described(debuggee))
            stub.serve()
        finally:
            debuggee.close()
        return not options.once

    try:
        rehearsal = start(lambda stream, data: None, lambda: False)
    except SourceError as error:
        sys.stderr.write(f"gdbserver: {sentence_of(error)}\n")
        return 1
    try:
        _described(rehearsal)  # what is wrong with the program is said before anybody connects
    finally:
        rehearsal.close()
    try:
        serve(parse_address(options.listen), "gdbserver", talk)
    except KeyboardInterrupt:
        return 130
    return 0
