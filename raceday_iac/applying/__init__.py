"""Carrying out a plan."""

from .run import Applied, apply_plan
from .scheduler import Event, EventKind

__all__ = ["Applied", "Event", "EventKind", "apply_plan"]
