"""Carrying out a plan."""

from .events import Event, Moment
from .run import Applied, apply_plan

__all__ = ["Applied", "Event", "Moment", "apply_plan"]
