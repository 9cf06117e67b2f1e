"""A debugger server's front door: one client after the other on a local port."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from engine.errors import CommandError, HostUnavailable

LOCAL = "127.0.0.1"


def parse_address(text: str) -> tuple[str, int]:
    """`PORT`, `HOST:PORT` or `[HOST]:PORT`; without a host only this computer can connect. CommandError otherwise."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 0xFFFF:
        raise CommandError(f"{text!r} is no address to listen at", hint="PORT or HOST:PORT")
    return host.removeprefix("[").removesuffix("]") or LOCAL, int(port)


def serve(address: tuple[str, int], name: str, talk: Callable[[socket.socket], bool]) -> None:
    """Listen, say where on the standard error (port 0 takes a free one), and talk to each client in turn.

    `talk` answers whether to wait for another client. HostUnavailable when the address cannot be had.
    """
    host, port = address
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(where[:2], family=family)
    except OSError as error:
        raise HostUnavailable(f"cannot listen at {host}:{port}: {error.strerror}") from error
    with listener:
        sys.stderr.write(f"{name}: listening on {host}:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        while True:
            client, _ = listener.accept()
            with client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if not talk(client):
                    return
