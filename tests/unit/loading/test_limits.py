"""What Appwrite refuses or half does behind its documented limits is refused before the first request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from raceday_iac.loading.stack_file import load_stack
from raceday_iac.model import limits
from raceday_iac.model.stack import Collection, Lock, Stack

from ..declaring import LOCK, collection, complaint, database, function, problems, resolved, stack_with_function

CASES = Path(__file__).parents[2] / "data" / "cases"


def said_of(case: str) -> dict[str, str]:
    """The problems of a recorded case by resource; each names its line."""
    found = problems(load_stack(CASES / case / "stack.py"))
    assert all(each.location.file.endswith(f"{case}/stack.py") and each.location.line for each in found)
    return {each.subject: each.message for each in found}


# The recorded cases.


def test_a_schedule_of_117_characters() -> None:
    (said,) = said_of("schedule-longer-than-100").values()
    assert said.startswith("schedule: '0,1,2,3,")
    assert "(117 characters) is too long: Appwrite's scheduler stores 100 characters; write ranges" in said


def test_a_variable_of_6500_bytes() -> None:
    said = said_of("variable-value-over-5900-bytes")
    assert set(said) == {"variable.a/PEM"}
    assert "at most 5900 bytes of UTF-8" in said["variable.a/PEM"]
    assert "this has 6500; split it" in said["variable.a/PEM"]


def test_enums_and_defaults_over_16384_characters_of_json() -> None:
    said = said_of("enum-and-default-over-16384")
    assert set(said) == {"attribute.d/c/e", "attribute.d/c/f", "attribute.d/c/s"}
    assert "its 64 elements take 16526 characters as Appwrite stores them" in said["attribute.d/c/e"]
    assert "its 100 elements take 22814 characters as Appwrite stores them" in said["attribute.d/c/f"]
    assert "(17000 characters) takes 17012 characters as Appwrite stores it" in said["attribute.d/c/s"]
    assert all("16384 fit; shorten" in each for each in said.values())


def test_everything_that_other_validators_refuse_is_reported_at_once() -> None:
    said = said_of("checks-looser-than-appwrite")
    expected = {
        "collection.d/c": "'label:vip-gold' is not a role: a label has 1 to 36 letters and digits",
        "attribute.d/c/u1": "default 'https://example.nz/ä' does not fit type url",
        "attribute.d/c/u2": "default 'https://a_b.nz' does not fit type url",
        "attribute.d/c/m1": "default 'a..b@c.nz' does not fit type email",
        "attribute.d/c/m2": "default 'a,b@c.nz' does not fit type email",
        "attribute.d/c/i": "default 'fe80::1%eth0' does not fit type ip",
        "attribute.d/c/t1": "default '20250717T010203Z' does not fit type datetime",
        "attribute.d/c/t2": "default '2025-07-17T01:02:03,5Z' does not fit type datetime",
        "collection.d/p": "101 permissions, but Appwrite accepts 100",
    }
    assert {address for address, text in expected.items() if text not in said.get(address, "")} == set()
    assert set(said) == {*expected, "function.f"}
    assert "'user:_a' is not a role: '_a' is not a valid id" in said["collection.d/c"]
    of_function = " ".join(
        each.message for each in problems(load_stack(CASES / "checks-looser-than-appwrite" / "stack.py"))
    )
    # A newer server may have it: the plan names what is near.
    assert "user.*.create" not in of_function
    assert "'team:t/ä' is not a role: 'ä' is not a valid id" in of_function


# Functions.


def minutes(length: int) -> str:
    """A schedule of a length."""
    tens, ones = divmod(length - len(" * * * *") + 1, 3)
    numbers = ["10"] * (tens - (ones == 1)) + ["1"] * {0: 0, 1: 2, 2: 1}[ones]
    return ",".join(numbers) + " * * * *"


@pytest.mark.parametrize(("length", "fits"), [(99, True), (100, True), (101, False), (128, False), (129, False)])
def test_a_schedule_has_at_most_100_characters(length: int, fits: bool) -> None:
    schedule = minutes(length)
    assert len(schedule) == length
    stack = stack_with_function(schedule=schedule)
    assert resolved(stack) if fits else f"({length} characters) is too long" in complaint(stack)


def event_of(length: int) -> str:
    return "users." + "*".ljust(length - len("users.") - len(".create"), "*") + ".create"


EVENTS = {
    "users.*": "",
    "users.abc.update.email": "",
    "databases.*.collections.*.documents.*.delete": "",
    "teams.*.memberships.*.update.status": "",
    "users": "2 to 7 parts",
    "a.b.c.d.e.f.g.h": "2 to 7 parts",
    "functions.*.executions.*": "events of functions",
    "user.*.create": "",
    "users._a.create": "'_a' is neither * nor a valid id",
    # Unknown, in the form of one: a newer server may have it.
    "users.*.updated": "",
    "users.*.update.phone": "",
    "users.*.create.x": "",
    "users.*.sessions": "",
    "databases.*.collections.*.documents.*.upsert": "",
    event_of(257): "Appwrite stores 256 characters",
}


@pytest.mark.parametrize("event", EVENTS)
def test_events_that_no_server_can_have_are_refused(event: str) -> None:
    stack = stack_with_function(events=[event])
    assert EVENTS[event] in complaint(stack) if EVENTS[event] else resolved(stack)


ROLES = {
    "label:vip": "",
    "label:vip-gold": "a label has 1 to 36 letters and digits",
    "label:" + "v" * 37: "a label has 1 to 36 letters and digits",
    "label:0": "a label has 1 to 36 letters and digits",
    "user:_a": "'_a' is not a valid id",
    "user:0": "'0' is not a valid id: Appwrite treats it as missing",
    "user:a:b": "'a:b' is not a valid id",
    "user:a/sometimes": "only /verified or /unverified",
    "member:a/owner": "nothing may follow a member's id",
    "team:t/ä": "'ä' is not a valid id",
    "team:t/0": "'0' is not a valid id",
    "team:t/a/b": "'a/b' is not a valid id",
    "guests/verified": "is not a role",
    "everybody:x": "",
    "role:x": "is not a role",
}


@pytest.mark.parametrize("role", ROLES)
def test_roles_are_refused_with_the_reason(role: str) -> None:
    for stack in (stack_with_function(execute=[role]), permitted(f'read("{role}")')):
        assert ROLES[role] in complaint(stack) if ROLES[role] else resolved(stack)


def test_all_wrong_roles_are_reported() -> None:
    said = complaint(stack_with_function(execute=["label:a-b", "users", "user:_c"]))
    assert "'label:a-b'" in said
    assert "'user:_c'" in said


@pytest.mark.parametrize(
    "same", ["key", "Key ", "K\N{LATIN SMALL LETTER E WITH ACUTE}y", "K\N{LATIN SMALL LETTER E WITH MACRON}Y  "]
)
def test_keys_of_variables_that_are_one_to_the_collation(same: str) -> None:
    said = complaint(stack_with_function(variables={"Key": "1", same: "2"}))
    assert "differs from variable.f/Key only in case, accents or blanks at its end" in said


def test_keys_that_differ_otherwise_are_two() -> None:
    assert resolved(stack_with_function(variables={"KEY": "1", " KEY": "2", "KEY_": "3", "K EY": "4"}))


@pytest.mark.parametrize("key", ["A=B", "A\0B"])
def test_a_key_that_no_environment_can_hold(key: str) -> None:
    assert "cannot be the name of an environment variable" in complaint(stack_with_function(variables={key: ""}))


def test_a_value_with_nul_is_refused_without_being_shown() -> None:
    said = complaint(stack_with_function(variables={"K": "hidden\0"}))
    assert "NUL character" in said
    assert "hidden" not in said


def test_a_function_is_given_1000_variables() -> None:
    variables = {f"K{number}": "" for number in range(1000)}
    assert resolved(stack_with_function(variables=variables))
    assert "1001 are declared" in complaint(stack_with_function(variables={**variables, "MORE": ""}))


def test_locks_that_differ_only_in_case_are_one() -> None:
    stack = stack_with_function(lock=LOCK)
    function(stack, "g", lock=Lock("F-LOCK", stale_after=20, heartbeat=10, expiry=30))
    assert "lock 'F-LOCK' is already used by function.f (ids are compared without case)" in complaint(stack)


def test_the_id_0_is_refused() -> None:
    stack = Stack("test")
    database(stack, "0")
    assert "Appwrite treats it as missing and makes an id of its own" in complaint(stack)


@pytest.mark.parametrize("field", ["name", "commands", "entrypoint"])
def test_text_that_is_no_utf_8_is_refused(field: str) -> None:
    assert f"{field}: not valid text (UTF-8)" in complaint(stack_with_function(**{field: "a\ud800"}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "n" * 200}, "name: 'nnnn"),
        ({"name": "n" * 200}, "(200 characters) is longer than the 128 characters that Appwrite accepts; shorten it"),
        ({"name": ""}, "name: '' is too short; it needs 1 character or more"),
        ({"timeout": 901}, "timeout: 901 has to be at most 900"),
        ({"timeout": 0}, "timeout: 0 has to be at least 1"),
        ({"execute": [f"user:u{number}" for number in range(101)]}, "execute: it has 101 items, but Appwrite"),
    ],
)
def test_a_message_has_the_value_the_limit_and_what_to_do(settings: dict[str, Any], said: str) -> None:
    assert said in complaint(stack_with_function(**settings))


# Permissions.


def permitted(*permissions: str) -> Stack:
    stack = Stack("test")
    collection(stack, permissions=permissions)
    return stack


@pytest.mark.parametrize(("action", "most"), [("read", 100), ("write", 100)])
def test_a_collection_has_at_most_100_permissions_and_write_is_one(action: str, most: int) -> None:
    roles = [f'{action}("user:u{number}")' for number in range(most + 1)]
    assert resolved(permitted(*roles[:most]))
    assert "101 permissions, but Appwrite accepts 100" in complaint(permitted(*roles))


def test_permissions_that_differ_only_in_case_are_refused() -> None:
    said = complaint(permitted('write("user:Anna")', 'update("user:anna")'))
    assert 'update("user:Anna") and update("user:anna") differ only in case' in said


# Attributes.


def with_attribute(type: str, key: str = "a", **settings: Any) -> Stack:
    stack = Stack("test")
    getattr(collection(stack), type)(key, **settings)
    return stack


def with_default(type: str, default: Any) -> Stack:
    return with_attribute(type, default=default, **({"size": 20_000} if type == "string" else {}))


SQUARE = [[0, 0], [0, 1], [1, 1], [0, 0]]
FITTING: dict[str, tuple[Any, ...]] = {
    "url": (
        "https://example.nz/a?b=c#d",
        "http://localhost:8080",
        "ftp://a_b/c",
        "https://user:p%20w@a.nz/",
        "http://[::1]:80/",
        "app://open",
        "https://a.nz/" + "x" * 1987,
    ),
    "email": ("a.b+c@d-e.nz", "A@B.NZ", "a" * 64 + "@b.nz", "a@" + "b" * 63 + ".nz"),
    "ip": ("1.2.3.4", "::1", "2001:db8::ff00:42:8329", "::ffff:1.2.3.4"),
    "datetime": (
        "2025-07-17",
        "2025-07-17T01:02",
        "2025-07-17 01:02:03",
        "2025-07-17T01:02:03.123456789Z",
        "2025-07-17T01:02:03+1200",
        "1000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ),
    "point": ([180, 90], [-180.0, -90]),
    "line": ([[0, 0], [1, 1]],),
    "polygon": ([SQUARE], [SQUARE, SQUARE]),
    "integer": (-(2**63), 2**63 - 1),
    "float": (1.7976931348623157e308, -(2**1000)),
}
UNFITTING: dict[str, tuple[Any, ...]] = {
    "url": (
        "https://example.nz/ä",
        "https://a_b.nz",
        "https://a b.nz",
        "https://-a.nz",
        "https://a..nz",
        "https://" + "a" * 64 + ".nz",
        "https://a.nz:65536",
        "http://[::g]/",
        "http:///a",
        "urn:isbn:1",
        "https://us\u00e9r@a.nz",
        "https://a.nz/\n",
        "https://a.nz/" + "x" * 1988,
    ),
    "email": (
        "a..b@c.nz",
        "a,b@c.nz",
        ".a@b.nz",
        "a.@b.nz",
        "a@b",
        "a@b.nz.",
        "a@b_c.nz",
        "a@-b.nz",
        "a@b.1",
        "\u00e4@b.nz",
        "a@b@c.nz",
        " a@b.nz",
        "a" * 65 + "@b.nz",
        "a@" + "b" * 64 + ".nz",
        "a@" + "b." * 126 + "nz",
    ),
    "ip": ("fe80::1%eth0", "01.2.3.4", "1.2.3", "256.1.1.1", "1:2", "0000:0000:0000:0000:0000:ffff:192.168.100.200"),
    "datetime": (
        "20250717T010203Z",
        "2025-07-17T01:02:03,5Z",
        "yesterday",
        "2025-02-30",
        "2025-07-17T24:00:00Z",
        "0999-12-31T23:59:59Z",
        "1000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.001Z",
        "9999-12-31T23:59:59-00:01",
        "2025-W10-1",
        "2025-07-17T01:02:03+14:60",
        " 2025-07-17",
    ),
    "point": ([180.1, 0], [0, 90.1], [0], ["0", 0], [float("nan"), 0], [True, 0]),
    "line": ([[0, 0]], [[0, 0], [181, 0]]),
    "polygon": ([], SQUARE, [SQUARE[:3]], [[[0, 0], [0, 1], [1, 1], [1, 0]]]),
    "integer": (2**63, -(2**63) - 1, 1.0),
    "float": (float("inf"), float("nan"), 10**400),
}


def each_of(values: dict[str, tuple[Any, ...]]) -> list[Any]:
    return [
        pytest.param(type, value, id=f"{type} {value!r}"[:60]) for type, several in values.items() for value in several
    ]


@pytest.mark.parametrize(("type", "value"), each_of(FITTING))
def test_defaults_that_appwrite_takes(type: str, value: Any) -> None:
    assert resolved(with_default(type, value))


@pytest.mark.parametrize(("type", "value"), each_of(UNFITTING))
def test_defaults_that_appwrite_refuses_or_cannot_keep(type: str, value: Any) -> None:
    assert f"does not fit type {type}: it has to be" in complaint(with_default(type, value))


@pytest.mark.parametrize(("character", "most"), [("x", 16_372), ("é", 2728), ("/", 8186), ("\N{GRINNING FACE}", 1364)])
def test_a_default_has_at_most_16384_characters_of_json(character: str, most: int) -> None:
    assert resolved(with_default("string", character * most))
    assert "16384 fit" in complaint(with_default("string", character * (most + 1)))


def elements(number: int, length: int, character: str = "x") -> list[str]:
    return [f"{each:03d}".ljust(length, character) for each in range(number)]


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        (elements(60, 255), True),
        (elements(64, 255), False),
        (elements(100, 40), True),
        (elements(100, 40, "é"), False),
        ([*elements(63, 255), "x" * 113], True),
        ([*elements(63, 255), "x" * 114], False),
    ],
)
def test_the_elements_of_an_enum_have_at_most_16384_characters_of_json(values: list[str], fits: bool) -> None:
    stack = with_attribute("enum", elements=values)
    assert resolved(stack) if fits else "16384 fit" in complaint(stack)


def test_an_integer_of_four_bytes_holds_no_less_than_its_negative() -> None:
    small, least = 2**31 - 1, -(2**31) + 1
    assert resolved(with_attribute("integer", min=least, max=small))
    assert resolved(with_attribute("integer", min=-(2**40), max=small + 1))
    said = complaint(with_attribute("integer", min=least - 1, max=small))
    assert f"min {least - 1} is not possible" in said
    assert "below -2147483647" in complaint(with_attribute("integer", max=0, default=least - 1))


@pytest.mark.parametrize("bound", ["min", "max"])
def test_a_bound_has_to_be_a_number_of_its_type(bound: str) -> None:
    assert "is not a number that a double holds" in complaint(with_attribute("float", **{bound: 10**400}))
    assert "is not a 64-bit integer" in complaint(with_attribute("integer", **{bound: 2**63}))


def test_the_default_of_an_encrypted_string_has_to_fit_encrypted() -> None:
    assert resolved(with_attribute("string", size=200, encrypt=True, default="x" * 50))
    said = complaint(with_attribute("string", size=200, encrypt=True, default="x" * 60))
    assert "characters encrypted; raise the size" in said


@pytest.mark.parametrize(("key", "fits"), [("2024", False), ("0", False), ("02024", True), ("2024a", True)])
def test_a_key_that_is_a_number_to_php_is_refused(key: str, fits: bool) -> None:
    stack = with_attribute("boolean", key)
    assert resolved(stack) if fits else "is all digits" in complaint(stack)


def test_keys_that_become_one_column_clash() -> None:
    stack = with_attribute("boolean", "a.b")
    Collection(stack, "d", "c").boolean("AB")
    assert "its key clashes with attribute.d/c/a.b (Appwrite leaves dots out" in complaint(stack)


def test_keys_that_become_one_index_clash() -> None:
    stack = with_attribute("boolean", "flag")
    for key in ("by.flag", "byflag"):
        Collection(stack, "d", "c").index(key, "flag")
    assert "differs from index.d/c/by.flag only in case or dots" in complaint(stack)


def test_an_index_cannot_become_the_primary_one() -> None:
    stack = with_attribute("boolean", "flag")
    Collection(stack, "d", "c").index("prim.ary", "flag")
    assert "is reserved by Appwrite" in complaint(stack)


# Rows.


def with_strings(number: int, size: int, **more: Callable[[Collection], None]) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    for each in range(number):
        owner.string(f"s{each}", size)
    for add in more.values():
        add(owner)
    return stack


@pytest.mark.parametrize(("size", "most"), [(10, 195), (20, 99), (50, 39), (63, 31)])
def test_short_strings_fill_the_page(size: int, most: int) -> None:
    """MariaDB keeps texts of up to 255 bytes in the row's page; what is beyond its limit becomes `failed`."""
    assert resolved(with_strings(most, size))
    said = complaint(with_strings(most + 1, size))
    assert "of a page, MariaDB allows 8125" in said
    assert "give short strings a size of 64 characters or more" in said


