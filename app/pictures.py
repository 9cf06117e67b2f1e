"""Pictures of moments: what sites show of a link (Open Graph), and what visitors copy of the step that they look at.

A worker session says what is there (app/moments.py), app/drawing.py draws it. Few at a time, each for a limited time,
in a session's place like any other; those that were drawn are kept for a while.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from flask import Blueprint, Response, abort, request

from app.catalogue import Language, language_of
from app.drawing import PALETTES, Words, draw, rasterize
from app.embed import named_example
from app.jsontext import parse
from app.links import MAX_TICK, validate_payload
from app.moments import Moment, NotDrawable, look
from app.pages import no_such_link
from app.security import error_answer
from app.services import services
from engine.errors import CommandError, HostUnavailable, LimitExceeded

blueprint = Blueprint("pictures", __name__)

FORMATS = {"png": "image/png", "svg": "image/svg+xml"}
#: Seconds that others may keep a picture of a moment: the moment never changes, its drawing might.
AGE_S = 24 * 3600


def picture(payload: Mapping[str, Any], title: str, form: str, theme: str, language: Language) -> bytes:
    """The picture of a validated link payload, drawn or kept from before."""
    found = services()
    program = {key: payload[key] for key in ("room", "files", "options", "input", "tick") if key in payload}
    wanted = [found.version, program, title, form, theme, language]
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode("utf-8", "backslashreplace")).hexdigest()
    known = found.studio.kept(key)
    if known is not None:
        return known
    with found.studio.turn():
        moment = seen(payload)
        line = next((row.line for row in moment.rows if row.now), None)
        lines = payload["files"][0]["text"].splitlines() if len(payload["files"]) == 1 else []
        code = lines[line - 1] if line is not None and 0 < line <= len(lines) else ""
        svg = draw(moment, title, theme, words(language), code, embed_fonts=form == "svg")
        data = svg.encode() if form == "svg" else rasterize(svg)
    found.metrics.count("glassbox_pictures_total")
    found.studio.keep(key, data)
    return data


def seen(payload: Mapping[str, Any]) -> Moment:
    """What a worker of its own says of the moment. HostUnavailable when there is no place for one now."""
    sessions = services().sessions
    try:
        with sessions.place(request.remote_addr or "unknown"), closing(sessions.pool.start()) as worker:
            return look(worker, payload)
    except LimitExceeded as full:
        raise HostUnavailable("all places are taken now", hint="try again in a minute") from full


@blueprint.errorhandler(NotDrawable)
def not_drawable(error: NotDrawable) -> Response:
    """The program itself is to blame: it does not compile, or never gets anywhere."""
    return error_answer(error, 422)


def words(language: Language) -> Words:
    """What a drawing says, in the visitor's language."""
    say = services().catalogue.say

    def title(english: str) -> str:
        return say(f"picture.{english.lower()}", language, english)

    return Words(
        step=say("picture.step", language, "step"),
        past=say("picture.past", language, "PAST"),
        open=say("picture.open", language, "open"),
        closed=say("picture.closed", language, "closed"),
        line=say("picture.line", language, "line {n}"),
        titles=title,
    )


def answer(data: bytes, form: str) -> Response:
    """A picture as others may keep it, and show it on their pages."""
    response = Response(data, mimetype=FORMATS[form])
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.cache_control.public = True
    response.cache_control.max_age = AGE_S
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if form == "svg":
        # Opened by itself it is a document: its own fonts and style, nothing else.
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; font-src data:"
    response.make_conditional(request)
    return response


def asked_theme() -> str:
    """The theme in the query: light unless it says dark."""
    theme = request.args.get("theme", "light")
    return theme if theme in PALETTES else "light"


@blueprint.get("/picture.<form>")
def of_example(form: str) -> Response:
    """An example at a step: `?example=`, `room=`, `tick=`, `theme=`, `lang=`."""
    if form not in FORMATS:
        abort(404)
    example = named_example(request.args.get("room", ""), request.args.get("example", ""))
    wire, asked = example.to_wire(), request.args.get("tick", "")
    tick = min(int(asked), MAX_TICK) if asked.isdecimal() and len(asked) < 17 else example.tick
    language = language_of(request)
    payload = {"room": example.room, "files": wire["files"], "options": wire["options"], "tick": tick}
    title = example.title.get(language) or example.title["en"]
    return answer(picture(payload, title, form, asked_theme(), language), form)


@blueprint.get("/s/<link_id>/picture.<form>")
def of_link(link_id: str, form: str) -> Response:
    """A stored moment: `theme=`, `lang=`."""
    shared = services().store.load(link_id)
    if shared is None or form not in FORMATS:
        raise no_such_link()
    title = shared.payload["files"][0]["name"]
    return answer(picture(shared.payload, title, form, asked_theme(), language_of(request)), form)


@blueprint.post("/api/pictures")
def of_moment() -> Response:
    """The moment that a page shows: `{moment, title, format, theme, lang}`; nothing of it is stored."""
    if request.mimetype != "application/json":
        abort(415)
    data = parse(request.get_data())
    if not isinstance(data, dict) or set(data) - {"moment", "title", "format", "theme", "lang"}:
        raise CommandError("a picture is asked for by {moment, title, format, theme, lang}")
    form, theme, title = data.get("format", "svg"), data.get("theme", "light"), data.get("title", "")
    if form not in FORMATS or theme not in PALETTES or not isinstance(title, str):
        raise CommandError("`format` is svg or png, `theme` light or dark, `title` a text")
    payload = validate_payload(data.get("moment"))
    language: Language = "zh" if data.get("lang") == "zh" else "en"
    response = answer(picture(payload, title[:100] or payload["files"][0]["name"], form, theme, language), form)
    response.cache_control.no_store = True
    return response
