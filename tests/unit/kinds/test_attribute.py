"""Attributes: what was sent to a real 1.8.1 and what it answered must compare as equal."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.diff import compare_fields
from raceday_iac.kinds import KINDS
from raceday_iac.kinds.attribute import KIND, TYPES, parse, unsupported
from raceday_iac.kinds.schema_rules import TYPES_SINCE, attribute_width, canonical_instant
from raceday_iac.model.limits import ROW_WIDTH_BASE
from raceday_iac.model.resource import Desired, Live, Resource, frozen
from raceday_iac.model.server import ServerFacts
from raceday_iac.model.stack import Stack

from .. import recorded
from ..declaring import address, collection, resolved

OWNER = ("d", "c")
CREATED = list(recorded.writes("attributes-create", "POST", "/attributes/"))
NEWER = [
    each
    for version in ("1.9.6", "main")
    for each in recorded.writes("attributes-types", "POST", "/attributes/", version)
    # Elements of an enum may be missing to Appwrite, and not to a stack; a text has no size.
    if each[0].get("elements") != [] and each[0]["key"] != "txsz"
]


def parsed(**raw: Any) -> Live:
    return parse(OWNER, {"key": "a", "required": False, "array": False, "default": None, **raw})


def declare(type: str, sent: dict[str, Any]) -> dict[str, Any]:
    """The wanted fields of a stack that declares what was sent."""
    stack = Stack("test")
    settings = {name: value for name, value in sent.items() if name not in ("key", "required")}
    getattr(collection(stack), type)("a", required=sent["required"], **settings)
    return dict(resolved(stack).resources[address("attribute.d/c/a")].fields)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [*CREATED, *NEWER],
    ids=[f"{sent['key']}-{number}" for number, (sent, _) in enumerate([*CREATED, *NEWER])],
)
def test_what_the_server_answers_to_a_creation_is_no_drift(sent: dict[str, Any], answer: dict[str, Any]) -> None:
    live = parse(OWNER, answer)
    wanted = declare(str(live.fields["type"]), sent)
    assert compare_fields(KIND, wanted, live.fields, None) == []


def test_every_type_was_recorded() -> None:
    old = {parse(OWNER, answer).fields["type"] for _, answer in CREATED}
    new = {parse(OWNER, answer).fields["type"] for _, answer in NEWER}
    assert (old, new) == (set(TYPES) - set(TYPES_SINCE), set(TYPES))


@pytest.mark.parametrize("version", ["1.9.6", "main"])
def test_a_row_is_as_wide_as_appwrite_counts_it(version: str) -> None:
    raw = recorded.answer("attributes-types", "collection with its attributes", version)
    widths = [attribute_width(parse(OWNER, each).fields) for each in raw["attributes"]]
    assert ROW_WIDTH_BASE + sum(widths) == raw["bytesUsed"]


@pytest.mark.parametrize(("kind", "since"), [("varchar", "1.9.0"), ("longtext", "1.9.0"), ("bigint", "1.9.5")])
def test_a_type_younger_than_the_server_is_refused_with_both_versions(kind: str, since: str) -> None:
    wanted = Resource(AT, fields(kind))
    desired = Desired("test", {})
    before = {"1.9.0": "1.8.1", "1.9.5": "1.9.4"}[since]
    (found,) = unsupported(wanted, desired, ServerFacts(before))
    assert since in found[0]
    assert before in found[0]
    assert list(unsupported(wanted, desired, ServerFacts(since))) == []


def test_a_list_that_does_not_say_whether_it_is_encrypted_is_believed_nothing() -> None:
    assert parsed(type="varchar", size=200, encrypt=None).fields["encrypt"] is None
    assert parsed(type="varchar", size=200, encrypt=True).fields["encrypt"] is True
    assert parsed(type="string", size=200).fields["encrypt"] is False


def test_an_answer_carries_status_and_error() -> None:
    live = parsed(type="boolean", status="stuck", error="disk full")
    assert (live.status, live.error) == ("stuck", "disk full")


@pytest.mark.parametrize(
    ("wire", "form", "ours"),
    [
        ("string", None, "string"),
        ("string", "", "string"),
        ("string", "email", "email"),
        ("string", "enum", "enum"),
        ("string", "url", "url"),
        ("string", "ip", "ip"),
        ("string", "future", "string"),
        ("double", "", "float"),
        ("linestring", None, "line"),
        ("datetime", "", "datetime"),
    ],
)
def test_the_type_is_reported_by_type_and_format(wire: str, form: str | None, ours: str) -> None:
    assert parsed(type=wire, format=form).fields["type"] == ours


@pytest.mark.parametrize(
    ("kind", "bound", "expected"),
    [
        ("integer", -(2**63), None),
        ("integer", 2**63 - 1, None),
        ("integer", 2**63 - 2, 2**63 - 2),
        ("integer", 0, 0),
        ("bigint", -(2**63), None),
        ("bigint", 2**63 - 2, 2**63 - 2),
        ("integer", None, None),
        ("float", 1.7976931348623157e308, None),
        ("float", -1.7976931348623157e308, None),
        ("float", 0, 0.0),
        ("float", 5, 5.0),
    ],
)
def test_extremes_mean_no_bound(kind: str, bound: Any, expected: Any) -> None:
    found = parsed(type={"float": "double"}.get(kind, kind), min=bound, max=None).fields["min"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-02T03:04:05Z",
        "2020-01-02T03:04:05+00:00",
        "2020-01-02T03:04:05.000+00:00",
        "2020-01-02T16:04:05+13:00",
        "2020-01-02T03:04:05",
        "2020-01-02 03:04:05",
    ],
)
def test_one_instant_has_one_form(text: str) -> None:
    assert canonical_instant(text) == "2020-01-02T03:04:05.000+00:00"


def test_text_that_is_no_instant_stays() -> None:
    assert canonical_instant("yesterday") == "yesterday"


def test_coordinates_compare_as_floats_however_they_are_written() -> None:
    found = parsed(type="linestring", default=[[1, 2], [3.0, 4]])
    assert found.fields["default"] == ((1.0, 2.0), (3.0, 4.0))


def fields(type: str, **settings: Any) -> Any:
    return frozen({"type": type, "required": False, "default": None, "array": False, **settings})


REQUESTS = KINDS["attribute"].requests
AT = address("attribute.d/c/a")


def test_a_creation_says_no_null() -> None:
    call = REQUESTS.create(AT, fields("integer", min=None, max=None))
    assert (call.method, call.path) == ("post", "/databases/d/collections/c/attributes/integer")
    assert call.body == {"key": "a", "required": False, "array": False}


def test_a_creation_says_encrypt_only_when_it_is_meant() -> None:
    assert "encrypt" not in REQUESTS.create(AT, fields("string", size=5, encrypt=False)).body
    assert REQUESTS.create(AT, fields("string", size=500, encrypt=True)).body["encrypt"] is True


def test_a_creation_says_a_default_that_is_false_or_zero() -> None:
    assert REQUESTS.create(AT, fields("boolean") | {"default": False}).body["default"] is False


def update(wanted: Any, real: Any) -> dict[str, Any]:
    return dict(REQUESTS.update(AT, wanted, Live(AT, real)).body)


def test_an_update_always_says_required_and_default_even_as_null() -> None:
    assert update(fields("boolean"), fields("boolean")) == {"required": False, "default": None}


def test_an_update_says_a_size_only_when_it_changes() -> None:
    real = fields("string", size=5, encrypt=False)
    assert "size" not in update(real, real)
    assert update(fields("string", size=9, encrypt=False), real)["size"] == 9


def test_an_update_always_says_all_elements() -> None:
    real = fields("enum", elements=("x", "y"))
    assert update(real, real)["elements"] == ["x", "y"]


@pytest.mark.parametrize(
    ("type", "lowest", "highest"),
    [("integer", -(2**63), 2**63 - 1), ("float", -1.7976931348623157e308, 1.7976931348623157e308)],
)
def test_a_bound_is_taken_away_by_sending_the_extreme(type: str, lowest: float, highest: float) -> None:
    body = update(fields(type, min=None, max=None), fields(type, min=1, max=2))
    assert (body["min"], body["max"]) == (lowest, highest)


def test_update_and_deletion_go_to_their_paths() -> None:
    real = Live(AT, fields("url"))
    assert REQUESTS.update(AT, real.fields, real).path == "/databases/d/collections/c/attributes/url/a"
    assert REQUESTS.delete(AT, real).path == "/databases/d/collections/c/attributes/a"
