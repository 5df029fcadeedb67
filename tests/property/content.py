"""What a project holds, in a plain form that can be compared: once from the declarations, once from raw answers.

Neither side uses the reconciler's own parsing or comparing.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from memory.plain import PLAIN as MEMORY_PLAIN
from memory.settings import settings_of

from raceday_iac.model.stack import KEEP

from .declaring import CODE
from .specs import PLAIN, Settings, Spec

Content = dict[str, Any]
Raw = dict[str, Any]

_TYPES = {"double": "float", "linestring": "line"}
_EXTREMES = (-(2**63), 2**63 - 1, -1.7976931348623157e308, 1.7976931348623157e308)
_PLAIN_FUNCTION = ("name", "runtime", "specification", "timeout", "entrypoint", "schedule", "enabled", "logging")


def expected(spec: Spec) -> Content:
    """By the text of an address."""
    return {address: _expected(address, settings, spec) for address, settings in spec.items()}


def _expected(address: str, settings: Settings, spec: Spec) -> Any:
    kind, _, path = address.partition(".")
    if kind == "function":
        return {
            **{name: settings[name] for name in (*_PLAIN_FUNCTION, "commands")},
            **{name: set(settings[name]) for name in ("execute", "events", "scopes")},
            "code": _code_of(settings),
        }
    if kind == "variable":
        return dict(settings)
    if kind in PLAIN:
        return {name: _plain(name, value) for name, value in settings.items() if value is not None}
    if kind == "labels":
        return set(settings["names"])
    if kind == "policy":
        return {name: 0 if value is None else value for name, value in settings.items()}
    if kind == "collection":
        return {**settings, "permissions": _permissions(settings["permissions"])}
    if kind == "relationship":
        return {**settings, "two_way_key": settings["two_way_key"] or path.split("/")[1]}
    if kind == "index":
        return _index(settings["type"], settings["attributes"], settings["orders"], settings["lengths"], path, spec)
    return _attribute(settings) if kind == "attribute" else dict(settings)


def _plain(name: str, value: Any) -> Any:
    """A setting of a plain kind: all its lists are sets."""
    return _permissions(value) if name == "permissions" else set(value) if isinstance(value, list) else value


def _all_plain(project: Raw, spec: Spec) -> Content:
    """What is not said in the stack is left as it is, whatever it is."""
    found: Content = {}
    for identity, raw in project.get("plain", {}).get("providers", {}).items():
        said = {"type": raw["provider"], **{name: raw[name] for name in ("name", "enabled")}}
        held = {**raw["credentials"], **raw["options"]}
        names = [each for each in spec.get(f"provider.{identity}", {}) if each not in said]
        found[f"provider.{identity}"] = {**said, **{each: held.get(_word_of_providers(each), "") for each in names}}
    for identity, raw in project.get("plain", {}).get("platforms", {}).items():
        found[f"platform.{identity}"] = {_snake(name): value for name, value in raw.items() if name != "$id"}
    for kind, of in MEMORY_PLAIN.items():
        for identity, raw in project.get("plain", {}).get(of.plural, {}).items():
            address = f"{kind}.{identity}"
            said = [name for name, value in spec.get(address, {}).items() if value is not None]
            found[address] = {name: _plain(name, raw[_camel(name)]) for name in said}
    return found


def _all_settings(project: Raw, spec: Spec) -> Content:
    """Those that are declared; others stay as they are. Mock phones are all there are."""
    held = settings_of(project)
    found: Content = {f"mock_phone.{number}": {"otp": otp} for number, otp in held["phones"].items()}
    github = held["oauth"]["github"]
    said = {
        "auth_method.anonymous": {"enabled": held["authMethods"]["anonymous"]},
        "service.avatars": {"enabled": held["services"]["avatars"]},
        "labels.project": set(held["labels"]),
        "oauth.github": {
            "client_id": github["clientId"],
            "enabled": github["enabled"],
            "secret": github["clientSecret"],
        },
        **{
            f"policy.{name}": {each: values[each] for each in spec.get(f"policy.{name}", {})}
            for name, values in held["policies"].items()
        },
    }
    return found | {address: said[address] for address in said if address in spec}


def _word_of_providers(name: str) -> str:
    return "from" if name == "from_number" else _camel(name)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _permissions(permissions: Iterable[str]) -> set[str]:
    found = set()
    for permission in permissions:
        action, role = re.fullmatch(r"(\w+)\((.+)\)", permission).groups()  # type: ignore[union-attr]
        found |= {f"{each}({role})" for each in (("create", "update", "delete") if action == "write" else (action,))}
    return found


def _attribute(settings: Settings) -> Settings:
    plain = {"required": False, "default": None, "array": False, **settings}
    if plain["type"] == "string":
        plain.setdefault("encrypt", False)
    if "elements" in plain:
        plain["elements"] = set(plain["elements"])
    if plain["type"] == "datetime" and plain["default"]:
        plain["default"] = datetime.fromisoformat(plain["default"]).astimezone(UTC)
    return plain


def _index(
    type: str, attributes: list[str], orders: list[Any], lengths: list[int], path: str, spec: Spec
) -> dict[str, Any]:
    """Each attribute with its order and length; on a list there is no order, and the length is the server's."""
    owner = "/".join(path.split("/")[:2])
    found = []
    for place, name in enumerate(attributes):
        order = orders[place] if place < len(orders) else None
        length = lengths[place] if place < len(lengths) else 0
        is_list = spec.get(f"attribute.{owner}/{name}", {}).get("array")
        found.append((name, "ASC" if is_list else (order or "ASC").upper(), 255 if is_list else length))
    return {"type": type, "over": found}


