"""Sending requests: the SDK's client with what it lacks: timeouts, pooled connections, retries of safe calls.

A GET, PUT, PATCH or DELETE may be repeated, since each says what shall be so. A POST may have created something, so
it is repeated only where it cannot have been executed: 429, or no connection at all. Everything else about a lost
answer is settled by looking (see `writing.py`). An answer that is not Appwrite's (see `answers.py`) counts as lost.
Redirects are not followed: the key is meant for one server.
"""

from __future__ import annotations

import json
import logging
import math
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy

from ...errors import (
    AccessError,
    ConflictError,
    ForeignAnswerError,
    NotFoundError,
    ProviderError,
    RedirectedError,
    ServerFaultError,
    ThrottledError,
    UnreachableError,
)
from ...kinds import deployment
from ...kinds.base import OBJECT, Call
from ...model.secret import Secret
from ...waiting import WAITS
from .answers import Client, Failure, InputFile, body_of, endpoint_of, read, says_absent

_log = logging.getLogger(__name__)

_UNSENT = (requests.exceptions.ConnectTimeout,)
#: Bytes; larger archives are uploaded in pieces of this size (SDK 27).
PIECE = 5 * 1024 * 1024


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait, in seconds, and how often to try. `total` is for a request with all its attempts, whatever is
    waited for: an answer, a place among the parallel ones, or the time that the server asks for."""

    connect: float = 5.0
    read: float = 30.0
    attempts: int = 5
    first_pause: float = 0.2
    longest_pause: float = 8.0
    total: float = 60.0


class Transport(Client):  # type: ignore[misc] # the SDK carries no types
    """An SDK client. Thread-safe; at most `parallelism` requests are under way at once."""

    def __init__(
        self,
        endpoint: str,
        project: str,
        key: Secret,
        *,
        parallelism: int = 8,
        patience: RetryPolicy = RetryPolicy(),
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float], float] = lambda longest: random.uniform(0, longest),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.set_endpoint(endpoint.rstrip("/"))
        self.set_project(project)
        self.set_key(key.reveal())
        # Without one, a server speaks its own format. The adapters for older ones write what nobody asked for: an
        # omitted `deploymentRetention` becomes 0 (1.9.6).
        for name in [each for each in self._global_headers if each.lower() == "x-appwrite-response-format"]:
            del self._global_headers[name]
        self.endpoint = endpoint.rstrip("/")
        self.project = project
        self.gate = AdaptiveLimiter(parallelism)
        self.patience = patience
        #: The server's own clock at its last answer, as it said it (HTTP `Date`); empty when it said none.
        self.server_date = ""
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock
        self._session = _Session(self.endpoint, connections=parallelism * 2)

    @property
    def server_time(self) -> datetime | None:
        """`server_date` as an instant, to the second; None when it said none."""
        try:
            reported = parsedate_to_datetime(self.server_date)
        except (ValueError, TypeError, OverflowError):
            return None
        return reported if reported.tzinfo else reported.replace(tzinfo=UTC)

    def request(
        self,
        call: Call,
        *,
        read_timeout: float | None = None,
        anonymous: bool = False,
        headers: Mapping[str, str] | None = None,
        attempts: int = 0,
    ) -> Any:
        """Send a call and return what is answered: JSON of the call's shape, the bytes of a file, or None after a
        deletion. `attempts` are those at most (0: as many as ever). Raises `ProviderError`."""
        headers = {"X-Appwrite-Project": self.project, "content-type": "application/json", **(headers or {})}
        if anonymous:
            headers["x-appwrite-key"] = ""
        return self._send_with_retry(call, headers, read_timeout, attempts or self.patience.attempts)

    def upload(
        self, path: str, fields: Mapping[str, Any], archive: bytes, begun: Callable[[str], object] | None = None
    ) -> Any:
        """Upload an archive as `code`, in the SDK's chunks. `begun` is called with the id after each of several. Raises
        `ProviderError`."""
        code = InputFile.from_bytes(archive, "code.tar.gz", "application/gzip")
        return self._upload(path, {**fields, "code": code}, "code", _telling(begun))

    def upload_file(self, path: str, fields: Mapping[str, Any], name: str, content: bytes) -> Any:
        """Upload the content of a file of this name in the same way."""
        return self._upload(path, {**fields, "file": InputFile.from_bytes(content, name)}, "file", None)

    def _upload(self, path: str, params: dict[str, Any], name: str, progressed: Any) -> Any:
        headers = {"X-Appwrite-Project": self.project, "content-type": "multipart/form-data"}
        try:
            return self.chunked_upload(path, headers, params, name, progressed)
        except Failure as failure:
            raise self._translated(failure, Call("post", path)) from None

    # The SDK's hook: `chunked_upload` comes back here for every chunk.
    def call(
        self,
        method: str,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        response_type: str = "json",  # noqa: ARG002 - the SDK passes it
    ) -> Any:
        """One attempt. Raises Failure."""
        shape = deployment.SHAPE if "code" in (params or {}) else OBJECT
        return self._once(Call(method, path, params or {}, shape), dict(headers or {}), self.patience.read)

    def _send_with_retry(self, call: Call, headers: dict[str, str], read_timeout: float | None, attempts: int) -> Any:
        patience, attempt = read_timeout or self.patience.read, 0
        deadline = self._clock() + max(self.patience.total, patience)
        with WAITS.on(_doing(call)) as wait:
            while True:
                attempt += 1
                try:
                    return self._once(call, headers, patience, deadline)
                except Failure as failure:
                    left = deadline - self._clock()
                    pause = self._pause_before_retry(call, failure, attempt, left) if attempt < attempts else None
                    if pause is None:
                        raise self._translated(failure, call) from None
                    _log.info("%s: %s; trying again in %.1f s", call, _short(failure), pause)
                    wait.note = f"retry {attempt} of {self.patience.attempts - 1}: {_short(failure)}"
                    self._sleep(pause)

    def _pause_before_retry(self, call: Call, failure: Failure, attempt: int, left: float) -> float | None:
        """Seconds to wait before the next attempt, or None to give up: it would come too late."""
        if not _may_repeat(call, failure):
            return None
        ceiling = min(self.patience.longest_pause, self.patience.first_pause * 2 ** (attempt - 1))
        pause = failure.retry_after or self._jitter(ceiling)
        return pause if pause < left else None

    def _once(self, call: Call, headers: dict[str, str], patience: float, deadline: float = math.inf) -> Any:
        sent = {**self._global_headers, **headers}
        sent = {name: value for name, value in sent.items() if value}
        arguments = _encode(self, call.method, sent, dict(call.body))
        with self.gate.acquire():
            # Waiting for a place has taken from it, too.
            left = deadline - self._clock()
            if left <= 0:
                raise Failure("too many requests are running at the same time", timed_out=True, unsent=True)
            patience = min(patience, left)
            try:
                response = self._session.request(
                    call.method,
                    self._endpoint + call.path,
                    headers=sent,
                    timeout=(min(self.patience.connect, left), patience),
                    allow_redirects=False,
                    **arguments,
                )
            except requests.exceptions.RequestException as error:
                raise _unanswered(error) from None
            body = body_of(call, response, patience)
        return self._answer(call, response, body)

    def _answer(self, call: Call, response: requests.Response, body: bytes) -> Any:
        try:
            answer = read(call, response, body)
        except Failure as failure:
            is_distress = failure.foreign or failure.code == 429 or failure.code >= 500
            self.gate.on_throttle() if is_distress else self.gate.on_success()
            raise
        self.gate.on_success()
        self.server_date = response.headers.get("date", "")
        warning = response.headers.get("x-appwrite-warning")
        if warning:
            _log.debug("Appwrite warns: %s", warning)
        return answer

    def not_appwrite(self, call: Call, what: str) -> ForeignAnswerError:
        """The error for an answer that is not Appwrite's, or none to this call; `what` came instead."""
        return ForeignAnswerError(
            f"{self.endpoint} does not answer like Appwrite to {call}: {what}.",
            hint="a proxy in front of it may have answered instead: run the command again in a minute. "
            "If that does not help, check the endpoint in the environment file: it is the API's address, and ends in "
            "/v1",
        )

    def _translated(self, failure: Failure, call: Call) -> ProviderError:
        """A failure as one of our errors, in words that say what to do."""
        if failure.location:
            return self._redirected(failure, call)
        if failure.foreign:
            error = self.not_appwrite(call, failure.foreign)
            error.type = "answer_too_long" if failure.too_long else ""
            return error
        if failure.code == 0:
            return self._unreachable(failure, call)
        return _refused(failure, call, self.endpoint, self.project)

    def _redirected(self, failure: Failure, call: Call) -> RedirectedError:
        place = _without_user(failure.location)
        there = endpoint_of(place, call)
        if there:
            hint = f"if that is where your Appwrite is, write it into the environment file: endpoint: {there}"
        else:
            hint = "check the endpoint in the environment file: it is the API's address and ends in /v1"
        return RedirectedError(
            f"{self.endpoint} redirects {call} to {place}. Redirects are not followed: the key is meant for the server "
            "that the environment file names.",
            hint=hint,
        )

    def _unreachable(self, failure: Failure, call: Call) -> UnreachableError:
        reason = "it did not answer in time" if failure.timed_out else _plain_reason(str(failure.message))
        asked = "" if failure.unsent else f" ({call})"
        proxy = select_proxy(self.endpoint, self._session.proxies)
        through = f", and the proxy {_without_user(proxy)} that the environment names" if proxy else ""
        found = UnreachableError(
            f"Appwrite at {self.endpoint} cannot be reached: {reason}{asked}.",
            hint=f"check the endpoint in the environment file and the network{through}, then run the command again",
        )
        found.unsent, found.timed_out = failure.unsent, failure.timed_out
        return found


