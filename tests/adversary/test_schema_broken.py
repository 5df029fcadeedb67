"""Collections whose schema Appwrite has lost: found, said with what heals them, healed, and never taken for sound."""

from __future__ import annotations

import json
from typing import Any

import pytest
from e2e.places import keep_in_appwrite

from .harness import Arena
from .losing import apply, at, documents, run, write
from .schemas import broken, copy_of, declared, must_agree

LINES = ('c.string("one", 20)', 'c.string("two", 20)', 'c.integer("number")', 'c.index("i", "one")')
MORE = (*LINES, 'c.string("more", 20)')
LINKED = (
    *LINES,
    'd = db.collection("d", name="D")',
    'd.string("text", 20)',
    'd.relationship("to_c", "c", type="manyToOne")',
    'c.relationship("to_d", "d", type="oneToMany", two_way=True, two_way_key="of_c")',
)


@pytest.fixture
def c(empty: Arena, monkeypatch: pytest.MonkeyPatch) -> Arena:
    """A collection that is applied and sound."""
    monkeypatch.setattr("raceday_iac.applying.actions._FIRST_LOOK", 0.015)
    empty.declare(declared(*LINES))
    apply(empty)
    return empty


@pytest.mark.parametrize(
    "change",
    [
        ('"two", 20', '"two", 30'),
        ('c.index("i", "one")', 'c.index("i", "two")'),
        ('name="C"', 'name="New"'),
        ('c.integer("number")', 'c.float("number")'),
        ('c.integer("number")', 'c.integer("number")\n    c.string("more", 9)'),
        ('    c.index("i", "one")\n', ""),
    ],
    ids=["update", "index", "settings", "type", "creation", "deletion"],
)
def test_an_apply_that_writes_to_it_says_so_and_fails(c: Arena, server: Any, change: tuple[str, str]) -> None:
    copy_of(c, server).lose("one")
    text = declared(*LINES)
    assert change[0] in text
    c.declare(text.replace(*change))
    broken(c, apply(c, code=1), "one")


