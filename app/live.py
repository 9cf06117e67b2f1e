"""The live socket: one visitor's commands to their worker, the worker's events and trace frames back.

The relay reads no more of either side than it must: a command is checked against the table of commands and passed on
as the bytes that came; what the worker sends is passed on unread. A slow browser blocks the thread that sends to it,
that blocks the worker's pipe, and that the worker: nothing piles up here.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, current_app, request
from flask_sock import Sock
from simple_websocket import ConnectionError as HandshakeError
from wsproto.utilities import ProtocolError

from app.catalogue import Language, language_of
from app.jsontext import parse
from app.livesocket import CloseReason, ConnectionClosed, LiveSocket, Opcode, SocketLimits
from app.logs import log
from app.metrics import Metrics
from app.security import origin_is_allowed
from app.services import Services, services
from app.sessions import Worker
from app.settings import Settings
from engine.errors import CommandError, GlassboxError, HostUnavailable, LimitExceeded
from engine.wire import MAX_COMMAND_BYTES, MAX_SHORT_COMMAND_BYTES, VERSION, validate
from engine.worker.client import Closed
from engine.worker.frames import BINARY, JSON, Frame

#: What each kind of frame becomes.
OPCODES = {JSON: Opcode.TEXT, BINARY: Opcode.BINARY}
#: Commands that are no commands which one session may send before it is ended.
MAX_BAD_COMMANDS = 32
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
    )


class LiveSession:
    """One socket and one worker, joined by two threads until one side ends or `end` is called.

    The socket's own reader thread brings commands to the worker as long as it takes them at once; the thread of the
    request does the rest. A third one brings frames to the browser.
    """

    def __init__(
        self, socket: LiveSocket, worker: Worker, settings: Settings, metrics: Metrics, say: Callable[[Ending], str]
    ) -> None:
        self._socket = socket
        self._worker = worker
        self._settings = settings
        self._metrics = metrics
        self._say = say
        self._commanded_at = 0.0
        self.commands = self.frames = self.bytes = 0
        self._lock = threading.Lock()
        self.ending: Ending | None = None
        self._bad_commands = 0

    def run(self) -> None:
        """Relay until the session is over, then leave nothing behind. The socket is not finished yet."""
        relay = threading.Thread(target=self._relay_frames, name="live-relay", daemon=True)
        self._socket.on_lost = self._worker_must_go
        self._socket.on_message = self._pass_on
        relay.start()
        try:
            self._relay_commands()
        except ConnectionClosed:
            pass  # the browser left, or was sent away by the socket's own limits
        finally:
            if self.ending is not None:
                farewell(self._socket, self.ending, self._say(self.ending))
            self._worker_must_go()
            self._socket.finish()
            relay.join()

    def end(self, ending: Ending) -> None:
        """End the session for this reason, unless it is ending already. Returns at once; any thread may call it."""
        with self._lock:
            if self.ending is None:
                self.ending = ending
        self._socket.interrupt()

    def shut_down(self) -> None:
        """The server stops."""
        self.end(SHUTDOWN)
        # The command thread may be waiting for a worker that takes no commands.
        self._worker_must_go()

    def end_by_operator(self) -> None:
        """Whoever runs the server does not want this session any more."""
        self.end(OPERATOR)
        self._worker_must_go()

    def _worker_must_go(self) -> None:
        self._worker.kill(self.ending.reason if self.ending else "ended")

    def _pass_on(self, message: str | bytes) -> bool:
        """In the reader's thread: hand a command over that the worker takes at once; False leaves it to `run`."""
        if self.ending is not None or not isinstance(message, str):
            return False
        try:
            command = check(message, self._settings.source_bytes, self._settings.upload_bytes)
        except (CommandError, LimitExceeded):
            return False
        if not self._worker.try_send(command):
            return False
        self._count_command()
        return True

    def _count_command(self) -> None:
        self.commands += 1
        self._metrics.count("glassbox_commands_total")
        self._commanded_at = time.monotonic()

    def _relay_commands(self) -> None:
        while True:
            message = self._socket.receive(self._settings.idle_s)
            if message is None:
                self.end(IDLE)
                return
            if isinstance(message, bytes):
                self._socket.close(CloseReason.UNSUPPORTED_DATA, "commands are text messages")
                return
            try:
                command = check(message, self._settings.source_bytes, self._settings.upload_bytes)
            except LimitExceeded as error:
                self._socket.send(failed(message, error))
            except CommandError as error:
                self._bad_commands += 1
                self._metrics.count("glassbox_bad_commands_total")
                if self._bad_commands > MAX_BAD_COMMANDS:
                    self.end(BAD_COMMANDS)
                    return
                self._socket.send(failed(message, error))
            else:
                self._count_command()
                self._worker.send(command)

    def _relay_frames(self) -> None:
        """What the second thread does. It ends when the worker is gone or the browser is."""
        try:
            while True:
                frame = self._worker.receive(None)
                if isinstance(frame, Closed):
                    self.end(Ending(frame.reason, CloseReason.INTERNAL_ERROR, frame.message))
                    return
                if frame is not None:
                    self._count(frame)
                    if frame.kind == JSON and not frame.payload.isascii():
                        frame.payload.decode()  # only to see that it is proper text
                    self._socket.send_message(OPCODES[frame.kind], frame.payload)
        except ConnectionClosed:
            return
        except UnicodeDecodeError:
            self.end(Ending("crashed", CloseReason.INTERNAL_ERROR, "The machine's process sent no proper text."))

    def _count(self, frame: Frame) -> None:
        self.frames += 1
        self.bytes += len(frame.payload)
        self._metrics.count("glassbox_frames_total", frame.kind)
        self._metrics.count("glassbox_frame_bytes_total", frame.kind, len(frame.payload))
        asked_at, self._commanded_at = self._commanded_at, 0.0
        if asked_at:
            self._metrics.observe("glassbox_answer_seconds", time.monotonic() - asked_at)


