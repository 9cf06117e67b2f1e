"""The live socket: one visitor's commands to their worker, the worker's events and trace frames back.

The relay reads no more of either side than it must: a command is checked against the table of commands and passed on
as the bytes that came; what the worker sends is passed on unread. A slow browser blocks the thread that sends to it,
that blocks the worker's pipe, and that the worker: nothing piles up here.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from flask import Response, abort, current_app, request
from flask_sock import Sock
from simple_websocket import ConnectionError as HandshakeError
from wsproto.utilities import ProtocolError

from app.catalogue import Language, language_of
from app.handover import RemoteConnection, hand_over
from app.jsontext import parse
from app.kept import Returning
from app.line import Connection, Line
from app.livesocket import Allowance, CloseReason, ConnectionClosed, LiveSocket, Opcode, SocketLimits
from app.logs import log
from app.security import origin_is_allowed
from app.services import Services, services
from app.sessions import Worker, network_of
from app.settings import Settings
from engine.errors import CommandError, GlassboxError, HostUnavailable, LimitExceeded
from engine.wire import COMMAND_BY_NAME, MAX_COMMAND_BYTES, MAX_SHORT_COMMAND_BYTES, RELAY_BY_NAME, VERSION, validate
from engine.worker.client import Closed
from engine.worker.frames import BINARY, JSON, Frame

#: What each kind of frame becomes.
OPCODES = {JSON: Opcode.TEXT, BINARY: Opcode.BINARY}
#: Commands that are no commands which one session may send before it is ended.
MAX_BAD_COMMANDS = 32
#: What a command that may come at any time (`credit`) counts of an allowance: a stream asks for many.
ANYTIME_COST = 0.1
#: Of the spare threads, one in so many may wait for a browser that was refused to close.
SPARE_PER_REFUSAL = 4


@dataclass(frozen=True)
class Ending:
    """Why a session is over: the `reason` of its goodbye event, the close code, and the sentence in English."""

    reason: str
    code: int
    message: str


SHUTDOWN = Ending("shutdown", CloseReason.GOING_AWAY, "The server is restarting. Your program is still on this page.")
IDLE = Ending("idle", CloseReason.NORMAL_CLOSURE, "Nothing happened here for a while, so the session was ended.")
BUSY = Ending("busy", CloseReason.TRY_AGAIN_LATER, "All places are taken right now. Please try again in a minute.")
ADDRESS = Ending(
    "address", CloseReason.TRY_AGAIN_LATER, "Too many sessions are open from your network. Close one, then try again."
)
OPERATOR = Ending("operator", CloseReason.POLICY_VIOLATION, "Whoever runs this server ended the session.")
BAD_COMMANDS = Ending("killed", CloseReason.POLICY_VIOLATION, "The page sent too many commands that make no sense.")
AWAY = Ending("away", CloseReason.GOING_AWAY, "The connection was lost, and the session was not resumed in time.")
GONE = Ending("gone", CloseReason.POLICY_VIOLATION, "The session is not kept any more. Run the program again to go on.")
REFUSALS = {"sessions": BUSY, "sessions_per_address": ADDRESS, "workers": BUSY}


def socket_limits(settings: Settings) -> SocketLimits:
    """The bounds of a live socket, from the settings."""
    return SocketLimits(
        message_bytes=MAX_COMMAND_BYTES,
        inbox_messages=settings.inbox_messages,
        inbox_bytes=settings.inbox_bytes,
        ping_s=settings.ping_s,
        message_s=settings.message_s,
        unread_s=settings.unread_s,
        messages_per_s=settings.commands_per_s,
    )


class Checked(NamedTuple):
    """A command for the worker: its name, and the bytes as the browser sent them."""

    name: str
    text: bytes


class LiveSession:
    """One browser and one worker, joined by two threads until one side ends or `end` is called.

    A connection's own reader thread brings commands to the worker as long as it takes them at once; the thread of the
    request does the rest. A third one brings frames to the browser. A browser that asked to be kept may come back over
    another connection: the thread of that request then takes the place of the first one.
    """

    def __init__(
        self,
        socket: LiveSocket,
        worker: Worker,
        found: Services,
        say: Callable[[Ending], str],
        network: str = "",
    ) -> None:
        self._line = Line(socket)
        self._worker = worker
        self._found = found
        self._settings = found.settings
        self._metrics = found.metrics
        self._say = say
        self.network = network
        self._commanded_at = 0.0
        self.commands = self.frames = self.bytes = 0
        self._lock = threading.Condition()
        self.ending: Ending | None = None
        self._bad_commands = 0
        self._token = ""
        self._received = 0
        self._successors = 0
        self._serving = threading.Lock()
        self.lost_at: float | None = None
        self._relay = threading.Thread(target=self._relay_frames, name="live-relay", daemon=True)
        #: What has to be undone when the session is over, whichever thread ends it.
        self.closing = ExitStack()
        self._listen(socket)

    def run(self) -> None:
        """Relay until the session is over, then leave nothing behind; or until another connection goes on with it.

        The socket is not finished yet.
        """
        self._relay.start()
        with self._serving:
            is_over = self._serve(self._line.connection)
        if is_over:
            self.closing.close()

    def knows(self, has: int) -> bool:
        """May a browser of this session say that it has so many of its messages?"""
        return self._line.can_be_resumed and self._line.knows(has)

    def resume(self, connection: Connection, has: int, number: int) -> None:
        """Go on over this connection, as the answer to command `number`; returns when that is done with."""
        with self._lock:
            self._successors += 1
            self._lock.notify_all()
        before = self._line.connection
        if isinstance(before, LiveSocket):
            before.on_lost, before.on_message = (lambda: None), None  # somebody takes its place
        before.close(CloseReason.GOING_AWAY, "the session goes on over another connection")
        before.finish(0.0)  # whoever is stuck with it comes back
        with self._serving:
            with self._lock:
                self._successors -= 1
                self.lost_at = None
                ending = self.ending
            if ending is not None:
                farewell(connection, GONE, self._say(GONE))
                return
            first = {"v": VERSION, "re": number, "event": "resumed", "received": self._received}
            self._line.resume(connection, json.dumps(first), has)
            if isinstance(connection, LiveSocket):
                self._listen(connection)
            self._metrics.count("glassbox_sessions_resumed_total")
            is_over = self._serve(connection)
        if is_over:
            self.closing.close()

    def _serve(self, connection: Connection) -> bool:
        """Relay commands of this connection; True when the session is over, False when another one goes on."""
        with contextlib.suppress(ConnectionClosed):  # the browser left, or was sent away by the socket's own limits
            self._relay_commands(connection)
        if self.ending is None and self._line.can_be_resumed and self._is_expected(connection):
            return False
        if self.ending is not None:
            farewell(connection, self.ending, self._say(self.ending))
        self._line.end()
        self._worker_must_go()
        connection.finish()
        self._relay.join()
        return True

    def _is_expected(self, connection: Connection) -> bool:
        """Wait for the browser to come back; True once it is there, False if it left for good or the time is over."""
        with self._lock:
            if self._successors:
                return True
            if not connection.is_broken:
                return False
            self.lost_at = time.monotonic()
            self._lock.wait_for(lambda: self._successors or self.ending is not None, self._settings.resume_s)
            if self._successors:
                return True
            self.ending = self.ending or AWAY
            return False

    def end(self, ending: Ending) -> None:
        """End the session for this reason, unless it is ending already. Returns at once; any thread may call it."""
        with self._lock:
            if self.ending is None:
                self.ending = ending
            self._lock.notify_all()
        self._line.connection.interrupt()

    def give_up(self) -> None:
        """Its place is needed, and its browser is not there."""
        self.end(AWAY)

    def shut_down(self) -> None:
        """The server stops."""
        self.end(SHUTDOWN)
        # The command thread may be waiting for a worker that takes no commands.
        self._worker_must_go()

    def end_by_operator(self) -> None:
        """Whoever runs the server does not want this session any more."""
        self.end(OPERATOR)
        self._worker_must_go()

    def _listen(self, socket: LiveSocket) -> None:
        socket.on_lost = lambda: self._connection_lost(socket)
        socket.on_message = partial(self._pass_on, socket.allowance)

    def _connection_lost(self, socket: LiveSocket) -> None:
        """A connection is over: if nobody comes back, the thread that waits for the worker has to be woken."""
        if not (self._line.can_be_resumed and socket.is_broken):
            self._worker_must_go()

    def _worker_must_go(self) -> None:
        self._worker.kill(self.ending.reason if self.ending else "ended")

    def _pass_on(self, allowance: Allowance, message: str | bytes) -> bool:
        """In the reader's thread: hand a command over that the worker takes at once; False leaves it to `run`."""
        if self.ending is not None or not isinstance(message, str):
            return False
        try:
            command = self._check(message)
        except (CommandError, LimitExceeded):
            return False
        if command is None or not self._worker.try_send(command.text):
            return False
        if COMMAND_BY_NAME[command.name].anytime:
            allowance.spend(ANYTIME_COST - 1)
        self._received += 1
        self._count_command(command.name)
        return True

    def _count_command(self, name: str) -> None:
        self.commands += 1
        self._metrics.count("glassbox_commands_total", name)
        self._commanded_at = time.monotonic()

    def _relay_commands(self, connection: Connection) -> None:
        while True:
            message = connection.receive(self._settings.idle_s)
            if message is None:
                if not self._successors:
                    self.end(IDLE)
                return
            if isinstance(message, bytes):
                connection.close(CloseReason.UNSUPPORTED_DATA, "commands are text messages")
                return
            self._received += 1
            try:
                command = self._check(message)
            except LimitExceeded as error:
                self._line.send(failed(message, error))
            except CommandError as error:
                self._bad_commands += 1
                self._metrics.count("glassbox_bad_commands_total")
                if self._bad_commands > MAX_BAD_COMMANDS:
                    self.end(BAD_COMMANDS)
                    return
                self._line.send(failed(message, error))
            else:
                if command is None:
                    self._keep(message)
                    continue
                self._count_command(command.name)
                self._worker.send(command.text)

    def _check(self, message: str) -> Checked | None:
        """What to hand to the worker; None for `keep`, which is about the connection.

        CommandError if this is no command that could be known, LimitExceeded for a source that is too long.
        """
        data = parse(message)
        if isinstance(data, dict) and data.get("do") == "keep":
            validate(data, RELAY_BY_NAME)
            if not self._settings.resume_s:
                raise CommandError("this server keeps no sessions")
            if self._token:
                raise CommandError("this session is kept already")
            return None
        command, arguments = validate(data)
        if command.name == "credit" and arguments["received"] is not None:
            self._line.has(arguments["received"])
        check_files(message, arguments, self._settings)
        return Checked(command.name, message.encode())

    def _keep(self, message: str) -> None:
        """From here on this session may be resumed."""
        number = json.loads(message)["id"]
        self._token = self._found.kept.add(self)
        self.closing.callback(self._found.kept.remove, self._token)
        self._received = 0
        kept = {"event": "kept", "token": self._token, "seconds": self._settings.resume_s}
        self._line.keep(json.dumps({"v": VERSION, "re": number, **kept}))

    def _relay_frames(self) -> None:
        """What the second thread does. It ends when the worker is gone or the browser is."""
        try:
            while True:
                frame = self._worker.receive(None)
                if isinstance(frame, Closed):
                    if frame.budget:
                        self._metrics.count("glassbox_sessions_over_budget_total", frame.budget)
                    self.end(Ending(frame.reason, CloseReason.INTERNAL_ERROR, frame.message))
                    return
                if frame is not None:
                    self._count(frame)
                    if frame.kind == JSON and not frame.payload.isascii():
                        frame.payload.decode()  # only to see that it is proper text
                    self._line.send_message(OPCODES[frame.kind], frame.payload)
        except ConnectionClosed:
            return
        except UnicodeDecodeError:
            self.end(Ending("crashed", CloseReason.INTERNAL_ERROR, "The machine's process sent no proper text."))

    def _count(self, frame: Frame) -> None:
        self.frames += 1
        self.bytes += len(frame.payload)
        asked_at, self._commanded_at = self._commanded_at, 0.0
        self._metrics.count_frame(frame.kind, len(frame.payload), time.monotonic() - asked_at if asked_at else None)


