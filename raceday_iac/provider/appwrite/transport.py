"""Sending requests: the SDK's client with what it lacks: timeouts, pooled connections, retries of safe calls.

A GET, PUT, PATCH or DELETE may be repeated, since each says what shall be so. A POST may have created something, so
it is repeated only where it cannot have been executed: 429, or no connection at all. Everything else about a lost
answer is settled by looking (see `writing.py`).
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from ...errors import (
    AccessError,
    ConflictError,
    NotFoundError,
    ProviderError,
    ServerFaultError,
    ThrottledError,
    UnreachableError,
)
from ...kinds.base import Call
from ...model.secret import Secret
from .gate import Gate
from .sdk import AppwriteException, Client, InputFile

_log = logging.getLogger(__name__)

#: The client format that 1.8 speaks and 1.9 still answers (integer `$sequence`, one `specification`).
RESPONSE_FORMAT = "1.8.0"
_UNSENT = (requests.exceptions.ConnectTimeout,)
#: Bytes; larger archives are uploaded in pieces of this size (SDK 27).
PIECE = 5 * 1024 * 1024


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds, and how often to try."""

    connect: float = 5.0
    read: float = 30.0
    attempts: int = 5
    first_pause: float = 0.2
    longest_pause: float = 8.0
    longest_retry_after: float = 60.0


class Transport(Client):  # type: ignore[misc] # the SDK carries no types
    """An SDK client. Thread-safe; at most `parallelism` requests are under way at once."""

    def __init__(
        self,
        endpoint: str,
        project: str,
        key: Secret,
        *,
        parallelism: int = 8,
        patience: Patience = Patience(),
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float], float] = lambda longest: random.uniform(0, longest),
    ) -> None:
        super().__init__()
        self.set_endpoint(endpoint.rstrip("/"))
        self.set_project(project)
        self.set_key(key.reveal())
        self.add_header("X-Appwrite-Response-Format", RESPONSE_FORMAT)
        self._global_headers.pop("X-Appwrite-Response-Format", None)
        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self.gate = Gate(parallelism)
        self.patience = patience
        #: The server's own clock at its last answer, as it told it (HTTP `Date`).
        self.server_date = ""
        self._sleep = sleep
        self._jitter = jitter
        self._session = _session(self.endpoint)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=parallelism * 2))

    @property
    def server_time(self) -> datetime | None:
        """`server_date` as a moment, to the second; None when it told none."""
        try:
            told = parsedate_to_datetime(self.server_date)
        except ValueError:
            return None
        return told if told.tzinfo else told.replace(tzinfo=UTC)

    def request(
        self,
        call: Call,
        *,
        read_timeout: float | None = None,
        anonymous: bool = False,
        binary: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a call and return the parsed answer (None when empty), or its bytes. Raises `ProviderError`."""
        headers = {"X-Appwrite-Project": self.project, "content-type": "application/json", **(headers or {})}
        if anonymous:
            headers["x-appwrite-key"] = ""
        answer = self._persistently(call.method, call.path, headers, dict(call.body), read_timeout)
        if not binary and not isinstance(answer, dict | None):
            raise self.not_appwrite(call)
        return answer

    def not_appwrite(self, call: Call) -> ProviderError:
        """The error for an answer that Appwrite would not give."""
        return ProviderError(
            f"{self.endpoint} does not answer like Appwrite to {call.method.upper()} {call.path}.",
            hint="check the endpoint in the environment file: it is the API's address and ends in /v1",
        )

    def upload(
        self, path: str, fields: Mapping[str, Any], archive: bytes, begun: Callable[[str], object] | None = None
    ) -> Any:
        """Upload an archive as `code`, in the SDK's chunks. `begun` is told the id after each of several. Raises
        `ProviderError`."""
        headers = {"X-Appwrite-Project": self.project, "content-type": "multipart/form-data"}
        params = {**fields, "code": InputFile.from_bytes(archive, "code.tar.gz", "application/gzip")}
        try:
            return self.chunked_upload(path, headers, params, "code", _telling(begun))
        except AppwriteException as error:
            raise translate(error, self.endpoint, self.project) from None

    # The SDK's hook: `chunked_upload` comes back here for every chunk.
    def call(
        self,
        method: str,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        response_type: str = "json",  # noqa: ARG002 - the SDK passes it
    ) -> Any:
        """One attempt. Raises the SDK's exception; `code` 0 means that no answer came."""
        return self._once(method, path, dict(headers or {}), dict(params or {}), None)

    def _persistently(
        self, method: str, path: str, headers: dict[str, str], params: dict[str, Any], read_timeout: float | None
    ) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, path, headers, params, read_timeout)
            except AppwriteException as error:
                pause = self._pause_before_retry(method, path, error, attempt)
                if pause is None:
                    raise translate(error, self.endpoint, self.project) from None
                _log.info("%s %s: %s; trying again in %.1f s", method.upper(), path, _short(error), pause)
                self._sleep(pause)

    def _pause_before_retry(self, method: str, path: str, error: Any, attempt: int) -> float | None:
        """Seconds to wait before the next attempt, or None to give up."""
        if attempt >= self.patience.attempts or not _may_repeat(method, path, error):
            return None
        asked = float(getattr(error, "retry_after", 0.0))
        if asked > self.patience.longest_retry_after:
            return None
        ceiling = min(self.patience.longest_pause, self.patience.first_pause * 2 ** (attempt - 1))
        return asked or self._jitter(ceiling)

    def _once(
        self, method: str, path: str, headers: dict[str, str], params: dict[str, Any], read_timeout: float | None
    ) -> Any:
        sent = {**self._global_headers, **headers}
        sent = {name: value for name, value in sent.items() if value}
        arguments = _encode(self, method, sent, params)
        timeout = (self.patience.connect, read_timeout or self.patience.read)
        with self.gate.passage():
            try:
                response = self._session.request(
                    method, self._endpoint + path, headers=sent, timeout=timeout, **arguments
                )
            except requests.exceptions.RequestException as error:
                raise _unanswered(error) from None
        return self._answer(response)

    def _answer(self, response: requests.Response) -> Any:
        self.server_date = response.headers.get("date", "")
        if response.status_code == 429 or response.status_code >= 500:
            self.gate.pressure()
        else:
            self.gate.relief()
        if response.status_code >= 400:
            raise _refused(response)
        warning = response.headers.get("x-appwrite-warning")
        if warning:
            _log.debug("Appwrite warns: %s", warning)
        if not response.content:
            return None
        if response.headers.get("content-type", "").startswith("application/json"):
            try:
                return response.json()
            except ValueError:
                return response.content
        return response.content


