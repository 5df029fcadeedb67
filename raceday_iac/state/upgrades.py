"""Old formats of the state document, upgraded one step at a time. Each has a stored example in tests/data/state/.

Format 1: lineage, serial, salt, resources.
Format 2: also `saved`, which says how the state came to be; the salt and the resources may be sealed (see sealing.py).
Format 3: also `bound`, which says what the state belongs to (see binding.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import StateError

FORMAT = 3

Document = dict[str, Any]


def upgraded(content: Any) -> Document:
    """The document in the newest format. Raises StateError when it is none, or newer than this program."""
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise StateError("it is not a state document (no format number)")
    document: Document = content
    if document["format"] > FORMAT:
        raise StateError(
            f"it has format {document['format']}, this version reads up to {FORMAT}; use a newer raceday-iac"
        )
    while (number := int(document["format"])) < FORMAT:
        if number not in STEPS:
            raise StateError(f"it has format {number}, which there never was")
        document = {**STEPS[number](document), "format": number + 1}
    return document


def _with_provenance(document: Document) -> Document:
    """1 → 2: nothing is known of who saved it."""
    resources = document.get("resources")
    count = len(resources) if isinstance(resources, dict) else 0
    return {**document, "saved": {"resources": count}}


def _with_binding(document: Document) -> Document:
    """2 → 3: nothing is known of what it belongs to; the next save says it."""
    return {**document, "bound": {}}


STEPS: Mapping[int, Callable[[Document], Document]] = {1: _with_provenance, 2: _with_binding}
