"""Many changes of one collection in one apply, on a server that loses those that overlap: all of them are in force."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .harness import Arena
from .losing import DB, apply, at, documents, run, write
from .schemas import copy_of, declared, listed, must_agree

EIGHT = range(8)


def strings(size: int, **settings: object) -> list[str]:
    more = "".join(f", {name}={value!r}" for name, value in settings.items())
    return [f'c.string("k{number}", {size}{more})' for number in EIGHT]


def from_to(arena: Arena, before: str, after: str, *words: str) -> None:
    """Apply one stack, then another in one apply."""
    arena.declare(before)
    apply(arena)
    arena.declare(after)
    apply(arena, *words)


def test_sizes_that_are_raised_together_are_all_in_force(losing: Arena, losing_server: Any) -> None:
    from_to(losing, declared(*strings(20)), declared(*strings(30)))
    write(losing, 1, **{f"k{number}": "x" * 25 for number in EIGHT})
    must_agree(losing, losing_server)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"default": "d"}),
        ({"default": "d"}, {}),
        ({}, {"required": True}),
        ({"required": True}, {"default": "x"}),
    ],
    ids=str,
)
def test_other_settings_that_change_together_are_too(
    losing: Arena, losing_server: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    from_to(losing, declared(*strings(20, **before)), declared(*strings(20, **after)))
    must_agree(losing, losing_server)


def test_bounds_and_choices_too(losing: Arena, losing_server: Any) -> None:
    def of(high: int, *choices: str) -> str:
        numbers = [f'c.integer("i{number}", min=0, max={high})' for number in range(3)]
        return declared(*numbers, *(f'c.enum("e{number}", {[*choices]!r})' for number in range(3)))

    from_to(losing, of(5, "a"), of(9, "a", "b"))
    write(losing, 1, **{f"i{number}": 9 for number in range(3)}, **{f"e{number}": "b" for number in range(3)})
    must_agree(losing, losing_server)


@pytest.mark.parametrize("parallelism", ["1", "10"])
def test_updates_beside_a_new_attribute_and_a_new_index(losing: Arena, losing_server: Any, parallelism: str) -> None:
    before = strings(20)[:5]
    after = [*strings(30)[:5], 'c.string("new", 20)', 'c.index("i", "k0", "new")']
    from_to(losing, declared(*before), declared(*after), "--parallelism", parallelism)
    write(losing, 1, new="x", k4="y" * 25)
    must_agree(losing, losing_server)
    run(losing, "plan", "--detailed-exitcode")


@pytest.mark.parametrize("parallelism", ["1", "10"])
def test_a_new_collection_knows_all_its_attributes(losing: Arena, losing_server: Any, parallelism: str) -> None:
    losing.declare(declared(*strings(20), 'c.index("i", "k0", "k1", "k2")'))
    ended = apply(losing, "--parallelism", parallelism)
    write(losing, 1, **{f"k{number}": "x" for number in EIGHT})
    must_agree(losing, losing_server)
    assert f"{at(losing, 'collection', 'c')} was created again, one attribute at a time" in ended.text


def test_attributes_that_are_added_to_a_collection_with_documents(losing: Arena, losing_server: Any) -> None:
    losing.declare(declared('c.string("text", 20)'))
    apply(losing)
    write(losing, 2)
    losing.declare(declared('c.string("text", 20)', *strings(20)))
    apply(losing)
    assert len(losing.api.ids(documents(losing), "documents")) == 2
    must_agree(losing, losing_server)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ('c.index("i", "k0")', 'c.index("j", "k1")')),
        (('c.index("i", "k0")', 'c.index("j", "k1")'), ()),
        (('c.index("i", "k0")', 'c.index("j", "k1")'), ('c.index("i", "k2")', 'c.index("j", "k3")')),
    ],
    ids=["created", "deleted", "replaced"],
)
def test_document_security_beside_indexes_is_in_force(
    losing: Arena, losing_server: Any, before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    secured = declared(*strings(20), *after).replace('name="C"', 'name="C", document_security=True')
    from_to(losing, declared(*strings(20), *before), secured)
    assert copy_of(losing, losing_server).known().document_security
    must_agree(losing, losing_server)


def test_permissions_beside_attributes_are_in_force(losing: Arena, losing_server: Any) -> None:
    opened = declared(*strings(30), 'c.string("new", 20)')
    opened = opened.replace('name="C"', 'name="C", permissions=["read(\\"any\\")"]')
    from_to(losing, declared(*strings(20)), opened)
    assert copy_of(losing, losing_server).known().permissions == ['read("any")']
    must_agree(losing, losing_server)


def test_deletions_beside_creations_and_updates(losing: Arena, losing_server: Any) -> None:
    after = [*strings(30)[4:], 'c.string("new", 20)', 'c.string("newer", 20)']
    from_to(losing, declared(*strings(20)), declared(*after))
    must_agree(losing, losing_server)


def test_a_key_is_free_after_its_deletion(losing: Arena, losing_server: Any) -> None:
    with_index = declared(*strings(20), 'c.index("i", "k0")', 'c.index("j", "k1")')
    from_to(losing, with_index, declared(*strings(20)))
    losing.declare(with_index)
    apply(losing)
    must_agree(losing, losing_server)


def test_what_must_be_made_again_beside_other_changes(losing: Arena, losing_server: Any) -> None:
    before = [*strings(20), 'c.integer("n")', 'c.index("i", "n", "k0")']
    after = [*strings(30), 'c.string("n", 9)', 'c.index("i", "n", "k0")']
    from_to(losing, declared(*before), declared(*after))
    must_agree(losing, losing_server)


def test_conversions_beside_other_changes(losing: Arena, losing_server: Any) -> None:
    losing.declare(declared(*strings(20), 'c.integer("n")', 'c.integer("m")', 'c.index("i", "n")'))
    apply(losing)
    write(losing, 2, n=7, m=8)
    convert = [f'stack.convert("attribute." + P + "db/c/{key}")' for key in "nm"]
    after = [*strings(30), 'c.string("n", 9)', 'c.string("m", 9)', 'c.index("i", "n")', 'c.string("new", 5)']
    losing.declare(declared(*after, *convert))
    apply(losing)
    stored = [(each["n"], each["m"]) for each in losing.api.all(documents(losing), "documents")]
    assert stored == [("7", "8")] * 2
    must_agree(losing, losing_server)


TWO = (
    DB
    + """
    other = db.collection("other", name="Other")
    other.string("text", 20)
    c = db.collection("c", name="C")
    c.string("old", 20)
    c.relationship("link", "other", type="manyToOne", two_way=True, two_way_key="back", on_delete="restrict")