def _telling(begun: Callable[[str], object] | None) -> Callable[[Mapping[str, Any]], None] | None:
    """The SDK's report of progress, of which only the id is of use."""

    def progressed(report: Mapping[str, Any]) -> None:
        if begun is not None and report.get("$id"):
            begun(str(report["$id"]))

    return progressed if begun is not None else None


def _session(endpoint: str) -> requests.Session:
    """A session that has looked at the environment (proxies, certificates) once, instead of at every request."""
    session = requests.Session()
    settings = session.merge_environment_settings(endpoint, {}, None, None, None)
    session.proxies.update(settings["proxies"])
    session.verify = settings["verify"]
    session.trust_env = False
    return session


def _encode(client: Any, method: str, headers: dict[str, str], params: dict[str, Any]) -> dict[str, Any]:
    """Arguments for `requests`: query for GET, multipart with a file, JSON otherwise."""
    if method == "get":
        headers.pop("content-type", None)
        return {"params": client.flatten(params)}
    if headers.get("content-type", "").startswith("multipart/form-data"):
        del headers["content-type"]
        files = {name: (value.filename, value.data) for name, value in params.items() if isinstance(value, InputFile)}
        rest = {name: value for name, value in params.items() if name not in files}
        return {"data": client.flatten(rest, stringify=True), "files": files}
    return {"data": json.dumps(params)}


