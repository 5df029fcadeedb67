"""A plan file that somebody edited between review and apply is refused, however well he did it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from e2e.places import keep_in_appwrite

from .harness import Arena
from .losing import COLLECTION, DB, FUNCTION, apply, at, count, run, settle, write

Edit = Callable[[Arena, dict[str, Any]], object]


def allow(arena: Arena, plan: dict[str, Any]) -> None:
    """A permission that nobody gave, and what it would take to make the rest fit."""
    plan["wishes"]["allowed"] = {at(arena, "collection", "c"): None}


def raise_number(_arena: Arena, plan: dict[str, Any]) -> None:
    for each in plan["evidence"]:
        each["count"] = 10_000


EDITS: dict[str, Edit] = {
    "a permission": allow,
    "a number": raise_number,
    "a bigger permission": lambda arena, plan: plan["wishes"].update(allowed={at(arena, "collection", "c"): "999"}),
    "a confirmation": lambda _arena, plan: plan["wishes"].update(confirmed={"delete collection": 1}),
    "a change less": lambda _arena, plan: plan["changes"].pop(),
    "a field": lambda _arena, plan: plan["changes"][0].update(reason="harmless"),
    "the serial": lambda _arena, plan: plan["state"].update(serial=plan["state"]["serial"] + 1),
    "nothing but the seal": lambda _arena, plan: plan.update(seal="0" * 64),
    "no seal": lambda _arena, plan: plan.update(seal=""),
}


def canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def edit(arena: Arena, name: str) -> str:
    """The saved plan, edited, with the id that belongs to its new content."""
    file = arena.root / "x.plan"
    plan = json.loads(file.read_text(encoding="utf-8"))
    EDITS[name](arena, plan)
    body = {key: value for key, value in plan.items() if key not in ("id", "seal")}
    plan["id"] = hashlib.sha256(canonical(body).encode()).hexdigest()
    file.write_text(canonical(plan) + "\n", encoding="utf-8")
    return str(file)


def save(arena: Arena, *words: str) -> str:
    file = str(arena.root / "x.plan")
    run(arena, "plan", "--out", file, *words)
    return file


@pytest.fixture
def c(empty: Arena) -> Arena:
    """Three documents of which a reviewer agreed to lose at most three."""
    settle(empty, DB, COLLECTION, FUNCTION)
    write(empty, 3)
    empty.declare(DB)
    return empty


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_plan_is_refused_and_does_nothing(c: Arena, name: str) -> None:
    save(c, "--allow-data-loss", f"{at(c, 'collection', 'c')}=3")
    write(c, 2)
    c.proxy.forget()
    ended = run(c, "apply", edit(c, name), code=5)
    assert "x.plan was changed after it was saved: its seal is broken. Nothing was changed." in ended.err
    assert c.proxy.writes() == 0
    assert count(c) == 5


def test_a_plan_as_it_was_saved_is_applied(c: Arena) -> None:
    file = save(c, "--allow-data-loss", f"{at(c, 'collection', 'c')}=3")
    run(c, "apply", file)
    assert not c.api.has(c.path("c"))
    assert not c.api.has(f"/functions/{c.id('fn')}")


def test_a_file_of_before_there_were_seals_is_refused_in_words(c: Arena) -> None:
    file = c.root / "x.plan"
    save(c, "--allow-data-loss", f"{at(c, 'collection', 'c')}=3")
    plan = json.loads(file.read_text(encoding="utf-8"))
    del plan["seal"], plan["id"], plan["evidence"]
    plan |= {"format": 1, "wishes": {"allowed": [at(c, "collection", "c")]}}
    plan["id"] = hashlib.sha256(canonical(plan).encode()).hexdigest()
    file.write_text(canonical(plan), encoding="utf-8")
    for command in (("apply", str(file)), ("show", str(file))):
        assert "was saved by an older raceday-iac and has no seal" in run(c, *command, code=5).err
    assert count(c) == 3


def test_the_first_plan_of_all_is_sealed_as_well_and_begins_an_empty_state(empty: Arena) -> None:
    empty.declare(DB + COLLECTION)
    save(empty, "--target", at(empty, "database"))
    assert json.loads(empty.state_file.read_text(encoding="utf-8"))["resources"] == {}
    assert "its seal is broken" in run(empty, "apply", edit(empty, "a field"), code=5).err
    assert not empty.api.has(f"/databases/{empty.id('db')}")
    run(empty, "apply", save(empty, "--target", at(empty, "database")))
    assert empty.api.has(f"/databases/{empty.id('db')}")


def test_a_state_that_cannot_be_begun_by_looking_seals_no_options(empty: Arena) -> None:
    """Kept elsewhere, with nothing in it yet: a command that only looks cannot write it."""
    keep_in_appwrite(empty)
    empty.declare(DB + COLLECTION)
    refused = run(empty, "plan", "--out", str(empty.root / "x.plan"), "--target", at(empty, "database"), code=5)
    assert "There is no state yet that could seal the options" in refused.err
    assert not (empty.root / "x.plan").exists()
    file = save(empty)
    assert json.loads((empty.root / "x.plan").read_text(encoding="utf-8"))["seal"] == ""
    added = run(empty, "apply", edit(empty, "a permission"), code=5)
    assert "holds options, but there is no state whose key could verify them" in added.err
    save(empty)
    assert "The plan is stale" in run(empty, "apply", edit(empty, "a field"), code=6).err
    assert not empty.api.has(f"/databases/{empty.id('db')}")
    save(empty)
    run(empty, "apply", file)
    assert empty.api.has(empty.path("c"))


def test_once_there_is_a_state_elsewhere_its_plans_are_sealed(empty: Arena) -> None:
    keep_in_appwrite(empty)
    settle(empty, DB)
    empty.declare(DB + COLLECTION)
    save(empty, "--target", at(empty, "collection", "c"))
    assert "its seal is broken" in run(empty, "apply", edit(empty, "a field"), code=5).err
    run(empty, "apply", save(empty, "--target", at(empty, "collection", "c")))
    assert empty.api.has(empty.path("c"))


def test_neither_the_key_nor_the_salt_is_printed_by_what_plans_say(c: Arena) -> None:
    salt = json.loads(c.state_file.read_text(encoding="utf-8"))["salt"]
    file = save(c, "--allow-data-loss", f"{at(c, 'collection', 'c')}=3")
    shown = [run(c, "show", file, "--json"), run(c, "show", file), run(c, "plan", "--json", code=5), apply(c, code=5)]
    assert not [each for each in shown if salt in each.text]
    assert salt not in (c.root / "x.plan").read_text(encoding="utf-8")
