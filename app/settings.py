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
        100, "Live sessions at once, over all web processes. Whoever comes after that is told so and can try again."
    )
    sessions_per_address: int = _setting(16, "Live sessions at once from one network address (one IPv6 /64).")
    spare_threads: int = _setting(
        32, "Threads of each web process beyond `sessions`: they answer plain requests and refusals."
    )
    data_dir: str = _setting(
        "instance", "Folder for the database of links and the list of taken places. Made at start when missing."
    )
    database_url: str = _setting("", "SQLAlchemy address of the database. Empty: `links.sqlite` in `data_dir`.")
    link_bytes: int = _setting(64 << 10, "Largest shared program, counted as its stored JSON.")
    request_bytes: int = _setting(192 << 10, "Largest body of an HTTP request.")
    origins: tuple[str, ...] = _setting(
        (), "Further origins whose pages may open `/live`, separated by commas, e.g. `https://learn.example.org`."
    )
    hosts: tuple[str, ...] = _setting(
        (), "Host names that requests may be for, separated by commas. Empty: any. Set it on a public server."
    )
    trusted_proxies: int = _setting(
        0, "Proxies in front whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. 0: none; nginx alone: 1."
    )
    idle_s: float = _setting(900.0, "A session without a command for this long is ended.")
    ping_s: float = _setting(25.0, "Time between pings to a quiet browser; two without any answer end the session.")
    message_s: float = _setting(15.0, "A message that a browser has begun to send must be complete after this time.")
    unread_s: float = _setting(
        20.0, "A browser that takes nothing of what is sent to it for this long is cut off (TCP_USER_TIMEOUT)."
    )
    inbox_messages: int = _setting(64, "Commands of one browser that may wait; one more ends the session.")
    inbox_bytes: int = _setting(1 << 20, "Bytes of commands of one browser that may wait; more ends the session.")
    request_s: float = _setting(
        30.0, "A plain request, from its first byte to its answer, is cut off after this time (slow senders)."
    )
    graceful_s: int = _setting(5, "After SIGTERM the browsers are told and the server exits within this time.")
    log_level: str = _setting("info", "How much the server logs: `debug`, `info`, `warning`, `error`.")

    @property
    def threads(self) -> int:
        """Request threads of one web process: enough for all sessions, should they all come to it, and the spare ones.

        They are made when they are needed.
        """
        return self.sessions + self.spare_threads

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