def test_the_advice_helps() -> None:
    assert resolved(with_strings(100, 64))


@pytest.mark.parametrize(("number", "fits"), [(249, True), (250, False)])
def test_mariadb_counts_two_bytes_for_the_length_of_a_text_over_255_bytes(number: int, fits: bool) -> None:
    stack = with_strings(number, 64)
    assert resolved(stack) if fits else "bytes wide, MariaDB allows 65535" in complaint(stack)


def related(number: int, width: int, type: str = "manyToOne", **settings: Any) -> Stack:
    """A collection `many` of a width, and as many relationships from elsewhere that point to it."""
    stack = Stack("test")
    base = database(stack)
    many, other = base.collection("many", name="M"), base.collection("other", name="O")
    many.string("wide", width)
    for each in range(number):
        other.relationship(f"r{each}", "many", type=type, two_way_key=f"k{each}", **settings)
    return stack


@pytest.mark.parametrize("two_way", [True, False])
def test_relationships_that_point_to_a_collection_count_for_it(two_way: bool) -> None:
    assert resolved(related(10, 13_550, two_way=two_way))
    found = problems(related(11, 13_550, two_way=two_way))
    assert [each.subject for each in found if "bytes wide" in each.message] == ["collection.d/many"]


@pytest.mark.parametrize(("relationships", "fits"), [(0, True), (1, False)])
def test_the_indexes_of_relationships_count(relationships: int, fits: bool) -> None:
    stack = related(relationships, 10, "oneToMany")
    for each in range(58):
        Collection(stack, "d", "many").index(f"i{each}", "wide")
    said = "has 58 indexes and 1 that relationships add; at most 58 fit together"
    assert resolved(stack) if fits else said in complaint(stack)


