"""gdb's remote serial protocol for machines with a CPU: `python -m engine gdbserver`; docs/debuggers.md."""

from engine.gdbserver.command import main

__all__ = ["main"]
