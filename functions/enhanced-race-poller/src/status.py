"""What changes in a race document when its status does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .vendor.due import TERMINAL
from .vendor.race_mapping import epoch

#: Longer than any status; the attribute takes 50.
LONGEST = 50


def status_of(event: Mapping[str, Any]) -> str | None:
    """The status that an event states; None when it states none that can be believed."""
    told = event.get("status")
    if not isinstance(told, str) or not told.strip() or len(told) > LONGEST:
        return None
    return told.strip()


def status_changes(stored: Mapping[str, Any], event: Mapping[str, Any], polled_at: str) -> dict[str, Any]:
    """The fields of the race document that this poll changes; {} when none. An unusable status changes nothing."""
    changes: dict[str, Any] = {}
    started = epoch(event.get("actual_start"))
    if started is not None and started != _moment(stored.get("actualStart")):
        changes["actualStart"] = started
    status = status_of(event)
    if status is None or status == stored.get("status"):
        return changes
    changes |= {"status": status, "lastStatusChange": polled_at}
    if status in ("Final", "Finalized") and stored.get("status") not in ("Final", "Finalized"):
        changes["finalizedAt"] = polled_at
    if status == "Abandoned":
        changes["abandonedAt"] = polled_at
    return changes


def is_over(status: Any) -> bool:
    return status in TERMINAL


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
