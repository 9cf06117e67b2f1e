"""How often one network may ask: Flask-Limiter, counting in this process's memory or, by setting, in Redis.

When Redis is away each process goes on counting in its memory: nobody is turned away for that.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_limiter import Limiter

from app.sessions import network_of
from app.settings import Settings


def visitor() -> str:
    """Who is counted: the network that the request comes from."""
    return network_of(request.remote_addr or "unknown")


#: Endpoints that are not counted: files of the page, which are cached, and what the operator's own machines ask.
UNCOUNTED = ("assets.asset", "pages.health", "metrics")
#: Endpoints that start a program for one picture.
PICTURES = ("pictures.of_example", "pictures.of_link", "pictures.of_moment")


def install(app: Flask, settings: Settings) -> None:
    """Limit every endpoint; those that store something or open a live socket have limits of their own."""
    common = [f"{settings.requests_per_minute}/minute"] if settings.requests_per_minute else []
    limiter = Limiter(
        visitor,
        app=app,
        default_limits=list(common),
        storage_uri=settings.limits_url or "memory://",
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1} if settings.limits_url else {},
        in_memory_fallback=list(common),
        in_memory_fallback_enabled=bool(settings.limits_url),
        headers_enabled=True,
        key_prefix="glassbox",
    )
    for name in UNCOUNTED:
        limiter.exempt(app.view_functions[name])
    own = {
        "api.create_link": settings.links_per_day and f"{settings.links_per_day}/day",
        **dict.fromkeys(PICTURES, settings.pictures_per_minute and f"{settings.pictures_per_minute}/minute"),
        "live": settings.sockets_per_minute and f"{settings.sockets_per_minute}/minute",
    }
    for name, limit in own.items():
        if limit:
            limited: Any = limiter.limit(limit, override_defaults=False)(app.view_functions[name])
            app.view_functions[name] = limited
