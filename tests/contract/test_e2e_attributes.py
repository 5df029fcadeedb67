"""Cases 75 to 90: attributes and relationships."""

from __future__ import annotations

from typing import Any

import pytest

from .client import Answer, Api, q
from .modelling import (
    add_attribute,
    add_index,
    available_attribute,
    create_collection,
    ids,
    patch_attribute,
    send_attribute,
    wrote,
)
from .waiting import gone, poll

INVALID_VALUE = "attribute_value_invalid"
INVALID_ARGUMENT = "general_argument_invalid"
NO_DEFAULT = "attribute_default_unsupported"


@pytest.fixture
def collection(api: Api) -> str:
    return create_collection(api)


def outcome(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.kind


def test_case_075_an_attribute_is_processed_in_the_background(api: Api, collection: str) -> None:
    sent = send_attribute(api, collection, "string", "title", size=256, required=True)
    assert sent.status == 202
    shown = {name: sent[name] for name in ("type", "size", "required", "encrypt", "status", "array", "default")}
    assert shown == {
        "type": "string", "size": 256, "required": True, "encrypt": False, "status": "processing", "array": False,
        "default": None,
    }  # fmt: skip
    assert available_attribute(api, collection, "title")["size"] == 256


def test_case_076_an_empty_text_is_a_default(api: Api, collection: str) -> None:
    sent = send_attribute(api, collection, "string", "note", default="")
    assert (sent.status, sent["default"]) == (202, "")


@pytest.mark.parametrize(
    ("kind", "fields"), [("email", {}), ("ip", {}), ("url", {}), ("enum", {"elements": ["yes", "no"]})]
)
def test_case_077_formatted_texts_are_strings_with_a_format(
    api: Api, collection: str, kind: str, fields: dict[str, Any]
) -> None:
    sent = send_attribute(api, collection, kind, "a", **fields)
    assert (sent.status, sent["type"], sent["format"]) == (202, "string", kind)
    assert {name: sent[name] for name in fields} == fields


def test_case_077_a_float_is_a_double(api: Api, collection: str) -> None:
    sent = send_attribute(api, collection, "float", "a")
    assert (sent.status, sent["type"]) == (202, "double")


def test_case_078_an_integer_default_lies_in_its_range(api: Api, collection: str) -> None:
    sent = send_attribute(api, collection, "integer", "a", min=1, max=5, default=3)
    assert (sent.status, sent["min"], sent["max"], sent["default"]) == (202, 1, 5, 3)
    assert outcome(send_attribute(api, collection, "integer", "b", min=1, max=5, default=6)) == (400, INVALID_VALUE)
    assert outcome(send_attribute(api, collection, "integer", "b", min=5, max=1)) == (400, INVALID_VALUE)


def test_case_079_an_enum_element_is_not_empty(api: Api, collection: str) -> None:
    sent = send_attribute(api, collection, "enum", "a", elements=["a", ""])
    assert outcome(sent) == (400, INVALID_ARGUMENT)


def test_case_080_a_default_needs_an_optional_scalar(api: Api, collection: str) -> None:
    assert outcome(send_attribute(api, collection, "string", "a", required=True, default="x")) == (400, NO_DEFAULT)
    assert outcome(send_attribute(api, collection, "string", "a", array=True, default="x")) == (400, NO_DEFAULT)


def test_case_081_an_attribute_key_can_be_taken_once(api: Api, collection: str) -> None:
    send_attribute(api, collection, "string", "a")
    assert outcome(send_attribute(api, collection, "integer", "a")) == (409, "attribute_already_exists")


def test_case_082_a_collection_has_a_widest_row(api: Api, collection: str) -> None:
    for number in range(15):
        assert send_attribute(api, collection, "string", f"a{number}", size=1024).status == 202
    assert outcome(send_attribute(api, collection, "string", "a15", size=1024)) == (400, "attribute_limit_exceeded")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"required": False, "default": "lorem"}, (200, "")),
        ({"required": False, "default": None}, (200, "")),
        ({"required": "no bool", "default": "x"}, (400, INVALID_ARGUMENT)),
        ({"required": False, "default": 123}, (400, INVALID_ARGUMENT)),
        ({"required": False}, (400, INVALID_ARGUMENT)),
        ({"default": "x"}, (400, INVALID_ARGUMENT)),
        ({"required": True, "default": "x"}, (400, NO_DEFAULT)),
    ],
    ids=["text", "null", "required no boolean", "default no text", "no default", "no required", "required and default"],
)
def test_case_083_a_string_update_needs_required_and_a_fitting_default(
    api: Api, collection: str, fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    add_attribute(api, collection, "string", "a", default="before")
    answer = patch_attribute(api, collection, "string", "a", **fields)
    assert outcome(answer) == expected
    if answer.status == 200:
        assert answer["default"] == fields["default"]


def test_case_084_a_string_shrinks_only_as_far_as_its_data_allow(api: Api, collection: str) -> None:
    add_attribute(api, collection, "string", "a", size=100)

    def resize(size: int) -> Answer:
        return patch_attribute(api, collection, "string", "a", required=False, default=None, size=size)

    assert (resize(2048).status, resize(2048)["size"]) == (200, 2048)
    wrote(api, collection, "long", a="x" * 2048)
    assert outcome(resize(10)) == (400, "attribute_invalid_resize")
    assert api.delete(f"{collection}/documents/long").status == 204
    assert resize(10)["size"] == 10


def test_case_085_an_enum_update_replaces_all_elements(api: Api, collection: str) -> None:
    add_attribute(api, collection, "enum", "a", elements=["old"])
    five = ["lorem", "ipsum", "dolor", "sit", "amet"]
    answer = patch_attribute(api, collection, "enum", "a", required=False, default=None, elements=five)
    assert (answer.status, answer["elements"]) == (200, five)
    empty = patch_attribute(api, collection, "enum", "a", required=False, default=None, elements=[])
    assert outcome(empty) == (400, INVALID_VALUE)


def test_case_086_a_renamed_attribute_keeps_its_data(api: Api, collection: str) -> None:
    add_attribute(api, collection, "string", "old")
    wrote(api, collection, "one", old="kept")
    renamed = patch_attribute(api, collection, "string", "old", required=False, default=None, newKey="new")
    assert (renamed.status, renamed["key"]) == (200, "new")
    assert outcome(api.get(f"{collection}/attributes/old")) == (404, "attribute_not_found")
    document = api.get(f"{collection}/documents/one")
    assert document["new"] == "kept"
    assert "old" not in document.body


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/databases/nope/collections/c/attributes/string/a", "database_not_found"),
        ("/databases/d/collections/nope/attributes/string/a", "collection_not_found"),
        ("/databases/d/collections/c/attributes/string/nope", "attribute_not_found"),
    ],
)
def test_case_087_an_update_says_what_is_missing(api: Api, collection: str, path: str, kind: str) -> None:
    assert outcome(api.patch(path, {"required": False, "default": None})) == (404, kind)


