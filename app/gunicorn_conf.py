"""Gunicorn's configuration: `gunicorn -c app/gunicorn_conf.py 'app:create_app()'`. Everything comes from the settings.

Threads carry the live sessions, so there are more of them than sessions are admitted. The processes share nothing.
"""

from __future__ import annotations

import os
from typing import Any

from app.metrics import clear
from app.settings import Settings, unknown_variables
from app.succession import note_gone, note_master, note_ready

settings = Settings.from_environ()

bind = settings.bind
worker_class = "app.webworker.WebWorker"
workers = settings.web_workers
threads = settings.threads
# Connections beyond the threads may wait for one, or for their next request.
worker_connections = max(1000, 4 * settings.threads)
timeout = 30
graceful_timeout = settings.graceful_s
keepalive = 5
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - gunicorn makes it safely
control_socket_disable = True
loglevel = settings.log_level
accesslog = None
# Which proxies are believed is decided in the application (`trusted_proxies`), not here.
forwarded_allow_ips = ""
limit_request_line = 8190
limit_request_fields = 64


def on_starting(server: Any) -> None:  # noqa: ANN401 - gunicorn's arbiter
    """Name variables that look like settings and are none; begin to count anew, unless another master still serves."""
    if not server.master_pid:
        clear(settings.data_path / "metrics")
    for name in unknown_variables():
        server.log.warning("%s is not a setting; docs/settings.md lists them", name)


def when_ready(_server: Any) -> None:  # noqa: ANN401 - gunicorn's arbiter
    """The listening sockets are open: this is the master now (`python -m app reload`)."""
    note_master(settings.data_path)


def post_worker_init(_worker: Any) -> None:  # noqa: ANN401 - gunicorn's worker
    """A web process serves."""
    note_ready(settings.data_path)


def worker_exit(_server: Any, worker: Any) -> None:  # noqa: ANN401 - gunicorn's arbiter and worker
    """The last words of a web process: end its session workers and let go of the database."""
    note_gone(settings.data_path)
    if worker.services is not None:
        worker.services.stop()