def _may_repeat(method: str, path: str, error: Any) -> bool:
    unsent = getattr(error, "unsent", False)
    if method == "post":
        # The daily limit of function creations counts failures, so that one is never repeated.
        return unsent or (error.code == 429 and path != "/functions")
    return error.code in (0, 429) or error.code >= 500


def _unanswered(error: Exception) -> Any:
    """No answer. `unsent` tells that the request cannot have reached the server."""
    failure = AppwriteException(str(error), 0)
    refused = isinstance(error, requests.exceptions.ConnectionError) and "NewConnectionError" in repr(error)
    failure.unsent = refused or isinstance(error, _UNSENT)
    failure.timed_out = isinstance(error, requests.exceptions.Timeout)
    return failure


def _refused(response: requests.Response) -> Any:
    """The server's error as the SDK's exception, with `retry_after` in seconds where it said so."""
    try:
        body = response.json()
    except ValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    message = str(body.get("message") or response.reason or "no message")
    failure = AppwriteException(message, response.status_code, str(body.get("type") or ""), response.text)
    failure.retry_after = _seconds(response.headers.get("retry-after", ""))
    return failure


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        return 0.0


def _short(error: Any) -> str:
    return f"{error.code} {error.type}" if error.code else str(error.message)[:200]


def translate(error: Any, endpoint: str, project: str) -> ProviderError:
    """The SDK's exception as one of ours, in words that say what to do."""
    code, kind, message = int(error.code or 0), str(error.type or ""), str(error.message)
    if code == 0:
        reason = "it did not answer in time" if getattr(error, "timed_out", False) else _plain_reason(message)
        return UnreachableError(
            f"Appwrite at {endpoint} cannot be reached: {reason}.",
            hint="check the endpoint in the environment file and the network, then run the command again",
        )
    if code == 401 or kind in ("project_not_found", "general_access_forbidden"):
        return _access_error(code, kind, message, endpoint, project)
    classes: dict[int, type[ProviderError]] = {404: NotFoundError, 409: ConflictError, 429: ThrottledError}
    chosen = classes.get(code, ServerFaultError if code >= 500 else ProviderError)
    failure = chosen(f"Appwrite answered {code} {kind}: {message}", code=code, kind=kind)
    if isinstance(failure, ThrottledError):
        failure.hint = (
            "wait and run it again; Appwrite also refuses more than 50 function creations per project and day"
        )
        failure.retry_after = float(getattr(error, "retry_after", 0.0))
    if kind == "general_route_not_found":
        failure.hint = f"check the endpoint in the environment file ({endpoint}) and the version of the server"
    return failure


def _access_error(code: int, kind: str, message: str, endpoint: str, project: str) -> AccessError:
    if kind == "project_not_found":
        text, hint = f"There is no project {project!r} at {endpoint}.", "check `project` in the environment file"
    elif kind == "general_unauthorized_scope":
        text = f"The API key may not do this on project {project!r}: {message}"
        hint = "give the key the scope named above (Appwrite console → Overview → Integrations → API keys)"
    elif kind == "project_key_expired":
        text, hint = "The API key has expired.", "create a new key and export it"
    else:
        text = f"Appwrite does not accept the API key for project {project!r} at {endpoint}."
        hint = "check that the environment variable named by api_key_env holds a key of this very project"
    return AccessError(text, code=code, kind=kind, hint=hint)


def _plain_reason(message: str) -> str:
    """What a person needs of the nested texts of the HTTP library."""
    for needle, plain in (
        ("Connection refused", "the connection was refused"),
        ("Name or service not known", "its host name is unknown"),
        ("Temporary failure in name resolution", "its host name cannot be looked up"),
        ("nodename nor servname", "its host name is unknown"),
        ("NameResolutionError", "its host name cannot be looked up"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
        ("SSLError", "no secure connection could be made"),
        ("RemoteDisconnected", "it closed the connection without an answer"),
        ("Connection reset", "it cut the connection"),
    ):
        if needle in message:
            return plain
    return message[:200]
