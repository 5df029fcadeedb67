"""What is really there."""

from .snapshot import refresh

__all__ = ["refresh"]