class _Session(requests.Session):
    """A session that has looked at the environment (proxies, certificates) once, instead of at every request. To this
    machine itself no proxy leads. It keeps no cookies, runs no hooks, and takes no redirect for one: even looking at
    where it leads would read all of its answer."""

    def __init__(self, endpoint: str, connections: int) -> None:
        super().__init__()
        self.proxies.update({} if _is_here(endpoint) else get_environ_proxies(endpoint))
        self.verify = _certificates(endpoint)
        self.headers["accept-encoding"] = "gzip"
        for scheme in ("http://", "https://"):
            self.mount(scheme, _OneServer(pool_connections=2, pool_maxsize=connections))

    def merge_environment_settings(self, *_arguments: Any) -> Any:
        """See `requests.Session.merge_environment_settings`."""
        return {"verify": self.verify, "proxies": self.proxies, "stream": True}

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """See `requests.Session.prepare_request`."""
        prepared = requests.PreparedRequest()
        prepared.prepare_method(request.method)
        prepared.prepare_url(request.url, None)
        if request.params:
            prepared.url = f"{prepared.url}?{urlencode(request.params)}"
        prepared.prepare_headers({**self.headers, **request.headers})
        if request.method != "GET":
            prepared.prepare_body(request.data, request.files)
        # Name and password that the endpoint may hold.
        prepared.prepare_auth(None)
        return prepared

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:
        """See `requests.Session.send`."""
        del settings["allow_redirects"]
        return self.get_adapter(str(request.url)).send(request, **settings)


