"""Cassettes that give nothing away: no key, no project, no host, no value of a variable, no header but a few."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import vcr

CASSETTES = Path(__file__).parents[1] / "data" / "cassettes"
_KEPT_HEADERS = {"content-type", "retry-after"}
#: Whoever records is named in the executions that he starts.
_SENDER = re.compile(rb'"requestHeaders":\[[^\]]*\]')
_VALUE = re.compile(rb'("value": ?)"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class Place:
    """A project of a server, and the key to it."""

    endpoint: str
    project: str
    key: str


#: What is written into a cassette instead.
HIDDEN = Place("http://appwrite.test/v1", "project", "key")


def recorder(place: Place, *, recording: bool) -> vcr.VCR:
    """Replays, and fails on a request that was not recorded; or records."""
    made = vcr.VCR(
        cassette_library_dir=str(CASSETTES),
        record_mode="all" if recording else "none",
        match_on=("method", "path", "query", "content"),
        before_record_request=_request_hider(place),
        before_record_response=_response_hider(place),
    )
    made.register_matcher("content", _same_content)
    return made


def _same_content(one: Any, other: Any) -> None:
    """The order of names in an object says nothing."""
    assert _content(one.body) == _content(other.body)


def _content(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return body


def _request_hider(place: Place) -> Callable[[Any], Any]:
    """Applied to what is recorded, and to what is compared with it."""

    def hide(request: Any) -> Any:
        # The original is still to be sent.
        hidden = copy.copy(request)
        hidden.uri = request.uri.replace(place.endpoint, HIDDEN.endpoint)
        is_upload = "multipart" in str(request.headers.get("content-type", ""))
        hidden.headers = {}
        if is_upload:
            hidden.body = b"(an archive)"
        elif request.body and "/variables" in request.path:
            hidden.body = _VALUE.sub(rb'\1"***"', request.body)
        return hidden

    return hide


def _response_hider(place: Place) -> Callable[[Any], Any]:
    def hide(response: Any) -> Any:
        hidden = copy.deepcopy(response)
        hidden["headers"] = {
            name: value for name, value in response["headers"].items() if name.lower() in _KEPT_HEADERS
        }
        body = response["body"]["string"]
        if not body.startswith(b"\x1f\x8b"):
            host = place.endpoint.partition("://")[2].partition("/")[0]
            for text, instead in ((place.key, HIDDEN.key), (host, "appwrite.test"), (place.project, HIDDEN.project)):
                body = re.sub(rb"(?<![\w-])" + re.escape(text.encode()) + rb"(?![\w-])", instead.encode(), body)
            body = _SENDER.sub(b'"requestHeaders":[]', body)
            body = _VALUE.sub(rb'\1"***"', body) if b'"resourceType":"function"' in body else body
        hidden["body"]["string"] = body
        return hidden

    return hide
