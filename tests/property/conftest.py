"""What makes thousands of pairs affordable."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def slow_digests_only_once() -> Iterator[None]:
    """The digest of a secret is slow on purpose, and there are few secrets here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "scrypt", functools.cache(hashlib.scrypt))
        yield
