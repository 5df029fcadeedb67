"""From declarations to canonical resources, and how mistakes are reported."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

from raceday_iac.errors import EXIT_ERROR, StackError
from raceday_iac.kinds import attribute
from raceday_iac.model.address import function_address
from raceday_iac.model.secret import Secret
from raceday_iac.model.stack import FromEnvironment, Stack

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

F = function_address("f")


def line_after(offset: int = 1) -> int:
    """The number of a line below the one that calls this."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno + offset


def fields(stack: Stack, of: str, **settings: Any) -> dict[str, Any]:
    return dict(resolved(stack, **settings).resources[address(of)].fields)


# How mistakes are reported.


def test_every_mistake_is_reported_at_once_each_with_its_line() -> None:
    stack = Stack("test")
    first = line_after()
    stack.database("_d", name="D")
    stack.absent("nonsense", reason="x")
    stack.database("e", name="")
    assert [each.location.line for each in problems(stack)] == [first, first + 1, first + 2]


def test_a_mistake_names_file_line_and_resource() -> None:
    stack = Stack("test")
    line = line_after()
    stack.database("d", name="")
    place, _, said = complaint(stack).partition(": ")
    assert place.endswith(f"test_resolve.py:{line}")
    assert said.startswith("database.d: name:")


def test_several_mistakes_of_one_declaration_are_all_reported() -> None:
    found = problems(stack_with_function(runtime="x", specification="y", scopes=["z"], timeout=0))
    assert {each.message.partition(":")[0] for each in found} == {"runtime", "specification", "scopes", "timeout"}


def test_mistakes_of_single_declarations_and_of_several_together_come_in_one_report() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 0)
    owner.index("i", "missing")
    said = [str(each) for each in problems(stack)]
    assert any("size" in each for each in said)
    assert any("unknown attribute 'missing'" in each for each in said)


def test_the_report_counts_and_says_that_nothing_was_sent() -> None:
    stack = Stack("test")
    stack.database("_d", name="")
    with pytest.raises(
        StackError, match=r"2 problems in the stack; nothing was read from or sent to Appwrite"
    ) as caught:
        resolved(stack)
    assert caught.value.exit_code == EXIT_ERROR


def test_one_problem_is_not_called_problems() -> None:
    stack = Stack("test")
    stack.database("d", name="")
    with pytest.raises(StackError, match="1 problem in the stack"):
        resolved(stack)


def test_an_invalid_attribute_does_not_make_its_index_a_mistake_too() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 0)
    owner.index("i", "a")
    assert "size" in complaint(stack)


def test_an_invalid_collection_does_not_make_its_members_mistakes_too() -> None:
    stack = Stack("test")
    owner = collection(stack, permissions=["nonsense"])
    owner.string("a", 10)
    owner.index("i", "a")
    assert "permissions" in complaint(stack)


# Duplicates and tombstones.


def test_something_declared_twice_is_refused_with_both_places() -> None:
    stack = Stack("test")
    line = line_after()
    stack.database("d", name="D")
    stack.database("d", name="D")
    said = complaint(stack)
    assert f"test_resolve.py:{line + 1}: database.d: declared twice; the first is at" in said
    assert said.endswith(f"test_resolve.py:{line}")


def test_every_kind_declared_twice_is_refused() -> None:
    stack = Stack("test")
    first, second = collection(stack), collection(stack)
    function(stack)
    function(stack)
    for owner in (first, second):
        owner.string("a", 10)
        owner.relationship("r", "c", type="oneToOne")
        owner.index("i", "a")
    assert all("declared twice" in each.message for each in problems(stack))
    subjects = {each.subject for each in problems(stack)}
    assert subjects == {
        "database.d",
        "collection.d/c",
        "function.f",
        "attribute.d/c/a",
        "relationship.d/c/r",
        "index.d/c/i",
    }


