"""Time travel for any Machine: checkpoints, replay, and searches backwards. Knows the Machine contract only."""

from engine.timeline.timeline import Arrival, Timeline, TraceSink

__all__ = ["Arrival", "Timeline", "TraceSink"]
