"""Who may ask the console: nobody but the browser that was given the link.

Every request must name this machine as its host (a page elsewhere may have a name that leads here), and carry the
token in its path: a cookie would be sent to every other port of this machine as well. What changes something must come
from a page of the console (`Origin`), and from a form that the console made (see `app.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Nothing is loaded from elsewhere, no script stands in a page, and no page elsewhere may frame this one. Styles stand
#: in pictures.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: `same-origin`: with no referrer at all, browsers hide the origin of forms.
HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
NAMES = ("127.0.0.1", "localhost")
FOREIGN_HOST = "This is not for that host.\n"
NO_TOKEN = "Open the link that `raceday-iac console` printed: it has the token that is missing here.\n"
FOREIGN_ORIGIN = "This did not come from a page of this console. Nothing was done.\n"


class Guard:
    """Lets requests through to `app`, with the token taken off their path."""

    def __init__(self, app: ASGIApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in NAMES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_encoded(HEADERS)]
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text, status)(scope, receive, answer)
            return
        rest = "/" + scope["path"].removeprefix("/").partition("/")[2]
        await self._app({**scope, "path": rest, "raw_path": rest.encode()}, receive, answer)

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and sentence for a request that is not let through."""
        host = headers.get("host", "")
        if host not in self._hosts:
            return 421, FOREIGN_HOST
        given = scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(given.encode(), self._token.encode()):
            return 403, NO_TOKEN
        if scope["method"] not in ("GET", "HEAD") and headers.get("origin") != f"http://{host}":
            return 403, FOREIGN_ORIGIN
        return None


def _encoded(headers: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
