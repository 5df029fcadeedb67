"""Answers against the OpenAPI descriptions of Appwrite: of 1.8.x, and of main, which serves 1.9 too.

A success must have the status the description lists and a body of the listed shape. The description lists no
errors, so every error must have Appwrite's one error shape, with a known type and that type's status.
Where a description is wrong about a server, a `Correction` says so and how it is known.
"""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from .client import Exchange

DATA = Path(__file__).parents[1] / "data" / "appwrite"

#: Declared codes outside this set are answered as 500, keeping the type (Appwrite 1.8.1, app/controllers/general.php).
PASSED_THROUGH = frozenset({400, 401, 402, 403, 404, 408, 409, 412, 416, 422, 429, 451, 501, 503})

ERROR_SHAPE = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "minLength": 1},
        "code": {"type": "integer"},
        "type": {"type": "string", "minLength": 1},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    },
    "required": ["message", "code", "type", "version"],
    "additionalProperties": False,
}

_OF_ERRORS = Draft7Validator(ERROR_SHAPE)

DOCUMENT = "/databases/{databaseId}/collections/{collectionId}/documents"
ROW = "/tablesdb/{databaseId}/tables/{tableId}/rows"
DOWNLOAD = "/functions/{functionId}/deployments/{deploymentId}/download"


@dataclass(frozen=True)
class ListedStatus:
    """A success status that is sent on this route although the description does not list it."""

    method: str
    path: str
    status: int
    evidence: str


#: `recording:` names a scenario that shows it; `reading:` the upstream source where no recording covers the route.
STATUSES = (
    ListedStatus("PUT", DOCUMENT + "/{documentId}", 200, "recording: concurrency"),
    ListedStatus("PUT", ROW + "/{rowId}", 200, "reading: the rows route runs the documents handler"),
    ListedStatus("PUT", DOCUMENT, 200, "reading: Documents/Bulk/Upsert.php answers 200"),
    ListedStatus("PUT", ROW, 200, "reading: the rows route runs the documents handler"),
    ListedStatus("POST", "/functions/{functionId}/executions", 202, "recording: deployments-built"),
    ListedStatus("GET", DOWNLOAD, 206, "reading: Deployments/Download/Get.php honours Range"),
)


@dataclass(frozen=True)
class Correction:
    """One place where answers differ from a schema. `apply` repairs the schema in place."""

    schema: str
    what: str
    evidence: str
    apply: Callable[[dict[str, Any]], None]


def _canceled(schema: dict[str, Any]) -> None:
    schema["properties"]["status"]["enum"].append("canceled")


def _null_orders(schema: dict[str, Any]) -> None:
    schema["properties"]["orders"]["items"]["type"] = ["string", "null"]


def _many_health(schema: dict[str, Any]) -> None:
    single = {key: schema.pop(key) for key in ("type", "properties", "required")}
    several = {
        "type": "object",
        "properties": {"total": {"type": "integer"}, "statuses": {"type": "array", "items": copy.deepcopy(single)}},
        "required": ["total", "statuses"],
    }
    schema["anyOf"] = [single, several]


def _optional(*names: str) -> Callable[[dict[str, Any]], None]:
    def apply(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema["required"] if name not in names]

    return apply


CORRECTIONS = (
    Correction("deployment", "status may be `canceled`", "recording: deployments-built", _canceled),
    Correction("index", "orders of an array attribute is [null]", "recording: indexes", _null_orders),
    Correction("columnIndex", "orders of an array column is [null]", "reading: as for indexes", _null_orders),
    Correction("healthStatus", "health/db lists several statuses", "recording: auth-errors", _many_health),
    Correction(
        "document",
        "the answer of increment and decrement names neither database nor collection",
        "recording: concurrency",
        _optional("$databaseId", "$collectionId"),
    ),
    Correction(
        "row",
        "the answer of increment and decrement names neither database nor table",
        "reading: the rows route runs the documents handler",
        _optional("$databaseId", "$tableId"),
    ),
)


def _or_empty_list(*names: str) -> Callable[[dict[str, Any]], None]:
    def apply(schema: dict[str, Any]) -> None:
        for name in names:
            schema["properties"][name]["type"] = ["object", "array"]

    return apply


