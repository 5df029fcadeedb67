"""Carrying out a plan."""

from .run import Applied, apply_plan
from .scheduler import Event, Moment

__all__ = ["Applied", "Event", "Moment", "apply_plan"]
