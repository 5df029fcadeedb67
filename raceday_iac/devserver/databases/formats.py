"""Texts with a format: e-mail addresses, URLs and IP addresses, checked as PHP's filter_var() and parse_url() do.

And how reading and writing documents, and jobs of the database workers, can fail.

What HTTP answer the failure of a document becomes depends on who called.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from .. import params
from ..params import Check, Refused, Role

EMAIL_RULE = "Value must be a valid email address"
URL_RULE = "Value must be a valid URL"
IP_RULE = "Value must be a valid IP address"

_ATOM = r"[!#-'*+\-/-9=?A-Z^-~]+"
_QUOTED = r'"(?:[\x01-\x08\x0b\x0c\x0e-\x1f!#-\[\]-\x7f]|\\[\x00-\x7f])*"'
_LOCAL_PART = re.compile(rf"(?:{_ATOM}|{_QUOTED})(?:\.(?:{_ATOM}|{_QUOTED}))*", re.DOTALL)
_MAIL_LABEL = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
#: The last label starts with a letter.
_MAIL_DOMAIN = re.compile(rf"(?:{_MAIL_LABEL}\.)+[A-Za-z][A-Za-z0-9]*(?:-+[A-Za-z0-9]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_URL_CHARACTERS = re.compile(r"[A-Za-z0-9$\-_.+!*'(),{}|\\^~\[\]`<>#%\";/?:@&=]*")
_SCHEME = re.compile(r"[A-Za-z0-9+.-]+")
_USER = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:]|%[0-9][0-9A-Fa-f])*")
_PORT = re.compile(r"[+-]?\d+")
_HOSTLESS_SCHEMES = frozenset({"mailto", "news", "file"})


def is_email(value: object) -> bool:
    if not isinstance(value, str) or len(value) > 254:
        return False
    local, at, domain = value.rpartition("@")
    if not at or len(local) > 64 or not _LOCAL_PART.fullmatch(local):
        return False
    if domain.startswith("[") and domain.endswith("]"):
        return _is_mail_address(domain[1:-1])
    return _MAIL_DOMAIN.fullmatch(domain) is not None and all(len(label) <= 63 for label in domain.split("."))


def _is_mail_address(text: str) -> bool:
    """What stands in brackets instead of a domain."""
    if text[:5].upper() == "IPV6:":
        return ":" in text[5:] and _is_ip(text[5:])
    return ":" not in text and _is_ip(text)


class _Parts(NamedTuple):
    """A URL, taken apart; no host where it has no `//`."""

    scheme: str
    user: str
    host: str | None


def is_url(value: object) -> bool:
    if not isinstance(value, str) or not _URL_CHARACTERS.fullmatch(value):
        return False
    parts = _split(value)
    if parts is None or not _USER.fullmatch(parts.user):
        return False
    if parts.host is None:
        return parts.scheme in _HOSTLESS_SCHEMES
    # PHP compares schemes with their case: the host of HTTP:// is not looked at.
    if parts.scheme not in {"http", "https"}:
        return True
    if parts.host.startswith("[") and parts.host.endswith("]"):
        return ":" in parts.host and _is_ip(parts.host[1:-1])
    return _is_host_name(parts.host)


def _split(url: str) -> _Parts | None:
    """None where PHP finds no scheme or no sense."""
    scheme, colon, rest = url.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return None
    if not rest.startswith("//"):
        # Digits behind the colon are a port, and what comes before it a host.
        is_port = re.fullmatch(r"\d{1,5}(/.*)?", rest) is not None
        return None if is_port else _Parts(scheme, "", None)
    authority = re.split(r"[/?#]", rest[2:], maxsplit=1)[0]
    if not authority:
        return _Parts(scheme, "", None) if scheme.lower() == "file" and rest.startswith("///") else None
    user, _, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    return _Parts(scheme, user, host) if host and _is_port(port) else None


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith("[") and place.endswith("]"):
        return place, ""
    host, colon, port = place.rpartition(":")
    return (host, port) if colon else (place, "")


def _is_port(text: str) -> bool:
    """PHP reads the digits at the beginning and leaves what follows."""
    if not text:
        return True
    found = _PORT.match(text)
    return len(text) <= 5 and found is not None and 0 <= int(found[0]) <= 65_535


def is_ip(value: object) -> bool:
    return isinstance(value, str) and "%" not in value and _is_ip(value)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text.removesuffix(".")) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


# Numbers as PHP writes them.


#: Beyond this, PHP's JSON shows a whole float in exponent form.
LARGEST_PLAIN_FLOAT = 1e15

MAX_INTEGER = 2_147_483_647
MAX_BIG_INTEGER = 9_223_372_036_854_775_807
MIN_BIG_INTEGER = -9_223_372_036_854_775_808
MAX_DOUBLE = 1.7976931348623157e308


def grouped(value: float) -> str:
    """`1001.5` → `1,002`: number_format() without decimals, as used in messages about ranges."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{Decimal(value).quantize(Decimal(1), rounding=ROUND_HALF_UP):,}" if abs(value) < 1e27 else f"{value:,.0f}"