class _OneServer(HTTPAdapter):
    """All requests go to one server, by the same connections."""

    _pool: Any = None

    def get_connection_with_tls_context(self, *arguments: Any, **settings: Any) -> Any:
        """See `HTTPAdapter.get_connection_with_tls_context`."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(*arguments, **settings)
        return self._pool


def _certificates(endpoint: str) -> str | bool:
    """The file or folder that the environment names, or True for those of `requests`. Raises UnreachableError."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        place = os.environ.get(name)
        if place and endpoint.startswith("https:") and not os.path.exists(place):
            raise UnreachableError(
                f"Appwrite at {endpoint} cannot be reached: {name} names {place} for certificates, which is not there.",
                hint=f"correct or unset {name}, then run the command again",
            )
        if place:
            return place
    return True


def _is_here(endpoint: str) -> bool:
    """Whether an address is one of this machine for itself."""
    host = urlsplit(endpoint).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _doing(call: Call) -> str:
    """What a request is for, in a few words."""
    return f"{'reading' if call.method == 'get' else 'writing to'} {call.path.strip('/')[:80]}"


def _telling(begun: Callable[[str], object] | None) -> Callable[[Mapping[str, Any]], None] | None:
    """The SDK's report of progress, of which only the id is of use."""

    def progressed(report: Mapping[str, Any]) -> None:
        if begun is not None and report.get("$id"):
            begun(str(report["$id"]))

    return progressed if begun is not None else None


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


def _may_repeat(call: Call, failure: Failure) -> bool:
    if failure.location or failure.too_long:
        return False
    if call.method == "post":
        # The daily limit of function creations counts failures, so that one is never repeated.
        return failure.unsent or (failure.code == 429 and call.path != "/functions")
    return failure.code in (0, 429) or failure.code >= 500


def _unanswered(error: Exception) -> Failure:
    """No answer."""
    refused = isinstance(error, requests.exceptions.ConnectionError) and "NewConnectionError" in repr(error)
    return Failure(
        str(error),
        unsent=refused or isinstance(error, _UNSENT),
        timed_out=isinstance(error, requests.exceptions.Timeout),
    )


def _short(failure: Failure) -> str:
    """In a few words, while it is tried again."""
    if failure.code:
        return f"{failure.code} {failure.type}".strip()
    return "no answer in time" if failure.timed_out else _plain_reason(str(failure.message))