def _nullable(*names: str) -> Callable[[dict[str, Any]], None]:
    def apply(schema: dict[str, Any]) -> None:
        _optional(*names)(schema)
        for name in names:
            schema["properties"][name]["type"] = ["string", "null"]

    return apply


def _or_empty(name: str) -> Callable[[dict[str, Any]], None]:
    def apply(schema: dict[str, Any]) -> None:
        schema["properties"][name] = {"anyOf": [schema["properties"][name], {"enum": [""]}]}

    return apply


#: For the description of main: `recording:` names a scenario of the age.
STATUSES_OF_MAIN = (
    ListedStatus("PUT", DOCUMENT + "/{documentId}", 200, "recording: transactions"),
    ListedStatus("PUT", ROW + "/{rowId}", 200, "reading: the rows route runs the documents handler"),
    ListedStatus("PUT", DOCUMENT, 200, "recording: transactions"),
    ListedStatus("PUT", ROW, 200, "reading: the rows route runs the documents handler"),
    ListedStatus("POST", "/functions/{functionId}/executions", 202, "recording: deployments"),
    ListedStatus("GET", DOWNLOAD, 206, "reading: Deployments/Download/Get.php honours Range"),
)
CORRECTIONS_OF_MAIN = (
    Correction(
        "provider",
        "what is empty is PHP's one empty array",
        "reading: of the transcript of messaging",
        _or_empty_list("options", "credentials"),
    ),
    Correction(
        "frameworkAdapter",
        "there may be no page to fall back to",
        "recording: functions-catalogue",
        _nullable("fallbackFile"),
    ),
    Correction(
        "proxyRule",
        "a rule that is for the API is for no kind of resource",
        "recording: project-settings",
        _or_empty("deploymentResourceType"),
    ),
)
CORRECTIONS_OF_1_9 = (
    *CORRECTIONS_OF_MAIN,
    Correction("execution", "it names its function", "recording: deployments", _optional("resourceId", "resourceType")),
    Correction(
        "project",
        "it does not say how far its owner has come",
        "recording: project-settings",
        _optional("onboarding", "wafEnabled"),
    ),
    Correction("site", "it has no scopes", "recording: sites", _optional("scopes")),
    Correction("file", "it is in no folder", "reading: of the transcript of buckets", _optional("folder", "key")),
)


@dataclass(frozen=True)
class Edition:
    """A description as it is held against an age. Answers to clients that announce an older format than `described` are
    not checked."""

    file: str
    described: tuple[int, ...]
    corrections: tuple[Correction, ...]
    statuses: tuple[ListedStatus, ...]


#: Served, and in no description; without this they would be taken for ids.
UNDOCUMENTED = {"/functions/templates"}
MAIN_FILE = "openapi-main-server.json"
EDITIONS = {
    "1.8": Edition("openapi-1.8.x-server.json", (1, 8), CORRECTIONS, STATUSES),
    "1.9": Edition(MAIN_FILE, (1, 9), CORRECTIONS_OF_1_9, STATUSES_OF_MAIN),
    "main": Edition(MAIN_FILE, (2, 0), CORRECTIONS_OF_MAIN, STATUSES_OF_MAIN),
}


@dataclass(frozen=True)
class Route:
    """One documented path with its operations by lower-case method."""

    path: str
    pattern: re.Pattern[str]
    operations: dict[str, Any]


@cache
def published(file: str) -> Any:
    """A description as Appwrite publishes it. Shared: nobody may change it."""
    return json.loads((DATA / file).read_text(encoding="utf-8"))


