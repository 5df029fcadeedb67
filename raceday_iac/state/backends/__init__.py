"""Where state can be kept outside this machine, behind one small protocol. It knows texts, never what they mean."""

from .base import LockRecord, PreconditionFailed, StateBackend, StateVersion

__all__ = ["LockRecord", "StateBackend", "PreconditionFailed", "StateVersion"]
