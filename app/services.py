"""What the routes work with, made once by `create_app` and found through the current application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import current_app

from app.assets import Assets
from app.catalogue import Catalogue
from app.kept import Kept
from app.metrics import Metrics
from app.sessions import Sessions
from app.settings import Settings
from app.store import Store
from app.studio import Studio
from engine.errors import GlassboxError

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
    metrics: Metrics
    kept: Kept
    studio: Studio = field(default_factory=Studio)
    #: What is to be started in the web process, after it was forked.
    starting: list[Callable[[], None]] = field(default_factory=list)

    def start(self) -> None:
        """Launch the worker service: called in the web process, after it was forked. HostUnavailable if it fails.

        SandboxMissing when this host cannot give a protection that the settings ask for.
        """
        for start in self.starting:
            start()
        report = self.sessions.pool.warm(WARM_S)
        missing = missing_protections(self.settings.require_sandbox, report.get("protections", {}))
        if missing:
            raise SandboxMissing("; ".join(missing), hint="GLASSBOX_REQUIRE_SANDBOX says that this must not be")

    def stop(self) -> None:
        """Tell every visitor, end every worker, close the database: the last call."""
        self.sessions.drain()
        self.sessions.pool.close()
        self.sessions.places.close()
        self.store.close()


#: What an ordinary user or a container cannot give, and what is not a wall.
NOT_EVERYWHERE = ("user", "cgroup", "yields_to_others")


class SandboxMissing(GlassboxError):
    """A protection that the settings ask for is not there."""

    kind = "host"


def missing_protections(required: str, protections: Mapping[str, bool | str]) -> list[str]:
    """The protections that are missing and required (the setting `require_sandbox`), each with the reason."""
    if required not in ("walls", "all"):
        return []
    given_up = NOT_EVERYWHERE if required == "walls" else ()
    if not protections:
        return ["the protections are not known"]
    return [f"{name}: {why}" for name, why in protections.items() if why is not True and name not in given_up]


def services() -> Services:
    """The services of the application that handles this request."""
    found: Services = current_app.extensions["glassbox"]
    return found
