"""Time travel for any Machine: checkpoints, replay, and searches. Knows the Machine contract only."""

from engine.timeline.branches import Branch
from engine.timeline.scan import Hit, Pattern, Value, Write
from engine.timeline.search import Page, Search
from engine.timeline.timeline import Arrival, Timeline, TraceSink

__all__ = ["Arrival", "Branch", "Hit", "Page", "Pattern", "Search", "Timeline", "TraceSink", "Value", "Write"]
