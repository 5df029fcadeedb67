"""Every rule that one declaration must keep, on both sides of each threshold."""

from __future__ import annotations

from typing import Any

import pytest

from raceday_iac.model import limits
from raceday_iac.model.stack import Collection, FromEnvironment, Lock, Stack

from ..declaring import (
    LOCK,
    address,
    collection,
    complaint,
    database,
    function,
    problems,
    resolved,
    stack_with_function,
)

LONGEST_ID = "a" * 36


def with_attribute(type: str, key: str = "a", **settings: Any) -> Stack:
    stack = Stack("test")
    getattr(collection(stack), type)(key, **settings)
    return stack


def with_index(*attributes: str, **settings: Any) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.string("b", 10)
    owner.index("i", *attributes, **settings)
    return stack


def with_collection(**settings: Any) -> Stack:
    stack = Stack("test")
    collection(stack, **settings)
    return stack


# Ids and keys.


@pytest.mark.parametrize("id", ["a", "A", "9", LONGEST_ID, "a.b_c-d", "race-results"])
def test_valid_ids_are_taken(id: str) -> None:
    stack = Stack("test")
    function(stack, id)
    assert address(f"function.{id}") in resolved(stack).resources


@pytest.mark.parametrize("id", ["", "_a", ".a", "-a", LONGEST_ID + "a", "a b", "a/b", "ä", "unique()", "a\n"])
def test_invalid_ids_are_refused_with_the_rule(id: str) -> None:
    stack = Stack("test")
    function(stack, id)
    assert "at most 36 characters from a-z A-Z 0-9 . _ -" in complaint(stack)


@pytest.mark.parametrize("key", ["_a", "$a", "a b", LONGEST_ID + "a"])
def test_invalid_attribute_keys_are_refused(key: str) -> None:
    assert "is not a valid id" in complaint(with_attribute("boolean", key))


def test_invalid_database_ids_are_refused() -> None:
    stack = Stack("test")
    database(stack, "_d")
    assert "is not a valid id" in complaint(stack)


def test_invalid_index_keys_are_refused() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.index("_i", "a")
    assert "is not a valid id" in complaint(stack)


def test_invalid_relationship_keys_are_refused() -> None:
    stack = Stack("test")
    collection(stack).relationship("_r", "c", type="oneToOne")
    assert "is not a valid id" in complaint(stack)


# Functions.


@pytest.mark.parametrize("timeout", [1, limits.FUNCTION_TIMEOUT])
def test_a_timeout_may_be_from_1_to_900_seconds(timeout: int) -> None:
    assert resolved(stack_with_function(timeout=timeout))


@pytest.mark.parametrize("timeout", [0, -1, limits.FUNCTION_TIMEOUT + 1])
def test_a_timeout_outside_that_is_refused(timeout: int) -> None:
    assert "function.f: timeout:" in complaint(stack_with_function(timeout=timeout))


@pytest.mark.parametrize("timeout", ["60", 60.5, True, None])
def test_a_timeout_is_a_whole_number_and_nothing_else(timeout: Any) -> None:
    assert f"timeout: {timeout!r} is not a whole number" in complaint(stack_with_function(timeout=timeout))


@pytest.mark.parametrize("length", [1, limits.RESOURCE_NAME])
def test_a_name_has_1_to_128_characters(length: int) -> None:
    assert resolved(stack_with_function(name="n" * length))


@pytest.mark.parametrize("length", [0, limits.RESOURCE_NAME + 1])
def test_other_names_are_refused(length: int) -> None:
    assert "function.f: name:" in complaint(stack_with_function(name="n" * length))


def test_what_is_no_runtime_is_refused_with_the_nearest_known_one() -> None:
    said = complaint(stack_with_function(runtime="python3.12"))
    assert "unknown runtime 'python3.12' (did you mean 'python-3.12'?)" in said


def test_names_that_a_newer_server_may_know_are_for_the_server_to_check() -> None:
    newer = stack_with_function(runtime="rust-1.99", specification="s-16vcpu-32gb", scopes=["spells.read"])
    assert resolved(newer)


