"""`python -m engine ROOM COMMAND …`: every room's command line and the debugger servers (docs/cli.md)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from engine.errors import GlassboxError
from engine.rooms import ROOMS, room

#: What serves debuggers for every room (docs/debuggers.md): modules with a `main`, imported when asked for.
SERVERS = {"dap": "engine.dap", "gdbserver": "engine.gdbserver"}


def main(arguments: Sequence[str]) -> int:
    """Dispatch to the room or server named by the first argument; 2 for a usage error."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: python -m engine {{{'|'.join(r.name for r in ROOMS)}}} COMMAND …", file=sys.stderr)
        print(f"       python -m engine {{{'|'.join(SERVERS)}}} …", file=sys.stderr)
        return 0 if arguments else 2
    try:
        if arguments[0] in SERVERS:
            return int(importlib.import_module(SERVERS[arguments[0]]).main(arguments[1:]))
        return room(arguments[0]).module.cli(arguments[1:])
    except GlassboxError as error:
        print(f"{arguments[0]}: {error.message}" + (f"\n{error.hint}" if error.hint else ""), file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
