"""The parameters of every route that is served are those of Appwrite's own descriptions: their names, which of them are
needed, what values they may have, and what types.

1.9.6 has no description of its own. It lies between those of 1.8.1 and of main: what both have, it has, and nothing
that neither has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from raceday_iac.devserver.ages import AGES
from raceday_iac.devserver.params import Refused
from raceday_iac.devserver.runner import start_server
from raceday_iac.devserver.server import Settings
from raceday_iac.devserver.web import Route

from .description import published

DESCRIPTIONS = {"1.8": "openapi-1.8.1-server.json", "main": "openapi-main-server.json"}
METHODS = ("get", "post", "put", "patch", "delete")
#: Of values of another type than the one described: none of them may be taken.
OTHERS: Mapping[str, Sequence[Any]] = {
    "integer": ("x", {}),
    "number": ("x", {}),
    "boolean": ("x", {}),
    "array": ("x",),
    "object": ("x",),
}


@dataclass(frozen=True)
class Exemption:
    """A parameter that differs, with the reason."""

    route: str
    name: str
    reason: str
    ages: tuple[str, ...] = ("1.8", "1.9", "main")


EXEMPTIONS = (
    Exemption("GET */download", "token", "nobody makes tokens for downloads here"),
    Exemption("GET */view", "token", "nobody makes tokens for downloads here"),
    Exemption("POST */deployments", "code", "the bytes of a form are read as they come"),
    Exemption("POST */files", "file", "the bytes of a form are read as they come"),
    Exemption("POST /functions", "template*", "act for clients that announce a format of before 1.7"),
    Exemption("PATCH */attributes/*", "default", "may be null and not be missing, which the handler knows"),
    Exemption("PATCH */columns/*", "default", "may be null and not be missing, which the handler knows"),
    Exemption("PATCH /project/policies/*", "total", "may be null, and a missing one is null", ("1.9", "main")),
    Exemption(
        "PUT /project/platforms/web/*", "hostname", "recorded: a PUT of the name alone is taken", ("1.9", "main")
    ),
    Exemption("POST */documents", "documentId", "many are made by the same route, which has none of them", ("main",)),
    Exemption("POST */documents", "data", "many are made by the same route, which has none of them", ("main",)),
    Exemption("POST */rows", "rowId", "many are made by the same route, which has none of them", ("main",)),
    Exemption("POST */rows", "data", "many are made by the same route, which has none of them", ("main",)),
    Exemption("PUT */rows/*", "data", "recorded: what is not named is kept", ("1.8",)),
    Exemption("POST */transactions/*/operations", "operations", "each is read with its own error", ("1.8", "main")),
    Exemption("POST /functions/*/executions", "headers", "clients also send them as a text", ("1.8", "main")),
)


def shape(path: str) -> str:
    """A path without the names of what is put into it."""
    return re.sub(r"\{[^}]*\}", "{}", path)


@cache
def described(age: str) -> Mapping[tuple[str, str], Mapping[str, Mapping[str, Any]]]:
    """By method and shape of path: the schema of each parameter, with whether it is `needed`."""
    document = published(DESCRIPTIONS[age])
    return {
        (method.upper(), shape(path)): dict(_parameters(operation, document))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def _parameters(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for each in operation.get("parameters", ()):
        if each["in"] == "query":
            yield each["name"].removesuffix("[]"), {**each["schema"], "needed": each.get("required", False)}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for name, inner in schema.get("properties", {}).items():
            yield name.removesuffix("[]"), {**inner, "needed": name in schema.get("required", ())}


@pytest.fixture(scope="module", params=AGES)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Route]]:
    age = AGES[request.param]
    settings = Settings(age=age, scheduler=False)
    with start_server(tmp_path_factory.mktemp("server"), settings=settings) as running:
        server = running.server
        routes = [each for part in server.parts for each in part.routes.table if age.name in each.ages]
        return age.name, [each.of(server) for each in routes]


def differences(age: str, route: Route) -> Iterator[tuple[str, str]]:
    """Name of a parameter, and what is different about it."""
    at = (route.method, shape(route.path))
    asked = [each for each in ([age] if age in DESCRIPTIONS else DESCRIPTIONS) if at in described(each)]
    if not asked:
        return
    sides = [described(each)[at] for each in asked]
    in_path = set(re.findall(r"\{([^}]*)\}", route.path))
    own = {each.name.removesuffix("[]"): each for each in route.params if each.name not in in_path}
    everywhere = set.intersection(*(set(each) for each in sides)) if age in DESCRIPTIONS or len(sides) > 1 else set()
    yield from ((name, "is missing") for name in sorted(everywhere - own.keys()))
    yield from ((name, "is not described") for name in sorted(own.keys() - set().union(*sides)))
    for name, param in own.items():
        schemas = [each[name] for each in sides if name in each]
        if schemas and param.required not in {each["needed"] for each in schemas}:
            yield name, "is needed here" if param.required else "is not needed here"
        yield from ((name, said) for said in _of_values(param.check, schemas))


def _of_values(check: Any, schemas: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    def takes(value: Any) -> bool:
        try:
            check(value)
        except Refused:
            return False
        return True

    # Where two descriptions differ, it is not known when that changed.
    meanings = [{**each, "description": "", "needed": True} for each in schemas]
    for schema in schemas[:1] if all(each == meanings[0] for each in meanings) else ():
        is_many = schema.get("type") == "array"
        values = (schema.get("items", {}) if is_many else schema).get("enum", ())
        refused = [each for each in values if not takes([each] if is_many else each)]
        if refused:
            yield f"refuses {', '.join(map(str, refused))}"
        others = (
            (["no-such-value"] if is_many else "no-such-value",) if values else OTHERS.get(schema.get("type", ""), ())
        )
        taken = [each for each in others if takes(each)]
        if taken:
            yield f"takes {taken}"


def reason(age: str, route: Route, name: str) -> Exemption | None:
    place = f"{route.method} {route.path}"
    found = (each for each in EXEMPTIONS if age in each.ages and fnmatchcase(place, each.route))
    return next((each for each in found if fnmatchcase(name, each.name)), None)


def test_every_parameter_is_as_described(served: tuple[str, list[Route]]) -> None:
    age, routes = served
    found = [(route, name, said) for route in routes for name, said in differences(age, route)]
    unexplained = [
        f"{route.method} {route.path}: {name} {said}" for route, name, said in found if reason(age, route, name) is None
    ]
    assert unexplained == []
    used = {reason(age, route, name) for route, name, _ in found}
    assert [each for each in EXEMPTIONS if age in each.ages and each not in used] == []


def test_most_of_what_is_served_is_described(served: tuple[str, list[Route]]) -> None:
    """Else the comparison would compare nothing."""
    age, routes = served
    known = set().union(*(described(each) for each in ([age] if age in DESCRIPTIONS else DESCRIPTIONS)))
    compared = [route for route in routes if (route.method, shape(route.path)) in known]
    assert len(compared) > {"1.8": 230, "1.9": 350, "main": 350}[age]