def actual(project: Raw, spec: Spec) -> Content:
    """From what the server has. What is not `available` is shown with its status."""
    found = _all_plain(project, spec) | _all_settings(project, spec)
    deployments, databases = project["deployments"], project["databases"].values()
    for raw in project["functions"].values():
        found[f"function.{raw['$id']}"] = {
            **{name: raw[name] for name in (*_PLAIN_FUNCTION, "commands")},
            **{name: set(raw[name]) for name in ("execute", "events", "scopes")},
            "code": _active_code(raw, deployments, spec.get(f"function.{raw['$id']}", {})),
        }
        for each in raw["vars"]:
            address = f"variable.{raw['$id']}/{each['key']}"
            assert address not in found, f"{address} is there twice"
            found[address] = {"secret": each["secret"], "value": each["value"]}
    for raw in databases:
        found[f"database.{raw['$id']}"] = {"name": raw["name"], "enabled": raw["enabled"]}
        for each in raw["collections"].values():
            found |= _collection(each, spec)
    return found


def _code_of(settings: Settings) -> Any:
    """The text of the main file; with code that is left alone, whatever it is."""
    return None if settings["code"] is KEEP else (CODE / settings["code"] / settings["entrypoint"]).read_bytes()


def _active_code(function: Raw, deployments: Raw, settings: Settings) -> Any:
    """The text of the main file of the deployment that is active, where the stack says what it has to be."""
    if not settings or settings["code"] is KEEP or not function["deploymentId"]:
        return None
    active = deployments[function["deploymentId"]]
    with tarfile.open(fileobj=io.BytesIO(active["archive"]), mode="r:gz") as archive:
        file = archive.extractfile(function["entrypoint"])
        return None if file is None or active["status"] != "ready" else file.read()


def _collection(raw: Raw, spec: Spec) -> Content:
    path = f"{raw['databaseId']}/{raw['$id']}"
    found: Content = {
        f"collection.{path}": {
            "name": raw["name"],
            "permissions": set(raw["$permissions"]),
            "document_security": raw["documentSecurity"],
            "enabled": raw["enabled"],
        }
    }
    for each in raw["attributes"]:
        if each["type"] == "relationship":
            if each["side"] == "parent":
                found[f"relationship.{path}/{each['key']}"] = _with_status(each, _raw_relationship(each))
        else:
            found[f"attribute.{path}/{each['key']}"] = _with_status(each, _raw_attribute(each))
    for each in raw["indexes"]:
        address = f"{path}/{each['key']}"
        plain = _index(each["type"], each["attributes"], each["orders"], each["lengths"], address, spec)
        found[f"index.{address}"] = _with_status(each, plain)
    return found


def _with_status(raw: Raw, plain: Settings) -> Settings:
    return plain if raw["status"] == "available" else {**plain, "status": raw["status"], "error": raw["error"]}


def _raw_relationship(raw: Raw) -> Settings:
    return {
        "related": raw["relatedCollection"],
        "type": raw["relationType"],
        "two_way": raw["twoWay"],
        "two_way_key": raw["twoWayKey"],
        "on_delete": raw["onDelete"],
    }


def _raw_attribute(raw: Raw) -> Settings:
    word = raw.get("format") if raw["type"] == "string" and raw.get("format") else raw["type"]
    settings = {"type": _TYPES.get(word, word)}
    settings |= {name: raw[name] for name in ("required", "default", "array", "size") if name in raw}
    if word == "string":
        settings["encrypt"] = bool(raw["encrypt"])
    if "elements" in raw:
        settings["elements"] = set(raw["elements"])
    settings |= {name: raw[name] for name in ("min", "max") if raw.get(name) not in (None, *_EXTREMES)}
    if word == "datetime" and raw["default"]:
        settings["default"] = datetime.fromisoformat(raw["default"])
    return settings
