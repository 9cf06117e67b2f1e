"""What the two debugger servers (engine/dap, engine/gdbserver) share: a program under a debugger, and how it moves."""

from engine.debug.debuggee import Debuggee, RowInfo, Wish
from engine.debug.opening import open_program

__all__ = ["Debuggee", "RowInfo", "Wish", "open_program"]
