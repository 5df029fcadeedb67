"""The OpenAPI description itself: it checks, it can refuse, and each correction to it is really needed.

That every answer received by the suite conforms is checked around each test, in `conftest.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from .client import Answer, Exchange
from .description import CORRECTIONS, EDITIONS, STATUSES, Correction, Description, ListedStatus, as_json_schema
from .recordings import Recording, recordings


def as_exchange(method: str, path: str, status: int, body: Any, query: tuple[tuple[str, str], ...] = ()) -> Exchange:
    return Exchange(method, path, query, Answer(status, {}, b"", body))


def recorded_exchanges(recording: Recording) -> Iterator[tuple[str, Exchange]]:
    for step in recording.steps:
        sent = step.request.get("body")
        headers = {name.lower(): value for name, value in step.request.get("headers", {}).items()}
        for status, body in step.answers():
            query = tuple((name, value) for name, value in step.query)
            path = step.path.removeprefix("/v1")
            exchange = as_exchange(step.method, path, status, body, query)
            yield step.label, replace(exchange, body=sent, headers=headers)


def problems_of_recordings(description: Description, age: str = "1.8") -> list[str]:
    return [
        f"{recording.scenario}, {label}: {problem}"
        for recording in recordings(age)
        for label, exchange in recorded_exchanges(recording)
        for problem in description.problems(exchange)
    ]


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


@pytest.mark.parametrize("age", EDITIONS)
def test_every_recorded_answer_conforms(age: str) -> None:
    assert problems_of_recordings(Description(age=age), age) == []


class Noting(Description):
    """Notes which bodies were held against which schemas."""

    asked: list[tuple[dict[str, Any], Any, bool]]

    def _body_problems(self, schema: dict[str, Any], body: Any, partial: bool) -> list[str]:
        self.asked.append((schema, body, partial))
        return super()._body_problems(schema, body, partial)


def broken(draw: Random, body: Any) -> Any:
    """A copy with one value, anywhere in it, missing or another."""
    found = copy.deepcopy(body)
    holder, key = draw.choice(list(_places(found)))
    if isinstance(holder, dict) and draw.random() < 0.3:
        del holder[key]
    else:
        holder[key] = draw.choice((None, True, 0, 1, 2.0, 1.5, "", "a word", [], {}, [0], [{}], {"a": 1}))
    return found


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@pytest.mark.parametrize("age", EDITIONS)
def test_what_is_quickly_found_to_fit_is_what_the_library_finds_nothing_wrong_with(age: str) -> None:
    description, draw, refused = Noting(age=age), Random(age), 0
    description.asked = []
    assert problems_of_recordings(description, age) == []
    bodies = [each for each in description.asked if each[1]]
    for schema, body, partial in draw.sample(bodies, min(len(bodies), 250)):
        changed = broken(draw, body)
        fits = description.fits(as_json_schema(schema), changed, partial)
        assert fits == (not description.explained(schema, changed, partial)), changed
        refused += not fits
    assert refused > 50


def observed(entry: Correction | ListedStatus) -> bool:
    return entry.evidence.startswith("recording: ")


@pytest.mark.parametrize("correction", [each for each in CORRECTIONS if observed(each)], ids=lambda each: each.schema)
def test_each_observed_correction_is_needed(correction: Correction) -> None:
    without = tuple(each for each in CORRECTIONS if each is not correction)
    problems = problems_of_recordings(Description(corrections=without))
    assert problems
    assert all(line.startswith(correction.evidence.removeprefix("recording: ")) for line in problems)


@pytest.mark.parametrize("listed", [each for each in STATUSES if observed(each)], ids=lambda each: each.path)
def test_each_observed_status_is_missing_in_the_description(listed: ListedStatus) -> None:
    without = tuple(each for each in STATUSES if each is not listed)
    problems = problems_of_recordings(Description(statuses=without))
    assert problems
    assert all(f"status {listed.status} is not listed" in line for line in problems)


@pytest.mark.parametrize("listed", STATUSES, ids=lambda each: f"{each.method} {each.path}")
def test_corrected_statuses_name_documented_routes(listed: ListedStatus, description: Description) -> None:
    operations = description.raw["paths"][listed.path]
    assert str(listed.status) not in operations[listed.method.lower()]["responses"]


def test_an_unlisted_status_is_refused(description: Description) -> None:
    assert description.problems(as_exchange("DELETE", "/functions/f", 200, None))


def test_a_missing_field_is_refused(description: Description) -> None:
    assert description.problems(as_exchange("GET", "/databases/d", 200, {"$id": "d", "name": "d"}))


def test_a_wrong_type_is_refused(description: Description) -> None:
    body = {"total": "0", "functions": []}
    assert description.problems(as_exchange("GET", "/functions", 200, body))


def test_a_null_where_none_is_allowed_is_refused(description: Description) -> None:
    body = {"total": 0, "functions": None}
    assert description.problems(as_exchange("GET", "/functions", 200, body))


def test_selected_fields_suffice_when_a_select_query_asked_for_them(description: Description) -> None:
    body = {"total": 1, "deployments": [{"status": "ready"}]}
    query = (("queries[]", '{"method":"select","values":["status"]}'),)
    assert description.problems(as_exchange("GET", "/functions/f/deployments", 200, body, query)) == []
    assert description.problems(as_exchange("GET", "/functions/f/deployments", 200, body))


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"message": "x", "code": 404, "type": "function_not_found"},
        {"message": "x", "code": 400, "type": "function_not_found", "version": "1.8.1"},
        {"message": "x", "code": 404, "type": "no_such_type", "version": "1.8.1"},
        {"message": "x", "code": 404, "type": "function_already_exists", "version": "1.8.1"},
    ],
    ids=["empty", "no version", "other code", "unknown type", "type of another code"],
)
def test_a_malformed_error_is_refused(body: Any, description: Description) -> None:
    assert description.problems(as_exchange("GET", "/functions/f", 404, body))


def test_literal_segments_win_over_placeholders(description: Description) -> None:
    route = description.route("GET", "/functions/runtimes")
    assert route is not None
    assert route.path == "/functions/runtimes"
