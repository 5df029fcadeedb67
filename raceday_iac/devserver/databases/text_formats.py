"""Texts with a format: e-mail addresses, URLs and IP addresses, judged as PHP's filter_var() and parse_url() do."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

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
