"""The built page: files of static/dist, whose names carry their content's hash, and their compressed twins."""

from __future__ import annotations

import json
import mimetypes
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request
from werkzeug.security import safe_join

from engine.errors import HostUnavailable

blueprint = Blueprint("assets", __name__)
ONE_YEAR_S = 365 * 24 * 3600
#: (content coding, ending of the compressed twin), the smallest first.
TWINS = (("br", ".br"), ("gzip", ".gz"))


class Assets:
    """The folder of built files; `url` names one of them as the page must ask for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, name: str) -> str:
        """The address of a built file under its current hash. HostUnavailable if the page was never built."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_text())
            return f"/static/{manifest[name]}"
        except (OSError, ValueError, KeyError):
            raise HostUnavailable(f"the page has no {name} yet", hint="run `make build`") from None

    def find(self, name: str) -> Path | None:
        """The built file of that name, or None; never a path outside of the folder."""
        joined = safe_join(str(self.folder), name)
        path = Path(joined) if joined else None
        return path if path and path.is_file() and path.suffix in (".js", ".css") else None


def packed(path: Path) -> tuple[str, Path]:
    """The coding of this request's answer ("" for none) and the file to send."""
    for coding, ending in TWINS:
        twin = path.with_name(path.name + ending)
        if request.accept_encodings[coding] > 0 and twin.is_file():
            return coding, twin
    return "", path


@blueprint.get("/static/<path:name>")
def asset(name: str) -> Response:
    """One built file, compressed as the browser takes it. Its name changes with its content: cached for ever."""
    assets: Assets = current_app.extensions["glassbox"].assets
    path = assets.find(name)
    if path is None:
        abort(404)
    coding, sent = packed(path)
    mimetype = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = Response(sent.read_bytes(), mimetype=mimetype)
    response.set_etag(sent.name)
    response.cache_control.max_age = ONE_YEAR_S
    response.cache_control.public = True
    response.cache_control.immutable = True
    response.headers["Vary"] = "Accept-Encoding"
    if coding:
        response.headers["Content-Encoding"] = coding
    response.make_conditional(request)
    return response
