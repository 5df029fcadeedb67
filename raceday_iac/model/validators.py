"""Which roles, permissions, events and values of attributes Appwrite takes. Each function answers what is wrong, or an
empty text.

Held to the validators of 1.8.1 (utopia-php/database 3.5.0, utopia-php/validators 0.1.0, PHP's filter_var). Stricter on
purpose where Appwrite takes what can never work: a second colon in a role, an event that is never sent, dates in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from typing import Any

from . import limits
from .limits import EVENTS, PERMISSION, expand_permissions, pack_permissions, shown

_ROLES = "any, guests, users, users/verified, user:ID, user:ID/verified, team:ID, team:ID/ROLE, member:ID, label:NAME"
_VERIFIED = ("verified", "unverified")
#: Roles by how they begin, and the form of one that begins otherwise: a newer server may have it.
ROLE_NAMES = ("any", "guests", "users", "user", "team", "member", "label")
_NEWER_ROLE = re.compile(r"([a-z]+)(?:(?::[A-Za-z0-9][A-Za-z0-9._-]{0,35})?(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,35})?)")


def id_problem(text: str) -> str:
    """Of an id that the stack chooses, or refers to."""
    if not limits.CUSTOM_ID.fullmatch(text):
        return f"{shown(text)} is not a valid id: {limits.ID_RULE}"
    if text == "0":
        return "'0' is not a valid id: Appwrite treats it as missing and makes an id of its own; choose another"
    return ""


#: Roles of Appwrite before 1.0, and what its migration made of them.
_OLD_ROLES = {"role:all": "any", "role:member": "users", "role:guest": "guests", "*": "any"}


def role_of_today(role: str) -> str:
    """A role as Appwrite calls it since 1.0."""
    return _OLD_ROLES.get(role, role)


def unknown_role(role: str) -> str:
    """How a role begins that only has the form of one; else nothing. (`role:` is what roles began with before 1.0.)"""
    found = _NEWER_ROLE.fullmatch(role)
    return found[1] if found and found[1] not in (*ROLE_NAMES, "role") else ""


def role_problem(role: str) -> str:
    """Of a role as in `execute` and in permissions. One that is unknown and has the form of a role has none."""
    if unknown_role(role):
        return ""
    name, colon, rest = role.partition(":")
    if not colon:
        name, slash, dimension = role.partition("/")
        if name in ("any", "guests", "users") and (not slash or (name == "users" and dimension in _VERIFIED)):
            return ""
        return f"{shown(role)} is not a role ({_ROLES})"
    identifier, slash, dimension = rest.partition("/")
    reason = _member_problem(name, identifier, dimension if slash else None)
    return f"{shown(role)} is not a role: {reason}" if reason else ""


def _member_problem(name: str, identifier: str, dimension: str | None) -> str:
    if name not in ("user", "team", "member", "label"):
        return f"a role is one of {_ROLES}"
    if name == "label":
        is_label = limits.LABEL.fullmatch(identifier) and identifier != "0"
        return "" if is_label and dimension is None else "a label has 1 to 36 letters and digits, and nothing else"
    problem = id_problem(identifier)
    if problem or dimension is None:
        return problem
    if name == "user":
        return "" if dimension in _VERIFIED else "only /verified or /unverified may follow a user's id"
    if name == "member":
        return "nothing may follow a member's id"
    return id_problem(dimension)


def permission_problem(permission: str) -> str:
    """Of one permission of a collection."""
    match = PERMISSION.fullmatch(permission)
    if not match:
        return f'{shown(permission)} is not a permission; write for example read("any")'
    problem = role_problem(match[2])
    return f"{shown(permission)}: {problem}" if problem else ""


def permissions_problem(permissions: Iterable[str]) -> str:
    """Of all permissions of a collection together."""
    expanded = expand_permissions(permissions)
    count = len(pack_permissions(expanded))
    if count > limits.PERMISSIONS:
        return f"{count} permissions, but Appwrite accepts {limits.PERMISSIONS}; use a team or a label instead of users"
    seen: dict[str, str] = {}
    for permission in expanded:
        first = seen.setdefault(permission.lower(), permission)
        if first != permission:
            return f"{first} and {permission} differ only in case, and Appwrite treats them as the same; keep one"
    return ""


def event_problem(event: str) -> str:
    """Of a pattern that a function listens to."""
    if event.startswith("functions."):
        return f"event {shown(event)}: Appwrite refuses events of functions themselves"
    return pattern_problem(event)


def pattern_problem(event: str) -> str:
    """Of any pattern of events (1.8.1, app/config/events.php). One that is unknown and has the form of a pattern has
    none."""
    if len(event) > limits.FUNCTION_EVENT:
        return f"event {shown(event)} is too long: Appwrite stores {limits.FUNCTION_EVENT} characters of each"
    parts = event.split(".")
    if not 2 <= len(parts) <= 7:
        return f"event {shown(event)} must have 2 to 7 parts separated by dots"
    reason = _event_reason(parts)
    return f"event {shown(event)}: {reason}" if reason else ""


def event_pattern(event: str) -> str:
    """An event with * for each id."""
    parts = event.split(".")
    return ".".join("*" if _is_place_of_id(parts, number) else part for number, part in enumerate(parts))


def _event_reason(parts: list[str]) -> str:
    """What of the form is wrong: names and ids take turns."""
    for number, part in enumerate(parts):
        if _is_place_of_id(parts, number):
            if part != "*" and id_problem(part):
                return f"{shown(part)} is neither * nor a valid id"
        elif not _NAME_IN_EVENT.fullmatch(part):
            return f"{shown(part)} is not the name of a resource type or of an action"
    return ""


_NAME_IN_EVENT = re.compile(r"[a-z][A-Za-z]*")


def _is_place_of_id(parts: Sequence[str], number: int) -> bool:
    """Whether an id stands there: behind the name of a type, and not a detail behind what happened."""
    before = tuple(parts[:number:2])
    below: Any = EVENTS
    for name in before:
        below = below.get(name) if isinstance(below, Mapping) else None
    return number % 2 == 1 and (below is None or isinstance(below, Mapping))


@cache
def known_events() -> frozenset[str]:
    """Everything that can be listened to, with * for ids."""
    return frozenset(_patterns(EVENTS, ""))


def _patterns(tree: Mapping[str, Any], around: str) -> Iterator[str]:
    for name, inner in tree.items():
        if isinstance(inner, Mapping):
            yield f"{around}{name}.*"
            yield from _patterns(inner, f"{around}{name}.*.")
        else:
            yield from (f"{around}{name}", *(f"{around}{name}.{detail}" for detail in inner))


def is_integer(value: Any) -> bool:
    """Whether it is a 64-bit whole number; a truth value is none."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and limits.INTEGER_MINIMUM <= value <= limits.INTEGER_MAXIMUM


