"""Compressed answers: what is made for a request is sent with gzip to browsers that take it.

Built files have compressed twins and are not touched. Nothing in these answers is secret, so their length gives nothing
away: the pages are the same for everybody, and a link's program can be read by whoever knows the link.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

#: Shorter answers stay as they are: a packet more or less does not matter.
LEAST_BYTES = 1024
#: What compresses well. The player's files and images bring their own compression.
TEXTS = ("text/", "application/json", "image/svg+xml")
LEVEL = 6


def install(app: Flask) -> None:
    """Compress the application's texts."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    """The answer with gzip, if it is a text of some length and the browser takes it."""
    if (
        not (response.mimetype or "").startswith(TEXTS)
        or "Content-Encoding" in response.headers
        or response.is_streamed
    ):
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] <= 0 or response.status_code in (204, 206, 304):
        return response
    body = response.get_data()
    if len(body) >= LEAST_BYTES:
        response.set_data(gzip.compress(body, LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
        etag, _ = response.get_etag()
        if etag:
            response.set_etag(f"{etag}-gzip")
    return response
