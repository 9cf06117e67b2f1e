"""Share links: programs that somebody sent as a link, kept for good.

A link that was acknowledged is on the disk: SQLite in WAL mode with synchronous=FULL, one immediate transaction each;
or what PostgreSQL promises for a commit. The tables are made by the steps in app/migrations.
The same content always gets the same id, so a retry after a lost answer makes no second row.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import secrets
import sqlite3
import string
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    Executable,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    create_engine,
    delete,
    event,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from app.links import canonical, validate_payload
from app.replicas import LinkCache
from app.settings import ROOT, Settings
from engine.errors import HostUnavailable

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: 96 random bits in base 62, always this many characters.
ID_LENGTH = 17
BUSY_TIMEOUT_MS = 5000
CONNECT_TIMEOUT_S = 3
#: The advisory lock of PostgreSQL under which one server at a time makes the tables; any number of our own.
MIGRATION_LOCK = 0x61617373

log = logging.getLogger("glassbox.store")


class Base(DeclarativeBase):
    """The tables of this module."""


class Link(Base):
    """One stored program: `payload` is its canonical JSON, `sha256` that JSON's hash."""

    __tablename__ = "links"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Report(Base):
    """What somebody said about a link. The link may be gone already."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    link_id: Mapped[str] = mapped_column(String(ID_LENGTH), index=True)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


_LINKS = Link.__table__
assert isinstance(_LINKS, Table)  # noqa: S101 (it is mapped to one)
#: What saving says to a database, made once: a new row, unless its content is there, by dialect; the id of a content.
INSERTS: dict[str, Executable] = {
    "sqlite": sqlite.insert(_LINKS).on_conflict_do_nothing(index_elements=["sha256"]),
    "postgresql": postgresql.insert(_LINKS).on_conflict_do_nothing(index_elements=["sha256"]),
}
ID_OF = select(_LINKS.c.id).where(_LINKS.c.sha256 == bindparam("digest"))


@dataclass(frozen=True)
class Shared:
    """A link as the rest of the program sees it."""

    id: str
    payload: Mapping[str, Any]


class Row:
    """A link on its way into the database; `finish` says how it went."""

    def __init__(self, id: str, sha256: bytes, payload: bytes) -> None:
        self.id, self.sha256, self.payload = id, sha256, payload
        self.is_done = False
        self.error: BaseException | None = None

    def finish(self, error: BaseException | None) -> None:
        """It is stored, or it is not for this reason."""
        self.error, self.is_done = error, True


class Waiting:
    """The rows that wait to be stored by whoever comes first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """One more."""
        with self._lock:
            self._rows.append(row)

    def take(self, only: Row | None) -> list[Row]:
        """All that wait, or one of them; they wait no more."""
        with self._lock:
            if only is not None:
                self._rows.remove(only)
                return [only]
            rows, self._rows = self._rows, []
            return rows


def new_id() -> str:
    """A random id of 96 bits: nobody can guess the link of somebody else. Letters and digits only."""
    number = secrets.randbits(96)
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def _says_full(cause: Exception) -> bool:
    """Whether a database or the system says that the disk has no room."""
    said = str(cause).lower()
    return "full" in said or "no space" in said


def is_id(text_: str) -> bool:
    """Whether a text could be an id at all; what is not never reaches the database."""
    return len(text_) == ID_LENGTH and all(c in ALPHABET for c in text_)


