"""An Appwrite in memory, below the provider: it takes calls and gives raw answers, as the transport does.

It keeps the rules that a reconciler can break, and no others. It shares no code with the embedded server.
"""

from .server import MemoryAppwrite, provider_of

__all__ = ["MemoryAppwrite", "provider_of"]
