"""What every answer carries and what no request may do: security headers, origins, the one shape of errors."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.utils import host_is_trusted

from app.settings import Settings
from engine.errors import GlassboxError, HostUnavailable, LimitExceeded, SourceError

HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")

FIXED_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    "X-Frame-Options": "SAMEORIGIN",
}


#: Of these and of a policy only pages make use; a first visit loads a dozen scripts and style sheets besides.
OF_PAGES = ("Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "X-Frame-Options")
PARTS = ("text/javascript", "text/css")


class NotFound(GlassboxError):
    """What a request names does not exist."""

    kind = "not_found"


#: Status of each kind of error; a kind that is missing here is the request's fault (400).
STATUS_OF = ((NotFound, 404), (SourceError, 422), (LimitExceeded, 413), (HostUnavailable, 503))


def csp_nonce() -> str:
    """The nonce of this request's style elements: the editor adds some while it runs."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def content_security_policy(nonce: str, host: str, ancestors: str = "'self'") -> str:
    """The policy of a page: scripts from this server alone, nothing inline but styles with the nonce.

    `connect-src` names the socket's address besides 'self', because not every browser counts ws: as 'self'. A host
    that is more than a name and a port never gets into the policy.
    """
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            f"connect-src 'self'{sockets}",
            "font-src 'self'",
            "frame-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            f"frame-ancestors {ancestors}",
        )
    )


def origin_is_allowed(origin: str | None, host: str, settings: Settings) -> bool:
    """Whether a page of this origin may open the live socket.

    Same host and port as the request was for, or in the list of settings. Browsers always send an origin with a
    WebSocket; without one, or with the `null` of a sandboxed page, the answer is no.
    """
    if not origin or origin == "null":
        return False
    if origin.rstrip("/") in {allowed.rstrip("/") for allowed in settings.origins}:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False  # an address in brackets that is none
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def error_answer(error: GlassboxError, status: int | None = None) -> Response:
    """The error as the API answers it, `{"error": {kind, message, hint, diagnostics}}`, or as text beside a page."""
    status = status or next((code for kind, code in STATUS_OF if isinstance(error, kind)), 400)
    if not wants_json():
        return _plain(f"{error.message} ({error.hint})" if error.hint else error.message, status)
    response = jsonify(error=error.to_wire())
    response.status_code = status
    return response


def wants_json() -> bool:
    """Whether an error of this request is answered as JSON: everything but pages and plain texts."""
    return request.path.startswith(("/api/", "/examples/")) or request.path in ("/examples", "/health", "/oembed")


def _on_http_error(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error  # a redirect is its own answer
    if not wants_json():
        return _plain(HTTPStatus(status).phrase, status)
    shape: Mapping[str, Any] = {
        "kind": "limit" if status in (413, 429) else "not_found" if status == 404 else "request",
        "message": HTTPStatus(status).phrase,
        "hint": None,
        "diagnostics": [],
    }
    response = jsonify(error=shape)
    response.status_code = status
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _on_failure(error: Exception) -> Response:
    # The details are for the log only: they may hold paths, or what a visitor typed.
    current_app.logger.exception("%s %s failed", request.method, request.path)
    return error_answer(GlassboxError("something went wrong on the server"), 500)


def _plain(message: str, status: int) -> Response:
    return Response(f"{message}\n", status, content_type="text/plain; charset=utf-8")


def _add_headers(response: Response) -> Response:
    framed: tuple[str, ...] | None = g.get("frame_ancestors")
    part = response.mimetype in PARTS and response.status_code == HTTPStatus.OK
    left_out = OF_PAGES if part else ("X-Frame-Options", "Cross-Origin-Resource-Policy") if framed else ()
    for name, value in FIXED_HEADERS.items():
        if name not in left_out:
            response.headers.setdefault(name, value)
    if response.mimetype == "text/html":
        # Only pages that are made for frames set this; the old header could not name the sites.
        policy = content_security_policy(csp_nonce(), request.host, " ".join(framed) if framed else "'self'")
    else:
        policy = "default-src 'none'; frame-ancestors 'none'"
    if not part:
        response.headers.setdefault("Content-Security-Policy", policy)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def _refuse_foreign_writes() -> None:
    """What changes something is asked for by our own pages or by programs, never by a page of another origin.

    Browsers name the origin with every such request; the content type that the API asks for is one more wall, because
    no form can send it.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    settings: Settings = current_app.extensions["glassbox"].settings
    if origin is not None and not origin_is_allowed(origin, request.host, settings):
        abort(403)
    if origin is None and site not in (None, "none", "same-origin"):
        abort(403)


#: Asked for by the operator's own machines, under whatever name or number they know this one by; no address is in them.
FOR_THE_INSIDE = ("/health", "/metrics")


def _refuse_foreign_hosts() -> None:
    """Answer only under the names of the settings, so that nobody has addresses made of names that are not ours."""
    settings: Settings = current_app.extensions["glassbox"].settings
    if request.path not in FOR_THE_INSIDE and not host_is_trusted(request.host, settings.hosts):
        abort(400)


def install(app: Flask, settings: Settings) -> None:
    """Caps on bodies, the error handlers and the headers of every answer."""
    app.config["MAX_CONTENT_LENGTH"] = settings.request_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.request_bytes
    if settings.hosts:
        app.before_request(_refuse_foreign_hosts)
    app.register_error_handler(GlassboxError, error_answer)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_failure)
    app.before_request(_refuse_foreign_writes)
    app.after_request(_add_headers)