def check(message: str, source_bytes: int, upload_bytes: int) -> bytes:
    """The bytes to hand to the worker, or CommandError if this is no command that it could know.

    LimitExceeded for source text of more than `source_bytes`, or other files of more than `upload_bytes`.
    """
    _, arguments = validate(parse(message))
    files = arguments.get("files") or []
    if "files" not in arguments and len(message) > MAX_SHORT_COMMAND_BYTES:
        raise CommandError(f"a command has {MAX_SHORT_COMMAND_BYTES >> 10} KiB at most")
    contents = [file.get("base64") for file in files if isinstance(file, dict)]
    if sum(len(content) // 4 * 3 - 2 for content in contents if isinstance(content, str) and content) > upload_bytes:
        raise LimitExceeded("upload", f"the file is longer than {upload_bytes:,} bytes")
    texts = [file.get("text") for file in files if isinstance(file, dict)]
    if sum(len(text.encode("utf-8", "surrogatepass")) for text in texts if isinstance(text, str)) > source_bytes:
        raise LimitExceeded("source", f"the program is longer than {source_bytes:,} bytes")
    return message.encode()


def failed(message: str, error: GlassboxError) -> str:
    """The `failed` event for a command that was not passed on; it answers the command if that had a number."""
    try:
        command = parse(message)
    except CommandError:
        command = None
    number = command.get("id") if isinstance(command, dict) else None
    answers = number if type(number) is int else None
    return json.dumps({"v": VERSION, "re": answers, "event": "failed", "error": error.to_wire()})


def farewell(socket: LiveSocket, ending: Ending, message: str) -> None:
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

    @sock.route("/live")
    def live(socket: LiveSocket) -> None:
        """One visitor's session."""
        found = services()
        language: Language = language_of(request)

        def say(ending: Ending) -> str:
            return found.catalogue.say(f"goodbye.{ending.reason}", language, ending.message)

        def waiting(place: int) -> bool:
            return wait_in_queue(socket, place)

        try:
            with found.sessions.place(request.remote_addr or "unknown", waiting) as number:
                hold(found, socket, number, say)
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


def hold(found: Services, socket: LiveSocket, number: int, say: Callable[[Ending], str]) -> None:
    """Get a worker and serve a session that has the place `number`; count and log its end."""
    began = time.monotonic()
    session = LiveSession(socket, found.sessions.pool.start(), found.settings, found.metrics, say)
    found.metrics.observe("glassbox_session_start_seconds", time.monotonic() - began)
    found.metrics.count("glassbox_sessions_started_total")
    log("session_started", session=number)
    try:
        with found.sessions.registered(session, number):
            session.run()
    finally:
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
