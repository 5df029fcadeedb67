"""Refusals, and what lists have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from raceday_iac.errors import ConflictError, NotFoundError, ProviderError

Raw = dict[str, Any]


def missing(what: str) -> NotFoundError:
    return NotFoundError(f"{what} was not found", code=404, type="not_found")


def taken(what: str) -> ConflictError:
    return ConflictError(f"{what} already exists", code=409, type="already_exists")


def refused(why: str) -> ProviderError:
    return ProviderError(why, code=400, type="general_argument_invalid")


def page(items: Iterable[Raw], body: Raw, plural: str, identity: str = "$id") -> Raw:
    """One page of a list: `limit`, `cursorAfter`, `equal` and, by the order of creation, `orderDesc`."""
    queries = {each["method"]: each for each in map(json.loads, body.get("queries", ()))}
    shown = list(items)
    if "equal" in queries:
        wanted = queries["equal"]
        shown = [each for each in shown if each[wanted["attribute"]] in wanted["values"]]
    total = len(shown)
    if "orderDesc" in queries:
        shown.reverse()
    if "cursorAfter" in queries:
        ids = [each[identity] for each in shown]
        shown = shown[ids.index(queries["cursorAfter"]["values"][0]) + 1 :]
    return {"total": total, plural: shown[: queries["limit"]["values"][0] if "limit" in queries else 25]}
