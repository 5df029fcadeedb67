"""Resources that lie nowhere, of each plain kind: how Appwrite calls and keeps their fields. A new kind is an entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .refusals import missing, page, taken

Raw = dict[str, Any]


@dataclass(frozen=True)
class Plain:
    """`fields` by Appwrite's name, with what a creation or a replacement makes of one that is left out. Where it is
    `KEPT`, a replacement leaves it as it is. `update` is the method; `patch` leaves everything as it is."""

    route: str
    fields: Mapping[str, Any]
    update: str = "put"

    @property
    def plural(self) -> str:
        return self.route.rpartition("/")[2]

    @property
    def identity(self) -> str:
        return f"{self.plural.removesuffix('s')}Id"


class Kept:
    """What a replacement keeps; a creation begins with `value`."""

    def __init__(self, value: Any) -> None:
        self.value = value


#: By the name of the kind.
PLAIN = {
    "bucket": Plain(
        "/storage/buckets",
        {
            "name": "",
            "permissions": Kept([]),
            "fileSecurity": False,
            "enabled": True,
            "maximumFileSize": 30_000_000,
            "allowedFileExtensions": [],
            "compression": "none",
            "encryption": True,
            "antivirus": True,
            "transformations": True,
        },
    ),
    "team": Plain("/teams", {"name": ""}),
    "webhook": Plain(
        "/webhooks",
        {"name": "", "url": "", "events": [], "enabled": True, "tls": False, "authUsername": "", "authPassword": ""},
    ),
    "key": Plain("/project/keys", {"name": "", "scopes": [], "expire": None}),
    "topic": Plain("/messaging/topics", {"name": "", "subscribe": ["users"]}, "patch"),
}


def _stored(name: str, value: Any) -> Any:
    if name != "permissions":
        return value
    found: dict[str, None] = {}
    for permission in value:
        action, role = re.fullmatch(r"(\w+)\((.+)\)", permission).groups()  # type: ignore[union-attr]
        actions = ("create", "update", "delete") if action == "write" else (action,)
        found.update(dict.fromkeys(f"{each}({role})" for each in actions))
    return list(found)


def _answered(raw: Raw) -> Raw:
    return {"$permissions" if name == "permissions" else name: value for name, value in raw.items()}


def routes(of: Plain) -> list[tuple[str, str, Callable[..., Any]]]:
    """Handlers of one kind."""

    def those(project: Raw) -> dict[str, Raw]:
        found: dict[str, Raw] = project.setdefault("plain", {}).setdefault(of.plural, {})
        return found

    def find(project: Raw, identity: str) -> Raw:
        if identity not in those(project):
            raise missing(f"{of.plural} {identity}")
        return those(project)[identity]

    def listed(project: Raw, body: Raw) -> Raw:
        return page(map(_answered, those(project).values()), body, of.plural)

    def get(project: Raw, _body: Raw, identity: str) -> Raw:
        return _answered(find(project, identity))

    def create(project: Raw, body: Raw) -> Raw:
        identity = body[of.identity]
        if identity.lower() in map(str.lower, those(project)):
            raise taken(f"{of.plural} {identity}")
        begun = {name: each.value if isinstance(each, Kept) else each for name, each in of.fields.items()}
        those(project)[identity] = {"$id": identity, **begun, **_sent(body)}
        return get(project, body, identity)

    def update(project: Raw, body: Raw, identity: str) -> Raw:
        found = find(project, identity)
        reset = {name: each for name, each in of.fields.items() if not isinstance(each, Kept)}
        found.update({**(reset if of.update == "put" else {}), **_sent(body)})
        return get(project, body, identity)

    def delete(project: Raw, _body: Raw, identity: str) -> None:
        find(project, identity)
        del those(project)[identity]

    def _sent(body: Raw) -> Raw:
        return {name: _stored(name, value) for name, value in body.items() if name in of.fields}

    def contents(project: Raw, body: Raw, identity: str, key: str) -> Raw:
        """Nothing lies in it here."""
        find(project, identity)
        return page([], body, key)

    one = f"{of.route}/{{id}}"
    return [
        ("get", of.route, listed),
        ("post", of.route, create),
        ("get", one, get),
        (of.update, one, update),
        ("delete", one, delete),
        ("get", f"{one}/{{key}}", contents),
    ]


def provider_routes() -> list[tuple[str, str, Callable[..., Any]]]:
    """Providers: the type is a part of the path, credentials and options are kept apart, an update keeps the rest."""
    of = Plain("/messaging/providers", {})
    mine = routes(of)

    def parts(body: Raw) -> Raw:
        said = {name: value for name, value in body.items() if name not in ("name", "enabled", "providerId")}
        return {
            "credentials": {name: said.pop(name) for name in list(said) if name in _CREDENTIALS},
            "options": said,
        }

    def create(project: Raw, body: Raw, type: str) -> Raw:
        made = project.setdefault("plain", {}).setdefault(of.plural, {})
        identity = body["providerId"]
        if identity.lower() in map(str.lower, made):
            raise taken(identity)
        first = {"$id": identity, "name": body["name"], "enabled": body["enabled"], "provider": type}
        made[identity] = {**first, **parts(body)}
        return dict(made[identity])

    def update(project: Raw, body: Raw, type: str, identity: str) -> Raw:
        found = project.get("plain", {}).get(of.plural, {}).get(identity)
        if found is None:
            raise missing(identity)
        assert found["provider"] == type
        assert "" not in body.values(), "Appwrite empties no text"
        found.update({name: body[name] for name in ("name", "enabled") if name in body})
        for part, values in parts(body).items():
            found[part] = {**found[part], **values}
        return dict(found)

    reading = [each for each in mine if each[0] in ("get", "delete")]
    return [*reading, ("post", f"{of.route}/{{type}}", create), ("patch", f"{of.route}/{{type}}/{{id}}", update)]


def platform_routes() -> list[tuple[str, str, Callable[..., Any]]]:
    """Platforms: the type is a part of the path of what writes them."""
    of = Plain("/project/platforms", {})

    def create(project: Raw, body: Raw, type: str) -> Raw:
        made = project.setdefault("plain", {}).setdefault(of.plural, {})
        identity = body["platformId"]
        if identity.lower() in map(str.lower, made):
            raise taken(identity)
        said = {name: value for name, value in body.items() if name != "platformId"}
        made[identity] = {"$id": identity, "type": type, **said}
        return dict(made[identity])

    def update(project: Raw, body: Raw, type: str, identity: str) -> Raw:
        found = project.get("plain", {}).get(of.plural, {}).get(identity)
        if found is None:
            raise missing(identity)
        assert found["type"] == type
        found.update(body)
        return dict(found)

    reading = [each for each in routes(of) if each[0] in ("get", "delete")]
    return [*reading, ("post", f"{of.route}/{{type}}", create), ("put", f"{of.route}/{{type}}/{{id}}", update)]


_CREDENTIALS = ("apiKey", "host", "port", "username", "password", "accountSid", "authToken")
ROUTES = [route for each in PLAIN.values() for route in routes(each)]
ROUTES += [*provider_routes(), *platform_routes()]
