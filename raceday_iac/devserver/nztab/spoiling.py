"""Spoiling good answers, by fixed rules, so that a test can say what must be left of them.

Entries of a list (runners, meetings, races) are spoilt by their place: `nulls` those at 0, 3, 6, …; `wrong_types` those
at 1, 4, 7, …; `duplicates` repeats the first two at the end, with other contents. Everything else stays good.
"""

from __future__ import annotations

import copy
import json
from typing import Any

#: The list that matters in the `data` of each kind of answer.
LISTS = {"event": "runners", "meetings": "meetings", "meeting": "meetings", "list": "races"}
HUGE = 10 * 1024 * 1024
HTML = b"<!DOCTYPE html><html><head><title>Attention</title></head><body><h1>Just a moment...</h1></body></html>\n"

NULLED = {
    "event": ("name", "runner_number", "odds", "weight", "is_scratched", "speedmap", "barrier"),
    "meetings": ("name", "races", "track_condition"),
    "meeting": ("name", "races", "track_condition"),
    "list": ("name", "number", "advertised_start"),
}
MISTYPED: dict[str, dict[str, Any]] = {
    "event": {"runner_number": "seven", "barrier": "4", "odds": [], "is_scratched": "no", "weight": "58kg", "gear": {}},
    "meetings": {"name": 17, "races": "none", "track_condition": ["Good4"]},
    "meeting": {"name": 17, "races": "none", "track_condition": ["Good4"]},
    "list": {"name": {}, "number": "one", "advertised_start": 1752713400},
}


def spoil_body(kind: str, body: bytes) -> bytes:
    """A body that is not the JSON it should be, or far too long."""
    if kind == "truncated":
        return body[: len(body) // 2]
    if kind == "html":
        return HTML
    if kind == "not_object":
        return b"[" + body + b"]"
    if kind == "huge":
        return body[:-1] + b',"padding":"' + b"x" * HUGE + b'"}'
    return b""


def spoil_data(kind: str, route: str, answer: dict[str, Any]) -> dict[str, Any]:
    """A copy of an answer with some of its data spoilt."""
    # Through text and back: parts of an answer are shared with other answers.
    spoilt: dict[str, Any] = json.loads(json.dumps(answer))
    data = spoilt["data"]
    name = LISTS[route]
    if kind == "missing":
        del data[name]
    elif kind == "duplicates":
        data[name] += [{**entry, "name": f"{entry['name']} again"} for entry in copy.deepcopy(data[name][:2])]
    elif kind == "nulls":
        for entry in data[name][0::3]:
            entry.update(dict.fromkeys(NULLED[route]))
        _null_market(data)
    elif kind == "wrong_types":
        for entry in data[name][1::3]:
            entry.update(MISTYPED[route])
        _mistype_market(data)
    return spoilt


def _null_market(data: dict[str, Any]) -> None:
    """Beside the runners of an event: some facts of the race, a pool, and an entry of the money tracker."""
    if "race" in data:
        data["race"] |= {"distance": None, "weather": None, "prize_monies": None}
    for pool in (data.get("tote_pools") or [])[:1]:
        pool["total"] = None
    for entry in ((data.get("money_tracker") or {}).get("entrants") or [])[:1]:
        entry["hold_percentage"] = None


def _mistype_market(data: dict[str, Any]) -> None:
    if "race" in data:
        data["race"] |= {"distance": "1700m", "video_channels": "Trackside1", "prize_monies": []}
    for pool in (data.get("tote_pools") or [])[:1]:
        pool["total"] = "n/a"
    for entry in ((data.get("money_tracker") or {}).get("entrants") or [])[:1]:
        entry["hold_percentage"] = "9%"
