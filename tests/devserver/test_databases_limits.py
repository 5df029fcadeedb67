"""What MariaDB and Appwrite's own tables refuse behind the checks of parameters.

Each was tried on utopia-php/database 3.5.0 with MariaDB 10.11, the library and database of Appwrite 1.8.1."""

from __future__ import annotations

import random
from typing import Any

import pytest

from raceday_iac.devserver.databases import formats, php_dates
from raceday_iac.devserver.databases.catalog import Attribute
from raceday_iac.devserver.databases.limits import is_table_full

from .databases_server import Database, db, running

__all__ = ["db", "running"]

INVALID = (400, "document_invalid_structure")
UNKNOWN = (500, "general_unknown")


def attribute(db: Database, kind: str, key: str = "a", **fields: Any) -> tuple[int, str]:
    answer = db.call("POST", f"/collections/c/attributes/{kind}", {"key": key, "required": False, **fields})
    return answer.status, answer.body.get("type", "") if answer.status >= 400 else ""


def members(db: Database, part: str = "attributes", collection: str = "c") -> dict[str, tuple[str, str]]:
    """Status and error by key."""
    return {each["key"]: (each["status"], each["error"]) for each in db.settle(collection)[part]}


FAILED = ("failed", "")


# Definitions.


def elements(number: int, length: int, character: str = "x") -> list[str]:
    return [f"{each:03d}".ljust(length, character) for each in range(number)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (elements(60, 255), (202, "")),
        ([*elements(63, 255), "x" * 113], (202, "")),
        ([*elements(63, 255), "x" * 114], INVALID),
        (elements(64, 255), INVALID),
        (elements(100, 40), (202, "")),
        (elements(100, 40, "é"), INVALID),
    ],
)
def test_elements_have_at_most_16384_characters_of_json(
    db: Database, values: list[str], expected: tuple[int, str]
) -> None:
    db.collection()
    assert attribute(db, "enum", elements=values) == expected


@pytest.mark.parametrize(
    ("default", "expected"),
    [("x" * 16_372, (202, "")), ("x" * 16_373, INVALID), ("/" * 8187, INVALID), ("é" * 2729, INVALID)],
    ids=["16372", "16373", "slashes", "accents"],
)
def test_a_default_has_at_most_16384_characters_of_json(db: Database, default: str, expected: tuple[int, str]) -> None:
    db.collection()
    assert attribute(db, "string", size=20_000, default=default) == expected


def test_an_update_to_too_many_elements_is_half_done(db: Database) -> None:
    """The metadata that documents are checked against has them; what the API lists has not."""
    path = db.collection("c", e={"type": "enum", "elements": ["old"]})
    body = {"elements": elements(64, 255), "required": False, "default": None}
    assert db.call("PATCH", "/collections/c/attributes/enum/e", body).outcome == UNKNOWN
    assert db.ok("GET", "/collections/c/attributes/e")["elements"] == ["old"]
    assert db.call("POST", path, {"documentId": "d", "data": {"e": "old"}}).outcome == INVALID
    db.write(path, "d", e=elements(64, 255)[0])


def test_the_tables_api_says_row(db: Database) -> None:
    db.collection()
    body = {"key": "e", "required": False, "elements": elements(64, 255)}
    root = f"/tablesdb/{db.name}"
    assert db.call("POST", "/tables/c/columns/enum", body, root=root).outcome == (400, "row_invalid_structure")


# Rows.


def test_what_does_not_fit_into_the_page_of_a_row_fails(db: Database) -> None:
    """MariaDB looks whether the columns that are there fit, so that one more than fits is made."""
    db.collection("c", **{f"s{number}": {"type": "string", "size": 63} for number in range(34)})
    found = members(db)
    assert [key for key, status in found.items() if status != ("available", "")] == ["s32", "s33"]
    assert found["s32"] == FAILED


def text(size: int, number: int = 0) -> Attribute:
    return Attribute(f"s{number}", "string", "", size, False, False, False, None, {}, False)


@pytest.mark.parametrize(("size", "most"), [(10, 196), (20, 100), (50, 40), (63, 32), (64, 249)])
def test_so_many_strings_were_made_by_the_real_database(size: int, most: int) -> None:
    strings = [text(size, number) for number in range(most)]
    assert not is_table_full(strings[:-1], strings[-1])
    assert is_table_full(strings, text(size))


#: Made with random columns by MariaDB 10.11.19: the seed, and which of 140 columns were refused first.
RANDOM_TABLES = {1: 110}