def is_double(value: Any) -> bool:
    """Whether it is a number that a double holds."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -limits.FLOAT_EXTREME <= value <= limits.FLOAT_EXTREME


_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?[0-5]\d)?)?", re.ASCII
)
_FIRST_INSTANT, _LAST_INSTANT = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def is_instant(value: Any) -> bool:
    """Whether it is a date that Appwrite takes, and that means the same to it as here."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        return False
    try:
        instant = datetime.fromisoformat(value)
        aware = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return _FIRST_INSTANT <= aware.astimezone(UTC) <= _LAST_INSTANT
    except (ValueError, OverflowError):
        return False


def is_ip(value: Any) -> bool:
    """Whether it is an IP address that Appwrite takes and can keep."""
    try:
        ip_address(value)
    except ValueError:
        return False
    # Zones are refused, and longer forms than the column has room for cannot be stored.
    return isinstance(value, str) and "%" not in value and len(value) <= limits.TEXT_SIZES["ip"]


_MAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*\.)+[A-Za-z][A-Za-z0-9]*(?:-+[A-Za-z0-9]+)*"
)


def is_email(value: Any) -> bool:
    """Whether it is an e-mail address that Appwrite takes and can keep."""
    if not isinstance(value, str) or len(value) > limits.TEXT_SIZES["email"] or not _MAIL.fullmatch(value):
        return False
    local, _, domain = value.partition("@")
    return len(local) <= 64 and all(len(label) <= 63 for label in domain.split("."))


_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9][0-9A-Fa-f])*@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][A-Za-z0-9$\-_.+!*'(),{}|\\^~\[\]`<>#%\";/?:@&=]*)?"
)
_HOST_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def is_url(value: Any) -> bool:
    """Whether it is a URL that Appwrite takes and can keep."""
    found = _URL.fullmatch(value) if isinstance(value, str) and len(value) <= limits.TEXT_SIZES["url"] else None
    if found is None or int(found["port"] or 0) > 65_535:
        return False
    host = found["host"]
    if host.startswith("["):
        return is_ip(host[1:-1])
    is_web = found["scheme"].lower() in ("http", "https")
    return not is_web or (len(host) <= 253 and all(map(_HOST_LABEL.fullmatch, host.split("."))))


def _is_point(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2 or not all(map(is_double, value)):
        return False
    longitude, latitude = value
    return bool(-180 <= longitude <= 180 and -90 <= latitude <= 90)


def _is_line(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) >= 2 and all(map(_is_point, value))


def _is_ring(value: Any) -> bool:
    return _is_line(value) and len(value) >= 4 and bool(value[0] == value[-1])


_COORDINATES = "[longitude, latitude], from -180 to 180 and from -90 to 90"
#: What may stand as a default, by type, and how that is called.
_FITTING: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        ("string", "enum", "varchar", *limits.TEXT_BYTES), (lambda value: isinstance(value, str), "a text")
    ),
    **dict.fromkeys(("integer", "bigint"), (is_integer, "a whole number of 64 bits")),
    "float": (is_double, "a number that a double holds"),
    "boolean": (lambda value: isinstance(value, bool), "True or False"),
    "datetime": (is_instant, "a date such as 2025-01-31T10:20:30.123+00:00, of a year from 1000 to 9999"),
    "email": (is_email, "an email address as Appwrite accepts it (ASCII, no blanks, a domain with a dot)"),
    "url": (is_url, "a URL as Appwrite accepts it (ASCII, scheme://host, labels of letters, digits and hyphens)"),
    "ip": (is_ip, "an IPv4 or IPv6 address of at most 39 characters, without a zone"),
    "point": (_is_point, f"a point {_COORDINATES}"),
    "line": (_is_line, f"two points or more, each {_COORDINATES}"),
    "polygon": (
        lambda value: isinstance(value, tuple) and bool(value) and all(map(_is_ring, value)),
        f"rings of four points or more whose last is the first, each {_COORDINATES}",
    ),
}


def value_problem(type: str, value: Any) -> str:
    """Of a value, by the attribute's type alone."""
    fits, description = _FITTING[type]
    return "" if fits(value) else f"{shown(value)} does not fit type {type}: it has to be {description}"


def default_problem(type: str, value: Any) -> str:
    """Of a default, by the attribute's type alone."""
    problem = value_problem(type, value)
    return f"default {problem}" if problem else ""