def _refused(failure: Failure, call: Call, endpoint: str, project: str) -> ProviderError:
    """Appwrite's own error."""
    code, error_type, message = int(failure.code), str(failure.type or ""), str(failure.message)
    if code == 401 or error_type in ("project_not_found", "general_access_forbidden"):
        return _access_error(code, error_type, message, endpoint, project)
    if code == 404 and says_absent(call, error_type):
        return NotFoundError(f"Appwrite answered 404 {error_type}: {message}", code=code, type=error_type)
    if code >= 500 or error_type == "general_route_not_found":
        reported, chosen = f"{code} {error_type}".strip(), ServerFaultError if code >= 500 else ProviderError
        hint = "" if code >= 500 else "check the endpoint in the environment file and the version of the server"
        return chosen(f"{endpoint} answered {reported} to {call}: {message}", code=code, type=error_type, hint=hint)
    classes: dict[int, type[ProviderError]] = {409: ConflictError, 429: ThrottledError}
    refusal = classes.get(code, ProviderError)(
        f"Appwrite answered {code} {error_type}: {message}", code=code, type=error_type
    )
    if isinstance(refusal, ThrottledError):
        asked = f" {math.ceil(failure.retry_after)} s, as it asks," if 0 < failure.retry_after < math.inf else ""
        refusal.hint = (
            f"wait{asked} and run it again; Appwrite also refuses more than 50 function creations per project and day"
        )
        refusal.retry_after = failure.retry_after
    return refusal


def _access_error(code: int, error_type: str, message: str, endpoint: str, project: str) -> AccessError:
    if error_type == "project_not_found":
        text, hint = f"There is no project {project!r} at {endpoint}.", "check `project` in the environment file"
    elif error_type == "general_unauthorized_scope":
        text = f"The API key is not allowed to do this in project {project!r}: {message}"
        hint = "give the key the scope named above (Appwrite console → Overview → Integrations → API keys)"
    elif error_type == "project_key_expired":
        text, hint = "The API key has expired.", "create a new key and export it"
    else:
        text = f"Appwrite does not accept the API key for project {project!r} at {endpoint}."
        hint = "check that the environment variable named by api_key_env holds a key of this project"
    return AccessError(text, code=code, type=error_type, hint=hint)


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
        ("BadStatusLine", "it does not answer in HTTP"),
        ("Connection aborted", "it cut the connection"),
    ):
        if needle in message:
            return plain
    return message[:200]


def _without_user(address: str) -> str:
    """An address without the name and password that it may hold."""
    return re.sub(r"//[^/@]*@", "//", address)[:300]


# How many requests may be under way at once. The number falls when the server shows distress and creeps up again.


#: Good answers in a row after which one more request is allowed.
_RECOVERY = 16


class AdaptiveLimiter:
    """At most `limit` holders at a time; `limit` moves between 1 and `maximum`."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.limit = maximum
        self._under_way = 0
        self._good = 0
        self._changed = threading.Condition()

    @contextmanager
    def acquire(self) -> Iterator[None]:
        """Wait for a place and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way < self.limit)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify()

    def on_throttle(self) -> None:
        """The server answered 429 or 5xx: halve."""
        with self._changed:
            self.limit = max(1, self.limit // 2)
            self._good = 0

    def on_success(self) -> None:
        """The server answered normally."""
        with self._changed:
            self._good += 1
            if self._good >= _RECOVERY and self.limit < self.maximum:
                self.limit += 1
                self._good = 0
                self._changed.notify()


# A transport built for reading: what it hands to the network can only be a GET.
#
# All of Appwrite's lists and queries are GET requests, so nothing that looks needs anything else. The rule sits in
# the adapter, below the SDK and every retry: there is no other adapter in the session through which a request could
# leave.


class ReadingTransport(Transport):
    """A `Transport` that has no way to send anything but GET."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for scheme, adapter in list(self._session.adapters.items()):
            self._session.mount(scheme, _GetOnly(adapter))


class _GetOnly(HTTPAdapter):
    """Passes GET on to an adapter, and stops everything else."""

    def __init__(self, inner: requests.adapters.BaseAdapter) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._inner = inner

    def send(self, request: requests.PreparedRequest, *arguments: Any, **settings: Any) -> requests.Response:
        """See `HTTPAdapter.send`. Raises ProviderError for anything that could write."""
        if request.method != "GET":
            raise ProviderError(f"This connection can only read; {request.method} {request.path_url} was not sent.")
        return self._inner.send(request, *arguments, **settings)

    def close(self) -> None:
        self._inner.close()
        super().close()
