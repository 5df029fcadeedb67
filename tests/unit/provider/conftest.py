from __future__ import annotations

from collections.abc import Iterator

import pytest

from .answering import Answering, Slept, answering


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


@pytest.fixture
def slept() -> Slept:
    return Slept()