class Store:
    """The database of links. Thread-safe; several processes may use the same database."""

    def __init__(self, settings: Settings, cache: LinkCache | None = None) -> None:
        """Open the database and bring its tables up to date.

        HostUnavailable if a file cannot be opened. A database that can only be read is used for that; one on another
        host that is away is tried again when it is needed.
        """
        self.link_bytes = settings.link_bytes
        #: False when the database said that it takes nothing: links are read, none are stored.
        self.is_writable = True
        self._settings = settings
        self._cache = cache or LinkCache(None, 0)
        self._preparing = threading.Lock()
        self._turn: AbstractContextManager[object] = threading.Lock()
        self._storing: AbstractContextManager[object] = threading.Lock()
        self._gate = ""
        self._waiting = Waiting()
        self._prepared = False
        url = settings.database_url
        try:
            if not url:
                settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
                url = f"sqlite:///{settings.data_path / 'links.sqlite'}"
            self.engine: Engine = _engine(url)
            if not self._is_file:
                self._turn = self._storing = nullcontext()
            elif self.engine.url.database not in (None, "", ":memory:"):
                self._gate = f"{self.engine.url.database}.lock"
            self._prepare()
        except (OSError, DBAPIError) as cause:
            if isinstance(cause, DBAPIError) and not self._is_file:
                log.error("the database of links is away: %s", cause.__class__.__name__)
                return
            place = settings.database_url or settings.data_path
            is_full = _says_full(cause)
            raise HostUnavailable(
                f"the database of links cannot be opened: {cause.__class__.__name__}",
                hint=f"the disk of {place} is full" if is_full else f"is {place} there, and may this user write to it?",
            ) from cause

    @property
    def _is_file(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    def _prepare(self) -> None:
        """Run the missing migrations, once for each process; with a database that takes nothing, see that it is one."""
        with self._preparing:
            if self._prepared:
                return
            try:
                with _alone(self._settings), self._writing() as connection:
                    if not self._is_file:
                        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
                    migrate(connection)
            except (OSError, DBAPIError) as cause:
                try:
                    with self.engine.connect() as connection:
                        connection.execute(text("SELECT 1 FROM links LIMIT 1"))
                except DBAPIError:
                    raise cause from None
                self.is_writable = False
                log.warning("the database of links can only be read: %s", cause.__class__.__name__)
            self._prepared = True

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction that takes the write lock at its start, so that it never fails half-way for want of it.

        Threads and processes take turns before they ask SQLite, which lets those who wait sleep ever longer, however
        short the turn.
        """
        with (
            self._turn,
            self._gate_open(),
            self.engine.connect().execution_options(immediate=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def _gate_open(self) -> Iterator[None]:
        """The turn of this process among all that use the file; where no lock can be made, SQLite's own has to do."""
        gate = -1
        if self._gate:
            with contextlib.suppress(OSError):
                gate = os.open(self._gate, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if gate >= 0:
                fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            if gate >= 0:
                os.close(gate)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        """Say HostUnavailable, and why, for whatever the database cannot do now."""
        try:
            if not self._prepared:
                self._prepare()
            yield
        except IntegrityError:
            raise
        except (OSError, DBAPIError) as cause:
            if _says_full(cause):
                hint = "the server's disk is full; links that exist can still be read"
            elif "read-only" in str(cause).lower() or "readonly" in str(cause).lower():
                hint = "the server takes no new links at the moment; those that exist can still be read"
            else:
                hint = "try again in a moment"
            raise HostUnavailable(f"the link cannot be {doing} now", hint=hint) from cause

    def save(self, data: object) -> Shared:
        """Keep a program (validated here) and answer its link; the same content gets the same link.

        CommandError or LimitExceeded for a bad payload, HostUnavailable when nothing can be written now.
        """
        payload = validate_payload(data)
        body = canonical(payload, self.link_bytes)
        digest = hashlib.sha256(body).digest()
        with self._explained("stored"):
            try:
                known = self._keep(Row(new_id(), digest, body))
                self.is_writable = True
            except (OSError, DBAPIError):
                before = self._id_of(digest)  # of a database that takes nothing now it may be there already
                if before is None:
                    raise
                known = before
        return Shared(known, payload)

    def _keep(self, row: Row) -> str:
        """Store a row, with all others that wait for the same: one flush to the disk serves them all. Its id.

        Whoever has the turn stores everybody's; the others find theirs done when they get it.
        """
        self._waiting.add(row)
        with self._storing:
            if not row.is_done:
                rows = self._waiting.take(row if not self._is_file else None)
                try:
                    self._insert(rows)
                except BaseException as error:
                    for other in rows:
                        other.finish(error)
                    raise
                for other in rows:
                    other.finish(None)
        if row.error is not None:
            raise row.error
        return row.id

    def _insert(self, rows: Sequence[Row]) -> None:
        """One transaction. A row whose content is there already gets the id that it has there."""
        now = datetime.now(UTC)
        with self._writing() as connection:
            for row in rows:
                values = {"id": row.id, "sha256": row.sha256, "payload": row.payload, "created_at": now}
                made = connection.execute(INSERTS[self.engine.dialect.name], values)
                if made.rowcount == 0:
                    row.id = connection.execute(ID_OF, {"digest": row.sha256}).scalar_one()

    def load(self, link_id: str) -> Shared | None:
        """The link, or None if there is none. HostUnavailable when the database is away."""
        if not is_id(link_id):
            return None
        cached = self._cache.get(link_id)
        if cached is not None:
            return Shared(link_id, json.loads(cached))
        with self._explained("read"), Session(self.engine) as session:
            row = session.get(Link, link_id)
        if row is None:
            return None
        self._cache.put(link_id, row.payload)
        return Shared(row.id, json.loads(row.payload))

    def _id_of(self, digest: bytes) -> str | None:
        with self.engine.connect() as connection:
            found: str | None = connection.scalar(ID_OF, {"digest": digest})
            return found

    def report(self, link_id: str, reason: str) -> bool:
        """Note what somebody says about a link; False if there is no such link."""
        if self.load(link_id) is None:
            return False
        with self._explained("reported"), self._writing() as connection, Session(bind=connection) as session:
            session.add(Report(link_id=link_id, reason=reason, created_at=datetime.now(UTC)))
            session.flush()
        return True

    def reports(self) -> list[tuple[str, str, datetime]]:
        """What was reported and still is there, oldest first: (link, reason, when)."""
        query = select(Report.link_id, Report.reason, Report.created_at).join(Link, Link.id == Report.link_id)
        with self._explained("read"), Session(self.engine) as session:
            return [(row[0], row[1], row[2]) for row in session.execute(query.order_by(Report.id))]

    def remove(self, link_id: str) -> bool:
        """Delete a link and what was reported about it; False if there is none."""
        with self._explained("deleted"), self._writing() as connection:
            connection.execute(delete(Report).where(Report.link_id == link_id))
            is_gone = connection.execute(delete(Link).where(Link.id == link_id)).rowcount > 0
        self._cache.drop(link_id)
        return is_gone

    def all_links(self) -> Iterator[tuple[str, bytes, datetime]]:
        """Every link, as of one moment: (id, payload, when it was stored)."""
        query = select(Link.id, Link.payload, Link.created_at).order_by(Link.id).execution_options(yield_per=500)
        with self._explained("read"), Session(self.engine) as session:
            for row in session.execute(query):
                yield row[0], row[1], row[2]

    def put_back(self, link_id: str, payload: bytes, created_at: datetime) -> bool:
        """Store a link of a backup under its own id; False when that id or that content is here already."""
        row = Link(id=link_id, sha256=hashlib.sha256(payload).digest(), payload=payload, created_at=created_at)
        with self._explained("stored"):
            try:
                with self._writing() as connection, Session(bind=connection) as session:
                    session.add(row)
                    session.flush()
            except IntegrityError:
                return False
        return True

    def is_up(self) -> bool:
        """Whether the database answers now."""
        try:
            if not self._prepared:
                self._prepare()
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1 FROM links LIMIT 1"))
        except (OSError, DBAPIError):
            return False
        return True

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def migrate(connection: Connection) -> None:
    """Run the migrations that this database lacks, in the transaction of the connection."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "app" / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _engine(url: str) -> Engine:
    """The connections to a database; for SQLite durable and patient, for PostgreSQL through psycopg."""
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_TIMEOUT_S})
    engine = create_engine(url)
    _prepare_sqlite(engine)
    return engine


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
        with contextlib.suppress(sqlite3.OperationalError):  # a file that can only be read stays as it is
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
