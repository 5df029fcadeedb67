"""The provider for real Appwrite servers. The only place that imports the SDK."""

from .read_only import ReadingTransport
from .reading import AppwriteReader
from .transport import Patience, Transport
from .writing import AppwriteProvider

__all__ = ["AppwriteProvider", "AppwriteReader", "Patience", "ReadingTransport", "Transport"]