def test_a_runtime_like_nothing_known_gets_no_suggestion() -> None:
    assert complaint(stack_with_function(runtime="@")).endswith("unknown runtime '@'")


@pytest.mark.parametrize("specification", limits.SPECIFICATIONS)
def test_every_specification_of_the_reference_server_is_known(specification: str) -> None:
    assert resolved(stack_with_function(specification=specification))


def test_an_unknown_specification_is_refused_with_the_nearest_known_one() -> None:
    said = complaint(stack_with_function(specification="s-2vcpu-2g"))
    assert "unknown specification 's-2vcpu-2g' (did you mean 's-2vcpu-2gb'?)" in said


def test_an_unknown_scope_is_refused_with_the_nearest_known_one() -> None:
    said = complaint(stack_with_function(scopes=["documents.reed", "documents.write"]))
    assert "unknown scope 'documents.reed' (did you mean 'documents.read'?)" in said


def test_every_unknown_scope_is_named() -> None:
    said = complaint(stack_with_function(scopes=["x.red", "y.red"]))
    assert "'x.red'" in said
    assert "'y.red'" in said


def test_a_scope_of_newer_servers_is_for_the_plan_to_check() -> None:
    assert resolved(stack_with_function(scopes=["executions.read"]))


@pytest.mark.parametrize(
    "role",
    [
        "any",
        "guests",
        "users",
        "users/verified",
        "users/unverified",
        "user:abc",
        "user:abc/verified",
        "team:abc",
        "team:abc/owner",
        "member:abc",
        "label:admin",
    ],
)
def test_every_form_of_role_may_execute(role: str) -> None:
    assert resolved(stack_with_function(execute=[role]))


@pytest.mark.parametrize("role", ["", "*", "role:all", "users/other", "user:", "team:a/b/c", "label:", "ANY", "any "])
def test_other_roles_are_refused(role: str) -> None:
    assert f"{role!r} is not a role" in complaint(stack_with_function(execute=[role]))


def test_the_ids_of_a_role_have_at_most_36_characters() -> None:
    assert resolved(stack_with_function(execute=["team:" + LONGEST_ID + "/" + LONGEST_ID]))
    assert "is not a role" in complaint(stack_with_function(execute=["user:a" + LONGEST_ID]))


def test_at_most_100_roles_may_execute() -> None:
    roles = [f"user:u{number}" for number in range(101)]
    assert resolved(stack_with_function(execute=roles[:100]))
    assert "execute:" in complaint(stack_with_function(execute=roles))


def test_at_most_100_scopes_are_taken() -> None:
    assert "scopes:" in complaint(stack_with_function(scopes=["documents.read"] * 101))


@pytest.mark.parametrize(
    "event", ["users.*", "databases.*.collections.*.documents.*", "databases.a.tables.b.rows.c.update"]
)
def test_events_have_2_to_7_parts(event: str) -> None:
    assert resolved(stack_with_function(events=[event]))


@pytest.mark.parametrize("event", ["users", "a.b.c.d.e.f.g.h"])
def test_events_with_fewer_or_more_parts_are_refused(event: str) -> None:
    assert "2 to 7 parts" in complaint(stack_with_function(events=[event]))


def test_events_of_functions_are_refused() -> None:
    said = complaint(stack_with_function(events=["functions.*.executions.*"]))
    assert "Appwrite refuses events of functions" in said


def test_a_bad_cron_is_refused_and_an_empty_one_means_none() -> None:
    assert "not a valid hour" in complaint(stack_with_function(schedule="0 25 * * *"))
    assert resolved(stack_with_function(schedule=""))


@pytest.mark.parametrize(
    "schedule",
    [
        *("@midnight", "@Daily", "0 9 * * FRI-SUN", "0 9 * * 5-0", "0 9 * * SAT-SUN", "0 9 * * SUN-SAT"),
        *("0 0 * * 5L", "0 0 * * MONL", "0 0 * * 0L", "0 0 LW * *"),
    ],
)
def test_a_cron_that_appwrite_takes_can_be_declared(schedule: str) -> None:
    """Else a live function with it could not be imported."""
    assert resolved(stack_with_function(schedule=schedule))