# Indexes.


def test_an_index_has_at_most_32_attributes() -> None:
    for number in (32, 33):
        stack = Stack("test")
        owner = collection(stack)
        names = [f"b{each}" for each in range(number)]
        for name in names:
            owner.boolean(name)
        owner.index("i", *names)
        assert resolved(stack) if number == 32 else "MariaDB takes 32" in complaint(stack)


def test_an_index_has_no_more_orders_than_attributes() -> None:
    stack = with_attribute("boolean", "flag")
    Collection(stack, "d", "c").index("i", "flag", orders=["ASC", "DESC"])
    assert "more orders than attributes" in complaint(stack)


@pytest.mark.parametrize(("key", "two_way_key"), [("x", "x"), ("x", "X"), ("x.y", "xy")])
def test_the_two_keys_of_a_many_to_many_are_two_columns(key: str, two_way_key: str) -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("b", name="B")
    base.collection("a", name="A").relationship(key, "b", type="manyToMany", two_way_key=two_way_key)
    assert "treats them as one column" in complaint(stack)


# Measures.


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "STRASE", True),
        ("\N{GRINNING FACE}", "\N{SMILING FACE WITH OPEN MOUTH}", True),
        ("M\N{LATIN SMALL LETTER A WITH MACRON}ori", "maori", True),
        ("a ", "a", True),
        (" a", "a", False),
        ("\N{HANGUL SYLLABLE GA}", "\N{HANGUL SYLLABLE GAG}", False),
        ("ab", "a.b", False),
    ],
)
def test_texts_that_are_one_to_a_unique_key(left: str, right: str, equal: bool) -> None:
    assert (limits.collated(left) == limits.collated(right)) is equal


@pytest.mark.parametrize(
    ("value", "shown"),
    [("short", "'short'"), ("x" * 100, "'" + "x" * 46 + "…' (100 characters)"), (10**60, "1" + "0" * 46 + "…0")],
)
def test_a_value_is_shown_shortened(value: Any, shown: str) -> None:
    assert limits.shown(value) == shown