def test_other_types_take_what_they_take() -> None:
    kinds = {
        "VARCHAR(63)": text(63),
        "VARCHAR(50)": text(50),
        "VARCHAR(20)": text(20),
        "VARCHAR(36)": text(36),
        "TINYINT(1)": Attribute("b", "boolean", "", 0, False, False, False, None, {}, False),
        "INT": Attribute("i", "integer", "", 4, False, False, False, None, {}, False),
        "DATETIME(3)": Attribute("t", "datetime", "", 0, False, False, False, None, {}, False),
        "VARCHAR(255)": text(255),
        "JSON": Attribute("l", "string", "", 9, False, True, False, None, {}, False),
        "DOUBLE": Attribute("d", "double", "", 0, False, False, False, None, {}, False),
    }
    for seed, first in RANDOM_TABLES.items():
        chance = random.Random(seed)
        columns = [kinds[chance.choice(list(kinds))] for _ in range(140)]
        assert not is_table_full(columns[: first - 1], columns[first - 1])
        assert is_table_full(columns[:first], columns[first])


def test_keys_that_become_one_column(db: Database) -> None:
    db.collection("c", **{"a.b": "boolean", "ab": "boolean", "c.d": "boolean"})
    db.attribute("c", "c..d", "boolean")
    assert members(db)["ab"] == ("failed", "Attribute already exists in schema")
    assert members(db)["c..d"] == ("failed", "Attribute already exists")


def test_the_far_sides_of_relationships_count_when_a_column_is_made(db: Database) -> None:
    db.collection("c", wide={"type": "string", "size": 15_861})
    db.collection("other")
    db.relate("other", "c", "manyToOne", "r", twoWayKey="k")
    db.attribute("c", "more", "boolean")
    assert members(db)["more"] == ("failed", "Row width limit reached. Cannot create new attribute.")


def test_the_keys_of_a_many_to_many_have_to_be_two(db: Database) -> None:
    db.collection("c")
    db.collection("other")
    db.relate("c", "other", "manyToMany", "x", twoWayKey="X")
    assert members(db)["x"] == ("failed", "Attribute already exists")


# Indexes.


@pytest.mark.parametrize(
    ("attributes", "orders", "expected"),
    [
        (["tags"], [], 202),
        (["tags", "a"], [], 202),
        (["a", "tags"], [], 500),
        (["a", "tags"], ["ASC"], 202),
        (["a", "b", "tags"], ["ASC"], 500),
        (["a", "b", "tags"], ["ASC", "DESC"], 202),
    ],
)
def test_an_array_behind_attributes_without_orders_is_not_foreseen(
    db: Database, attributes: list[str], orders: list[str], expected: int
) -> None:
    db.collection("c", a="string", b="string", tags={"type": "string", "array": True})
    body = {"key": "i", "type": "key", "attributes": attributes, "orders": orders}
    assert db.call("POST", "/collections/c/indexes", body).status == expected


def test_an_index_beyond_3072_bytes_fails(db: Database) -> None:
    """Appwrite counts a number of eight bytes as one character, which is four."""
    db.collection("c", s={"type": "string", "size": 767}, big="integer", small={"type": "integer", "max": 5})
    assert db.index("c", "fits", "key", "s", "small")["status"] == "available"
    assert db.index("c", "fails", "key", "s", "big")["status"] == "failed"
    assert db.index("c", "short", "key", "s", "big", lengths=[766, 0])["status"] == "available"


def test_an_index_of_more_than_32_attributes_fails(db: Database) -> None:
    keys = [f"b{number}" for number in range(33)]
    db.collection("c", **dict.fromkeys(keys, "boolean"))
    assert db.index("c", "most", "key", *keys[:32])["status"] == "available"
    assert db.index("c", "more", "key", *keys)["status"] == "failed"


def test_the_indexes_of_relationships_count_when_one_is_made(db: Database) -> None:
    db.collection("c", a="boolean")
    db.collection("other")
    db.relate("c", "other", "manyToOne", "r", twoWayKey="k")
    for number in range(58):
        db.ok("POST", "/collections/c/indexes", {"key": f"i{number}", "type": "key", "attributes": ["a"]})
    found = members(db, "indexes")
    assert found["i56"] == ("available", "")
    assert found["i57"] == ("failed", "Index limit reached. Cannot create new index.")


