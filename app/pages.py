"""The pages: the workbench, the same with a shared program, and what is beside them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, render_template, request, url_for

from app.catalogue import LANGUAGES, language_of
from app.front import front_page
from app.security import NotFound, csp_nonce
from app.services import services
from app.store import Shared
from app.tours import all_tours, no_such_tour
from engine.errors import GlassboxError
from engine.examples import load_examples
from engine.rooms import ROOMS, Room
from engine.wire import MAX_SOURCE_BYTES, MAX_UPLOAD_BYTES, TRACE_WINDOW

blueprint = Blueprint("pages", __name__)

NO_LINK = "There is no program under this link. Was it copied whole?"


def room_data(room: Room) -> dict[str, Any]:
    """A room as the page knows it: everything but how it is run."""
    data = asdict(room)
    del data["module_name"]
    data["upload_bytes"] = min(MAX_UPLOAD_BYTES, services().settings.upload_bytes) if room.executables else 0
    return data


def example_data() -> list[dict[str, object]]:
    """All examples in menu order."""
    return [example.to_wire() for example in load_examples()]


def menu_data() -> list[dict[str, object]]:
    """All examples in menu order as the page lists them: their texts come when one is opened, but for the shown one."""
    rows = example_data()
    asked, of = request.args.get("example", ""), request.args.get("room", "")
    shown = next((row for row in rows if row["name"] == asked and of in ("", row["room"])), rows[0] if rows else None)
    return [row if row is shown else {k: v for k, v in row.items() if k not in ("files", "about")} for row in rows]


def boot_data(shared: Shared | None, error: GlassboxError | None = None) -> dict[str, Any]:
    """What the page's script starts from, embedded in the page as JSON."""
    found = services()
    tour = all_tours().get(request.args.get("tour", "")) if shared is None else None
    return {
        "rooms": [room_data(room) for room in ROOMS],
        "examples": menu_data(),
        "shared": {"id": shared.id, "payload": shared.payload} if shared else None,
        "error": error.to_wire() if error else None,
        "tour": tour.to_wire() if tour else None,
        "languages": list(LANGUAGES),
        "language": language_of(request),
        "version": found.version,
        "limits": {
            "source_bytes": MAX_SOURCE_BYTES,
            "link_bytes": found.settings.link_bytes,
            "trace_window": TRACE_WINDOW,
        },
    }


def preview(shared: Shared | None) -> dict[str, str] | None:
    """What other sites show of a linked moment: title and picture (app/pictures.py). None if the address names none."""
    language = language_of(request)
    if shared is not None:
        title, tick = shared.payload["files"][0]["name"], str(shared.payload["tick"])
        image = url_for("pictures.of_link", link_id=shared.id, form="png", lang=language, _external=True)
    else:
        name, room_name = request.args.get("example", ""), request.args.get("room", "")
        named = [one for one in load_examples() if one.name == name and room_name in ("", one.room)]
        if not named:
            return None
        asked = request.args.get("tick", "")
        tick = asked if asked.isdecimal() and len(asked) < 17 else str(named[0].tick)
        title = named[0].title.get(language) or named[0].title["en"]
        query = {"room": named[0].room, "example": name, "tick": tick, "lang": language}
        image = url_for("pictures.of_example", form="png", _external=True, **query)
    step = services().catalogue.say("picture.step", language, "step")
    return {"title": f"{title}, {step} {tick}", "image": image}


def workbench(shared: Shared | None = None, error: GlassboxError | None = None, status: int = 200) -> Response:
    """The workbench page. Never stored by caches: it carries a nonce and names the newest files."""
    boot = boot_data(shared, error)
    html = render_template("workbench.html", boot=boot, csp_nonce=csp_nonce(), preview=preview(shared))
    response = make_response(html, status)
    response.cache_control.no_cache = True
    response.headers["Content-Language"] = boot["language"]
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


#: With one of these in its query, the address of the front page is one of the workbench.
OPENS = ("example", "room", "tour", "new")


@blueprint.get("/")
def index() -> Response:
    """The front page; where the query names what to open, the workbench."""
    return play() if any(name in request.args for name in OPENS) else front_page()


@blueprint.get("/play")
def play() -> Response:
    """The workbench with an example; with `?tour=NAME`, a tour to play in it; with `?new=ROOM`, an empty program."""
    if request.args.get("tour", "") not in ("", *all_tours()):
        return workbench(error=no_such_tour(language_of(request)), status=404)
    return workbench()


def no_such_link() -> NotFound:
    """The error for an id that nobody stored, in the visitor's language."""
    return NotFound(services().catalogue.say("error.no_link", language_of(request), NO_LINK))


@blueprint.get("/s/<link_id>")
def shared_page(link_id: str) -> Response:
    """The workbench with a shared program; with a message and status 404 if there is none."""
    try:
        shared = services().store.load(link_id)
    except GlassboxError as away:
        return workbench(error=away, status=503)
    if shared is None:
        return workbench(error=no_such_link(), status=404)
    return workbench(shared)


@blueprint.get("/s/<link_id>.<suffix>")
def shared_source(link_id: str, suffix: str) -> Response:
    """The main file of a shared program as plain text; the suffix is the file's own, or `txt`."""
    shared = services().store.load(link_id)
    if shared is None:
        raise no_such_link()
    main = shared.payload["files"][0]
    if suffix not in ("txt", main["name"].rpartition(".")[2]):
        raise no_such_link()
    response = Response(main["text"], content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{main["name"]}"'
    return response


@blueprint.get("/examples")
def examples() -> Response:
    """All examples as JSON."""
    return jsonify(examples=example_data())


@blueprint.get("/examples/<of>/<name>")
def example(of: str, name: str) -> Response:
    """One example as JSON, with its files; 404 if there is none of that name in that room."""
    for one in load_examples():
        if (one.room, one.name) == (of, name):
            return jsonify(one.to_wire())
    raise NotFound(f"there is no example {name!r} of {of!r}")


@blueprint.get("/health")
def health() -> tuple[Response, int]:
    """Whether this web process can serve: 200 or 503, with what it is made of."""
    found = services()
    draining, store_is_up = found.sessions.is_draining, found.store.is_up()
    well = store_is_up and not draining
    answer = jsonify(
        status="ok" if well else "draining" if draining else "degraded",
        version=found.version,
        sessions=found.sessions.places.taken(),
        sessions_limit=found.sessions.places.most,
        queue=found.sessions.queue.taken(),
        store=store_is_up,
        writable=found.store.is_writable,
        workers={key: value for key, value in found.sessions.pool.report.items() if key != "pid"},
    )
    answer.cache_control.no_store = True
    return answer, 200 if well else 503