def check_files(message: str, arguments: dict[str, Any], settings: Settings) -> None:
    """CommandError for a command that is too long without files.

    LimitExceeded for source text of more than `source_bytes`, or other files of more than `upload_bytes`.
    """
    if "files" not in arguments:
        if len(message) > MAX_SHORT_COMMAND_BYTES:
            raise CommandError(f"a command has {MAX_SHORT_COMMAND_BYTES >> 10} KiB at most")
        return
    source_bytes, upload_bytes = settings.source_bytes, settings.upload_bytes
    files = arguments["files"] or []
    contents = [file.get("base64") for file in files if isinstance(file, dict)]
    if sum(len(content) // 4 * 3 - 2 for content in contents if isinstance(content, str) and content) > upload_bytes:
        raise LimitExceeded("upload", f"the file is longer than {upload_bytes:,} bytes")
    texts = [file.get("text") for file in files if isinstance(file, dict)]
    if sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if isinstance(text, str)) > source_bytes:
        raise LimitExceeded("source", f"the program is longer than {source_bytes:,} bytes")


def failed(message: str, error: GlassboxError) -> str:
    """The `failed` event for a command that was not passed on; it answers the command if that had a number."""
    try:
        command = parse(message)
    except CommandError:
        command = None
    number = command.get("id") if isinstance(command, dict) else None
    answers = number if type(number) is int else None
    return json.dumps({"v": VERSION, "re": answers, "event": "failed", "error": error.to_wire()})


