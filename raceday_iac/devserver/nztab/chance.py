"""Chance that can be repeated: every draw belongs to a name, so that one race's luck does not depend on another's."""

from __future__ import annotations

from random import Random
from uuid import UUID, uuid5

#: The namespace of all ids that were not recorded.
NAMESPACE = UUID("6f1c3c52-6c0e-5b0e-9d8b-5d6c1c0f9a11")


def dice(*name: object) -> Random:
    """A generator that gives the same numbers for the same name, in every process."""
    return Random("/".join(map(str, name)))


def made_id(*name: object) -> str:
    """A UUID that is always the same for this name."""
    return str(uuid5(NAMESPACE, "/".join(map(str, name))))
