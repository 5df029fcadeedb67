"""The number behind `--allow-data-loss`: what was shown is what may go."""

from __future__ import annotations

import json

import pytest

from .harness import Arena
from .losing import COLLECTION, DB, apply, at, at_terminal, count, documents, run, settle, write


@pytest.fixture
def c(empty: Arena) -> Arena:
    """A collection with three documents that the stack no longer declares."""
    settle(empty, DB, COLLECTION)
    write(empty, 3)
    empty.declare(DB)
    return empty


def allowed(arena: Arena, number: str = "") -> tuple[str, str]:
    return "--allow-data-loss", f"{at(arena, 'collection', 'c')}{number}"


@pytest.mark.parametrize("number", ["=3", "=4", "=3+", "=0+", "=unknown"])
def test_what_was_shown_or_more_may_go(c: Arena, number: str) -> None:
    apply(c, *allowed(c, number))
    assert not c.api.has(c.path("c"))


@pytest.mark.parametrize("number", ["=2", "=0"])
def test_less_than_is_there_allows_nothing_and_both_numbers_are_named(c: Arena, number: str) -> None:
    ended = apply(c, *allowed(c, number), code=5)
    assert f"--allow-data-loss allows {number[1:]}, not 3" in ended.out
    assert count(c) == 3


def test_without_a_terminal_the_number_is_needed_and_the_hint_can_be_repeated(c: Arena) -> None:
    ended = apply(c, *allowed(c), code=5)
    hint = " ".join(allowed(c, "=3"))
    assert f"without a prompt, the permission must name the number; to allow it: {hint}" in ended.out
    assert count(c) == 3
    apply(c, *hint.split())


def test_with_auto_approve_nobody_is_asked_at_a_terminal_either(c: Arena) -> None:
    at_terminal(c, "apply", "--auto-approve", *allowed(c), code=5)
    assert count(c) == 3


def test_who_is_asked_has_seen_the_number(c: Arena) -> None:
    assert "3 documents would be deleted; --allow-data-loss allows that" in at_terminal(c, "apply", *allowed(c)).out
    assert not c.api.has(c.path("c"))


@pytest.mark.parametrize("number", ["", "=", "=many", "=-1", "=1.5", "=3 documents"])
def test_what_is_no_number_is_refused_before_anything_is_read(c: Arena, number: str) -> None:
    c.proxy.forget()
    ended = apply(c, *allowed(c, number or "=x"), code=1)
    assert "Nothing was changed" in ended.err
    assert c.proxy.exchanges() == []


def test_an_unknown_number_is_allowed_by_that_word_alone(c: Arena) -> None:
    """A key that may not read documents, and the like."""
    c.proxy.answer(401, "GET", documents(c), times=999)
    hint = f"--allow-data-loss {at(c, 'collection', 'c')}=unknown"
    shown = run(c, "plan", *allowed(c), code=5).out
    assert "an unknown number of documents would be deleted" in shown
    assert f"the number is unknown, and the permission must say so; to allow it: {hint}" in shown
    at_terminal(c, "apply", *allowed(c), code=5)
    apply(c, *allowed(c, "=999"), code=5)
    assert c.api.has(c.path("c"))
    # What cannot be read cannot be kept.
    assert "--no-backup" in apply(c, *hint.split(), code=1).err
    assert c.api.has(c.path("c"))
    apply(c, *hint.split(), "--no-backup")
    assert not c.api.has(c.path("c"))


def test_a_plan_is_saved_with_what_was_allowed_and_what_was_counted(c: Arena) -> None:
    file = str(c.root / "x.plan")
    run(c, "plan", "--out", file, *allowed(c, "=7"))
    shown = run(c, "show", file)
    assert f'allowed: {{"{at(c, "collection", "c")}": "7"}}' in shown.out
    assert f"documents in {at(c, 'collection', 'c')}: 3" in shown.out
    page = run(c, "show", file, "--markdown", "-").out
    assert "counted when it was made" in page
    document = json.loads(run(c, "show", file, "--json").out)
    assert document["wishes"] == {"allowed": {at(c, "collection", "c"): "7"}}
    assert {"place": at(c, "collection", "c"), "asks": "documents", "count": 3} in document["evidence"]


def test_a_permission_for_one_thing_is_none_for_another(c: Arena) -> None:
    apply(c, "--allow-data-loss", f"{at(c, 'collection', 'd')}=3", code=5)
    apply(c, "--allow-data-loss", f"{at(c, 'database')}=3", code=5)
    assert count(c) == 3


def test_several_costs_of_one_change_are_allowed_by_their_sum(empty: Arena) -> None:
    settle(empty, DB, COLLECTION)
    write(empty, 2, text="longer")
    write(empty, 1, number=7)
    narrower = COLLECTION.replace('c.string("text", 20)', 'c.string("text", 3, required=True)')
    empty.declare(DB + narrower)
    ended = apply(empty, code=5)
    assert "1 document has no value, which would be required" in ended.out
    assert "2 values are longer than 3 characters" in ended.out
    assert ": 3 in all" in ended.out
    apply(empty, "--allow-data-loss", f"{at(empty, 'attribute', 'c/text')}=2", code=5)
    apply(empty, "--allow-data-loss", f"{at(empty, 'attribute', 'c/text')}=3")
    texts = sorted(str(each["text"]) for each in empty.api.all(documents(empty), "documents"))
    assert texts == ["None", "lon", "lon"]
