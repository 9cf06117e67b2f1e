"""The web application: pages, share links and the live socket. It never runs a visitor's program itself."""

from __future__ import annotations

import tomllib
from collections.abc import Callable

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app import api, assets, compression, embed, live, logs, metrics, pages, pictures, ratelimits, security, tours
from app.assets import Assets
from app.catalogue import Catalogue
from app.control import Control
from app.handover import Handover
from app.kept import Kept
from app.metrics import Metrics
from app.places import Places
from app.replicas import LinkCache, ReplicaPlaces, ReplicaQueue, SharedStore, is_shared
from app.services import Services
from app.sessions import Pool, Sessions
from app.settings import ROOT, Settings
from app.store import Store
from app.waiting import Queue
from engine.worker.client import WorkerPool
from engine.worker.limits import Limits, WorkerLimits


def create_app(settings: Settings | None = None, pool: Pool | None = None) -> Flask:
    """The application, for one process. Settings come from the environment, workers from a pool of its own.

    ValueError for a setting that makes no sense, HostUnavailable if the database cannot be opened. No worker process
    is started before `Services.start`, or else before the first live session.
    """
    settings = settings or Settings.from_environ()
    logs.install(settings)
    app = Flask("app", root_path=str(ROOT / "app"), template_folder=str(ROOT / "templates"), static_folder=None)
    kept = Kept()
    counts = Metrics(settings.data_path / "metrics")

    def count_ticks(ticks: int) -> None:
        counts.count("glassbox_ticks_total", by=ticks)

    control = Control(settings.data_path)

    def make_room(network: str | None) -> bool:
        return kept.make_room(network) or control.tell_others({"do": "make_room", "network": network})

    shared = SharedStore(settings.limits_url) if is_shared(settings.limits_url) else None
    found = Services(
        settings=settings,
        version=program_version(),
        store=Store(settings, LinkCache(shared, settings.link_cache_s)),
        sessions=Sessions(
            *admission(settings, shared, make_room),
            pool or WorkerPool(worker_limits(settings), on_ticks=count_ticks),
            make_room,
        ),
        metrics=counts,
        kept=kept,
        assets=Assets(ROOT / "static" / "dist"),
        catalogue=Catalogue.read(ROOT / "static" / "i18n" / "catalogue.json"),
    )
    app.extensions["glassbox"] = found
    control.on("end", lambda asked: found.sessions.end(int(asked["session"])))
    control.on("make_room", lambda asked: kept.make_room(asked["network"]))
    handover = Handover(settings.data_path, lambda connection: live.take_in(found, connection))
    found.starting.extend([control.start, handover.start])
    app.jinja_env.globals["asset"] = found.assets.url
    compression.install(app)
    security.install(app, settings)
    app.register_blueprint(pages.blueprint)
    app.register_blueprint(tours.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(embed.blueprint)
    app.register_blueprint(pictures.blueprint)
    app.register_blueprint(assets.blueprint)
    live.install(live.LiveSock(app), settings)
    metrics.install(app, settings)
    ratelimits.install(app, settings)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    return app


def admission(
    settings: Settings, shared: SharedStore | None, make_room: Callable[[str | None], bool]
) -> tuple[Places | ReplicaPlaces, Queue]:
    """The places for sessions and the queue: of this server, and where servers share a Redis over all of them."""
    local = Places(settings.data_path / "places", settings.sessions, settings.sessions_per_address)
    waiting = Places(settings.data_path / "queue", settings.queue, settings.sessions_per_address)
    if shared is None:
        return local, Queue(waiting)
    places = ReplicaPlaces(local, shared, settings.sessions_in_all, lambda: make_room(None))
    return places, ReplicaQueue(waiting, places, shared)


def worker_limits(settings: Settings) -> WorkerLimits:
    """The budgets of workers and programs that the settings ask for."""
    return WorkerLimits(
        cpu_s=settings.cpu_s,
        wall_s=settings.session_s,
        resident_bytes=settings.worker_bytes,
        workers=settings.sessions,
        cpu_percent=settings.cpu_percent,
        cgroup=settings.cgroup,
        session=Limits(
            max_ticks=settings.max_ticks, memory_bytes=settings.memory_bytes, output_bytes=settings.output_bytes
        ),
    )


def program_version() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    version: str = project["project"]["version"]
    return version
