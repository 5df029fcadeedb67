"""Whether an answer is Appwrite's, and what it says.

An answer counts only if it has Appwrite's form: errors are JSON objects with message, code and type, lists have a total
and their key, objects what is needed of them, and a deletion is 204 without a body. Anything else comes from something
on the way, a proxy or a cache, and says nothing about what exists or was done. Bodies are bounded in size and time.
"""

from __future__ import annotations

import json
import re
import sys
import time
import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from json import JSONEncoder
from types import ModuleType
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from ...kinds import KINDS
from ...kinds.base import ARCHIVE, CONTENT, NOTHING, Call, misfit

# The one import of the Appwrite SDK.
#
# `appwrite.client` imports its JSON encoder, and that all enums of the SDK and, with `appwrite.models`, some three
# hundred pydantic classes: about a second, paid by every command. Nothing that is sent from here needs them, so an
# encoder stands in that fetches the real one only when it meets what plain JSON does not know.

_ENCODER = "appwrite.encoders.value_class_encoder"


class _Encoder(JSONEncoder):
    def default(self, o: object) -> Any:
        return import_module(_ENCODER).ValueClassEncoder().default(o)


def _import_light() -> tuple[Any, Any, Any, Any]:
    light = _ENCODER not in sys.modules
    if light:
        stand_in = ModuleType(_ENCODER)
        stand_in.__dict__["ValueClassEncoder"] = _Encoder
        sys.modules[_ENCODER] = stand_in
    try:
        from appwrite.client import Client  # noqa: PLC0415
        from appwrite.exception import AppwriteException  # noqa: PLC0415
        from appwrite.input_file import InputFile  # noqa: PLC0415
        from appwrite.query import Query  # noqa: PLC0415
    finally:
        if light:
            sys.modules.pop(_ENCODER, None)
    return Client, AppwriteException, InputFile, Query


Client, AppwriteException, InputFile, Query = _import_light()

#: Bytes of a body, as sent and as unpacked: of JSON, and of a file.
LONGEST, LONGEST_FILE = 64 * 1024 * 1024, 256 * 1024 * 1024
#: Levels of nested JSON. Appwrite's own go no deeper than documents inside documents, which are three.
DEEPEST = 64
#: Bytes a second, below which an answer only drips.
_SLOWEST = 16 * 1024
_PIECE = 64 * 1024
_JSON = "application/json"
_ARCHIVES = ("application/gzip", "application/x-gzip", "application/octet-stream")
_DONE = (200, 201, 202)
_REDIRECTS = (301, 302, 303, 307, 308)
#: Of what is no resource. Kinds say theirs themselves.
_ABSENCES = {
    "deployment": "deployment_not_found",
    "executions": "execution_not_found",
}


class Failure(AppwriteException):  # type: ignore[misc, valid-type] # the SDK carries no types
    """A request that was not answered as wished, in the SDK's form: `code` is 0 when no answer of Appwrite's came.

    `unsent` says that the request cannot have reached the server, `foreign` what came instead of an answer,
    `location` where it was redirected to, `retry_after` the seconds that the server asks to wait. `too_long`: more came
    than is read.
    """

    def __init__(
        self,
        message: str,
        code: int = 0,
        kind: str = "",
        *,
        retry_after: float = 0.0,
        unsent: bool = False,
        timed_out: bool = False,
        foreign: str = "",
        location: str = "",
        too_long: bool = False,
    ) -> None:
        super().__init__(message, code, kind)
        self.retry_after = retry_after
        self.unsent = unsent
        self.timed_out = timed_out
        self.foreign = foreign
        self.location = location
        self.too_long = too_long


def says_absent(call: Call, error_type: str) -> bool:
    """Whether an error of this type says that what the call names is not there. Another thing that is missing (a
    runtime, a route, a deployment to execute) does not. The operations of a transaction name documents."""
    parts = call.path.strip("/").split("/")
    if parts[:2] == ["databases", "transactions"]:
        return error_type in (
            "transaction_not_found",
            "document_not_found",
            "collection_not_found",
            "database_not_found",
        )
    # Every second part is the id of a thing, after what some lists have in front: `storage/buckets`.
    listings = [each.listing.path.strip("/").split("/") for each in KINDS.values() if each.listing is not None]
    # The answer of `project` is a list, and `project/keys` is one as well.
    front = max((len(each) - 1 for each in listings if parts[: len(each)] == each), default=0)
    named, known = [*parts[front::2], *parts[-1:]], absences()
    return error_type in {known[each] for each in named if each in known}


def absences() -> dict[str, str]:
    """By the list that a thing is in: Appwrite's word for its absence."""
    return {each.plural: each.absent for each in KINDS.values()} | _ABSENCES


def body_of(
    call: Call, response: requests.Response, patience: float, clock: Callable[[], float] = time.monotonic
) -> bytes:
    """The whole body, unpacked. Raises Failure when it is too long, or not there within `patience` seconds and those
    that its length takes."""
    if response.raw is None:
        # It came over no connection: whoever made it has it whole.
        return response.content
    longest = LONGEST_FILE if call.shape is ARCHIVE or call.shape is CONTENT else LONGEST
    begun, parts, size = clock(), [], 0
    try:
        # As it was sent: `requests` asks for nothing unpacked.
        while part := response.raw.read1(_PIECE):
            parts.append(part)
            size += len(part)
            if size > longest:
                raise _too_long(response, f"longer than {longest:,} bytes")
            if clock() - begun > patience + size / _SLOWEST:
                raise Failure("its answer did not come to an end", timed_out=True)
    except urllib3.exceptions.HTTPError as error:
        timed_out = isinstance(error, urllib3.exceptions.TimeoutError)
        raise Failure("its answer broke off", timed_out=timed_out) from None
    finally:
        # A connection that was read to its end is back in the pool by now.
        response.raw.close()
    return _unpacked(response, b"".join(parts), longest)


