"""Reading the query of a request, and refusing what the API cannot understand.

Unknown parameters are ignored, as the API does: what was understood is echoed in `params` of the answer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from .model import NZ

LIMIT, LARGEST_LIMIT = 100, 200
#: Words that may stand for a date, and how many days they cover from today.
SPANS = {"today": 1, "week": 7, "month": 31, "all": 31}
LONGEST = 31


class Refused(Exception):
    """The request cannot be answered: `status` and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def read_encoding(query: Mapping[str, str]) -> str:
    """JSON only; the real API also writes XML and HTML."""
    encoding = query.get("enc", "json")
    if encoding != "json":
        raise Refused(400, f"enc {encoding!r} is not played here")
    return encoding


def read_flag(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise Refused(400, f"{name} must be true or false")
    return text in ("true", "1")


def read_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise Refused(400, f"{name} must be a number from 0 to {most}")
    return int(text)


def read_days(query: Mapping[str, str], now: datetime) -> tuple[date, date]:
    """The first and the last day asked for; today in New Zealand when none is named."""
    today = now.astimezone(NZ).date()
    begin, span = _read_day(query, "date_from", today)
    end, end_span = _read_day(query, "date_to", begin)
    if "date_to" not in query:
        end_span = span
    end += timedelta(days=end_span - 1)
    if not begin <= end <= begin + timedelta(days=LONGEST - 1):
        raise Refused(400, f"date_to must be at most {LONGEST - 1} days after date_from")
    return begin, end


def _read_day(query: Mapping[str, str], name: str, default: date) -> tuple[date, int]:
    text = query.get(name, "")
    if not text:
        return default, 1
    if text in SPANS:
        return default, SPANS[text]
    try:
        return date.fromisoformat(text[:10]), 1
    except ValueError:
        raise Refused(400, f"{name} must be a date (YYYY-MM-DD) or one of {', '.join(SPANS)}") from None


def read_words(query: Mapping[str, str], *names: str) -> frozenset[str]:
    """A list with commas, under the first of the names that is used; empty means all."""
    for name in names:
        words = frozenset(word.strip().upper() for word in query.get(name, "").split(",") if word.strip())
        if words:
            return words
    return frozenset()


def read_page(query: Mapping[str, str]) -> int:
    """The page that a `page_token` stands for, from 1."""
    token = query.get("page_token", "")
    if not token:
        return 1
    try:
        page: Any = json.loads(base64.b64decode(token + "=" * (-len(token) % 4)))["page_number"]
    except (ValueError, KeyError, TypeError):
        page = None
    if not isinstance(page, int) or page < 1:
        raise Refused(400, "page_token is not one of ours")
    return page


def page_token(page: int, asked: str) -> str:
    """As recorded: base64 of the page number and a hash of the request, without padding."""
    text = json.dumps({"page_number": page, "page_request_hash": asked}, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode().rstrip("=")
