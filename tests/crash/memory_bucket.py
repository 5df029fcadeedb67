"""A store that speaks S3 on loopback and has its objects in memory: it can be copied at once, and time stands still
in it until it is moved. What S3 promises (a creation that happens once, a replacement of what was read) it keeps: the
contract of backends (`tests/state`) holds for it as for the real one.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from state.s3_server import BUCKET

_XML = {"content-type": "application/xml"}
_KEPT = ("content-type", "x-amz-meta-note")

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True)
class Stored:
    """One object."""

    body: bytes
    headers: Mapping[str, str]
    tag: str
    modified: datetime


@dataclass
class Bucket:
    """Its objects by their keys. `age` is how often it was written to."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    objects: dict[str, Stored] = field(default_factory=dict)
    age: int = 0

    def become(self, other: Bucket) -> None:
        self.objects, self.age = dict(other.objects), other.age

    def answer(self, method: str, key: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "PUT":
            return self._put(key, headers, body)
        if method == "DELETE":
            self.age += 1
            self.objects.pop(key, None)
            return 204, {}, b""
        found = self.objects.get(key)
        if found is None:
            return _error(404, "NoSuchKey")
        reported = {"etag": found.tag, "last-modified": format_datetime(found.modified, usegmt=True)}
        return 200, {**found.headers, **reported}, found.body

    def listed(self, prefix: str) -> Answer:
        names = sorted(key for key in self.objects if key.startswith(prefix))
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><LastModified>{self.objects[name].modified:%Y-%m-%dT%H:%M:%S.000Z}"
            f"</LastModified><ETag>{escape(self.objects[name].tag)}</ETag><Size>{len(self.objects[name].body)}</Size>"
            "</Contents>"
            for name in names
        )
        text = f"<ListBucketResult><KeyCount>{len(names)}</KeyCount><IsTruncated>false</IsTruncated>{contents}"
        return 200, _XML, f"{text}</ListBucketResult>".encode()

    def _put(self, key: str, headers: Mapping[str, str], body: bytes) -> Answer:
        found = self.objects.get(key)
        wanted = headers.get("if-match", "")
        if wanted and found is None:
            return _error(404, "NoSuchKey")
        if found is not None and (headers.get("if-none-match") == "*" or wanted not in ("", found.tag)):
            return _error(412, "PreconditionFailed")
        self.age += 1
        kept = {name: headers[name] for name in _KEPT if name in headers}
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        self.objects[key] = Stored(body, kept, tag, self.now())
        return 200, {"etag": tag}, b""


def _error(status: int, code: str) -> Answer:
    return status, _XML, f"<Error><Code>{code}</Code><Message>{code}.</Message></Error>".encode()


@contextmanager
def served(bucket: Callable[[], Bucket]) -> Iterator[str]:
    """The bucket of that instant, at the endpoint that this gives, for as long as the block lasts."""
    guard = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            place = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            key = unquote(place.path).removeprefix(f"/{BUCKET}").removeprefix("/")
            with guard:
                if key:
                    status, more, content = bucket().answer(self.command, key, headers, body)
                else:
                    status, more, content = bucket().listed(parse_qs(place.query).get("prefix", [""])[0])
            self.send_response_only(status)
            for name, value in more.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
