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
    if kind.endswith("variable"):
        return dict(settings)
    if kind == "site":
        said = {name: _plain(name, each) for name, each in settings.items() if each is not None and name != "code"}
        return {**said, "code": _code_of({**settings, "entrypoint": "main.py"})}
    if kind == "document":
        return _document(address, settings, spec)
    if kind == "rule":
        return {name: value for name, value in settings.items() if value != ""}
    if kind in PLAIN:
        return {name: _plain(name, value) for name, value in settings.items() if value is not None}
    if kind == "labels":
        return set(settings["names"])
    if kind == "policy":
        return {name: 0 if value is None else value for name, value in settings.items()}
    if kind in ("smtp", "email_template"):
        return dict(settings)
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
        **{f"auth_method.{name}": {"enabled": is_on} for name, is_on in held["authMethods"].items()},
        **{f"service.{name}": {"enabled": is_on} for name, is_on in held["services"].items()},
        **{f"protocol.{name}": {"enabled": is_on} for name, is_on in held["protocols"].items()},
        "labels.project": set(held["labels"]),
        "oauth.github": {
            "client_id": github["clientId"],
            "enabled": github["enabled"],
            "secret": github["clientSecret"],
        },
        **{
            f"policy.{name}": {each: values[_word_of_policies(each)] for each in spec.get(f"policy.{name}", {})}
            for name, values in held["policies"].items()
        },
        "smtp.project": {each: held["smtp"][_camel(each)] for each in spec.get("smtp.project", {})},
        **{
            f"email_template.{name}": {each: raw[_camel(each)] for each in spec.get(f"email_template.{name}", {})}
            for name, raw in held["templates"].items()
        },
    }
    return found | {address: said[address] for address in said if address in spec}


def _word_of_providers(name: str) -> str:
    return "from" if name == "from_number" else _camel(name)


def _word_of_policies(name: str) -> str:
    return "userMFA" if name == "user_mfa" else _camel(name)


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
        found |= _variables(f"variable.{raw['$id']}/", raw["vars"])
    for raw in project["sites"].values():
        address = f"site.{raw['$id']}"
        names = [name for name, value in spec.get(address, {}).items() if value is not None and name != "code"]
        code = _active_code({**raw, "entrypoint": "main.py"}, deployments, spec.get(address, {}))
        found[address] = {**{name: _plain(name, raw[_camel(name)]) for name in names}, "code": code}
        found |= _variables(f"site_variable.{raw['$id']}/", raw["vars"])
    found |= _variables("project_variable.", project["variables"])
    found |= {f"rule.{raw['domain']}": _raw_rule(raw) for raw in project["rules"]}
    for raw in databases:
        found[f"database.{raw['$id']}"] = {"name": raw["name"], "enabled": raw["enabled"]}
        for each in raw["collections"].values():
            found |= _collection(each, spec)
    return found


def _variables(begin: str, those: Iterable[Raw]) -> Content:
    found: Content = {}
    for each in those:
        assert f"{begin}{each['key']}" not in found, f"{begin}{each['key']} is there twice"
        found[f"{begin}{each['key']}"] = {"secret": each["secret"], "value": each["value"]}
    return found


def _raw_rule(raw: Raw) -> Raw:
    owner = {"resource_type": raw["deploymentResourceType"], "resource": raw["deploymentResourceId"]}
    if raw["type"] == "redirect":
        return {"type": "redirect", "url": raw["redirectUrl"], "status_code": raw["redirectStatusCode"], **owner}
    if raw["type"] == "api":
        return {"type": "api"}
    branch = {"branch": raw["deploymentVcsProviderBranch"]} if raw["deploymentVcsProviderBranch"] else {}
    return {"type": owner["resource_type"], owner["resource_type"]: owner["resource"], **branch}


def _document(address: str, settings: Settings, spec: Spec) -> Any:
    """What is said of one: values in the form of their attributes."""
    owner = address.partition(".")[2].rpartition("/")[0]
    said = {key: _value(spec.get(f"attribute.{owner}/{key}"), value) for key, value in settings["data"].items()}
    return said if settings["permissions"] is None else {**said, "$permissions": set(settings["permissions"])}


def _value(column: Settings | None, value: Any) -> Any:
    if column is not None and column["type"] == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    return [_value(column, each) for each in value] if isinstance(value, list) else value


def _raw_documents(collection: Raw, path: str, spec: Spec) -> Content:
    """Of what is declared, the keys that are."""
    found: Content = {}
    for name, values in collection["documents"].items():
        address = f"document.{path}/{name}"
        said = spec.get(address, {"data": {}, "permissions": None})
        shown = {key: _value(spec.get(f"attribute.{path}/{key}"), values.get(key)) for key in said["data"]}
        permissions = {"$permissions": set(values.get("$permissions", ()))} if said["permissions"] is not None else {}
        found[address] = {**shown, **permissions}
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
    found |= _raw_documents(raw, path, spec)
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