class Description:
    """The description, ready to check exchanges."""

    def __init__(
        self,
        corrections: tuple[Correction, ...] | None = None,
        statuses: tuple[ListedStatus, ...] | None = None,
        age: str = "1.8",
    ) -> None:
        edition = EDITIONS[age]
        corrections = edition.corrections if corrections is None else corrections
        statuses = edition.statuses if statuses is None else statuses
        self.described = edition.described
        self.raw = published(edition.file)
        schemas = {name: as_json_schema(each) for name, each in self.raw["components"]["schemas"].items()}
        for correction in corrections:
            correction.apply(schemas[correction.schema])
        self.components = {"schemas": schemas}
        self.statuses = {(each.method, each.path, each.status) for each in statuses}
        self.routes = sorted(
            (Route(path, _pattern(path), operations) for path, operations in self.raw["paths"].items()),
            key=lambda route: route.path.count("{"),
        )
        self._by_depth: dict[int, list[Route]] = defaultdict(list)
        for route in self.routes:
            self._by_depth[route.path.count("/")].append(route)
        self._found: dict[tuple[str, str], Route | None] = {}

    def route(self, method: str, path: str) -> Route | None:
        """The documented route of a request, if there is one. Literal segments win over placeholders."""
        if (method, path) not in self._found:
            fitting = (each for each in self._by_depth.get(path.count("/"), ()) if each.pattern.fullmatch(path))
            self._found[method, path] = next((each for each in fitting if method.lower() in each.operations), None)
        return self._found[method, path]

    def problems(self, exchange: Exchange) -> list[str]:
        """What is wrong with an answer; empty when it conforms or the route is not documented."""
        route = self.route(exchange.method, exchange.path)
        answer = exchange.answer
        if route is None or exchange.path in UNDOCUMENTED or is_page(answer.body):
            return []
        if answer.status >= 400:
            return list(error_problems(answer.status, answer.body))
        operation = route.operations[exchange.method.lower()]
        listed = operation["responses"].get(str(answer.status))
        if listed is None:
            if (exchange.method, route.path, answer.status) not in self.statuses:
                return [f"status {answer.status} is not listed (only {', '.join(operation['responses'])})"]
            listed = next(iter(operation["responses"].values()))
        if listed["description"] in {"File", "Any"} or announces_older_format(exchange, self.described):
            return []
        content = listed.get("content") or {}
        if not content:
            return [] if answer.body is None else ["a body where the description has none"]
        schemas = [next(iter(content.values()))["schema"], *_of_other_methods(operation, answer.status)]
        first: list[str] | None = None
        for schema in schemas:
            found = self._body_problems(schema, answer.body, is_partial(exchange))
            if not found:
                return []
            first = first or found
        return first or []

    def _body_problems(self, schema: dict[str, Any], body: Any, partial: bool) -> list[str]:
        if self.fits(as_json_schema(schema), body, partial):
            return []
        return self.explained(schema, body, partial)

    def explained(self, schema: dict[str, Any], body: Any, partial: bool) -> list[str]:
        """What is wrong with a body, by a library that knows all of JSON Schema."""
        components = _without_required(self.components) if partial else self.components
        validator = Draft7Validator({"allOf": [as_json_schema(schema)], "components": components})
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(body)]

    def fits(self, schema: dict[str, Any], body: Any, partial: bool) -> bool:
        """Whether a body certainly conforms, by the few words of JSON Schema that the descriptions use: each of some
        thousand answers is asked, and this is fifty times as fast. Raises KeyError for another word."""
        for word, said in schema.items():
            if word not in _IGNORED and not _CHECKS[word](self, said, body, partial):
                return False
        return True

    def _refers(self, reference: str, body: Any, partial: bool) -> bool:
        return self.fits(self.components["schemas"][reference.removeprefix("#/components/schemas/")], body, partial)

    def _has_properties(self, properties: dict[str, Any], body: Any, partial: bool) -> bool:
        return not isinstance(body, dict) or all(
            self.fits(properties[name], value, partial) for name, value in body.items() if name in properties
        )

    def _has_items(self, items: Any, body: Any, partial: bool) -> bool:
        return not isinstance(body, list) or all(self.fits(items, each, partial) for each in body)


def _is_of_type(names: str | list[str], body: Any) -> bool:
    return any(_TYPES[name](body) for name in ([names] if isinstance(names, str) else names))


