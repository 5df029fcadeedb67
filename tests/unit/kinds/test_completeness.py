"""Every kind against Appwrite's own description: what its routes take and answer is declared, carried along, or left
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
from raceday_iac.kinds.fields import wire_fields

DESCRIPTION = Path(__file__).parents[2] / "data" / "appwrite" / "openapi-1.8.1-server.json"
#: In every answer; none of them can be wanted.
OF_ALL = {"$id", "$createdAt", "$updatedAt"}


@cache
def description() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return found


def schema(reference: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = description()["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def operation(route: str) -> Mapping[str, Any]:
    method, _, path = route.partition(" ")
    found: Mapping[str, Any] = description()["paths"][path][method.lower()]
    return found


def taken(route: str) -> set[str]:
    """The parameters of a request's body."""
    contents = operation(route)["requestBody"]["content"].values()
    return {name for each in contents for name in each["schema"]["properties"]}


def answered(route: str) -> set[str]:
    """The properties of the model that is answered."""
    contents = [each for answer in operation(route)["responses"].values() for each in answer["content"].values()]
    return {name for each in contents for name in schema(each["schema"]["$ref"])["properties"]}


def names(kind: Kind, side: str) -> set[str]:
    """What the fields of a kind are called in requests or answers, with the id or key that the address holds."""
    models = kind.declaring.models if kind.declaring else ()
    declared = {getattr(each, side) for model in models for each in wire_fields(model)}
    return declared | {"key", f"{kind.name}Id"} | OF_ALL | set(kind.carried)


def of_routes() -> Iterator[Any]:
    for kind in KINDS.values():
        for route in kind.routes:
            yield pytest.param(kind, route, id=f"{kind.name}: {route.partition(' ')[0]} {route.rpartition('/')[2]}")


def test_every_kind_says_which_routes_write_it() -> None:
    assert [name for name, kind in KINDS.items() if not kind.routes] == []


@pytest.mark.parametrize(("kind", "route"), list(of_routes()))
def test_what_a_request_takes_is_declared_carried_or_left_out_with_a_reason(kind: Kind, route: str) -> None:
    assert sorted(taken(route) - names(kind, "request") - set(kind.left_out)) == []


@pytest.mark.parametrize(("kind", "route"), list(of_routes()))
def test_what_is_answered_is_declared_carried_or_left_out_with_a_reason(kind: Kind, route: str) -> None:
    assert sorted(answered(route) - names(kind, "answer") - set(kind.left_out)) == []


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
def test_what_is_declared_or_carried_exists(kind: Kind) -> None:
    requests = set().union(*map(taken, kind.routes))
    answers = set().union(*map(answered, kind.routes))
    models = kind.declaring.models if kind.declaring else ()
    fields = [each for model in models for each in wire_fields(model)]
    assert sorted({each.request for each in fields} - requests) == []
    assert sorted({each.answer for each in fields} - answers) == []
    assert sorted(kind.carried - (requests & answers)) == []


@pytest.mark.parametrize("kind", list(KINDS.values()), ids=list(KINDS))
def test_nothing_is_left_out_that_does_not_exist_or_is_declared(kind: Kind) -> None:
    known = {route: taken(route) | answered(route) for route in kind.routes}
    assert sorted(set(kind.left_out) - set().union(*known.values())) == []
    fields = [each for model in (kind.declaring.models if kind.declaring else ()) for each in wire_fields(model)]
    # The type of a relationship is another thing in answers than in requests.
    declared = {each.request for each in fields} & {each.answer for each in fields}
    assert sorted(set(kind.left_out) & declared) == []
    assert all(len(reason) > 5 for reason in kind.left_out.values())