@pytest.mark.parametrize(
    "schedule",
    [
        *("? * * * *", "* * * ? *", "0 0 ? * ?", "0 0 99W * *", "0 0 * * L", "0 0 * * 5#6", "0 0 5#2 * *"),
        *("0 0 foo#bar * *", "0 0 fooL * *", "0 0 1,L * *", "0 0 * * 15W", "٣ * * * *", "R * * * *"),
    ],
)
def test_a_cron_that_appwrite_refuses_cannot_be_declared(schedule: str) -> None:
    """Else an apply would stop half-way."""
    assert f"schedule: {schedule!r}: " in complaint(stack_with_function(schedule=schedule))


@pytest.mark.parametrize(
    ("schedule", "instead"),
    [
        ("0/15 * * * *", "write '0-59/15' or '*/15'"),
        ("5/15 * * * *", "write '5-59/15' or '*/15'"),
        ("0 0/2 * * *", "write '0-23/2' or '*/2'"),
        ("0 0 * * 1/2", "write '1-6/2' or '*/2'"),
    ],
)
def test_a_step_without_a_range_is_refused_with_what_to_write(schedule: str, instead: str) -> None:
    assert instead in complaint(stack_with_function(schedule=schedule))


def test_an_entrypoint_is_needed_and_has_at_most_1028_characters() -> None:
    assert resolved(stack_with_function(entrypoint="e" * limits.FUNCTION_ENTRYPOINT))
    assert "entrypoint:" in complaint(stack_with_function(entrypoint=""))
    assert "entrypoint:" in complaint(stack_with_function(entrypoint="e" * (limits.FUNCTION_ENTRYPOINT + 1)))


def test_commands_have_at_most_8192_characters() -> None:
    assert resolved(stack_with_function(commands="c" * limits.FUNCTION_COMMANDS))
    assert "commands:" in complaint(stack_with_function(commands="c" * (limits.FUNCTION_COMMANDS + 1)))


@pytest.mark.parametrize("setting", ["enabled", "logging"])
def test_a_switch_is_true_or_false_and_no_text(setting: str) -> None:
    assert f"{setting}: 'true' is neither true nor false" in complaint(stack_with_function(**{setting: "true"}))


def test_one_text_is_no_list_of_scopes() -> None:
    assert "scopes: 'documents.read' is one text; write a list" in complaint(
        stack_with_function(scopes="documents.read")
    )


# Locks.


def test_a_valid_lock_is_taken() -> None:
    assert resolved(stack_with_function(lock=LOCK))


@pytest.mark.parametrize(("heartbeat", "stale_after"), [(20, 20), (21, 20)])
def test_a_heartbeat_must_come_before_the_lock_is_stale(heartbeat: int, stale_after: int) -> None:
    said = complaint(stack_with_function(lock=Lock("l", stale_after=stale_after, heartbeat=heartbeat, expiry=30)))
    assert f"heartbeat {heartbeat} s must be below stale_after {stale_after} s" in said


def test_a_lock_may_become_stale_when_it_expires_but_not_later() -> None:
    assert resolved(stack_with_function(lock=Lock("l", stale_after=30, heartbeat=10, expiry=30)))
    said = complaint(stack_with_function(lock=Lock("l", stale_after=31, heartbeat=10, expiry=30)))
    assert "stale_after 31 s must not exceed expiry 30 s" in said


@pytest.mark.parametrize("field", ["stale_after", "heartbeat", "expiry", "check_target_ms"])
def test_lock_numbers_are_positive(field: str) -> None:
    numbers = {"stale_after": 20, "heartbeat": 10, "expiry": 30, "check_target_ms": 5, field: 0}
    assert f"{field}: 0 has to be greater than 0" in complaint(stack_with_function(lock=Lock("l", **numbers)))


