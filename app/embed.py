"""The page inside of other pages, `/embed/…`, and the oEmbed answer by which sites find it (docs/embedding.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, Response, abort, g, jsonify, make_response, render_template, request, url_for
from markupsafe import Markup

from app.catalogue import language_of
from app.links import MAX_TICK
from app.pages import no_such_link, room_data
from app.security import csp_nonce
from app.services import services
from engine.examples import Example, load_examples
from engine.rooms import room

blueprint = Blueprint("embed", __name__)

#: Size of the frame that oEmbed offers, in CSS pixels, and the least that is of use.
WIDTH, HEIGHT = 800, 480
LEAST = 320


@dataclass(frozen=True)
class Shown:
    """What a frame shows: the moment as links have it, a title, the path of the same on the whole page."""

    moment: dict[str, Any]
    title: str | None
    open: str
    embed: str
    stepped: bool


def named_example(room_name: str, name: str) -> Example:
    """The example of that name (in that room, if one is said); NotFound if there is none."""
    for example in load_examples():
        if example.name == name and room_name in ("", example.room):
            return example
    raise no_such_link()


def of_example(room_name: str, name: str, tick_text: str) -> Shown:
    """An example at a step; without a step where its author opens it."""
    example = named_example(room_name, name)
    wire = example.to_wire()
    tick = int(tick_text) if re.fullmatch(r"\d{1,16}", tick_text) else example.tick
    moment = {"files": wire["files"], "options": wire["options"], "room": example.room, "tick": min(tick, MAX_TICK)}
    query = urlencode({"room": example.room, "example": example.name})
    title = example.title.get(language_of(request)) or example.title.get("en")
    return Shown(moment, title, f"/?{query}", f"/embed?{query}&tick={moment['tick']}", stepped=True)


def of_link(link_id: str) -> Shown:
    """A stored moment; NotFound if there is none."""
    shared = services().store.load(link_id)
    if shared is None:
        raise no_such_link()
    return Shown(dict(shared.payload), None, f"/s/{link_id}", f"/embed/{link_id}", stepped=False)


def frame(shown: Shown) -> Response:
    """The page for a frame. Other sites may show it, unlike every other page."""
    boot = {
        "moment": shown.moment,
        "room": room_data(room(shown.moment["room"])),
        "language": language_of(request),
        "title": shown.title,
        "open": shown.open,
        "stepped": shown.stepped,
    }
    theme = request.args.get("theme", "")
    html = render_template(
        "embed.html", boot=boot, csp_nonce=csp_nonce(), theme=theme if theme in ("light", "dark") else ""
    )
    g.frame_ancestors = services().settings.embed_origins
    response = make_response(html)
    response.cache_control.no_cache = True
    response.headers["Content-Language"] = boot["language"]
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


@blueprint.get("/embed")
def embed_example() -> Response:
    """An example for a frame: `?example=`, `room=`, `tick=`, `theme=`, `lang=`."""
    return frame(
        of_example(request.args.get("room", ""), request.args.get("example", ""), request.args.get("tick", ""))
    )


@blueprint.get("/embed/<link_id>")
def embed_link(link_id: str) -> Response:
    """A stored moment for a frame: `theme=`, `lang=`."""
    return frame(of_link(link_id))


def size(name: str, most: int) -> int:
    """The frame's width or height: what the consumer allows, between `LEAST` and `most`."""
    text = request.args.get(name, "")
    return max(LEAST, min(int(text), most)) if re.fullmatch(r"\d{1,6}", text) else most


@blueprint.get("/oembed")
def oembed() -> Response:
    """oEmbed 1.0: `?url=` one of our addresses; 404 for others, 501 for XML."""
    if request.args.get("format", "json") != "json":
        abort(501)
    url = urlsplit(request.args.get("url", "")[:2000])
    if url.netloc != request.host:
        abort(404)
    link = re.fullmatch(r"/(?:s|embed)/(\w+)", url.path)
    if link:
        shown = of_link(link[1])
    elif url.path in ("/", "/play", "/embed"):
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        shown = of_example(query.get("room", ""), query.get("example", ""), query.get("tick", ""))
    else:
        abort(404)
    width, height = size("maxwidth", WIDTH), size("maxheight", HEIGHT)
    source = url_for("pages.index", _external=True).rstrip("/") + shown.embed
    html = Markup('<iframe src="{}" width="{}" height="{}" title="Glassbox" loading="lazy"></iframe>').format(
        source, width, height
    )
    answer = jsonify(
        type="rich",
        version="1.0",
        title=shown.title or shown.moment["files"][0]["name"],
        provider_name="Glassbox",
        provider_url=url_for("pages.index", _external=True),
        width=width,
        height=height,
        html=html,
    )
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
