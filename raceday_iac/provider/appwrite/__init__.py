"""The provider for real Appwrite servers. The only place that imports the SDK."""

from .reading import AppwriteReader
from .transport import ReadingTransport, RetryPolicy, Transport
from .writing import AppwriteProvider

__all__ = ["AppwriteProvider", "AppwriteReader", "RetryPolicy", "ReadingTransport", "Transport"]
