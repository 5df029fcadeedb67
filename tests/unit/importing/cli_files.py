"""What each version of Appwrite's command line takes of a file (its releases 12.0.0, 14.0.0, 15.0.0 and 25.1.0).

From 13 on it checks a file before it reads it, and refuses every word that it does not know. Before, it ignored them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

NUMBER = (int, float)
#: Of an object: what each word holds; those that begin with ! are needed.
FUNCTION: Mapping[str, Any] = {
    "path": str,
    "!$id": str,
    "!name": str,
    "!runtime": str,
    "execute": [str],
    "enabled": bool,
    "logging": bool,
    "scopes": [str],
    "events": [str],
    "schedule": str,
    "timeout": NUMBER,
    "entrypoint": str,
    "commands": str,
    "vars": {str: str},
    "ignore": str,
}
SITE: Mapping[str, Any] = {
    "path": str,
    "!$id": str,
    "!name": str,
    "enabled": bool,
    "logging": bool,
    "timeout": NUMBER,
    "!framework": str,
    "buildRuntime": str,
    "adapter": str,
    "installCommand": str,
    "buildCommand": str,
    "outputDirectory": str,
    "fallbackFile": str,
}
TWO_SIZES = {"buildSpecification": str, "runtimeSpecification": str, "deploymentRetention": NUMBER}
DATABASE = {"!$id": str, "!name": str, "enabled": bool}
ATTRIBUTE: Mapping[str, Any] = {
    "!key": str,
    "!type": str,
    "required": bool,
    "array": bool,
    "size": NUMBER,
    "default": object,
    "min": (*NUMBER, type(None)),
    "max": (*NUMBER, type(None)),
    "format": str,
    "elements": [str],
    "relatedCollection": str,
    "relationType": str,
    "twoWay": bool,
    "twoWayKey": str,
    "onDelete": str,
    "side": str,
    "encrypt": bool,
}
INDEX = {"!key": str, "!type": str, "status": str, "!attributes": [str], "orders": [str]}
COLLECTION: Mapping[str, Any] = {
    "!$id": str,
    "$permissions": [str],
    "!databaseId": str,
    "!name": str,
    "enabled": bool,
    "documentSecurity": bool,
    "attributes": [ATTRIBUTE],
    "indexes": [INDEX],
}
BUCKET = {
    "!$id": str,
    "$permissions": [str],
    "fileSecurity": bool,
    "!name": str,
    "enabled": bool,
    "maximumFileSize": NUMBER,
    "allowedFileExtensions": [str],
    "compression": str,
    "encryption": bool,
    "antivirus": bool,
}
SERVICES = ("account", "avatars", "databases", "locale", "health", "storage", "teams", "users", "sites")
SERVICES += ("functions", "graphql", "messaging")
METHODS = ("jwt", "phone", "invites", "anonymous", "email-otp", "magic-url", "email-password")
SECURITY = {
    **dict.fromkeys(("duration", "limit", "sessionsLimit", "passwordHistory"), NUMBER),
    **dict.fromkeys(("passwordDictionary", "personalDataCheck", "sessionAlerts"), bool),
    "mockNumbers": [{"!phone": str, "!otp": str}],
}
FORMATS = ("email", "enum", "url", "ip", "datetime", "")
TYPES = ("string", "integer", "double", "boolean", "datetime", "relationship", "linestring", "point", "polygon")


def refused(document: Any, cli: int) -> list[str]:
    """Why a version would not take a file."""
    sizes = TWO_SIZES if cli >= 15 else {"specification": str}
    ignore = {"ignore": str if cli >= 13 else [str]}
    top = {
        "!projectId": str,
        "projectName": str,
        "endpoint": str,
        "functions": [{**FUNCTION, **sizes, **ignore}],
        "sites": [{**SITE, **sizes, **ignore, **({"startCommand": str} if cli >= 15 else {})}],
        "databases": [DATABASE],
        "buckets": [BUCKET],
        "teams": [{"!$id": str, "!name": str}],
        "topics": [{"!$id": str, "!name": str, "subscribe": [str]}],
        "collections": [COLLECTION],
        "settings": {
            "services": dict.fromkeys(SERVICES, bool),
            "auth": {"methods": dict.fromkeys(METHODS, bool), "security": SECURITY},
            **({"protocols": dict.fromkeys(("rest", "graphql", "websocket"), bool)} if cli >= 25 else {}),
        },
    }
    return [*_misfits("file", document, top), *_odd_attributes(document, cli)]


def _misfits(place: str, value: Any, wanted: Any) -> Iterator[str]:
    if isinstance(wanted, list):
        if not isinstance(value, list):
            yield f"{place} is no list"
            return
        for number, each in enumerate(value):
            yield from _misfits(f"{place}[{number}]", each, wanted[0])
    elif isinstance(wanted, Mapping):
        names = {name.removeprefix("!"): held for name, held in wanted.items() if isinstance(name, str)}
        yield from (f"{place}.{name} is unknown" for name in value if name not in names)
        yield from (f"{place} has no {name[1:]}" for name in wanted if name[:1] == "!" and name[1:] not in value)
        for name, held in names.items():
            if name in value:
                yield from _misfits(f"{place}.{name}", value[name], held)
    elif not isinstance(value, wanted) or (isinstance(value, bool) and wanted in (NUMBER, str)):
        yield f"{place} is {value!r}"


def _odd_attributes(document: Any, cli: int) -> Iterator[str]:
    types = {*TYPES, *(("varchar", "text", "mediumtext", "longtext") if cli >= 14 else ())}
    types |= {"bigint"} if cli >= 21 else set()
    for collection in document.get("collections", []):
        keys = [each["key"] for each in collection["attributes"]]
        yield from (f"{key} stands twice" for key in keys if keys.count(key) > 1)
        for each in collection["attributes"]:
            place = f"{collection['$id']}.{each['key']}"
            if each["type"] not in types:
                yield f"{place} has the type {each['type']}"
            if each.get("format", "") not in FORMATS:
                yield f"{place} has the format {each['format']}"
            if each.get("required") and each["type"] != "relationship" and each.get("default", "") is not None:
                yield f"{place} is required, and its default is not null"
            if (
                each["type"] in ("string", "varchar")
                and not each.get("format")
                and not isinstance(each.get("size"), int)
            ):
                yield f"{place} has no size"
            for name in ("min", "max") if cli >= 13 else ():
                if each.get(name) is not None and not -(2**63) <= int(each[name]) < 2**63:
                    yield f"{place}.{name} is beyond 64 bits"
