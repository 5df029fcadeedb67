"""What a stack says about the life of resources, checked against what it declares."""

from __future__ import annotations

import pytest

from raceday_iac.model.stack import Stack

from ..declaring import address, collection, complaint, problems, resolved, stack_with_function


def stack(*keys: str) -> Stack:
    found = Stack("test")
    owner = collection(found)
    for key in keys:
        owner.string(key, 10)
    return found


def moved(*pairs: tuple[str, str], declared: str) -> Stack:
    found = stack(*declared)
    for old, new in pairs:
        found.moved(f"attribute.d/c/{old}", f"attribute.d/c/{new}")
    return found


def test_rules_are_kept_by_address() -> None:
    found = moved(("a", "b"), declared="b")
    found.forget("function.old", reason="theirs")
    found.protect("database.d", reason="precious")
    found.ignore("attribute.d/c/b", "default")
    found.ignore("attribute.d/c/b", "required")
    found.convert("attribute.d/c/b")
    rules = resolved(found).lifecycle
    b = address("attribute.d/c/b")
    assert rules.moved == {b: address("attribute.d/c/a")}
    assert rules.forgotten == {address("function.old"): "theirs"}
    assert rules.protected == {address("database.d"): "precious"}
    assert rules.ignored == {b: {"default", "required"}}
    assert rules.converted == {b}


def test_a_chain_of_renames_can_be_declared_in_any_order() -> None:
    for pairs in ((("a", "b"), ("b", "c")), (("b", "c"), ("a", "b"))):
        assert len(resolved(moved(*pairs, declared="bc")).lifecycle.moved) == 2


@pytest.mark.parametrize(
    ("pairs", "declared", "said"),
    [
        ([("a", "b")], "", "attribute.d/c/b is not declared"),
        ([("a", "b")], "ab", "attribute.d/c/a is still declared, at "),
        ([("a", "a")], "a", "that is its name already"),
        ([("a", "b"), ("c", "b")], "b", "attribute.d/c/a is renamed to attribute.d/c/b as well"),
        ([("a", "b"), ("a", "c")], "bc", "it is renamed already"),
    ],
)
def test_a_rename_that_makes_no_sense_is_a_problem(pairs: list[tuple[str, str]], declared: str, said: str) -> None:
    assert said in complaint(moved(*pairs, declared=declared))


def test_names_that_go_round_in_a_circle_are_a_problem() -> None:
    found = problems(moved(("a", "b"), ("b", "a"), declared="ab"))
    assert all("renames cannot form a circle" in str(each) for each in found)
    assert found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("function.f", "function.g", "Appwrite cannot rename a function; it can rename attribute"),
        ("attribute.d/x/a", "attribute.d/c/a", "is in another place: a rename must stay in the same place"),
        ("relationship.d/c/b", "attribute.d/c/a", "is in another place"),
        ("attribute.d/c/b", "nonsense", "is not an address"),
        ("nonsense", "attribute.d/c/a", "is not an address"),
        ("thing.d/c/b", "attribute.d/c/a", "unknown kind 'thing'"),
    ],
)
def test_only_what_appwrite_can_rename_can_be_moved(old: str, new: str, said: str) -> None:
    found = stack("a")
    found.moved(old, new)
    assert said in "\n".join(map(str, problems(found)))


def test_what_is_declared_cannot_be_forgotten() -> None:
    found = stack("a")
    found.forget("collection.d/c", reason="theirs")
    assert "it is still declared, at " in complaint(found)


@pytest.mark.parametrize("rule", ["forget", "protect"])
def test_what_is_to_be_absent_is_neither_kept_nor_protected(rule: str) -> None:
    found = stack()
    found.absent("function.old", reason="gone")
    getattr(found, rule)("function.old", reason="stays")
    assert "it is declared absent as well, which deletes it" in complaint(found)


def test_what_lies_in_something_forgotten_is_forgotten() -> None:
    found = Stack("test")
    found.forget("function.f", reason="theirs")
    rules = resolved(found).lifecycle
    assert rules.forgets(address("variable.f/K")) == rules.forgets(address("deployment.f")) == "theirs"
    assert rules.forgets(address("function.g")) is None


@pytest.mark.parametrize(
    ("at", "fields", "said"),
    [
        ("function.f", ["tiemout"], "it has no field 'tiemout' (did you mean 'timeout'?); its fields are "),
        ("function.f", [], "name the fields to ignore; its fields are "),
        ("function.g", ["timeout"], "it is not declared (did you mean 'function.f'?)"),
        ("deployment.f", ["digest"], "code cannot be ignored; declare code=KEEP"),
    ],
)
def test_only_fields_that_there_are_can_be_ignored(at: str, fields: list[str], said: str) -> None:
    found = stack_with_function()
    found.ignore(at, *fields)
    assert said in complaint(found)


def test_only_declared_attributes_of_plain_types_can_be_converted() -> None:
    found = stack("a", "a_conv")
    found.convert("attribute.d/c/a")
    assert "attribute.d/c/a_conv is declared, but the conversion needs that name" in complaint(found)
    found = stack()
    found.convert("attribute.d/c/a")
    assert "it is not a declared attribute" in complaint(found)
    found = Stack("test")
    collection(found).point("p")
    found.convert("attribute.d/c/p")
    assert "values cannot be converted to point; they can to string, " in complaint(found)
