"""Who changed what, when, and what came of it: an append-only log, each line of which carries the hash of the one
before."""

from .chain import Break, Inspection, inspect
from .log import AuditLog

__all__ = ["AuditLog", "Break", "Inspection", "inspect"]
