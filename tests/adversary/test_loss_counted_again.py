"""What came after the plan was shown is not agreed to: it stops the step that would destroy it, and only that one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .harness import Arena
from .losing import COLLECTION, DB, apply, at, at_terminal, count, documents, evidence, run, settle, write

OTHER = """
    stack.function(P + "fn", name="{name}", runtime="node-22", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.js", code=KEEP)
"""


@pytest.fixture
def c(empty: Arena) -> Arena:
    settle(empty, DB, COLLECTION, OTHER.format(name="Old"))
    return empty


def drop(arena: Arena) -> None:
    """The collection is to go, and a function gets another name."""
    arena.declare(DB + OTHER.format(name="New"))


def function_name(arena: Arena) -> str:
    return str(arena.api.get(f"/functions/{arena.id('fn')}")["name"])


@pytest.mark.parametrize("shown", [0, 2])
def test_documents_written_while_the_question_waits_stop_the_deletion_and_nothing_else(c: Arena, shown: int) -> None:
    write(c, shown)
    drop(c)
    allowed = ("--allow-data-loss", f"{at(c, 'collection', 'c')}") if shown else ()
    ended = at_terminal(c, "apply", *allowed, meanwhile=lambda: write(c, 5), code=5)
    assert count(c) == shown + 5
    assert f"{shown + 5} documents would be deleted now, and {shown} were shown" in ended.out
    assert f"--allow-data-loss {at(c, 'collection', 'c')}={shown + 5}" in ended.out
    assert function_name(c) == "New", "the rest of the plan goes on"
    assert json.loads(c.owned()).keys() >= {at(c, "collection", "c"), at(c, "attribute", "c/text")}


@pytest.mark.parametrize("left", [0, 1, 2])
def test_as_many_as_were_shown_or_fewer_may_go(c: Arena, left: int) -> None:
    write(c, 2)
    drop(c)

    def remove() -> None:
        for each in c.api.ids(documents(c), "documents")[left:]:
            c.api.delete(f"{documents(c)}/{each}")

    at_terminal(c, "apply", "--allow-data-loss", at(c, "collection", "c"), meanwhile=remove)
    assert not c.api.has(c.path("c"))


def test_documents_written_while_something_else_is_built_stop_the_deletion(c: Arena) -> None:
    """The plan of a run without a terminal is as old as its longest build."""
    drop(c)
    c.proxy.call(lambda: write(c, 5), "PUT", f"/functions/{c.id('fn')}")
    ended = apply(c, code=5)
    assert count(c) == 5
    assert "5 documents would be deleted now, and 0 were shown" in ended.out
    assert "1 done, 0 failed, 1 stopped" in ended.out


def test_what_needs_the_stopped_step_is_not_started_and_says_so(c: Arena) -> None:
    drop(c)
    ended = at_terminal(c, "apply", meanwhile=lambda: write(c, 1), code=5)
    cause, member = f"delete:{at(c, 'collection', 'c')}", f"delete:{at(c, 'attribute', 'c/text')}"
    assert f"Not started, because it comes after {cause}: " in ended.out
    assert member in ended.out


def test_a_bigger_number_that_was_allowed_covers_what_comes_meanwhile(c: Arena) -> None:
    write(c, 2)
    drop(c)
    c.proxy.call(lambda: write(c, 5), "PUT", f"/functions/{c.id('fn')}")
    ended = apply(c, "--allow-data-loss", f"{at(c, 'collection', 'c')}=100")
    assert "2 documents would be deleted; --allow-data-loss allows that up to 100" in ended.out
    assert not c.api.has(c.path("c"))


def test_a_count_that_fails_when_it_is_taken_again_stops_the_step(c: Arena) -> None:
    write(c, 1)
    drop(c)
    allowed = ("--allow-data-loss", f"{at(c, 'collection', 'c')}=1")
    fault = c.proxy.answer(401, "GET", documents(c), skip=1, times=99)
    ended = apply(c, *allowed, "--no-backup", code=5)
    fault.times = 0
    assert count(c) == 1
    assert "an unknown number of documents would be deleted now, and 1 was shown" in ended.out


def test_machines_learn_which_step_was_stopped(c: Arena) -> None:
    drop(c)
    c.proxy.call(lambda: write(c, 3), "PUT", f"/functions/{c.id('fn')}")
    applied = apply(c, "--json", code=5).documents[-1]["applied"]
    (failed,) = applied["failed"]
    assert failed["stopped"] is True
    assert failed["change"] == f"delete:{at(c, 'collection', 'c')}"
    assert not applied["complete"]


def test_a_collection_made_meanwhile_stops_the_deletion_of_its_database(c: Arena) -> None:
    c.declare(OTHER.format(name="New"))

    def meanwhile() -> None:
        base = f"/databases/{c.id('db')}/collections"
        c.api.post(base, {"collectionId": "late", "name": "Late", "permissions": [], "documentSecurity": False})

    ended = at_terminal(c, "apply", meanwhile=meanwhile, code=5)
    assert c.api.has(c.path("late"))
    assert f"1 undeclared thing would be deleted with it ({at(c, 'collection', 'late')}) now" in ended.out


NARROWINGS: dict[str, tuple[str, dict[str, Any], str]] = {
    "attribute goes": ('c.string("text", 20)', {"text": "x"}, "would lose its values"),
    "attribute of another type": ('c.string("text", 20)|c.integer("text")', {"text": "x"}, "would lose its values"),
    "smaller size": ('c.string("text", 20)|c.string("text", 3)', {"text": "longer"}, "longer than 3"),
    "smaller bounds": ('c.integer("number")|c.integer("number", max=5)', {"number": 9}, "outside the new bounds"),
    "required": ('c.integer("number")|c.integer("number", required=True)', {"text": "x"}, "have no value"),
    "new and required": (
        'c.integer("number")|c.integer("number"); c.integer("more", required=True)',
        {"text": "x"},
        "have no value",
    ),
    "converted": (
        'c.string("text", 20)|c.integer("text"); stack.convert("attribute." + P + "db/c/text")',
        {"text": "word"},
        "cannot be converted",
    ),
}


@pytest.mark.parametrize("name", NARROWINGS)
def test_every_narrowing_is_counted_again(c: Arena, name: str) -> None:
    edit, data, says = NARROWINGS[name]
    old, _, new = edit.partition("|")
    c.declare((DB + COLLECTION + OTHER.format(name="New")).replace(old, new))
    before = c.live()["databases"][c.id("db")]["collections"]
    ended = at_terminal(c, "apply", meanwhile=lambda: write(c, 2, **data), code=5)
    assert says in ended.out, ended
    assert "were shown" in ended.out
    assert function_name(c) == "New"
    assert c.live()["databases"][c.id("db")]["collections"] == before
    values = [each[next(iter(data))] for each in c.api.all(documents(c), "documents")]
    assert values == list(data.values()) * 2, "no value was touched"


def test_new_code_does_not_go_live_before_a_schema_that_was_stopped(c: Arena) -> None:
    code = c.code("fn", m="def main(context):\n    return context.res.text('ok')\n")
    function = f"""
    stack.function(P + "py", name="Py", runtime="python-3.12", specification="s-1vcpu-512mb", timeout=9,
                   entrypoint="m.py", code={code!r})
"""
    shorter = COLLECTION.replace('c.string("text", 20)', 'c.string("text", 3)')
    c.declare(DB + shorter + OTHER.format(name="Old") + function)
    ended = at_terminal(c, "apply", meanwhile=lambda: write(c, 1, text="longer"), code=5)
    assert "deploy:deployment." in ended.out.partition("Not started")[2]
    assert c.api.get(f"/functions/{c.id('py')}")["deploymentId"] == ""


Meanwhile = Callable[[Arena], object]
SAVED: dict[str, tuple[int, Meanwhile, int, int]] = {
    "300 more": (1, lambda arena: write(arena, 300), 5, 301),
    "one more": (2, lambda arena: write(arena, 1), 5, 3),
    "none more": (2, lambda _arena: None, 0, 0),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_plan_destroys_no_more_than_was_reviewed(c: Arena, name: str) -> None:
    shown, meanwhile, code, left = SAVED[name]
    write(c, shown)
    drop(c)
    file = str(c.root / "x.plan")
    reviewed = run(c, "plan", "--out", file, "--allow-data-loss", at(c, "collection", "c"), "--json").json
    assert evidence(reviewed, "documents") == [shown]
    meanwhile(c)
    ended = run(c, "apply", file, code=code)
    assert (count(c) if c.api.has(c.path("c")) else 0) == left
    assert function_name(c) == "New"
    if code:
        assert (
            f"{left} documents would be deleted now, and {shown} {'was' if shown == 1 else 'were'} shown" in ended.out
        )


def test_a_saved_plan_that_was_reviewed_with_nothing_to_lose_loses_nothing(c: Arena) -> None:
    drop(c)
    file = str(c.root / "x.plan")
    run(c, "plan", "--out", file)
    write(c, 3)
    assert "3 documents would be deleted now, and 0 were shown" in run(c, "apply", file, code=5).out
    assert count(c) == 3
