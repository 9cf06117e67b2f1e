"""The guided tours as articles: `/tours` lists them, `/tours/NAME` is one. Nothing runs for it: the files say all."""

from __future__ import annotations

import functools
from urllib.parse import urlencode

from flask import Blueprint, Response, make_response, render_template, request

from app.catalogue import Language, language_of
from app.security import NotFound
from app.services import services
from engine.examples import load_examples
from engine.tours import Note, Tour, load_tours

blueprint = Blueprint("tours", __name__)

NO_TOUR = "There is no such tour."
THEMES = ("light", "dark")


@functools.cache
def all_tours() -> dict[str, Tour]:
    """Every tour by name, in list order. Files of the program itself: they do not change while it runs."""
    return {tour.name: tour for tour in load_tours()}


@functools.cache
def example_titles() -> dict[str, dict[str, str]]:
    """The title of every example in each language."""
    return {example.name: example.title for example in load_examples()}


def no_such_tour(language: Language) -> NotFound:
    """The error for a tour that nobody wrote, in the visitor's language."""
    return NotFound(services().catalogue.say("error.no_tour", language, NO_TOUR))


def asked() -> dict[str, str]:
    """What of the query goes on to the next page: language and theme, if the visitor named them there."""
    return {key: request.args[key] for key in ("lang", "theme") if key in request.args}


def address(path: str, **query: object) -> str:
    """A link to a page of ours that keeps language and theme."""
    values = {**query, **asked()}
    return f"{path}?{urlencode(values)}" if values else path


def step_address(note: Note) -> str:
    """The workbench at the note's step, without the tour."""
    return address("/", room=note.room, example=note.example, tick=note.tick)


def page(template: str, **values: object) -> Response:
    """A rendered page in the visitor's language. Caches may keep it per language, shortly: it names built files."""
    language = language_of(request)
    catalogue = services().catalogue

    def say(key: str, **parts: object) -> str:
        return catalogue.text(key, language).format(**parts)

    theme = request.args.get("theme", "")
    html = render_template(
        template,
        language=language,
        other_language="en" if language == "zh" else "zh",
        theme=theme if theme in THEMES else "",
        say=say,
        address=address,
        step_address=step_address,
        titles=example_titles(),
        tours=list(all_tours().values()),
        **values,
    )
    response = make_response(html)
    response.cache_control.no_cache = True
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response


@blueprint.get("/tours")
def tour_list() -> Response:
    """All tours."""
    return page("tours.html")


@blueprint.get("/tours/<name>")
def article(name: str) -> Response:
    """One tour, to be read."""
    tour = all_tours().get(name)
    if tour is None:
        raise no_such_tour(language_of(request))
    following = [*all_tours().values(), None]
    return page("tour.html", tour=tour, next_tour=following[following.index(tour) + 1])