def test_the_same_id_may_be_used_for_different_kinds() -> None:
    stack = Stack("test")
    function(stack, "same")
    database(stack, "same").collection("same", name="S")
    assert len(resolved(stack).resources) == 3


def test_a_tombstone_carries_its_reason_and_place() -> None:
    stack = Stack("test")
    line = line_after()
    stack.absent("function.old", reason="replaced")
    tombstone = resolved(stack).tombstones[address("function.old")]
    assert (tombstone.reason, tombstone.location.line) == ("replaced", line)


def test_a_tombstone_of_a_declared_resource_is_refused_with_the_place_of_its_declaration() -> None:
    stack = Stack("test")
    line = line_after()
    stack.database("d", name="D")
    stack.absent("database.d", reason="x")
    said = complaint(stack)
    assert "declared absent here, but also declared to exist at" in said
    assert f"test_resolve.py:{line}" in said


def test_a_tombstone_of_an_unknown_kind_is_refused_with_the_nearest_one() -> None:
    stack = Stack("test")
    stack.absent("funktion.old", reason="x")
    assert "unknown kind 'funktion' (did you mean 'function'?)" in complaint(stack)


def test_a_tombstone_without_a_kind_is_refused() -> None:
    stack = Stack("test")
    stack.absent("old", reason="x")
    assert "'old' is not an address" in complaint(stack)


# Canonical fields.


def test_a_function_gets_every_field_that_an_update_would_reset() -> None:
    assert fields(stack_with_function(), "function.f") == {
        "name": "F",
        "runtime": "python-3.12",
        "specification": "s-1vcpu-1gb",
        "execute": (),
        "events": (),
        "schedule": "",
        "timeout": 60,
        "enabled": True,
        "logging": True,
        "entrypoint": "main.py",
        "commands": "",
        "scopes": (),
    }


@pytest.mark.parametrize(
    ("field", "items"),
    [
        ("scopes", ["documents.write", "documents.read"]),
        ("execute", ["users", "any"]),
        ("events", ["users.*", "teams.*"]),
    ],
)
def test_what_appwrite_means_as_a_set_is_sorted_and_without_repetition(field: str, items: list[str]) -> None:
    stack = stack_with_function(**{field: [*items, items[0]]})
    assert fields(stack, "function.f")[field] == tuple(sorted(items))


def test_a_set_is_taken_for_a_list() -> None:
    assert fields(stack_with_function(scopes={"documents.read"}), "function.f")["scopes"] == ("documents.read",)


def test_permissions_may_be_any_iterable() -> None:
    stack = Stack("test")
    collection(stack, permissions=(f'{action}("any")' for action in ("read", "create")))
    assert fields(stack, "collection.d/c")["permissions"] == ('create("any")', 'read("any")')


def test_write_permissions_are_spelled_out_as_the_server_stores_them() -> None:
    stack = Stack("test")
    collection(stack, permissions=['write("users")', 'read("any")', 'update("users")'])
    assert fields(stack, "collection.d/c")["permissions"] == (
        'create("users")',
        'delete("users")',
        'read("any")',
        'update("users")',
    )


def test_an_attribute_has_the_fields_of_its_type_only() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("s", 10)
    owner.integer("i", min=1)
    owner.boolean("b")
    owner.enum("e", ["x", "y"])
    plain = {"required", "default", "array", "type"}
    assert set(fields(stack, "attribute.d/c/s")) == plain | {"size", "encrypt"}
    assert set(fields(stack, "attribute.d/c/i")) == plain | {"min", "max"}
    assert set(fields(stack, "attribute.d/c/b")) == plain
    assert fields(stack, "attribute.d/c/e")["elements"] == ("x", "y")


def test_bounds_that_mean_no_bound_are_none() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.integer("i", min=-(2**63), max=2**63 - 1)
    owner.float("f", min=-1.7976931348623157e308, max=1.7976931348623157e308)
    for key in "if":
        assert (fields(stack, f"attribute.d/c/{key}")["min"], fields(stack, f"attribute.d/c/{key}")["max"]) == (
            None,
            None,
        )