def farewell(socket: Connection, ending: Ending, message: str) -> None:
    """Send the goodbye event and the close frame that belong to an ending."""
    goodbye = {"v": VERSION, "re": None, "event": "goodbye", "reason": ending.reason, "message": message}
    socket.close(ending.code, ending.reason, last=json.dumps(goodbye))


class UpgradedResponse(Response):
    """What is left to say to the web server after a live socket: nothing, the connection was ours."""

    def __call__(self, *_args: Any) -> Any:  # noqa: ANN401 - a WSGI response
        """Gunicorn takes StopIteration as `close the connection without an answer`."""
        raise StopIteration


class LiveSock(Sock):  # type: ignore[misc]  # flask_sock has no types
    """flask-sock, whose sockets are `LiveSocket`s and whose requests are checked before they are upgraded."""

    def route(self, path: str, bp: Any = None, **options: Any) -> Callable[[Callable[[LiveSocket], None]], None]:  # noqa: ANN401
        """As in flask-sock: the decorated function gets the open socket."""

        def decorator(handler: Callable[[LiveSocket], None]) -> None:
            def endpoint() -> Response:
                return serve(handler)

            (bp or self.app).add_url_rule(path, handler.__name__, endpoint, websocket=True, **options)

        return decorator


def serve(handler: Callable[[LiveSocket], None]) -> Response:
    """Check the request, answer the handshake, let the handler work, and end the connection properly."""
    settings = services().settings
    if not origin_is_allowed(request.headers.get("Origin"), request.host, settings):
        abort(403)
    if "gunicorn.socket" not in request.environ:
        raise HostUnavailable("live sessions need gunicorn", hint="start the server with `make run`")
    release = request.environ.get("glassbox.upgraded")
    try:
        socket = LiveSocket(request.environ, socket_limits(settings))
    except (ProtocolError, HandshakeError):
        abort(400)
    if release is not None:
        release()  # the deadline of plain requests does not hold for this connection
    try:
        handler(socket)
    except ConnectionClosed:
        pass
    except Exception:
        current_app.logger.exception("a live session failed")
        socket.close(CloseReason.INTERNAL_ERROR, "something went wrong on the server")
    finally:
        socket.finish()
    return UpgradedResponse()