def _is_number(body: Any) -> bool:
    return isinstance(body, int | float) and not isinstance(body, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda body: isinstance(body, dict),
    "array": lambda body: isinstance(body, list),
    "string": lambda body: isinstance(body, str),
    "boolean": lambda body: isinstance(body, bool),
    "null": lambda body: body is None,
    "number": _is_number,
    "integer": lambda body: _is_number(body) and body == int(body),
}
#: Words that say nothing about which bodies conform.
_IGNORED = frozenset("description format title readOnly discriminator x-example x-enum-name".split())
_CHECKS: dict[str, Callable[[Description, Any, Any, bool], bool]] = {
    "type": lambda _self, said, body, _partial: _is_of_type(said, body),
    # True and 1 are equal, and not the same in JSON.
    "enum": lambda _self, said, body, _partial: (body is None or isinstance(body, str)) and body in said,
    "required": lambda _self, said, body, partial: (
        partial or not isinstance(body, dict) or all(name in body for name in said)
    ),
    "additionalProperties": lambda _self, said, _body, _partial: said is True,
    "anyOf": lambda self, said, body, partial: any(self.fits(each, body, partial) for each in said),
    "allOf": lambda self, said, body, partial: all(self.fits(each, body, partial) for each in said),
    "$ref": Description._refers,
    "properties": Description._has_properties,
    "items": Description._has_items,
}


def is_page(body: Any) -> bool:
    """Since 1.9 a path that is none is answered with a page."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    return isinstance(text, str) and text.startswith("<!DOCTYPE")


def announces_older_format(exchange: Exchange, described: tuple[int, ...] = (1, 8)) -> bool:
    """An older client is answered in the shape of its own time, which this description does not describe."""
    announced = re.match(r"(\d+)\.(\d+)", exchange.headers.get("x-appwrite-response-format", ""))
    return announced is not None and (int(announced[1]), int(announced[2])) < described


def is_partial(exchange: Exchange) -> bool:
    """A `select` query asks for some fields only; a write staged in a transaction is answered by a mock document."""
    selects = any('"select"' in value or name == "transactionId" for name, value in exchange.query)
    return selects or (isinstance(exchange.body, dict) and bool(exchange.body.get("transactionId")))


def error_problems(status: int, body: Any) -> Iterator[str]:
    """Whether an error answer has Appwrite's shape and a known type with that type's status."""
    errors = [f"{each.json_path}: {each.message[:300]}" for each in _OF_ERRORS.iter_errors(body)]
    if errors:
        yield from errors
        return
    if body["code"] != status:
        yield f"$.code: {body['code']} in an answer with status {status}"
    known = _error_codes().get(body["type"])
    if known is None:
        yield f"$.type: {body['type']!r} is no Appwrite error type"
    elif status != (known if known in PASSED_THROUGH else 500):
        yield f"$.type: {body['type']!r} has code {known}, not {status}"


def as_json_schema(schema: Any) -> Any:
    """An OpenAPI 3.0 schema in JSON Schema's words.

    `oneOf` becomes `anyOf`: the attribute models overlap (an e-mail attribute also fits the string model).
    """
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: as_json_schema(value) for key, value in schema.items() if key not in {"nullable", "example"}}
    if "oneOf" in plain:
        plain["anyOf"] = plain.pop("oneOf")
    if schema.get("nullable") is not True:
        return plain
    if "$ref" in plain or "anyOf" in plain:
        return {"anyOf": [plain, {"type": "null"}]}
    plain["type"] = [plain["type"], "null"]
    if "enum" in plain:
        plain["enum"] = [*plain["enum"], None]
    return plain


@cache
def _error_codes() -> dict[str, int]:
    parsed = json.loads((DATA / "errors.json").read_text(encoding="utf-8"))
    return {name: int(entry["code"]) for name, entry in parsed.items()}


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))


def _of_other_methods(operation: dict[str, Any], status: int) -> list[dict[str, Any]]:
    """Further bodies that the description names: a route may serve several methods (one document, or many)."""
    methods = operation.get("x-appwrite", {}).get("methods", [])
    responses = [response for method in methods for response in method["responses"]]
    return [{"$ref": each["model"]} for each in responses if each["code"] == status and isinstance(each["model"], str)]


def _without_required(components: dict[str, Any]) -> dict[str, Any]:
    schemas = components["schemas"].items()
    return {"schemas": {name: {k: v for k, v in each.items() if k != "required"} for name, each in schemas}}
