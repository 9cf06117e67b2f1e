"""The servers of tests/live."""

from tests.live.conftest import start_server

__all__ = ["start_server"]