def test_a_lock_id_is_an_id() -> None:
    assert resolved(stack_with_function(lock=Lock(LONGEST_ID, stale_after=20, heartbeat=10, expiry=30)))
    said = complaint(stack_with_function(lock=Lock(LONGEST_ID + "a", stale_after=20, heartbeat=10, expiry=30)))
    assert "is not a valid id" in said


def test_a_lock_must_expire_before_the_timeout() -> None:
    assert resolved(stack_with_function(lock=LOCK, timeout=LOCK.expiry + 1))
    said = complaint(stack_with_function(lock=LOCK, timeout=LOCK.expiry))
    assert "lock expiry 30 s must be below the timeout 30 s" in said


# Variables.


def test_a_variable_key_has_1_to_255_characters() -> None:
    assert resolved(stack_with_function(variables={"K" * limits.VARIABLE_KEY: "v"}))
    assert "key:" in complaint(stack_with_function(variables={"": "v"}))
    assert "key:" in complaint(stack_with_function(variables={"K" * (limits.VARIABLE_KEY + 1): "v"}))


@pytest.mark.parametrize("character", ["v", "é", "\N{GRINNING FACE}"])
def test_a_variable_value_has_at_most_5900_bytes_and_may_be_empty(character: str) -> None:
    fits = limits.VARIABLE_VALUE_BYTES // len(character.encode())
    assert resolved(stack_with_function(variables={"K": "", "L": character * fits}))
    said = complaint(stack_with_function(variables={"K": character * (fits + 1)}))
    assert "variable.f/K" in said
    assert f"this has {len(character.encode()) * (fits + 1)}" in said


def test_a_secret_value_that_is_too_long_is_refused_without_being_shown() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("K")})
    said = complaint(stack, variables={"K": "hidden" * 2000})
    assert "at most 5900 bytes" in said
    assert "hidden" not in said


@pytest.mark.parametrize("value", [5, True, None])
def test_a_variable_value_is_text(value: Any) -> None:
    assert all("variable.f/K" in str(each) for each in problems(stack_with_function(variables={"K": value})))


# Collections and databases.


@pytest.mark.parametrize("permission", ['read("any")', 'create("users")', 'write("team:a/owner")', 'delete("user:x")'])
def test_valid_permissions_are_taken(permission: str) -> None:
    assert resolved(with_collection(permissions=[permission]))


@pytest.mark.parametrize(
    "permission",
    ['read("")', 'read("role:all")', "read(any)", 'own("any")', "read", 'read("any") ', 'read("any","users")'],
)
def test_invalid_permissions_are_refused(permission: str) -> None:
    assert "collection.d/c: permissions:" in complaint(with_collection(permissions=[permission]))


def test_names_of_databases_and_collections_have_1_to_128_characters() -> None:
    assert resolved(with_collection(name="n" * limits.RESOURCE_NAME))
    assert "name:" in complaint(with_collection(name=""))
    assert "name:" in complaint(with_collection(name="n" * (limits.RESOURCE_NAME + 1)))


# Attributes.


@pytest.mark.parametrize("size", [1, 16_382, limits.STRING_SIZE])
def test_a_string_may_have_any_size_up_to_the_limit(size: int) -> None:
    assert resolved(with_attribute("string", size=size))


@pytest.mark.parametrize("size", [0, -1, limits.STRING_SIZE + 1])
def test_other_string_sizes_are_refused(size: int) -> None:
    assert "attribute.d/c/a: size:" in complaint(with_attribute("string", size=size))


def test_a_string_needs_a_size() -> None:
    assert "size: None is not a whole number" in complaint(with_attribute("string", size=None))


def test_an_encrypted_string_needs_150_characters() -> None:
    assert resolved(with_attribute("string", size=150, encrypt=True))
    assert "at least 150" in complaint(with_attribute("string", size=149, encrypt=True))


def test_an_enum_needs_elements() -> None:
    assert "an enum needs elements" in complaint(with_attribute("enum", elements=[]))


