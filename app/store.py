"""Share links: programs that somebody sent as a link, kept for good.

A link that was acknowledged is on the disk: SQLite in WAL mode with synchronous=FULL, one immediate transaction each.
The same content always gets the same id, so a retry after a lost answer makes no second row.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import secrets
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, LargeBinary, String, create_engine, event, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.links import canonical, validate_payload
from app.settings import Settings
from engine.errors import HostUnavailable

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 96 random bits in base 62, always this many characters.
ID_LENGTH = 17
BUSY_TIMEOUT_MS = 5000


class Base(DeclarativeBase):
    """The tables of this module."""


class Link(Base):
    """One stored program: `payload` is its canonical JSON, `sha256` that JSON's hash."""

    __tablename__ = "links"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


@dataclass(frozen=True)
class Shared:
    """A link as the rest of the program sees it."""

    id: str
    payload: Mapping[str, Any]


def new_id() -> str:
    """A random id of 96 bits: nobody can guess the link of somebody else. Letters and digits only."""
    number = secrets.randbits(96)
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def is_id(text_: str) -> bool:
    """Whether a text could be an id at all; what is not never reaches the database."""
    return len(text_) == ID_LENGTH and all(c in ALPHABET for c in text_)


class Store:
    """The database of links. Thread-safe; several processes may use the same file."""

    def __init__(self, settings: Settings) -> None:
        """Open the database, making its folder and tables when they are missing. HostUnavailable if that fails."""
        self.link_bytes = settings.link_bytes
        url = settings.database_url
        try:
            if not url:
                settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
                url = f"sqlite:///{settings.data_path / 'links.sqlite'}"
            self.engine: Engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
            if self.engine.dialect.name == "sqlite":
                _prepare_sqlite(self.engine)
            with _alone(settings), self._writing() as connection:
                Base.metadata.create_all(connection)
        except (OSError, OperationalError) as cause:
            raise HostUnavailable(
                f"the database of links cannot be opened: {cause.__class__.__name__}",
                hint=f"is {settings.database_url or settings.data_path} there, and may this user write to it?",
            ) from cause

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that takes the write lock at its start, so that it never fails half-way for want of it."""
        with self.engine.connect().execution_options(immediate=True) as connection, connection.begin():
            yield connection

    def save(self, data: object) -> Shared:
        """Keep a program (validated here) and answer its link; the same content gets the same link.

        CommandError or LimitExceeded for a bad payload, HostUnavailable when nothing can be written now.
        """
        payload = validate_payload(data)
        body = canonical(payload, self.link_bytes)
        digest = hashlib.sha256(body).digest()
        try:
            known = self._id_of(digest)
            if known is None:
                known = new_id()
                row = Link(id=known, sha256=digest, payload=body, created_at=datetime.now(UTC))
                with self._writing() as connection, Session(bind=connection) as session:
                    session.add(row)
                    session.flush()
        except IntegrityError:
            known = self._id_of(digest)  # somebody stored the same content between our look and our insert
            if known is None:
                raise
        except OperationalError as cause:
            raise HostUnavailable("the link cannot be stored now", hint="try again in a moment") from cause
        return Shared(known, payload)

    def load(self, link_id: str) -> Shared | None:
        """The link, or None if there is none. HostUnavailable when the database is away."""
        if not is_id(link_id):
            return None
        try:
            with Session(self.engine) as session:
                row = session.get(Link, link_id)
        except OperationalError as cause:
            raise HostUnavailable("the link cannot be read now", hint="try again in a moment") from cause
        return Shared(row.id, json.loads(row.payload)) if row else None

    def _id_of(self, digest: bytes) -> str | None:
        with Session(self.engine) as session:
            return session.scalar(select(Link.id).where(Link.sha256 == digest))

    def is_up(self) -> bool:
        """Whether the database answers now."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1 FROM links LIMIT 1"))
        except OperationalError:
            return False
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Only one process at a time makes the tables: the web processes all start at once."""
    if settings.database_url:
        yield
        return
    with open(settings.data_path / "start.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _prepare_sqlite(engine: Engine) -> None:
    """Durable and patient: WAL, every commit flushed to the disk, a wait instead of an error when another writes."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:  # noqa: ANN401 - the driver's own type
        connection.isolation_level = None  # we begin transactions ourselves, below
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
