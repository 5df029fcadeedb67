"""API keys: project keys kept in the database, and the signed keys that a function's run receives.

Keys are compared as text and stored as they are; this server guards nothing but a developer's own machine.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from .errors import ApiError
from .web import Key

#: What every key may do besides its scopes (Appwrite 1.8.1, app/config/roles.php).
IMPLICIT_SCOPES = frozenset({"global", "health.read", "graphql"})
#: What a caller without a key may do (1.8.1, app/config/roles.php); documents are guarded by permissions. A real server
#: adds files.
GUEST_SCOPES = frozenset(
    "global public home console graphql sessions.write execution.write executions.write "
    "documents.read documents.write rows.read rows.write".split()
)
#: Opens the control routes below /v1/_dev; only the server's own key has it.
CONTROL_SCOPE = "_dev"
GUEST = Key("guest", GUEST_SCOPES)


def create_key(
    db: sqlite3.Connection,
    project: str,
    scopes: Iterable[str],
    created_at: str,
    secret: str | None = None,
    expire: str = "",
) -> str:
    """Store a project key and return its secret. An existing secret gets the new scopes. `expire` is an instant, and
    empty for ever."""
    value = secret or f"standard_{secrets.token_hex(128)}"
    db.execute(
        """INSERT INTO api_keys (secret, project, scopes, created_at, expire) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (secret)
        DO UPDATE SET project = excluded.project, scopes = excluded.scopes, expire = excluded.expire""",
        (value, project, json.dumps(sorted(set(scopes))), created_at, expire),
    )
    return value


def delete_key(db: sqlite3.Connection, secret: str) -> None:
    """Nobody gets in with it any more."""
    db.execute("DELETE FROM api_keys WHERE secret = ?", (secret,))


def find_key(db: sqlite3.Connection, project: str, header: str, now: float) -> Key:
    """Who sends this `X-Appwrite-Key`. Raises 401 for one that is unknown, malformed or expired."""
    if not header:
        return GUEST
    kind, _, token = header.partition("_")
    if kind in ("dynamic", "ephemeral"):
        return _signed_key(db, project, kind, token, now)
    asked = "SELECT scopes, expire FROM api_keys WHERE secret = ? AND project = ?"
    row = db.execute(asked, (header, project)).fetchone()
    if row is None:
        raise ApiError("user_unauthorized")
    if row["expire"] and datetime.fromisoformat(row["expire"]).timestamp() < now:
        raise ApiError("project_key_expired")
    return _standard(row["scopes"])


@lru_cache(maxsize=256)
def _standard(scopes: str) -> Key:
    return Key("standard", IMPLICIT_SCOPES | frozenset(json.loads(scopes)))


def mint_dynamic_key(
    db: sqlite3.Connection, project: str, function: str, scopes: Iterable[str], *, now: float, lifetime: float
) -> str:
    """A key for one run of a function (HS256 token with `exp`, as Appwrite makes them). Times are seconds."""
    return f"dynamic_{_signed(db, {'projectId': project, 'functionId': function}, scopes, now, lifetime)}"


def mint_ephemeral_key(
    db: sqlite3.Connection, project: str, scopes: Iterable[str], *, now: float, lifetime: float
) -> str:
    """A key that ends by itself and is kept nowhere. Times are seconds."""
    return f"ephemeral_{_signed(db, {'projectId': project}, scopes, now, lifetime)}"


def _signed(
    db: sqlite3.Connection, about: Mapping[str, str], scopes: Iterable[str], now: float, lifetime: float
) -> str:
    claims = {**about, "scopes": list(scopes), "iat": int(now), "exp": int(now + lifetime)}
    text = ".".join(_encode(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "HS256"}, claims))
    return f"{text}.{_signature(_signing_secret(db), text)}"


def _signed_key(db: sqlite3.Connection, project: str, kind: str, token: str, now: float) -> Key:
    claims = _claims(_signing_secret(db), token)
    if claims is None or claims["exp"] < now:
        raise ApiError("project_key_expired")
    if claims["projectId"] != project:
        raise ApiError("user_unauthorized")
    return Key(kind, IMPLICIT_SCOPES | frozenset(claims["scopes"]), claims.get("functionId", ""))


@lru_cache(maxsize=256)
def _claims(secret: bytes, token: str) -> dict[str, Any] | None:
    """What a token says, if it was signed with this secret. A run sends the same one with each request."""
    text, _, signature = token.rpartition(".")
    if not text or not hmac.compare_digest(signature.encode(), _signature(secret, text).encode()):
        return None
    payload = text.partition(".")[2]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _signature(secret: bytes, text: str) -> str:
    return _encode(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def _signing_secret(db: sqlite3.Connection) -> bytes:
    """Kept with the data, so that keys of running executions outlive a restart."""
    row = db.execute("SELECT value FROM texts WHERE name = 'signing secret'").fetchone()
    if row is not None:
        return bytes.fromhex(row["value"])
    secret = secrets.token_bytes(32)
    db.execute("INSERT INTO texts (name, value) VALUES ('signing secret', ?)", (secret.hex(),))
    return secret


# Who may ask from where. As with Appwrite, a page in a browser must reach this server neither under a name of its own
# (DNS rebinding) nor from another origin.
#
# Appwrite answers a host that is none of its own with 401 (`general_access_forbidden`, "router protection": on from
# 1.9 on, a setting before), and a write from an origin that is no registered platform, without a key, with 403
# (`general_unknown_origin`). Both from its source (app/controllers/general.php). Here the names of this machine are
# all the hosts and platforms that there are.


OWN = frozenset({"localhost", "127.0.0.1", "::1"})
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FOREIGN_HOST = (
    "Router protection does not allow accessing Appwrite over this domain. Please add it as custom domain to your "
    "project or disable _APP_OPTIONS_ROUTER_PROTECTION environment variable."
)
FOREIGN_ORIGIN = "Invalid Origin. Register your new client ({}) as a new Web platform on your project console dashboard"


def is_own_host(headers: Mapping[str, str]) -> bool:
    """Whether a request names this machine as its server, on whatever port."""
    return _name_of(f"//{headers.get('host', 'localhost')}") in OWN


def unknown_origin(headers: Mapping[str, str]) -> str:
    """The host that a page which asks is from, when it is none of ours; empty when there is no page, or it is."""
    origin = headers.get("origin") or headers.get("referer") or ""
    name = _name_of(origin)
    return "" if not origin or name in OWN else name or origin


def cross_origin_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What lets a page read the answer: its own origin when that is ours, else one that is not its own."""
    if not headers.get("origin"):
        return {}
    allowed = "http://localhost" if unknown_origin(headers) else headers["origin"]
    return {"access-control-allow-origin": allowed, "access-control-allow-credentials": "true"}


@lru_cache(maxsize=256)
def _name_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