def test_names_of_indexes_without_dots(db: Database) -> None:
    db.collection("c", a="boolean")
    assert db.index("c", "i.x", "key", "a")["status"] == "available"
    assert db.index("c", "ix", "key", "a")["error"] == "Index already exists"
    assert db.index("c", "prim.ary", "key", "a")["status"] == "failed"


# Collections and documents.


def test_permissions_that_differ_only_in_case(db: Database) -> None:
    permissions = ['read("user:Anna")', 'read("user:anna")']
    body = {"collectionId": "p", "name": "P", "permissions": permissions}
    assert db.call("POST", "/collections", body).outcome == (409, "collection_already_exists")
    assert db.call("GET", "/collections/p").status == 404
    db.collection("p")
    assert db.call("PUT", "/collections/p", {"name": "Q", "permissions": permissions}).outcome == UNKNOWN
    assert db.ok("GET", "/collections/p")["name"] == "p"


def test_a_collection_has_100_permissions_in_a_request(db: Database) -> None:
    permissions = [f'write("user:u{number}")' for number in range(101)]
    body = {"collectionId": "p", "name": "P", "permissions": permissions}
    assert db.call("POST", "/collections", body).outcome == (400, "general_argument_invalid")
    made = db.ok("POST", "/collections", {**body, "permissions": permissions[:100]})
    assert len(made["$permissions"]) == 300


def test_documents_cannot_hold_create(db: Database) -> None:
    path = db.collection("c", a="boolean")
    body = {"documentId": "d", "data": {"a": True}, "permissions": ['create("any")']}
    assert db.call("POST", path, body).outcome == (400, "general_argument_invalid")


@pytest.mark.parametrize(("key", "fails"), [("2024", True), ("0", True), ("02024", False), ("2024a", False)])
def test_documents_with_a_key_that_is_a_number_cannot_be_changed(db: Database, key: str, fails: bool) -> None:
    path = db.collection("c", **{key: "string"})
    db.write(path, "d", **{key: "v"})
    assert db.ok("GET", f"{path}/d")[key] == "v"
    changed = db.call("PATCH", f"{path}/d", {"data": {key: "w"}})
    assert changed.outcome == INVALID if fails else changed.status == 200


def test_the_id_0_gives_a_random_one(db: Database) -> None:
    made = db.ok("POST", "/collections", {"collectionId": "0", "name": "C"})
    assert len(made["$id"]) == 20
    assert db.call("GET", "/collections/0").status == 404


def test_an_encrypted_text_has_to_fit_encrypted(db: Database) -> None:
    path = db.collection("c", secret={"type": "string", "size": 200, "encrypt": True})
    db.write(path, "fits", secret="x" * 57)
    assert db.call("POST", path, {"documentId": "long", "data": {"secret": "x" * 60}}).outcome == INVALID


# Values with a format, as PHP 8 checked them.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.nz/ä", False),
        ("https://a_b.nz", False),
        ("ftp://a_b", True),
        ("HTTP://a_b", True),
        ("mailto:", True),
        ("urn:isbn:1", False),
        ("http://a.nz:99999", False),
        ("http://a.nz:", True),
        ("http://999.1.1.1", True),
        ("http://us<er@a.nz", False),
        ("http://a%20b.nz", False),
        ("http:///a", False),
    ],
)
def test_urls(text: str, expected: bool) -> None:
    assert formats.is_url(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a..b@c.nz", False),
        ("a,b@c.nz", False),
        ("a@b", False),
        ("a@b.nz.", False),
        ("a@123.123", False),
        ("a@b.1", False),
        ("a@[1.2.3.4]", True),
        ('"a"@b.nz', True),
        ('"a b"@b.nz', False),
        ("a" * 65 + "@b.nz", False),
        ("a@b.nz", True),
    ],
)
def test_e_mail_addresses(text: str, expected: bool) -> None:
    assert formats.is_email(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-07-17T01:02:03,5Z", False),
        ("20250717T010203Z", False),
        ("2025-02-30", True),
        ("2025-07-17T24:01:00Z", True),
        ("2025-01-32", False),
        ("2025-7-17", True),
        ("2025-07-17T01:02:03+24:00", True),
        ("2025-07-17T01:02:03+99:00", False),
        ("1000-01-01T00:00:00+00:01", False),
        ("9999-12-31T23:59:59.001Z", False),
        ("9999-12-31T23:59:59Z", True),
        ("yesterday", False),
    ],
)
def test_dates(text: str, expected: bool) -> None:
    assert php_dates.is_valid(text) is expected
