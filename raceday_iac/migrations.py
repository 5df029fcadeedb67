"""What the file of a migration imports, for its annotations: `def run(data: Data) -> None`."""

from __future__ import annotations

from .applying.migrating import Data, Document

__all__ = ["Data", "Document"]
