"""Wanted, known, real → differences."""

from .compare import compare
from .difference import Cause, Difference, FieldChange, Presence

__all__ = ["Cause", "Difference", "FieldChange", "Presence", "compare"]