def shown(value: Any) -> Any:
    """A value in a JSON answer: of a whole float, PHP leaves `.0` out."""
    if isinstance(value, list):
        return [shown(each) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_PLAIN_FLOAT:
        return int(value)
    return value


# Points, lines and polygons (utopia-php/database 3.5.0, Validator/Spatial.php).


class BadGeometry(ValueError):
    """What is wrong with coordinates, in the server's words."""


def check(kind: str, value: Any) -> None:
    """Refuse a value that is no `point`, `linestring` or `polygon`. Raises `BadGeometry`."""
    if not isinstance(value, list):
        raise BadGeometry("Spatial value must be array or WKT string")
    {"point": _check_point, "linestring": _check_line, "polygon": _check_polygon}[kind](value)


def rule(kind: str, problem: str) -> str:
    """The sentence of a refusal."""
    return f"Value must be a valid {kind}: {problem}"


def _is_numeric(value: Any) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_point(value: list[Any]) -> None:
    if len(value) != 2:
        raise BadGeometry("Point must be an array of two numeric values [x, y]")
    if not all(_is_numeric(each) for each in value):
        raise BadGeometry("Point coordinates must be numeric values")
    _check_coordinates(value)


def _check_line(value: list[Any]) -> None:
    if len(value) < 2:
        raise BadGeometry("LineString must contain at least two points")
    for number, point in enumerate(value):
        if not isinstance(point, list) or len(point) != 2:
            raise BadGeometry("Each point in LineString must be an array of two values [x, y]")
        if not all(_is_numeric(each) for each in point):
            raise BadGeometry("Each point in LineString must have numeric coordinates")
        _check_coordinates(point, f"Invalid coordinates at point #{number}: ")


def _check_polygon(value: list[Any]) -> None:
    if not value:
        raise BadGeometry("Polygon must contain at least one ring")
    first = value[0]
    is_single_ring = isinstance(first, list) and len(first) == 2 and all(_is_numeric(each) for each in first)
    for number, ring in enumerate([value] if is_single_ring else value):
        _check_ring(number, ring)


def _check_ring(number: int, ring: Any) -> None:
    if not isinstance(ring, list) or not ring:
        raise BadGeometry(f"Ring #{number} must be an array of points")
    if len(ring) < 4:
        raise BadGeometry(f"Ring #{number} must contain at least 4 points to form a closed polygon")
    for place, point in enumerate(ring):
        if not isinstance(point, list) or len(point) != 2:
            raise BadGeometry(f"Point #{place} in ring #{number} must be an array of two values [x, y]")
        if not all(_is_numeric(each) for each in point):
            raise BadGeometry(f"Coordinates of point #{place} in ring #{number} must be numeric")
        _check_coordinates(point, f"Invalid coordinates at point #{place} in ring #{number}: ")
    if ring[0] != ring[-1]:
        raise BadGeometry(f"Ring #{number} must be closed (first point must equal last point)")


def _check_coordinates(point: list[Any], prefix: str = "") -> None:
    x, y = float(point[0]), float(point[1])
    if not -180 <= x <= 180:
        raise BadGeometry(f"{prefix}Longitude (x) must be between -180 and 180, got {x:g}")
    if not -90 <= y <= 90:
        raise BadGeometry(f"{prefix}Latitude (y) must be between -90 and 90, got {y:g}")


# Permission strings: what is accepted, and how `write` is expanded before it is stored.
#
# Messages and order of checks as utopia-php/database 3.5.0 (Validator/Permissions.php, Helpers/Permission.php).


COLLECTION_KINDS = ("create", "read", "update", "delete", "write")
DOCUMENT_KINDS = ("read", "update", "delete", "write")
MAXIMUM = 100


@dataclass(frozen=True)
class Permission:
    """One permission string, taken apart."""

    kind: str
    role: Role

    def __str__(self) -> str:
        return f'{self.kind}("{self.role}")'


def parse(text: str) -> Permission:
    """Take a permission string apart. Raises `Refused`."""
    parts = text.split('("')
    if len(parts) != 2:
        raise Refused(f'Invalid permission string format: "{text}".')
    kind, role = parts[0], parts[1].replace('")', "")
    if kind not in COLLECTION_KINDS:
        raise Refused(f'Invalid permission type: "{kind}".')
    return Permission(kind, params.parse(role))


def permission_list(kinds: Sequence[str], maximum: int = MAXIMUM) -> Check:
    """Check of a list of permission strings; `maximum` 0 means no limit."""

    def check(value: Any) -> list[str]:
        if not isinstance(value, list):
            raise Refused("Permissions must be an array of strings.")
        if maximum and len(value) > maximum:
            raise Refused(f"You can only provide up to {maximum} permissions.")
        for item in value:
            _check_permission(item, kinds)
        return value

    return check


def _check_permission(item: Any, kinds: Sequence[str]) -> None:
    if not isinstance(item, str):
        raise Refused("Every permission must be of type string.")
    if item == "*":
        raise Refused('Wildcard permission "*" has been replaced. Use "any" instead.')
    if "role:" in item:
        raise Refused(
            'Permissions using the "role:" prefix have been replaced. Use "users", "guests", or "any" instead.'
        )
    if not item.startswith(tuple(kinds)):
        raise Refused(f'Permission "{item}" is not allowed. Must be one of: {", ".join(kinds)}.')
    params.check(parse(item).role)


def aggregate(permissions: Sequence[str], *, with_create: bool) -> list[str]:
    """`write` becomes create, update and delete (documents know no `create`); doubles are dropped."""
    expanded: list[str] = []
    for text in permissions:
        permission = parse(text)
        if permission.kind != "write":
            expanded.append(str(permission))
            continue
        kinds = ("create", "update", "delete") if with_create else ("update", "delete")
        expanded += [str(Permission(kind, permission.role)) for kind in kinds]
    return list(dict.fromkeys(expanded))


#: The second half of a job: what is done when the window between its read and its write has passed.
Finish = Callable[[], None]


class WorkFailed(Exception):
    """A job that ends badly; the text becomes the `error` of the attribute or index."""


class Duplicate(Exception):
    """An id or the value of a unique index is taken."""


class Conflict(Exception):
    """The document changed after the instant that the writer knows of."""


class Restricted(Exception):
    """Related documents forbid a deletion."""


class NotThere(Exception):
    """A document or attribute that a write needs does not exist."""


class NotANumber(Exception):
    """Only numbers can be counted up and down."""


class OutOfBounds(Exception):
    """A counter would pass its bound."""


class BadRelation(Exception):
    """A value that cannot be a relationship, in the server's words."""
