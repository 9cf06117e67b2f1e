"""The HTTP interface of the page's script: share links."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, request, url_for

from app.jsontext import parse
from app.pages import no_such_link
from app.services import services
from engine.errors import CommandError

#: Characters of a report.
MAX_REASON = 500

blueprint = Blueprint("api", __name__, url_prefix="/api")


@blueprint.post("/links")
def create_link() -> tuple[Response, int]:
    """Keep a program: `{id, url, payload}`, status 201. Equal content gets the same id, so a retry is harmless.

    Only JSON is taken (415 otherwise): a form on some other site cannot send that without asking first.
    """
    if request.mimetype != "application/json":
        abort(415)
    shared = services().store.save(parse(request.get_data()))
    services().metrics.count("glassbox_links_stored_total")
    url = url_for("pages.shared_page", link_id=shared.id, _external=True)
    answer = jsonify(id=shared.id, url=url, payload=shared.payload)
    answer.headers["Location"] = url
    return answer, 201


@blueprint.post("/links/<link_id>/reports")
def report_link(link_id: str) -> tuple[Response, int]:
    """Tell whoever runs the server that a link should not be here: `{reason}`, at most 500 characters. Status 202."""
    if request.mimetype != "application/json":
        abort(415)
    data = parse(request.get_data())
    reason = data.get("reason") if isinstance(data, dict) else None
    if not isinstance(reason, str) or not 0 < len(reason) <= MAX_REASON:
        raise CommandError(f"`reason` must be a text of 1 to {MAX_REASON} characters")
    if not services().store.report(link_id, reason):
        raise no_such_link()
    return jsonify(done=True), 202


@blueprint.get("/links/<link_id>")
def read_link(link_id: str) -> Response:
    """A kept program: `{id, payload}`; 404 if there is none."""
    shared = services().store.load(link_id)
    if shared is None:
        raise no_such_link()
    services().metrics.count("glassbox_links_read_total")
    answer = jsonify(id=shared.id, payload=shared.payload)
    answer.cache_control.no_cache = True
    return answer
