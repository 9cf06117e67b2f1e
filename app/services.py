"""What the routes work with, made once by `create_app` and found through the current application."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from app.assets import Assets
from app.catalogue import Catalogue
from app.sessions import Sessions
from app.settings import Settings
from app.store import Store

#: How long the worker service may take to start; less than the time after which gunicorn gives a web process up.
WARM_S = 20.0


@dataclass(frozen=True)
class Services:
    """The parts of one web process."""

    settings: Settings
    version: str
    store: Store
    sessions: Sessions
    assets: Assets
    catalogue: Catalogue

    def start(self) -> None:
        """Launch the worker service: called in the web process, after it was forked. HostUnavailable if it fails."""
        self.sessions.pool.warm(WARM_S)

    def stop(self) -> None:
        """Tell every visitor, end every worker, close the database: the last call."""
        self.sessions.drain()
        self.sessions.pool.close()
        self.sessions.places.close()
        self.store.close()


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions["glassbox"]
    return found