def test_what_an_apply_leaves_alone_costs_no_proof(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one")
    c.declare(declared(*LINES) + '    db.collection("d", name="D").string("text", 5)\n')
    c.proxy.forget()
    apply(c)
    assert c.proxy.count("GET", f"{c.path('c')}/documents*") == 0


def test_health_finds_it_by_one_read_of_each_collection(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one", "number")
    c.proxy.forget()
    ended = run(c, "health", "--json", code=8)
    (finding,) = [each for each in json.loads(ended.out)["health"]["findings"] if each["code"] == "collection.broken"]
    assert finding["subject"] == at(c, "collection", "c")
    assert "lists one, number as available" in finding["message"]
    assert f"--replace {at(c, 'collection', 'c')}" in finding["advice"]
    # One that fails, halved until the two names are known.
    assert c.proxy.count("GET", f"{c.path('c')}/documents*") <= 6


def test_a_sound_collection_costs_health_one_read(c: Arena) -> None:
    c.proxy.forget()
    run(c, "health", "--json")
    assert c.proxy.count("GET", f"{c.path('c')}/documents*") == 1
    assert c.proxy.writes() == 0


def test_the_plan_leaves_finding_it_to_health(c: Arena, server: Any) -> None:
    """A read for each collection would make every plan slower."""
    copy_of(c, server).lose("one")
    c.proxy.forget()
    run(c, "plan", "--detailed-exitcode")
    assert c.proxy.count("GET", "*/documents*") == 0


def test_recover_reports_it_and_touches_nothing(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one")
    c.proxy.forget()
    ended = run(c, "recover", "--auto-approve")
    assert f"{at(c, 'collection', 'c')}: Appwrite lists one as available, but refuses documents" in ended.text
    assert f"raceday-iac apply --replace {at(c, 'collection', 'c')}" in ended.text
    assert c.proxy.writes() == 0


@pytest.mark.parametrize("many", [0, 3])
def test_made_again_it_is_sound_again(c: Arena, server: Any, many: int) -> None:
    write(c, many, two="x")
    copy_of(c, server).lose("one")
    replace = ("--replace", at(c, "collection", "c"))
    if many:
        refused = apply(c, *replace, code=5)
        permission = f"{at(c, 'collection', 'c')}={many}"
        assert f"--allow-data-loss {permission}" in refused.text
        assert len(c.api.ids(documents(c), "documents")) == many
        replace = (*replace, "--allow-data-loss", permission)
    apply(c, *replace)
    must_agree(c, server)
    write(c, 1, one="x", two="y", number=1)
    run(c, "plan", "--detailed-exitcode")
    run(c, "health")


def test_with_its_relationships(empty: Arena, server: Any) -> None:
    empty.declare(declared(*LINKED))
    apply(empty)
    copy_of(empty, server).lose("two", "to_d")
    apply(empty, "--replace", at(empty, "collection", "c"))
    must_agree(empty, server)
    run(empty, "plan", "--detailed-exitcode")


def test_a_new_collection_is_shown_in_the_plan(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one")
    shown = run(c, "plan", "--replace", at(c, "collection", "c"))
    assert f"± replace {at(c, 'collection', 'c')}: requested by --replace" in shown.text
    assert "4 to create, 1 to replace" in shown.text


def test_a_saved_plan_makes_it_again_too(c: Arena, server: Any) -> None:
    write(c, 2, two="x")
    copy_of(c, server).lose("one")
    permission = f"{at(c, 'collection', 'c')}=2"
    file = str(c.root / "x.plan")
    run(c, "plan", "--replace", at(c, "collection", "c"), "--allow-data-loss", permission, "--out", file)
    run(c, "apply", file, "--auto-approve")
    must_agree(c, server)


def test_documents_that_came_meanwhile_are_not_deleted_with_it(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one")
    c.proxy.call(lambda: write(c, 1, two="x"), "GET", f"{c.path('c')}/documents*", when="after")
    ended = apply(c, "--replace", at(c, "collection", "c"), code=5)
    assert "is broken" not in ended.text, "nothing was written, so nothing had to be proven"
    assert len(c.api.ids(documents(c), "documents")) == 1


def test_an_attribute_made_again_alone_ends_in_advice_that_ends(c: Arena, server: Any) -> None:
    """The table still has it, and the other copy of the schema keeps saying so."""
    copy_of(c, server).lose("one")
    ended = apply(c, "--replace", at(c, "attribute", "c/two"), code=1)
    broken(c, ended, "one")


def test_an_update_of_what_was_lost_is_explained(c: Arena, server: Any) -> None:
    """Appwrite answers 500 to that, for ever."""
    copy_of(c, server).lose("two")
    c.declare(declared(*LINES).replace('"two", 20', '"two", 30'))
    broken(c, apply(c, code=1), "two")


def test_a_rename_of_what_was_lost_is_explained(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("two")
    moved = '    stack.moved("attribute." + P + "db/c/two", "attribute." + P + "db/c/second")\n'
    c.declare(declared(*LINES).replace('"two"', '"second"') + moved)
    broken(c, apply(c, code=1), "two")


def test_a_creation_that_can_only_fail_again_says_so(c: Arena, server: Any) -> None:
    """`Index already exists`: one of that key was left where no list shows it."""
    copy_of(c, server).keep_index("j", "two")
    c.declare(declared(*LINES, 'c.index("j", "two")'))
    for _ in range(2):
        ended = apply(c, code=1)
        assert "Index already exists" in ended.text
        assert "give it another key in the stack" in ended.text
        assert f"raceday-iac apply --replace {at(c, 'collection', 'c')}" in ended.text
        assert "run apply again" not in ended.text
    c.declare(declared(*LINES, 'c.index("another", "two")'))
    apply(c)


def test_an_attribute_of_which_the_table_has_a_column_says_so(c: Arena, server: Any) -> None:
    """`Attribute already exists in schema`: documents do not know it, and it cannot be made again."""
    copy_of(c, server).lose("two")
    c.api.delete(f"{c.path('c')}/attributes/two")
    c.api.until_gone(f"{c.path('c')}/attributes/two")
    ended = apply(c, code=1)
    assert "already exists" in ended.text
    assert f"raceday-iac apply --replace {at(c, 'collection', 'c')}" in ended.text
    apply(c, "--replace", at(c, "collection", "c"))
    must_agree(c, server)


def test_what_is_taken_over_into_a_new_state_is_proven(c: Arena, server: Any) -> None:
    copy_of(c, server).lose("one")
    c.lose_state()
    c.declare(declared(*MORE))
    broken(c, apply(c, code=1), "one")


def test_a_key_that_reads_no_documents_proves_nothing_and_that_is_reported(c: Arena, server: Any) -> None:
    scopes = ("databases", "collections", "attributes", "indexes", "functions")
    allowed = [f"{each}.{how}" for each in scopes for how in ("read", "write")] + ["execution.read", "rules.read"]
    c.variables["APPWRITE_API_KEY"] = server.create_key(c.site.project, allowed)
    c.declare(declared(*MORE))
    ended = apply(c)
    assert f"whether documents can use {at(c, 'collection', 'c')} could not be checked" in ended.text


@pytest.mark.parametrize("answer", ["404-text", "200-html", "200-empty", "json-deep", "without:total"])
def test_a_proof_that_is_not_answered_by_appwrite_proves_nothing(c: Arena, answer: str) -> None:
    c.declare(declared(*MORE))
    c.proxy.play(answer, "GET", f"{c.path('c')}/documents*")
    ended = apply(c, code=1)
    assert c.home in ended.text


def test_a_server_that_is_down_at_the_proof_is_an_error(c: Arena) -> None:
    c.declare(declared(*MORE))
    c.proxy.answer(503, "GET", f"{c.path('c')}/documents*", times=1000)
    apply(c, code=1)
    c.proxy.forget()
    run(c, "plan", "--detailed-exitcode")


def test_the_state_in_appwrite_is_proven_as_well(empty: Arena, server: Any) -> None:
    keep_in_appwrite(empty)
    empty.declare(declared(*LINES))
    apply(empty)
    copy_of(empty, server).lose("one")
    empty.declare(declared(*MORE))
    broken(empty, apply(empty, code=1), "one")
    apply(empty, "--replace", at(empty, "collection", "c"))
    must_agree(empty, server)
