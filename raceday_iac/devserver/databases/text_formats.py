"""Texts with a format: e-mail addresses, URLs and IP addresses, judged as PHP's filter_var() does."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

EMAIL_RULE = "Value must be a valid email address"
URL_RULE = "Value must be a valid URL"
IP_RULE = "Value must be a valid IP address"

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOSTLESS_SCHEMES = frozenset({"mailto", "news", "file"})


def is_email(value: object) -> bool:
    if not isinstance(value, str) or value.count("@") != 1 or len(value) > 320:
        return False
    local, domain = value.split("@")
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        return False
    return "." in domain and _is_host_name(domain)


def is_url(value: object) -> bool:
    if not isinstance(value, str) or not value.isascii() or re.search(r"\s", value):
        return False
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not _SCHEME.fullmatch(parts.scheme):
        return False
    if parts.scheme in _HOSTLESS_SCHEMES:
        return bool(parts.path or host)
    if not host:
        return False
    return parts.scheme not in {"http", "https"} or _is_ip(host) or _is_host_name(host)


def is_ip(value: object) -> bool:
    return isinstance(value, str) and "%" not in value and _is_ip(value)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_host_name(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