class Refusals:
    """Explains to browsers why they get no session. Each takes a thread until it has closed its side.

    Only some of the spare threads may wait for that; when more browsers come at once, the connection is ended right
    after the explanation, which may then be lost on its way.
    """

    def __init__(self, settings: Settings) -> None:
        self._may_wait = threading.Semaphore(max(1, settings.spare_threads // SPARE_PER_REFUSAL))

    def explain(self, socket: LiveSocket, ending: Ending, message: str) -> None:
        """Say why there is no session, and end the connection."""
        farewell(socket, ending, message)
        if self._may_wait.acquire(blocking=False):
            try:
                socket.finish()
            finally:
                self._may_wait.release()
        else:
            socket.finish(linger_s=0.0)


def install(sock: LiveSock, settings: Settings) -> None:
    """Add `/live` to the application."""
    refusals = Refusals(settings)
    returning = Returning(max(1, settings.spare_threads // 2))

    @sock.route("/live")
    def live(socket: LiveSocket) -> None:
        """One visitor's session."""
        found = services()
        language: Language = language_of(request)

        def say(ending: Ending) -> str:
            return found.catalogue.say(f"goodbye.{ending.reason}", language, ending.message)

        def waiting(place: int) -> bool:
            return wait_in_queue(socket, place)

        if "resume" in request.args:
            with returning.admitted(socket):
                message = first_message(socket, settings.message_s)
            come_back(found, socket, message, lambda: refusals.explain(socket, GONE, say(GONE)))
            return
        address = request.remote_addr or "unknown"
        try:
            with ExitStack() as undoing:
                number = undoing.enter_context(found.sessions.place(address, waiting))
                session = begin(found, undoing, LiveStart(socket, number, say, network_of(address)))
                session.closing.push(undoing.pop_all())
            session.run()
        except LimitExceeded as full:
            if full.limit == "left":
                return
            ending = SHUTDOWN if found.sessions.is_draining else REFUSALS[full.limit]
            found.metrics.count("glassbox_sessions_ended_total", ending.reason)
            refusals.explain(socket, ending, say(ending))
        except HostUnavailable as error:
            ending = Ending("host", CloseReason.INTERNAL_ERROR, error.message)
            found.metrics.count("glassbox_sessions_ended_total", ending.reason)
            refusals.explain(socket, ending, say(ending))


def wait_in_queue(socket: LiveSocket, place: int) -> bool:
    """Tell a browser its place in the queue, when that has changed; False once it is gone."""
    if not socket.connected:
        return False
    if socket.told_place != place:
        socket.told_place = place
        socket.send(json.dumps({"v": VERSION, "re": None, "event": "queued", "place": place}))
    return True


@dataclass(frozen=True)
class LiveStart:
    """What a session begins with."""

    socket: LiveSocket
    place: int
    say: Callable[[Ending], str]
    network: str


def begin(found: Services, undoing: ExitStack, start: LiveStart) -> LiveSession:
    """Get a worker for a session that has a place; `undoing` counts and logs its end."""
    began, number = time.monotonic(), start.place
    session = LiveSession(start.socket, found.sessions.pool.start(), found, start.say, start.network)
    found.metrics.observe("glassbox_session_start_seconds", time.monotonic() - began)
    found.metrics.count("glassbox_sessions_started_total")
    log("session_started", session=number)

    def ended() -> None:
        reason = session.ending.reason if session.ending else "left"
        found.metrics.count("glassbox_sessions_ended_total", reason)
        log(
            "session_ended",
            session=number,
            reason=reason,
            seconds=round(time.monotonic() - began, 3),
            commands=session.commands,
            frames=session.frames,
            bytes=session.bytes,
        )

    undoing.callback(ended)
    undoing.enter_context(found.sessions.registered(session, number))
    return session


def first_message(socket: LiveSocket, timeout_s: float) -> str | bytes | None:
    """What a connection says first; one that ends before gets no time to close its side. ConnectionClosed then."""
    try:
        return socket.receive(timeout_s)
    except ConnectionClosed:
        socket.finish(linger_s=0.0)
        raise


def come_back(found: Services, socket: LiveSocket, message: str | bytes | None, refuse: Callable[[], None]) -> None:
    """A browser wants to go on with its session, says `message`: here, or in the web process that has it."""
    asked = resume_request(message)
    if asked is None or not isinstance(message, str):
        refuse()
        return
    session = found.kept.find(asked["token"])
    if session is not None and session.knows(asked["received"]):
        session.resume(socket, asked["received"], asked["id"])
    elif session is not None or not hand_over(found.settings.data_path, asked["token"], message, socket):
        refuse()


def take_in(found: Services, connection: RemoteConnection) -> None:
    """A browser that came to another web process wants to go on with a session of this one."""
    with contextlib.suppress(ConnectionClosed):
        asked = resume_request(connection.receive(found.settings.message_s))
        session = found.kept.find(asked["token"]) if asked else None
        if asked is None or session is None or not session.knows(asked["received"]):
            farewell(connection, GONE, found.catalogue.say("goodbye.gone", "en", GONE.message))
        else:
            session.resume(connection, asked["received"], asked["id"])
    connection.finish()


def resume_request(message: str | bytes | None) -> dict[str, Any] | None:
    """The arguments of a `resume` command, and its `id`; None if the message is none."""
    try:
        data = parse(message) if isinstance(message, str) else None
        command, arguments = validate(data, RELAY_BY_NAME)
    except CommandError:
        return None
    return {**arguments, "id": data["id"]} if command.name == "resume" and isinstance(data, dict) else None
