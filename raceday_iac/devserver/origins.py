"""Who may ask from where. As with Appwrite, a page in a browser must reach this server neither under a name of its own
(DNS rebinding) nor from another origin.

Appwrite answers a host that is none of its own with 401 (`general_access_forbidden`, "router protection": on from 1.9
on, a setting before), and a write from an origin that is no registered platform, without a key, with 403
(`general_unknown_origin`). Both from its source (app/controllers/general.php). Here the names of this machine are all
the hosts and platforms that there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

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


def _name_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