"""
)


def test_a_rename_beside_a_change_of_a_relationship(losing: Arena, losing_server: Any) -> None:
    """Lost, it leaves two names, and every later change answers 500."""
    renamed = TWO.replace('"old"', '"new"').replace('"restrict"', '"setNull"')
    moved = '    stack.moved("attribute." + P + "db/c/old", "attribute." + P + "db/c/new")\n'
    from_to(losing, TWO, renamed + moved)
    must_agree(losing, losing_server)
    losing.declare(renamed.replace('"setNull"', '"cascade"') + moved)
    apply(losing)
    write(losing, 1, new="x")


def test_renames_beside_everything_else(losing: Arena, losing_server: Any) -> None:
    after = [each.replace('"k', '"n') for each in strings(30)[:4]] + strings(30)[4:]
    moved = [f'stack.moved("attribute." + P + "db/c/k{n}", "attribute." + P + "db/c/n{n}")' for n in range(4)]
    from_to(losing, declared(*strings(20)), declared(*after, 'c.index("i", "n0", "k7")', *moved))
    must_agree(losing, losing_server)


def ring(*, linked: bool, size: int = 20) -> str:
    """Three collections, each linked with the next one."""
    text = DB
    for name, other in ("ab", "bc", "ca"):
        text += f'    {name} = db.collection("{name}", name="X")\n    {name}.string("text", {size})\n'
        if linked:
            text += f'    {name}.relationship("to_{other}", "{other}", type="oneToMany", two_way=True)\n'
    return text


def test_a_relationship_counts_for_both_its_collections(losing: Arena, losing_server: Any) -> None:
    from_to(losing, ring(linked=False), ring(linked=True, size=30))
    must_agree(losing, losing_server)


def test_relationships_that_go_count_for_both_too(losing: Arena, losing_server: Any) -> None:
    from_to(losing, ring(linked=True), ring(linked=False, size=30))
    must_agree(losing, losing_server)


def test_a_collection_that_goes_takes_nothing_of_others_along(losing: Arena, losing_server: Any) -> None:
    two = ring(linked=True, size=30).partition("    c = ")[0].replace('"to_c", "c"', '"to_a", "a"')
    from_to(losing, ring(linked=True), two)
    assert set(listed(losing)) == {"a", "b"}
    must_agree(losing, losing_server)


def test_what_somebody_else_has_under_way_is_awaited(losing: Arena, losing_server: Any) -> None:
    losing.declare(declared(*strings(20)))
    apply(losing)
    for number in range(3):
        body = {"key": f"theirs{number}", "size": 9, "required": False}
        losing.api.post(f"{losing.path('c')}/attributes/string", body)
        # Awaited as well, so that they do not lose each other already.
        if number < 2:
            _await(losing, f"theirs{number}")
    losing.declare(declared(*strings(30)))
    apply(losing)
    must_agree(losing, losing_server)


def _await(arena: Arena, key: str) -> None:
    while all(each["key"] != key or each["status"] != "available" for each in listed(arena)["c"]["attributes"]):
        time.sleep(0.01)


def test_values_that_are_cut_beside_other_changes(losing: Arena, losing_server: Any) -> None:
    losing.declare(declared(*strings(20)))
    apply(losing)
    write(losing, 2, k0="x" * 15)
    losing.declare(declared('c.string("k0", 9)', *strings(30)[1:], 'c.index("i", "k0")'))
    apply(losing, "--allow-data-loss", f"{at(losing, 'attribute', 'c/k0')}=2")
    assert {each["k0"] for each in losing.api.all(documents(losing), "documents")} == {"x" * 9}
    must_agree(losing, losing_server)


def test_many_collections_of_two_databases_in_one_apply(losing: Arena, losing_server: Any) -> None:
    lines = [DB, '    more = stack.database(P + "more", name="More")\n']
    for number in range(5):
        lines += [
            f'    a{number} = db.collection("c{number}", name="C")\n',
            f'    b{number} = more.collection("c{number}", name="C")\n',
            *(f'    {each}{number}.string("k{key}", 20)\n' for each in "ab" for key in range(4)),
            *(f'    {each}{number}.index("i{key}", "k{key}")\n' for each in "ab" for key in range(2)),
        ]
    losing.declare("".join(lines))
    apply(losing)
    must_agree(losing, losing_server)
