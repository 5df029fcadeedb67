"""All traffic with Appwrite goes through this package.

`Reader` is the half that plan and drift get: it can only read. `Provider` adds the writing half for apply.
"""

from ..model.server import ServerFacts
from .protocol import Condition, NewValues, Provider, Reader, Snapshot, Written

__all__ = ["Condition", "NewValues", "Provider", "Reader", "ServerFacts", "Snapshot", "Written"]
