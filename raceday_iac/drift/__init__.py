"""Verdicts about drift."""

from .accepting import accept
from .verdict import Item, Standing, Verdict, judge

__all__ = ["Item", "Standing", "Verdict", "accept", "judge"]