def test_a_float_default_becomes_a_float() -> None:
    stack = Stack("test")
    collection(stack).float("f", default=5)
    assert type(fields(stack, "attribute.d/c/f")["default"]) is float


def test_a_datetime_default_is_brought_to_the_form_of_the_server() -> None:
    stack = Stack("test")
    collection(stack).datetime("t", default="2025-01-31T22:20:30+12:00")
    assert fields(stack, "attribute.d/c/t")["default"] == "2025-01-31T10:20:30.000+00:00"


def test_every_declarable_type_is_known_to_its_kind() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("string", 10)
    owner.varchar("varchar", 10)
    owner.enum("enum", ["x"])
    for type in set(attribute.TYPES) - {"string", "varchar", "enum"}:
        getattr(owner, type)(type)
    assert {each.fields["type"] for each in resolved(stack).of_kind("attribute")} == set(attribute.TYPES)


def test_an_index_says_an_order_and_a_length_for_every_attribute() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.string("b", 10)
    owner.index("i", "a", "b", orders=["DESC"], lengths=[5])
    assert fields(stack, "index.d/c/i") == {
        "type": "key",
        "attributes": ("a", "b"),
        "orders": ("DESC", "ASC"),
        "lengths": (5, 0),
    }


def array_index(*, index_first: bool) -> Stack:
    stack = Stack("test")
    owner = collection(stack)
    if index_first:
        owner.index("i", "a", orders=["DESC"])
    owner.string("a", 10, array=True)
    if not index_first:
        owner.index("i", "a", orders=["DESC"])
    return stack


@pytest.mark.parametrize(
    "index_first",
    [False, True],
)
def test_an_index_on_an_array_has_the_length_and_order_that_the_server_forces(index_first: bool) -> None:
    found = fields(array_index(index_first=index_first), "index.d/c/i")
    assert (found["orders"], found["lengths"]) == (("ASC",), (255,))


# Dependencies.


def needs(stack: Stack, of: str) -> set[str]:
    return {str(each) for each in resolved(stack).resources[address(of)].depends_on}


def test_members_need_their_collection_and_that_its_database() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    assert needs(stack, "attribute.d/c/a") == {"collection.d/c"}
    assert needs(stack, "collection.d/c") == {"database.d"}


def test_an_index_needs_its_attributes_but_not_those_of_the_system() -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.index("i", "a", "$createdAt")
    assert needs(stack, "index.d/c/i") == {"collection.d/c", "attribute.d/c/a"}


def test_a_relationship_needs_both_collections() -> None:
    stack = Stack("test")
    base = database(stack)
    base.collection("b", name="B")
    base.collection("c", name="C").relationship("r", "b", type="manyToOne")
    assert needs(stack, "relationship.d/c/r") == {"collection.d/c", "collection.d/b"}


def test_a_variable_needs_its_function() -> None:
    assert needs(stack_with_function(variables={"K": "v"}), "variable.f/K") == {"function.f"}


# Variables and secrets.


def test_a_plain_value_is_a_plain_variable() -> None:
    assert fields(stack_with_function(variables={"K": "v"}), "variable.f/K") == {"value": "v", "secret": False}


def test_a_value_from_the_environment_is_a_secret() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    assert fields(stack, "variable.f/K", variables={"NAME": "v"}) == {"value": Secret("v"), "secret": True}


def test_a_missing_environment_variable_is_named_with_the_variable_that_needs_it() -> None:
    said = complaint(stack_with_function(variables={"K": FromEnvironment("NAME")}))
    assert "variable.f/K: its secret comes from the environment variable NAME, which is not set" in said


def test_a_value_that_is_no_text_is_refused_instead_of_breaking_later() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    assert "variable.f/K" in complaint(stack, variables={"NAME": "\udcff"})


