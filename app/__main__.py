"""What whoever runs the server may ask of it: `python -m app COMMAND`, with the server's own environment variables."""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.control import tell_all
from app.places import Places
from app.replicas import LinkCache, SharedStore, is_shared
from app.settings import Settings
from app.store import Store, is_id
from app.succession import reload
from engine.errors import GlassboxError, HostUnavailable

FORMAT = {"glassbox": "links", "version": 1}


def backup(store: Store, path: Path) -> int:
    """Write every link to a file, which is there whole or not at all; how many there were.

    The file is compressed JSON lines: what it is, the links, their number.
    """
    partial = path.with_name(path.name + ".partial")
    count = 0
    with open(partial, "wb") as raw:
        with gzip.open(raw, "wt", encoding="utf-8") as file:
            file.write(json.dumps(FORMAT) + "\n")
            for link_id, payload, created_at in store.all_links():
                entry = {"id": link_id, "payload": base64.b64encode(payload).decode(), "at": created_at.isoformat()}
                file.write(json.dumps(entry) + "\n")
                count += 1
            file.write(json.dumps({"links": count}) + "\n")
        raw.flush()
        os.fsync(raw.fileno())
    os.replace(partial, path)
    return count


def restore(store: Store, path: Path) -> tuple[int, int]:
    """Put the links of a backup back; (how many were missing and are here now, how many the file has).

    HostUnavailable if the file is no complete backup; then nothing was changed.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        complete = lines[0] == FORMAT and lines[-1] == {"links": len(lines) - 2}
        links = [(x["id"], base64.b64decode(x["payload"]), datetime.fromisoformat(x["at"])) for x in lines[1:-1]]
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError) as cause:
        raise HostUnavailable(f"{path} cannot be read as a backup: {cause.__class__.__name__}") from cause
    if not complete or not all(is_id(link_id) for link_id, _, _ in links):
        raise HostUnavailable(f"{path} is no complete backup of links")
    return sum(store.put_back(*link) for link in links), len(links)


def sessions(settings: Settings) -> list[str]:
    """A line for each live session and each browser that waits."""
    lines = []
    for name, most in (("places", settings.sessions), ("queue", settings.queue)):
        if not (settings.data_path / name).exists():
            continue
        places = Places(settings.data_path / name, most, settings.sessions_per_address)
        kind = "session" if name == "places" else "waiting"
        lines += [f"{kind} {number} {network}" for number, (network, _) in sorted(places.records().items())]
        places.close()
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_, argument in (
        ("sessions", "list live sessions and who waits", None),
        ("end", "end a session, by its number in `sessions`", "number"),
        ("reports", "list what visitors reported about links", None),
        ("delete", "delete a link", "link"),
        ("backup", "write all links to a file", "file"),
        ("restore", "put the links of such a file back; those that are here stay", "file"),
        ("migrate", "bring the database's tables up to date", None),
        ("reload", "put a server with new code and settings in the place of the running one, without a gap", None),
    ):
        command = commands.add_parser(name, help=help_)
        if argument:
            command.add_argument(argument, type=int if argument == "number" else str)
    return parser


def run(arguments: Sequence[str], settings: Settings) -> tuple[int, list[str]]:
    """Carry a command out: (exit status, lines to show)."""
    wanted = _parser().parse_args(arguments)
    if wanted.command == "sessions":
        return 0, sessions(settings)
    if wanted.command == "end":
        answers = tell_all(settings.data_path, {"do": "end", "session": wanted.number})
        done = any(answer["done"] for answer in answers)
        return (0, ["ended"]) if done else (1, [f"there is no session {wanted.number}"])
    if wanted.command == "reload":
        old, new = reload(settings.data_path, settings.web_workers)
        return 0, [f"process {new} serves in the place of {old}"]
    shared = SharedStore(settings.limits_url) if is_shared(settings.limits_url) else None
    store = Store(settings, LinkCache(shared, settings.link_cache_s))
    try:
        if wanted.command == "reports":
            return 0, [f"{link} {when:%Y-%m-%d} {json.dumps(why)}" for link, why, when in store.reports()]
        if wanted.command == "delete":
            return (0, ["deleted"]) if store.remove(wanted.link) else (1, ["there is no such link"])
        if wanted.command == "backup":
            return 0, [f"{backup(store, Path(wanted.file))} links written"]
        if wanted.command == "restore":
            new, found = restore(store, Path(wanted.file))
            return 0, [f"{new} of {found} links put back, the others were here"]
        return (0, ["up to date"]) if store.is_up() else (1, ["the database is away"])
    finally:
        store.close()


def main(arguments: Sequence[str]) -> int:
    """The command line."""
    try:
        status, lines = run(arguments, Settings.from_environ())
    except GlassboxError as error:
        status, lines = 1, [f"{error.message} ({error.hint})" if error.hint else error.message]
    except ValueError as error:
        status, lines = 2, [str(error)]
    for line in lines:
        print(line)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
