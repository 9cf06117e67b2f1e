"""The Debug Adapter Protocol for every machine: `python -m engine dap`; docs/debuggers.md."""

from engine.dap.command import main

__all__ = ["main"]