# Overrides and switches of an environment.


def test_an_override_replaces_the_declared_field_and_leaves_the_others() -> None:
    found = fields(stack_with_function(commands="make"), "function.f", overrides={"function.f": {"timeout": 90}})
    assert (found["timeout"], found["commands"]) == (90, "make")


def test_an_override_of_a_list_replaces_it() -> None:
    stack = stack_with_function(scopes=["documents.read"])
    found = fields(stack, "function.f", overrides={"function.f": {"scopes": ["documents.write"]}})
    assert found["scopes"] == ("documents.write",)


@pytest.mark.parametrize(
    ("of", "override", "field", "value"),
    [
        ("database.d", {"name": "Other"}, "name", "Other"),
        ("collection.d/c", {"enabled": False}, "enabled", False),
        ("attribute.d/c/a", {"size": 20}, "size", 20),
        ("relationship.d/c/r", {"on_delete": "cascade"}, "onDelete", "cascade"),
        ("index.d/c/i", {"type": "unique"}, "type", "unique"),
    ],
)
def test_every_kind_can_be_overridden(of: str, override: dict[str, Any], field: str, value: Any) -> None:
    stack = Stack("test")
    owner = collection(stack)
    owner.string("a", 10)
    owner.relationship("r", "c", type="oneToOne")
    owner.index("i", "a")
    assert fields(stack, of, overrides={of: override})[field] == value


def test_a_variable_can_be_overridden_also_a_secret_one() -> None:
    stack = stack_with_function(variables={"K": FromEnvironment("NAME")})
    found = fields(stack, "variable.f/K", overrides={"variable.f/K": {"value": "http://127.0.0.1"}})
    assert found == {"value": "http://127.0.0.1", "secret": False}


def test_a_variable_of_the_project_can_be_overridden_and_is_checked() -> None:
    stack = Stack("test")
    stack.variables = {"A KEY": FromEnvironment("NAME")}
    at = "project_variable.A KEY"
    assert fields(stack, at, overrides={at: {"value": "here"}}) == {"value": "here", "secret": False}
    assert f"{at}: value: 5 is not a text" in complaint(stack, overrides={at: {"value": 5}})
    stack.variables = {"A KEY": "there"}
    assert "secret" in complaint(stack, overrides={at: {"secret": True}})


def test_a_value_of_none_of_several_types_is_one_mistake() -> None:
    said = complaint(stack_with_function(variables={"K": None}))
    assert said.endswith("variable.f/K: value: None is not a text")
    stack = Stack("test")
    collection(stack).integer("a", min="x")
    assert complaint(stack).endswith("attribute.d/c/a: min: 'x' is not a number")


def test_an_override_is_checked_like_a_declaration() -> None:
    assert "timeout" in complaint(stack_with_function(), overrides={"function.f": {"timeout": 901}})


def test_an_override_of_an_unknown_setting_is_refused() -> None:
    said = complaint(stack_with_function(), overrides={"function.f": {"timeot": 1}})
    assert (
        "'timeot' cannot be overridden (did you mean 'timeout'?); possible: build_specification, code, commands,"
        in said
    )


def test_an_unknown_setting_of_a_variable_is_refused() -> None:
    stack = stack_with_function(variables={"K": "v"})
    assert "secret" in complaint(stack, overrides={"variable.f/K": {"secret": True}})


def test_an_override_cannot_change_what_a_resource_is() -> None:
    assert "id" in complaint(stack_with_function(), overrides={"function.f": {"id": "g"}})


@pytest.mark.parametrize("undeclared", ["function.g", "variable.f/K", "index.d/locks/i", "nonsense"])
def test_an_override_of_something_undeclared_is_refused(undeclared: str) -> None:
    said = complaint(stack_with_function(), overrides={undeclared: {"name": "x"}})
    assert f"{undeclared}: overrides a resource that the stack does not declare" in said


