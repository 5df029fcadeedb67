"""Where state can be kept outside this machine, behind one small protocol. It knows texts, never what they mean."""

from .base import HeldText, Shelf, TakenError, Volume

__all__ = ["HeldText", "Shelf", "TakenError", "Volume"]