def test_an_enum_has_at_most_100_elements_of_at_most_255_characters() -> None:
    assert resolved(with_attribute("enum", elements=["e" * 255, *map(str, range(99))]))
    assert "elements:" in complaint(with_attribute("enum", elements=list(map(str, range(101)))))
    assert "1 to 255 characters" in complaint(with_attribute("enum", elements=["e" * 256]))
    assert "1 to 255 characters" in complaint(with_attribute("enum", elements=[""]))


@pytest.mark.parametrize("type", ["integer", "float"])
def test_min_may_equal_max_but_not_exceed_it(type: str) -> None:
    assert resolved(with_attribute(type, min=3, max=3))
    assert "min 4 is above max 3" in complaint(with_attribute(type, min=4, max=3))


VALID_DEFAULTS: dict[str, Any] = {
    "integer": 0,
    "float": 0.5,
    "boolean": False,
    "datetime": "2025-01-31T10:20:30.123+00:00",
    "email": "a@example.org",
    "url": "https://example.org",
    "ip": "127.0.0.1",
}


@pytest.mark.parametrize("type", VALID_DEFAULTS)
def test_an_optional_attribute_may_have_a_default(type: str) -> None:
    assert resolved(with_attribute(type, default=VALID_DEFAULTS[type]))


@pytest.mark.parametrize("type", VALID_DEFAULTS)
def test_a_required_attribute_cannot_have_a_default(type: str) -> None:
    stack = with_attribute(type, default=VALID_DEFAULTS[type], required=True)
    assert "a required attribute cannot have a default" in complaint(stack)


@pytest.mark.parametrize("type", VALID_DEFAULTS)
def test_an_array_cannot_have_a_default(type: str) -> None:
    stack = with_attribute(type, default=VALID_DEFAULTS[type], array=True)
    assert "an array attribute cannot have a default" in complaint(stack)


@pytest.mark.parametrize(
    ("type", "default"),
    [
        ("integer", "5"),
        ("integer", 5.0),
        ("integer", True),
        ("float", "5"),
        ("float", True),
        ("boolean", 0),
        ("boolean", "false"),
        ("datetime", 5),
        ("email", 5),
    ],
)
def test_a_default_of_another_type_is_refused(type: str, default: Any) -> None:
    assert f"does not fit type {type}" in complaint(with_attribute(type, default=default))


def test_a_float_may_default_to_a_whole_number() -> None:
    assert resolved(with_attribute("float", default=5))


def test_a_string_default_fits_into_the_size() -> None:
    assert resolved(with_attribute("string", size=3, default="abc"))
    assert "longer than the size 3" in complaint(with_attribute("string", size=3, default="abcd"))


def test_an_enum_default_is_one_of_the_elements() -> None:
    assert resolved(with_attribute("enum", elements=["x"], default="x"))
    assert "'y' is not among the elements" in complaint(with_attribute("enum", elements=["x"], default="y"))


@pytest.mark.parametrize("type", ["integer", "float"])
def test_a_default_lies_in_the_range(type: str) -> None:
    for inside in (2, 4):
        assert resolved(with_attribute(type, default=inside, min=2, max=4))
    assert "below min 2" in complaint(with_attribute(type, default=1, min=2, max=4))
    assert "above max 4" in complaint(with_attribute(type, default=5, min=2, max=4))


def test_an_integer_range_is_of_whole_numbers() -> None:
    assert "attribute.d/c/a" in complaint(with_attribute("integer", min=1.5))


@pytest.mark.parametrize("bound", [2**63, -(2**63) - 1])
def test_an_integer_has_64_bits(bound: int) -> None:
    assert "attribute.d/c/a" in complaint(with_attribute("integer", min=bound))