def test_an_override_may_name_only_some_numbers_of_a_lock(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    stack = stack_with_function(lock=LOCK, code=".")
    found = resolved(stack, root=tmp_path, overrides={"function.f": {"lock": {"heartbeat": 5}}}).code[F].lock
    assert found is not None
    assert (found.lock_id, found.stale_after, found.heartbeat, found.expiry) == ("f-lock", 20, 5, 30)


def written(folder: Path, text: str) -> dict[str, Any]:
    """Settings of an environment that was read from a file."""
    file = folder / "test.yaml"
    file.write_text("endpoint: embedded\nproject: p\noverrides:\n" + text)
    return {"file": str(file), "overrides": yaml.safe_load(file.read_text())["overrides"]}


def test_a_mistake_in_an_override_is_said_to_be_in_the_environment_file(tmp_path: Path) -> None:
    said = complaint(stack_with_function(), **written(tmp_path, "  function.f: {timeout: 901}\n"))
    assert said.startswith(f"{tmp_path}/test.yaml:4: function.f: timeout:")
    assert "(declared at " in said


def test_an_override_of_something_undeclared_is_reported_with_file_and_line(tmp_path: Path) -> None:
    said = complaint(stack_with_function(), **written(tmp_path, "  function.f: {timeout: 9}\n  function.g: {}\n"))
    assert said.startswith(f"{tmp_path}/test.yaml:5: function.g:")


def test_the_line_of_an_override_is_not_that_of_a_longer_name(tmp_path: Path) -> None:
    text = "  function.f-longer: {timeout: 9}\n  function.f: {timeout: 901}\n"
    stack = stack_with_function()
    function(stack, "f-longer")
    assert complaint(stack, **written(tmp_path, text)).startswith(f"{tmp_path}/test.yaml:5:")


def test_variables_that_are_no_mapping_are_refused() -> None:
    assert "variables" in complaint(stack_with_function(), overrides={"function.f": {"variables": ["x"]}})


def test_a_lock_that_is_no_lock_is_refused() -> None:
    assert "lock" in complaint(stack_with_function(lock="f-lock"))


def test_an_environment_without_schedules_arms_none() -> None:
    assert fields(stack_with_function(schedule="0 1 * * *"), "function.f", schedules=False)["schedule"] == ""


def test_an_environment_without_schedules_still_refuses_a_bad_override() -> None:
    assert "timeout" in complaint(stack_with_function(), schedules=False, overrides={"function.f": {"timeout": 0}})


# Code.


def test_a_function_without_code_keeps_what_is_live() -> None:
    assert resolved(stack_with_function()).code == {}


def test_code_lies_below_the_root_and_carries_what_a_build_needs(tmp_path: Path) -> None:
    (tmp_path / "functions" / "f").mkdir(parents=True)
    (tmp_path / "functions" / "f" / "main.py").write_text("")
    stack = stack_with_function(code="functions/f", commands="make", lock=LOCK, schema="d")
    source = resolved(stack, root=tmp_path).code[F]
    assert source.folder == tmp_path / "functions" / "f"
    assert (*source.settings.values(), source.schema_of) == (
        "main.py",
        "make",
        "python-3.12",
        "d",
    )
    assert source.lock is not None
    assert source.lock.lock_id == "f-lock"


def test_a_missing_code_folder_is_refused(tmp_path: Path) -> None:
    assert "code folder missing does not exist" in complaint(stack_with_function(code="missing"), root=tmp_path)


def test_a_missing_entrypoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    said = complaint(stack_with_function(code="f", entrypoint="src/main.py"), root=tmp_path)
    assert "entrypoint src/main.py does not exist in f" in said


def test_packing_the_schema_of_an_undeclared_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("")
    said = complaint(stack_with_function(code=".", schema="other"), root=tmp_path)
    assert "packs the schema of 'other', which is not declared" in said