def _unpacked(response: requests.Response, body: bytes, longest: int) -> bytes:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise foreign(response, f"it is encoded as {encoding[:40]!r}, which was not requested")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(body, longest)
    except zlib.error:
        raise foreign(response, "it cannot be unpacked") from None
    if unpacking.unconsumed_tail:
        raise _too_long(response, f"it is longer than {longest:,} bytes when unpacked")
    if not unpacking.eof or unpacking.unused_data:
        raise foreign(response, f"it is cut, or longer than {longest:,} bytes when unpacked")
    return unpacked


def read(call: Call, response: requests.Response, body: bytes) -> Any:
    """What an answer says: JSON, the bytes of a file, or None after a deletion. Raises Failure."""
    status = response.status_code
    if status in _REDIRECTS and response.headers.get("location"):
        raise _redirect(response)
    if status == 429 or status >= 500:
        raise _distress(response, body)
    if status >= 400:
        raise _refusal(response, body)
    if status == 204 and call.shape is NOTHING and not _announces_body(response):
        return None
    if status not in _DONE or call.shape is NOTHING:
        raise foreign(response, _excerpt(body))
    if call.shape is ARCHIVE:
        if not body or _kind(response) not in _ARCHIVES:
            raise foreign(response, _excerpt(body) or "no archive")
        return body
    if call.shape is CONTENT:
        return body
    return _content(call, response, body)


def _redirect(response: requests.Response) -> Failure:
    try:
        place = urljoin(response.url or "", response.headers["location"])
        urlsplit(place)
    except ValueError:
        return foreign(response, "redirected to something that is not an address")
    return Failure(f"redirected to {place}", location=place)


def _content(call: Call, response: requests.Response, body: bytes) -> Any:
    content = _parsed(body) if _kind(response) == _JSON else None
    if content is None:
        raise foreign(response, _excerpt(body) or "no JSON")
    wrong = misfit(content, call.shape)
    if wrong:
        raise foreign(response, wrong if wrong[0] != " " else f"it{wrong}")
    return content


def _too_long(response: requests.Response, what: str) -> Failure:
    failure = foreign(response, what)
    failure.too_long = True
    return failure


def foreign(response: requests.Response, what: str) -> Failure:
    """An answer that is not Appwrite's."""
    kind = _kind(response)
    reported = ", ".join(part for part in (f"{response.status_code} {kind}".strip(), what) if part)
    return Failure(reported, foreign=reported)


def _refusal(response: requests.Response, body: bytes) -> Failure:
    content = _parsed(body) if _kind(response) == _JSON else None
    if not isinstance(content, dict) or not _is_error(content):
        return foreign(response, _excerpt(body))
    return Failure(content["message"], response.status_code, content["type"])


def _is_error(content: Mapping[str, Any]) -> bool:
    code, kind = content.get("code"), content.get("type")
    return isinstance(content.get("message"), str) and type(code) is int and isinstance(kind, str) and bool(kind)


def _distress(response: requests.Response, body: bytes) -> Failure:
    """Whoever says it: the request is to come again. (With its database down, 1.8.1 answers 500 text/html with a JSON
    body that has no type.)"""
    content = _parsed(body)
    reported = content if isinstance(content, dict) else {}
    message = str(reported.get("message") or "") or _excerpt(body) or str(response.reason or "no message")
    kind = reported.get("type")
    asked = _seconds(response.headers.get("retry-after", ""))
    return Failure(message, response.status_code, kind if isinstance(kind, str) else "", retry_after=asked)


def _parsed(body: bytes) -> Any:
    """JSON, or None for what is none: also what a reader would stumble over later."""
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        if b"\\ud" in body.lower():
            # Halves of characters can be read, and never be written again.
            json.dumps(content, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return content if _is_shallow(content) else None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _is_shallow(content: Any) -> bool:
    level = [content]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [each for values in inner for each in values if isinstance(each, dict | list)]
        if not level:
            return True
    return False


def _announces_body(response: requests.Response) -> bool:
    return response.headers.get("content-length", "0") != "0" or "transfer-encoding" in response.headers


def _kind(response: requests.Response) -> str:
    return response.headers.get("content-type", "").partition(";")[0].strip().lower()[:80]


def _excerpt(body: bytes) -> str:
    """The beginning of a page or text, for people."""
    text = body[:4000].decode("utf-8", "replace")
    title = re.search(r"<title>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    words = " ".join((title[1] if title else re.sub(r"<[^>]*>", " ", text)).split())
    return f"“{words[:100]}{'…' if len(words) > 100 else ''}”" if words else "empty"


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def endpoint_of(location: str, call: Call) -> str:
    """The endpoint that a redirect of a call leads to; empty where it does not lead to the same route."""
    place = urlsplit(location)
    base = place.path.removesuffix(call.path)
    host = place.netloc.rpartition("@")[2]
    is_same = place.scheme in ("http", "https") and host and base != place.path
    return f"{place.scheme}://{host}{base}" if is_same else ""