@pytest.mark.parametrize("type", ["datetime", "email", "url", "ip"])
def test_a_default_keeps_the_format_of_its_type(type: str) -> None:
    assert "attribute.d/c/a" in complaint(with_attribute(type, default="nonsense"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_float_default_is_a_finite_number(number: float) -> None:
    assert "attribute.d/c/a" in complaint(with_attribute("float", default=number))


@pytest.mark.parametrize(
    ("type", "default"),
    [
        ("point", [1.0, 2.0]),
        ("line", [[1.0, 2.0], [3.0, 4.0]]),
        ("polygon", [[[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]]),
    ],
)
def test_a_spatial_attribute_may_have_a_default(type: str, default: Any) -> None:
    assert resolved(with_attribute(type, default=default))


@pytest.mark.parametrize(("type", "default"), [("point", [1.0]), ("point", "1,2"), ("line", [1.0, 2.0])])
def test_a_spatial_default_has_the_shape_of_its_type(type: str, default: Any) -> None:
    assert f"does not fit type {type}" in complaint(with_attribute(type, default=default))


# Relationships and indexes.


def relationship(**settings: Any) -> Stack:
    stack = Stack("test")
    owner: Collection = collection(stack)
    owner.relationship("r", "c", **{"type": "manyToOne", "two_way_key": "back", **settings})
    return stack


@pytest.mark.parametrize("type", ["oneToOne", "oneToMany", "manyToOne", "manyToMany"])
def test_the_four_types_of_relationship_are_known(type: str) -> None:
    assert resolved(relationship(type=type))


@pytest.mark.parametrize("on_delete", ["restrict", "cascade", "setNull"])
def test_the_three_ways_of_deleting_are_known(on_delete: str) -> None:
    assert resolved(relationship(on_delete=on_delete))


@pytest.mark.parametrize(("field", "value"), [("type", "manyToFew"), ("on_delete", "explode"), ("two_way_key", "_x")])
def test_other_relationship_settings_are_refused(field: str, value: str) -> None:
    assert f"relationship.d/c/r: {field}:" in complaint(relationship(**{field: value}))


@pytest.mark.parametrize("type", ["key", "unique", "fulltext"])
def test_index_types_for_text_are_known(type: str) -> None:
    assert resolved(with_index("a", type=type))


@pytest.mark.parametrize(
    ("attributes", "settings", "said"),
    [
        ((), {}, "attributes:"),
        (("a", "a"), {}, "names an attribute twice"),
        (("a",), {"type": "btree"}, "type:"),
        (("a",), {"orders": ["UP"]}, "orders"),
        (("a",), {"lengths": [1, 1]}, "more lengths than attributes"),
        (("a",), {"lengths": [-1]}, "cannot be negative"),
    ],
)
def test_other_index_settings_are_refused(attributes: tuple[str, ...], settings: dict[str, Any], said: str) -> None:
    assert said in complaint(with_index(*attributes, **settings))


@pytest.mark.parametrize("key", ["primary", "PRIMARY", "_created_at"])
def test_index_keys_that_appwrite_keeps_for_itself_are_refused(key: str) -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.index(key, "a")
    assert problems(stack)


def test_an_index_may_have_orders_and_lengths_for_its_first_attributes_only() -> None:
    assert resolved(with_index("a", "b", orders=["DESC"], lengths=[5]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": 5}, "name: 5 is not a text"),
        ({"commands": ["npm ci"]}, "commands: ['npm ci'] is not a text"),
        ({"execute": 5}, "execute: 5 is not a list"),
        ({"scopes": ["documents.read", 5]}, "scopes.1: 5 is not a text"),
        ({"keep_deployments": "3"}, "keep_deployments: '3' is not a whole number"),
    ],
)
def test_a_value_of_another_type_is_named(settings: dict[str, Any], message: str) -> None:
    assert message in complaint(stack_with_function(**settings))


def test_a_word_that_is_none_of_a_few_is_reported_with_them() -> None:
    stack = Stack("s")
    things = collection(stack)
    things.string("a", 5)
    things.index("i", "a", type="hash")
    assert "type: 'hash' is not one of 'key', 'unique', 'fulltext', 'spatial'" in complaint(stack)
