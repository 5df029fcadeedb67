"""Changes of a state by hand: what is renamed, forgotten or replaced, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from raceday_iac.errors import EXIT_REFUSED, RefusedError, StateError
from raceday_iac.model.address import Address
from raceday_iac.model.resource import frozen
from raceday_iac.state.document import Entry, MigrationRecord, Saved, Stage, State, forgotten, moved, pushed
from raceday_iac.state.store import Version

parse = Address.parse


def owning(*addresses: str, lineage: str = "one", serial: int = 7) -> State:
    entries = [Entry(parse(each), frozen({"of": each}), parse(each).name) for each in addresses]
    return State(lineage, serial, "salt", {each.address: each for each in entries})


SCHEMA = owning(
    "database.d",
    "collection.d/c",
    "attribute.d/c/a",
    "relationship.d/c/r",
    "index.d/c/i",
    "collection.d/cc",
    "attribute.d/cc/a",
    "database.dd",
)
CODE = owning("function.f", "variable.f/K", "deployment.f", "function.ff", "variable.ff/K")


def names(state: State) -> list[str]:
    return sorted(str(each) for each in state.entries)


# Renaming.


def test_a_function_is_renamed_with_its_variables_and_its_code_and_no_other() -> None:
    state, renamed = moved(CODE, parse("function.f"), parse("function.g"))
    assert names(state) == ["deployment.g", "function.ff", "function.g", "variable.ff/K", "variable.g/K"]
    assert renamed[parse("variable.f/K")] == parse("variable.g/K")
    assert len(renamed) == 3


def test_a_collection_is_renamed_with_what_is_in_it() -> None:
    state, _ = moved(SCHEMA, parse("collection.d/c"), parse("collection.d/x"))
    assert names(state) == [
        "attribute.d/cc/a",
        "attribute.d/x/a",
        "collection.d/cc",
        "collection.d/x",
        "database.d",
        "database.dd",
        "index.d/x/i",
        "relationship.d/x/r",
    ]


def test_a_database_is_renamed_with_everything() -> None:
    state, renamed = moved(SCHEMA, parse("database.d"), parse("database.e"))
    assert len(renamed) == 7
    assert "attribute.e/cc/a" in names(state)
    assert "database.dd" in names(state)


def test_values_go_along_and_the_serial_is_the_next() -> None:
    state, _ = moved(SCHEMA, parse("attribute.d/c/a"), parse("attribute.d/c/b"))
    entry = state.entries[parse("attribute.d/c/b")]
    assert (entry.address, entry.fields, entry.remote_id) == (parse("attribute.d/c/b"), {"of": "attribute.d/c/a"}, "b")
    assert (state.serial, state.lineage, state.salt) == (8, "one", "salt")


def test_an_id_that_the_server_chose_stays() -> None:
    entry = Entry(parse("variable.f/K"), frozen({}), "68a2")
    state, _ = moved(CODE.with_entry(entry), parse("variable.f/K"), parse("variable.f/L"))
    assert state.entries[parse("variable.f/L")].remote_id == "68a2"


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("function.nobody", "function.x", "function.nobody is not in the state"),
        ("function.f", "function.ff", "function.ff is in the state already"),
        ("function.f", "database.f", "A function cannot become a database"),
        ("collection.d/c", "collection.c", "collection.c has 1 parts, and collection.d/c has 2"),
        ("collection.d/c", "collection.d/cc", "is in the state already"),
    ],
)
def test_what_cannot_be_renamed_is_reported(source: str, destination: str, said: str) -> None:
    state = State("one", 7, "salt", {**SCHEMA.entries, **CODE.entries})
    with pytest.raises(StateError, match=said) as caught:
        moved(state, parse(source), parse(destination))
    assert "Nothing was changed" in caught.value.message


# Forgetting.


def test_what_is_forgotten_goes_with_all_that_lies_in_it() -> None:
    state, gone = forgotten(SCHEMA, [parse("collection.d/c"), parse("database.dd")])
    assert names(state) == ["attribute.d/cc/a", "collection.d/cc", "database.d"]
    assert [str(each) for each in gone] == [
        "attribute.d/c/a",
        "collection.d/c",
        "database.dd",
        "index.d/c/i",
        "relationship.d/c/r",
    ]
    assert state.serial == 8


def test_of_several_to_forget_one_that_is_not_there_refuses_all() -> None:
    with pytest.raises(StateError, match=r"function\.nobody is not in the state"):
        forgotten(CODE, [parse("function.f"), parse("function.nobody")])


# Replacing.

CURRENT = Version(12, "one", Saved(), current=True)


def test_where_nothing_was_anything_may_be_put() -> None:
    assert pushed(None, owning(lineage="two", serial=5), force=False).serial == 5
    assert pushed(None, owning(serial=0), force=False).serial == 1


@pytest.mark.parametrize(("serial", "saved"), [(12, 13), (13, 13), (40, 40)])
def test_a_state_of_the_same_lineage_that_is_not_older_is_saved_under_a_new_serial(serial: int, saved: int) -> None:
    assert pushed(CURRENT, owning("function.f", serial=serial), force=False).serial == saved


def test_an_older_state_is_refused_with_both_serials_unless_forced() -> None:
    with pytest.raises(RefusedError, match="It has serial 11, and the stored one has 12") as caught:
        pushed(CURRENT, owning(serial=11), force=False)
    assert caught.value.exit_code == EXIT_REFUSED
    assert pushed(CURRENT, owning(serial=11), force=True).serial == 13


def test_a_state_of_another_lineage_is_refused_with_both_unless_forced() -> None:
    with pytest.raises(RefusedError, match="this one is two, the stored one one"):
        pushed(CURRENT, owning(lineage="two", serial=99), force=False)
    forced = pushed(CURRENT, owning(lineage="two", serial=3), force=True)
    assert (forced.lineage, forced.serial) == ("two", 13)


RAN = {parse(f"migration.{name}"): MigrationRecord(name, Stage.DONE) for name in ("one", "two")}


def test_a_migration_that_has_another_name_in_the_stack_can_have_it_in_the_state() -> None:
    state = replace(owning("function.f"), migrations=RAN)
    found, renamed = moved(state, parse("migration.one"), parse("migration.first"))
    assert [str(each) for each in found.migrations] == ["migration.first", "migration.two"]
    assert found.migrations[parse("migration.first")].digest == "one"
    assert renamed == {parse("migration.one"): parse("migration.first")}
    with pytest.raises(StateError, match="is in the state already"):
        moved(state, parse("migration.one"), parse("migration.two"))


def test_a_migration_is_not_forgotten_like_a_resource() -> None:
    with pytest.raises(StateError, match="is not a resource, but a migration") as caught:
        forgotten(replace(owning("function.f"), migrations=RAN), [parse("migration.one")])
    assert caught.value.hint == "to mark it as not run: raceday-iac migration mark one --not-run"
