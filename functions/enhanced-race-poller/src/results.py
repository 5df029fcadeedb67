"""What a race document gets when its status changes; and its results and dividends, saved whenever there are any, and
again whenever they differ from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .pools import number
from .vendor.due import TERMINAL
from .vendor.mapping import epoch

#: Longer than any status; the attribute takes 50.
LONGEST = 50


def status_of(event: Mapping[str, Any]) -> str | None:
    """The status that an event states; None when it states none that can be believed."""
    reported = event.get("status")
    if not isinstance(reported, str) or not reported.strip() or len(reported) > LONGEST:
        return None
    return reported.strip()


def status_changes(stored: Mapping[str, Any], event: Mapping[str, Any], polled_at: str) -> dict[str, Any]:
    """The fields of the race document that this poll changes; {} when none. An unusable status changes nothing."""
    changes: dict[str, Any] = {}
    started = epoch(event.get("actual_start"))
    if started is not None and started != _instant(stored.get("actualStart")):
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


def _instant(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


#: Flag of `race-results` by what a dividend's status says.
FLAGS = {"photo": "photoFinish", "inquiry": "stewardsInquiry", "protest": "protestLodged"}
#: What is compared to find out whether there is news.
COMPARED = (
    *("resultsAvailable", "resultStatus", "resultsData", "dividendsData", "fixedOddsData"),
    *FLAGS.values(),
)


def result_values(
    data: Mapping[str, Any], race: str, status: str, entrants: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The `race-results` document, except when; None as long as there are neither results nor dividends."""
    results, dividends = _rows(data.get("results")), _rows(data.get("dividends"))
    if not results and not dividends:
        return None
    said = {str(row.get("status", "")).lower() for row in dividends}
    return {
        "race": race,
        "raceId": race,
        "resultsAvailable": bool(results),
        "resultStatus": "final" if status in ("Final", "Finalized") else "interim",
        "resultsData": sorted(results, key=_placing),
        "dividendsData": sorted(dividends, key=_importance),
        "fixedOddsData": _fixed_odds(entrants),
        **{flag: any(word in each for each in said) for word, flag in FLAGS.items()},
    }


def is_news(document: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Whether a fitted document says anything that is not stored."""
    return any(document.get(key) != stored.get(key) for key in COMPARED)


def result_time(document: Mapping[str, Any], stored: Mapping[str, Any], polled_at: str) -> str:
    """When the result became what it is: interim or final."""
    is_same = document.get("resultStatus") == stored.get("resultStatus")
    return stored.get("resultTime") or polled_at if is_same else polled_at


def _rows(listed: Any) -> list[Mapping[str, Any]]:
    return [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []


def _placing(row: Mapping[str, Any]) -> tuple[float, str]:
    position = number(row.get("position"))
    return (999.0 if position is None else position, str(row.get("runner_number", "")))


def _importance(row: Mapping[str, Any]) -> tuple[bool, str, str, str]:
    """Final rows first: interim ones stay beside them, and what is too long is shortened from the end."""
    is_final = str(row.get("status", "")).lower() == "final"
    return (not is_final, *(str(row.get(key, "")) for key in ("product_name", "description", "id")))


def _fixed_odds(entrants: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Fixed odds by runner number."""
    return {
        str(entrant["runnerNumber"]): {
            "entrant_id": identity,
            "name": entrant.get("name"),
            "fixed_win": entrant.get("fixedWinOdds"),
            "fixed_place": entrant.get("fixedPlaceOdds"),
        }
        for identity, entrant in sorted(entrants.items(), key=lambda item: int(item[1]["runnerNumber"]))
    }
