"""What whoever runs Glassbox may set: one table, read from environment variables, documented in docs/settings.md.

The table is the `Settings` dataclass; `SETTINGS` is the same table as rows. The variable of `sessions` is
`GLASSBOX_SESSIONS`; `PORT` is taken as well, because hosts hand the port over under that name. app/settingsgen.py
makes docs/settings.md from it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "GLASSBOX_"


@dataclass(frozen=True)
class Setting:
    """One row: field name, default, the word for its type that the docs show, and what it does, units included."""

    name: str
    default: Any
    type: str
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


def _setting(default: Any, help: str) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """The settings of one server. Durations are seconds, sizes bytes. Immutable; `replace` makes a changed copy."""

    bind: str = _setting(
        "127.0.0.1:8000",
        "Address and port to listen on; `0.0.0.0:8000` for every interface (what a container needs), or "
        "`unix:/path`. Where it is not set, the plain variable `PORT` sets the port.",
    )
    web_workers: int = _setting(
        2, "Web processes. Each keeps its own live sessions, so one that dies takes only its own with it."
    )
    sessions: int = _setting(
        100, "Live sessions at once, over all web processes. Whoever comes after that waits in the queue."
    )
    queue: int = _setting(
        100, "Browsers that may wait for a place, told which number they have. Whoever comes after that is sent away."
    )
    sessions_per_address: int = _setting(
        16, "Live sessions at once from one network address (one IPv6 /64), over all servers that share `limits_url`."
    )
    spare_threads: int = _setting(
        32, "Threads of each web process beyond `sessions`: they answer plain requests and refusals."
    )
    data_dir: str = _setting(
        "instance", "Folder for the database of links and the list of taken places. Made at start when missing."
    )
    database_url: str = _setting(
        "",
        "Address of the database, e.g. `postgresql://user:password@host/name`; the plain variable `DATABASE_URL` is "
        "taken as well. Empty: `links.sqlite` in `data_dir`.",
    )
    limits_url: str = _setting(
        "",
        "Redis that several servers share, e.g. `redis://host:6379`: requests, sessions and who waits are counted "
        "there for all of them, and links that were read lately are kept. Empty: each server by itself, requests by "
        "each process.",
    )
    sessions_in_all: int = _setting(
        0, "Live sessions at once over all servers that share `limits_url`. 0: as many as each has places for."
    )
    link_cache_s: int = _setting(
        600, "Seconds that a link which was read is kept in the Redis of `limits_url` for all servers; 0: not at all."
    )
    links_per_day: int = _setting(200, "Programs that one network address may store in a day; 0: no limit.")
    requests_per_minute: int = _setting(
        600,
        "Pages and API requests of one network address in a minute; 0: no limit.",
    )
    sockets_per_minute: int = _setting(
        120, "Live sockets that one network address may open in a minute; 0: no limit. Counted as requests are."
    )
    pictures_per_minute: int = _setting(
        30, "Pictures of moments that one network address may have drawn in a minute, each kind; 0: no limit."
    )
    link_bytes: int = _setting(64 << 10, "Largest shared program, counted as its stored JSON.")
    request_bytes: int = _setting(192 << 10, "Largest body of an HTTP request.")
    origins: tuple[str, ...] = _setting(
        (), "Further origins whose pages may open `/live`, separated by commas, e.g. `https://learn.example.org`."
    )
    embed_origins: tuple[str, ...] = _setting(
        ("*",), "Sites that may show `/embed/…` in a frame, separated by commas, e.g. `https://learn.example.org`."
    )
    hosts: tuple[str, ...] = _setting(
        (), "Host names that requests may be for, separated by commas. Empty: any. Set it on a public server."
    )
    trusted_proxies: int = _setting(
        0, "Proxies in front whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. 0: none; nginx alone: 1."
    )
    source_bytes: int = _setting(
        64 << 10, "Longest source text that a session opens, all files together; 64 KiB at most."
    )
    upload_bytes: int = _setting(
        1 << 20, "Largest executable that a session opens; 1 MiB at most. 0: only source text is taken."
    )
    max_ticks: int = _setting(100_000_000, "Instructions that one run may execute.")
    memory_bytes: int = _setting(128 << 20, "Memory that a program may use.")
    output_bytes: int = _setting(256 << 10, "What a program may write in one run.")
    session_s: int = _setting(2700, "A session ends after this time, whatever it does.")
    cpu_s: int = _setting(600, "Processor time that one session may use.")
    worker_bytes: int = _setting(512 << 20, "Memory of a session's process, with its recording.")
    cpu_percent: int = _setting(100, "Share of one processor that a session may have, where workers get a cgroup.")
    cgroup: str = _setting(
        "", "Folder of a cgroup (version 2) that is handed down to the server. Empty: its own, where it may be divided."
    )
    require_sandbox: str = _setting(
        "",
        "Do not start when a protection is missing: `walls` (those of the kernel that every host should have) or `all` "
        "(also a user and a cgroup for each worker). Empty: say on `/health` what is missing.",
    )
    metrics_for: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1"), "Networks that may read `/metrics`, separated by commas."
    )
    resume_s: float = _setting(
        300.0,
        "How long a session waits for its browser after the connection broke, keeping its place unless somebody waits "
        "for one; 0: not at all.",
    )
    idle_s: float = _setting(900.0, "A session without a command for this long is ended.")
    commands_per_s: int = _setting(
        200,
        "Commands of one session in a second, and twice as many at once; more wait in their connection. `credit` and "
        "`pause` count a tenth. 0: no limit.",
    )
    ping_s: float = _setting(25.0, "Time between pings to a quiet browser; two without any answer end the session.")
    message_s: float = _setting(15.0, "A message that a browser has begun to send must be complete after this time.")
    unread_s: float = _setting(
        20.0, "A browser that takes nothing of what is sent to it for this long is cut off (TCP_USER_TIMEOUT)."
    )
    inbox_messages: int = _setting(64, "Commands of one browser that may wait; one more ends the session.")
    inbox_bytes: int = _setting(2 << 20, "Bytes of commands of one browser that may wait; more ends the session.")
    request_s: float = _setting(
        30.0, "A plain request, from its first byte to its answer, is cut off after this time (slow senders)."
    )
    graceful_s: int = _setting(5, "After SIGTERM the browsers are told and the server exits within this time.")
    log_format: str = _setting("text", "How sessions are logged: `text`, or `json` with one object a line.")
    log_level: str = _setting("info", "How much the server logs: `debug`, `info`, `warning`, `error`.")

    @property
    def threads(self) -> int:
        """Request threads of one web process: enough for all sessions and the queue, should all come to it, and more.

        They are made when they are needed.
        """
        return self.sessions + self.queue + self.spare_threads

    @property
    def data_path(self) -> Path:
        """`data_dir` as an absolute path; a relative one counts from the folder of the program."""
        return ROOT / self.data_dir

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """The settings that these variables make; ValueError names the variable that makes no sense."""
        values: dict[str, Any] = {}
        for row in SETTINGS:
            text = environ.get(row.variable)
            if text is None and row.name == "bind" and environ.get("PORT"):
                text = f"127.0.0.1:{environ['PORT']}"
            if text is None and row.name == "database_url":
                text = environ.get("DATABASE_URL")
            if text is not None:
                values[row.name] = parse(row, text.strip())
        return cls(**values)


def _row(spec: Field[Any]) -> Setting:
    type_word = "list" if isinstance(spec.default, tuple) else type(spec.default).__name__
    return Setting(spec.name, spec.default, type_word, spec.metadata["help"])


SETTINGS: tuple[Setting, ...] = tuple(_row(spec) for spec in fields(Settings))


def parse(row: Setting, text: str) -> Any:  # noqa: ANN401 - as many types as the table has
    """The value that a variable's text stands for; ValueError names the variable. Numbers are never negative."""
    if row.type == "list":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if row.type == "str":
        return text
    try:
        number = int(text) if row.type == "int" else float(text)
    except ValueError:
        wanted = "a whole number" if row.type == "int" else "a number"
        raise ValueError(f"{row.variable} must be {wanted}, not {text!r}") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{row.variable} must not be negative or endless: {text!r}")
    return number


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with our prefix that set nothing: most likely a slip that the log should mention."""
    known = {row.variable for row in SETTINGS}
    return sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
