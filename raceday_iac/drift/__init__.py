"""Verdicts about drift."""

from .verdict import Verdict, judge

__all__ = ["Verdict", "judge"]