def test_case_088_a_two_way_relationship_shows_on_both_sides(api: Api, collection: str) -> None:
    other = create_collection(api, "other")
    body = {"relatedCollectionId": "other", "type": "oneToMany", "twoWay": True, "key": "kids", "twoWayKey": "parent"}
    sent = api.post(f"{collection}/attributes/relationship", body)
    shown = [sent[name] for name in ("key", "relatedCollection", "relationType", "twoWay", "twoWayKey", "side")]
    assert (sent.status, shown) == (202, ["kids", "other", "oneToMany", True, "parent", "parent"])
    available_attribute(api, collection, "kids")
    mirror = available_attribute(api, other, "parent")
    assert (mirror["relatedCollection"], mirror["twoWayKey"], mirror["side"]) == ("c", "kids", "child")


def test_case_089_a_deleted_attribute_leaves_its_indexes(api: Api, collection: str) -> None:
    for key in ("a", "b"):
        add_attribute(api, collection, "string", key)
    add_index(api, collection, "key", ["a"], "single")
    add_index(api, collection, "key", ["a", "b"], "double")
    assert api.delete(f"{collection}/attributes/a").status == 204
    poll(lambda: api.get(f"{collection}/attributes/a"), gone)
    poll(lambda: api.get(f"{collection}/indexes/single"), gone)
    assert api.get(f"{collection}/indexes/double")["attributes"] == ["b"]


def test_case_090_attributes_are_listed_by_queries(api: Api, collection: str) -> None:
    for kind, key in (("string", "title"), ("integer", "year"), ("string", "note"), ("boolean", "on")):
        add_attribute(api, collection, kind, key)
    path = f"{collection}/attributes"
    assert ids(api.get(path, q("equal", "type", "string"))) == ["title", "note"]
    assert ids(api.get(path, q("limit", None, 2))) == ["title", "year"]
    assert ids(api.get(path, q("cursorAfter", None, "title"), q("limit", None, 2))) == ["year", "note"]
    assert outcome(api.get(path, q("select", None, "key"))) == (400, INVALID_ARGUMENT)
