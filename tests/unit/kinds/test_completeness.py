"""Every kind against Appwrite's own descriptions: what its routes take and answer is declared, carried along, or left
out with a reason that stands in the kind's file. A new server version shows its new fields here, not as settings that
an update silently resets.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.kinds import KINDS, Kind
from raceday_iac.kinds.fields import WireField, is_known, wire_fields
from raceday_iac.model.server import ServerFacts

DATA = Path(__file__).parents[2] / "data" / "appwrite"
#: By the version whose server wrote it. That of the main branch calls itself 1.9.6.
DESCRIPTIONS = {"1.8.1": "openapi-1.8.1-server.json", "1.9.6": "openapi-main-server.json"}
#: In every answer; none of them can be wanted.
OF_ALL = {"$id", "$createdAt", "$updatedAt"}
Found = set[str]


@cache
def description(version: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((DATA / DESCRIPTIONS[version]).read_text(encoding="utf-8"))
    return found


def schema(version: str, reference: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = description(version)["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def operation(version: str, route: str) -> Mapping[str, Any] | None:
    method, _, path = route.partition(" ")
    found: Mapping[str, Any] | None = description(version)["paths"].get(path, {}).get(method.lower())
    return found


def taken(version: str, route: str) -> Found:
    """The parameters of a request's body; nothing where the version has no such route."""
    contents = (operation(version, route) or {}).get("requestBody", {}).get("content", {}).values()
    return {name for each in contents for name in each["schema"]["properties"]}


def answered(version: str, kind: Kind, route: str) -> Found:
    """The properties of the model that is answered; of a setting, of its part of the answer that it is read from."""
    if kind.is_given and kind.listing is not None:
        whole = models(version, f"GET {kind.listing.path}")
        if kind.listing.key:
            items = [each["properties"][kind.listing.key]["items"] for each in whole]
            whole = [schema(version, one["$ref"]) for each in items for one in each.get("anyOf", [each])]
        return {name for each in whole for name in each["properties"]}
    return {name for each in models(version, route) for name in each["properties"]}


def models(version: str, route: str) -> list[Mapping[str, Any]]:
    answers = (operation(version, route) or {}).get("responses", {}).values()
    return [schema(version, each["schema"]["$ref"]) for answer in answers for each in answer["content"].values()]


def fields_of(kind: Kind, version: str = "") -> list[WireField]:
    models = kind.declaring.models if kind.declaring else ()
    found = [each for model in models for each in wire_fields(model)]
    return [each for each in found if not version or is_known(each.wire, ServerFacts(version))]


def names(kind: Kind, side: str) -> Found:
    """What the fields of a kind are called in requests or answers, with the id or key that the address holds."""
    declared = {getattr(each, side) for each in fields_of(kind)}
    others = of_other_settings(kind) if side == "answer" else set()
    return declared | others | {"key", f"{kind.name}Id"} | OF_ALL | set(kind.carried)


def of_other_settings(kind: Kind) -> Found:
    """What the answer that is one setting holds of others."""
    if kind.listing is None or not kind.listing.is_whole or kind.listing.key:
        return set()
    beside = [each for each in KINDS.values() if each.listing and each.listing.path == kind.listing.path]
    keys = {each.listing.key for each in beside if each.listing is not None}
    return {*keys, *(field.answer for each in beside for field in fields_of(each))}


def of_routes() -> Iterator[Any]:
    for version in DESCRIPTIONS:
        for kind in KINDS.values():
            for route in kind.routes:
                if operation(version, route) is not None:
                    name = f"{version} {kind.name}: {route.partition(' ')[0]} {route.rpartition('/')[2]}"
                    yield pytest.param(version, kind, route, id=name)


EVERY = pytest.mark.parametrize(("version", "kind", "route"), list(of_routes()))
KIND = pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))


def test_every_kind_says_which_routes_write_it() -> None:
    assert [name for name, kind in KINDS.items() if not kind.routes] == []


@KIND
def test_a_route_that_writes_a_kind_is_described_for_some_version(kind: Kind) -> None:
    assert [each for each in kind.routes if not any(operation(version, each) for version in DESCRIPTIONS)] == []


@EVERY
def test_what_a_request_takes_is_declared_carried_or_left_out_with_a_reason(
    version: str, kind: Kind, route: str
) -> None:
    assert sorted(taken(version, route) - names(kind, "request") - set(kind.left_out)) == []


@EVERY
def test_what_is_answered_is_declared_carried_or_left_out_with_a_reason(version: str, kind: Kind, route: str) -> None:
    assert sorted(answered(version, kind, route) - names(kind, "answer") - set(kind.left_out)) == []


@KIND
@pytest.mark.parametrize("version", DESCRIPTIONS)
def test_what_is_declared_for_a_version_exists_in_it(kind: Kind, version: str) -> None:
    requests = set().union(*(taken(version, each) for each in kind.routes))
    answers = set().union(*(answered(version, kind, each) for each in kind.routes))
    if not requests:
        pytest.skip(f"{kind.name} is younger than {version}")
    assert sorted({each.request for each in fields_of(kind, version)} - requests) == []
    assert sorted({each.answer for each in fields_of(kind, version)} - answers) == []


@KIND
def test_what_is_carried_exists_in_some_version(kind: Kind) -> None:
    both = [taken(version, each) & answered(version, kind, each) for version in DESCRIPTIONS for each in kind.routes]
    assert sorted(kind.carried - set().union(*both)) == []


@KIND
@pytest.mark.parametrize("version", DESCRIPTIONS)
def test_what_is_declared_for_other_versions_does_not_exist(kind: Kind, version: str) -> None:
    requests = set().union(*(taken(version, each) for each in kind.routes))
    known = {each.request for each in fields_of(kind, version)}
    assert sorted(({each.request for each in fields_of(kind)} - known) & requests) == []


@KIND
def test_nothing_is_left_out_that_does_not_exist_or_is_declared(kind: Kind) -> None:
    known = [taken(version, each) | answered(version, kind, each) for version in DESCRIPTIONS for each in kind.routes]
    assert sorted(set(kind.left_out) - set().union(*known)) == []
    # The type of a relationship is another thing in answers than in requests.
    declared = {each.request for each in fields_of(kind)} & {each.answer for each in fields_of(kind)}
    assert sorted(set(kind.left_out) & declared) == []
    assert all(len(reason) > 5 for reason in kind.left_out.values())
