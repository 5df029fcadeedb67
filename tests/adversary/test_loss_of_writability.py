"""An attribute that is required over documents without a value makes each of their later writes fail."""

from __future__ import annotations

import pytest

from .harness import Arena
from .losing import COLLECTION, DB, apply, at, documents, run, settle, write

REQUIRED = COLLECTION.replace('c.integer("number")', 'c.integer("number", required=True)')


@pytest.fixture
def c(empty: Arena) -> Arena:
    """Three documents, in two of which `number` has a value."""
    settle(empty, DB, COLLECTION)
    write(empty, 2, number=7)
    write(empty, 1, text="no number")
    return empty


def touch_all(arena: Arena) -> None:
    """What a person does in the console to each of them; fails the test when Appwrite refuses."""
    for each in arena.api.all(documents(arena), "documents"):
        arena.api.patch(f"{documents(arena)}/{each['$id']}", {"data": {"text": "touched"}})


def without_documents(arena: Arena) -> None:
    for each in arena.api.ids(documents(arena), "documents"):
        arena.api.delete(f"{documents(arena)}/{each}")


def test_one_that_was_deleted_by_hand_is_not_made_again_over_old_documents(empty: Arena) -> None:
    settle(empty, DB, REQUIRED)
    write(empty, 2, number=7)
    empty.api.delete(f"{empty.path('c')}/attributes/number")
    empty.api.until_gone(f"{empty.path('c')}/attributes/number")
    ended = apply(empty, code=5)
    assert f"create of {at(empty, 'attribute', 'c/number')} is refused: 2 documents have no value" in ended.out
    touch_all(empty)
    apply(empty, "--allow-data-loss", f"{at(empty, 'attribute', 'c/number')}=2")
    assert empty.api.get(f"{empty.path('c')}/attributes/number")["required"] is True


def test_one_of_another_type_is_counted_for_its_values_and_for_what_lacks_one_then(c: Arena) -> None:
    c.declare(DB + COLLECTION.replace('c.integer("number")', 'c.boolean("number", required=True)'))
    ended = apply(c, code=5)
    assert "2 documents would lose its values, and 3 documents have no value, which would be required" in ended.out
    assert f"--allow-data-loss {at(c, 'attribute', 'c/number')}=5" in ended.out
    touch_all(c)


def test_one_that_is_converted_is_counted_for_what_lacks_a_value(c: Arena) -> None:
    converted = 'c.string("number", 9, required=True)\n    stack.convert("attribute." + P + "db/c/number")'
    c.declare(DB + COLLECTION.replace('c.integer("number")', converted))
    ended = apply(c, code=5)
    assert f"convert of {at(c, 'attribute', 'c/number')} is refused: 1 document has no value" in ended.out
    touch_all(c)


def test_one_that_becomes_required_and_a_new_one_are_counted(c: Arena) -> None:
    c.declare(DB + REQUIRED + '    c.integer("more", required=True)\n')
    ended = apply(c, code=5)
    assert f"update of {at(c, 'attribute', 'c/number')} is refused: 1 document has no value" in ended.out
    assert f"create of {at(c, 'attribute', 'c/more')} is refused: 3 documents have no value" in ended.out
    touch_all(c)


def test_without_documents_all_of_it_may_be_done(c: Arena) -> None:
    without_documents(c)
    c.declare(DB + REQUIRED + '    c.integer("more", required=True)\n')
    apply(c)
    run(c, "plan", "--detailed-exitcode")
