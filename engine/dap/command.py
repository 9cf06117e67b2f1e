"""`python -m engine dap`: an adapter on the standard streams, or for one client after the other on a port."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from engine.dap.adapter import Adapter
from engine.dap.channel import Channel
from engine.debug.serving import parse_address, serve


def _talk(client: socket.socket) -> bool:
    Adapter(Channel(client.fileno(), client.fileno())).serve()
    return True


def main(arguments: Sequence[str]) -> int:
    """Serve until the client goes (standard streams) or for ever (a port); the exit status."""
    parser = argparse.ArgumentParser(prog="python -m engine dap", description="Debug Adapter Protocol server.")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="stdio", help="a port of this computer, or `stdio` (the default)"
    )
    options = parser.parse_args(arguments)
    if options.listen == "stdio":
        # The protocol has the standard output to itself: whatever else writes there goes to the standard error.
        out = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        Adapter(Channel(sys.stdin.fileno(), out)).serve()
        return 0
    try:
        serve(parse_address(options.listen), "dap", _talk)
    except KeyboardInterrupt:
        return 130
    return 0
